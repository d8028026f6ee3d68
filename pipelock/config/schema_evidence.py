"""Sections about sinks, receipts, containment and learning. None of them is supported yet; switched off, they load."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    BlockOrWarn,
    Duration,
    FilePath,
    Glob,
    Natural,
    Ratio,
    Texts,
    UnsupportedPath,
    UnsupportedSwitch,
    UnsupportedText,
    Word,
)

__all__ = [
    "Conductor",
    "Emit",
    "EmitOtlp",
    "EmitSyslog",
    "EmitWebhook",
    "EnvelopeTrust",
    "EnvelopeVerify",
    "FileSentry",
    "FlightRecorder",
    "GitProtection",
    "Learn",
    "LearnFloors",
    "LearnInference",
    "LearnLock",
    "LearnLockEnvironment",
    "LearnNormalization",
    "LearnPrivacy",
    "MediationEnvelope",
    "ReplayCache",
    "Rules",
    "RulesKey",
    "Sentry",
    "StalePolicy",
    "WatchPath",
]

_SinkSeverity = Literal["info", "warn", "critical"]


class EmitWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """Events by HTTP POST."""

    url: UnsupportedText = ""
    min_severity: _SinkSeverity = "warn"
    auth_token: str = ""
    timeout_seconds: Natural = 5
    queue_size: Natural = 64


class EmitSyslog(msgspec.Struct, frozen=True, kw_only=True):
    """Events by syslog."""

    address: UnsupportedText = ""
    min_severity: _SinkSeverity = "warn"
    facility: str = "local0"
    tag: str = "pipelock"


class EmitOtlp(msgspec.Struct, frozen=True, kw_only=True):
    """Events by OTLP."""

    endpoint: UnsupportedText = ""
    headers: dict[Word, str] = {}
    timeout_seconds: Natural = 10
    min_severity: _SinkSeverity = "warn"
    queue_size: Natural = 256
    gzip: bool = False
    agent_threat_detection_emit: bool = False


class Emit(msgspec.Struct, frozen=True, kw_only=True):
    """Where events go beside the audit log."""

    instance_id: str = ""
    webhook: EmitWebhook = EmitWebhook()
    syslog: EmitSyslog = EmitSyslog()
    otlp: EmitOtlp = EmitOtlp()


class Sentry(msgspec.Struct, frozen=True, kw_only=True):
    """Crash reports to a vendor: loads and does nothing, whatever it says. There is no telemetry."""

    enabled: bool = False
    dsn: str = ""
    environment: str = "production"
    sample_rate: Ratio = 1.0
    debug: bool = False


class FlightRecorder(msgspec.Struct, frozen=True, kw_only=True):
    """Hash-chained evidence."""

    enabled: UnsupportedSwitch = False
    dir: FilePath = ""
    checkpoint_interval: Natural = 1000
    max_entries_per_file: Natural = 10_000
    retention_days: Natural = 0
    redact: bool = True
    sign_checkpoints: bool = True
    raw_escrow: bool = False
    escrow_public_key: str = ""
    signing_key_path: UnsupportedPath = ""
    file_mode: Annotated[int, Meta(extra={"octal": True, "choices": (0o600, 0o640, 0o660)})] = 0o600


class EnvelopeTrust(msgspec.Struct, frozen=True, kw_only=True):
    """A key whose envelopes are believed."""

    key_id: Word
    public_key: Word
    well_known_url: str = ""
    trust_domains: Texts = ()


class ReplayCache(msgspec.Struct, frozen=True, kw_only=True):
    """Envelopes seen before."""

    window: Duration = 300.0
    max_entries: Natural = 10_000


class EnvelopeVerify(msgspec.Struct, frozen=True, kw_only=True):
    """Envelopes of others."""

    enabled: UnsupportedSwitch = False
    trust_list: tuple[EnvelopeTrust, ...] = ()
    replay_cache: ReplayCache = ReplayCache()


class MediationEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """A signed statement with each forwarded request."""

    enabled: UnsupportedSwitch = False
    sign: UnsupportedSwitch = False
    signing_key_path: FilePath = ""
    key_id: str = "pipelock-mediation-v1"
    signed_components: tuple[
        Literal["@method", "@target-uri", "@authority", "content-digest", "pipelock-mediation"], ...
    ] = ("@method", "@target-uri", "content-digest", "pipelock-mediation")
    created_skew_seconds: Natural = 60
    max_body_bytes: Natural = 1_048_576
    signature_expires: Duration = 300.0
    actor_format: Literal["legacy", "spiffe"] = "spiffe"
    trust_domain: str = "pipelock.local"
    verify_inbound: EnvelopeVerify = EnvelopeVerify()


class RulesKey(msgspec.Struct, frozen=True, kw_only=True):
    """A publisher of rule bundles."""

    name: Word
    public_key: Word
    tier: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Signed rule bundles. Not supported yet."""

    rules_dir: UnsupportedPath = ""
    min_confidence: Literal["high", "medium", "low"] = "medium"
    include_experimental: UnsupportedSwitch = False
    disabled: Annotated[Texts, Meta(extra={"unsupported": True})] = ()
    trusted_keys: Annotated[tuple[RulesKey, ...], Meta(extra={"unsupported": True})] = ()


class WatchPath(msgspec.Struct, frozen=True, kw_only=True):
    """A watched directory; the file may name the path alone."""

    path: FilePath
    required: bool = False


class FileSentry(msgspec.Struct, frozen=True, kw_only=True):
    """Files an agent writes."""

    enabled: UnsupportedSwitch = False
    best_effort: bool = False
    watch_paths: tuple[Annotated[WatchPath, Meta(extra={"short_for": "path"})], ...] = ()
    scan_content: bool = True
    ignore_patterns: tuple[Glob, ...] = ()
    action: BlockOrWarn = "warn"
    max_file_bytes: Natural = 0


class GitProtection(msgspec.Struct, frozen=True, kw_only=True):
    """What may be pushed where."""

    enabled: UnsupportedSwitch = False
    allowed_branches: tuple[Glob, ...] = ("feature/*", "fix/*", "main", "master")
    blocked_commands: Texts = ()
    pre_push_scan: bool = True


class LearnPrivacy(msgspec.Struct, frozen=True, kw_only=True):
    """What observation keeps."""

    salt_source: str = ""
    public_allowlist_default: bool = True


class LearnFloors(msgspec.Struct, frozen=True, kw_only=True):
    """How much must be seen before anything is concluded."""

    min_sessions: Natural = 5
    min_events: Natural = 20
    min_windows: Natural = 3


class LearnNormalization(msgspec.Struct, frozen=True, kw_only=True):
    """How paths become templates."""

    algorithm: Literal["frequency_weighted_entropy_v1"] = "frequency_weighted_entropy_v1"
    min_events: Natural = 10
    min_distinct_values: Natural = 5
    entropy_threshold_bits: Annotated[float, Meta(ge=0, le=8)] = 3.0
    reserved_segments_extra: Texts = ()
    cardinality_cap_per_host: Natural = 1000
    tail_promotion_block_pct: Annotated[float, Meta(ge=0, le=100)] = 5.0


class LearnInference(msgspec.Struct, frozen=True, kw_only=True):
    """From observation to contract."""

    floors: LearnFloors = LearnFloors()
    normalization: LearnNormalization = LearnNormalization()


class Learn(msgspec.Struct, frozen=True, kw_only=True):
    """Observation of an agent."""

    enabled: UnsupportedSwitch = False
    capture_dir: FilePath = ""
    privacy: LearnPrivacy = LearnPrivacy()
    inference: LearnInference = LearnInference()


class LearnLockEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """Where a contract holds; all three keys must be written."""

    id: str
    tenant: str
    deployment_id: str


class LearnLock(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts in force."""

    enabled: UnsupportedSwitch = False
    mode: Literal["live", "shadow", "capture"] = "shadow"
    store_dir: FilePath = ""
    roster_path: FilePath = ""
    environment: LearnLockEnvironment | None = None
    pinned_root_fingerprint: str = ""
    minimum_signatures: Natural = 1


class StalePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds when the fleet's policy grows old."""

    grace_multiplier: Natural = 1
    after_grace: Literal["strict_deny_all", "continue_last_known_good"] = "strict_deny_all"


class Conductor(msgspec.Struct, frozen=True, kw_only=True):
    """Fleet control."""

    enabled: UnsupportedSwitch = False
    conductor_url: str = ""
    org_id: str = ""
    fleet_id: str = ""
    instance_id: str = ""
    trust_roster_path: FilePath = ""
    trust_roster_root_fingerprint: str = ""
    server_ca_file: FilePath = ""
    client_cert_path: FilePath = ""
    client_key_path: FilePath = ""
    bundle_cache_dir: FilePath = ""
    durable_audit_queue_dir: FilePath = ""
    audit_signing_key_id: str = ""
    recorder_key_id: str = ""
    poll_interval: Duration = 30.0
    honor_remote_kill_switch: bool = True
    emergency_stream: bool = True
    created_skew_seconds: Natural = 60
    max_min_version_major_skew: Natural = 0
    max_min_version_minor_skew: Natural = 1
    max_capability_threshold: Natural = 7
    stale_policy: StalePolicy = StalePolicy()
