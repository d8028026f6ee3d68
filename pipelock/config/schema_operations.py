"""Sections about running it: kill switch, logging, approvals, egress rules; and the scan API, which is to come."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    Cidrs,
    Duration,
    FilePath,
    HostOrAny,
    Listen,
    Method,
    Natural,
    Seconds,
    Switch,
    Texts,
    UnsupportedSwitch,
)

__all__ = [
    "Approvals",
    "EgressRule",
    "HealthWatchdog",
    "History",
    "KillSwitch",
    "Logging",
    "ScanApi",
    "ScanApiAuth",
    "ScanApiFieldLimits",
    "ScanApiKinds",
    "ScanApiRateLimit",
    "ScanApiTimeouts",
]


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """Deny everything. `sentinel_file`: the switch is on while this file exists or cannot be looked at.

    `api_token` and `api_listen` are the admin API's; without a listener of its own it is on the main one, where it
    answers while the switch is on if `api_exempt` holds.
    """

    enabled: bool = False
    sentinel_file: FilePath = ""
    message: Annotated[str, Meta(min_length=1, max_length=500, extra={"rule": "line"})] = "Emergency deny-all active"
    health_exempt: bool = True
    metrics_exempt: bool = True
    api_exempt: bool = True
    api_token: Annotated[str, Meta(max_length=4096, extra={"rule": "line"})] = ""
    api_listen: Listen = ""
    allowlist_ips: Cidrs = ()


class Logging(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log. `max_file_mb` and `keep_files` are ours: rotation by size, that many old files kept."""

    format: Literal["json", "text"] = "json"
    output: Literal["stdout", "file", "both"] = "stdout"
    file: FilePath = ""
    include_allowed: bool = True
    include_blocked: bool = True
    max_file_mb: Annotated[int, Meta(ge=1, le=10_240)] = 64
    keep_files: Annotated[int, Meta(ge=0, le=1000)] = 8


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that can be searched and judged again, in the daemon's home. Ours.

    Attributes:
        enabled: Keep them.
        max_mb: Size of the file; the oldest go first.
        days: How long they are kept.
    """

    enabled: Switch = True
    max_mb: Annotated[int, Meta(ge=1, le=65_536)] = 512
    days: Annotated[int, Meta(ge=1, le=3_650)] = 30


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """Holding requests for a person. Ours.

    Attributes:
        timeout_seconds: How long a held request waits before it is denied, once.
        unattended: With no dashboard attached: `deny` at once, or `hold` for the command line.
        max_pending: Held requests in all.
        max_pending_per_session: Held requests of one session.
        trust_ides: What runs in an IDE (its terminals, its extensions, the agents among them) may decide too.
    """

    timeout_seconds: Seconds = 60
    unattended: Literal["deny", "hold"] = "deny"
    max_pending: Annotated[int, Meta(ge=1, le=1_000)] = 200
    max_pending_per_session: Annotated[int, Meta(ge=1, le=1_000)] = 50
    trust_ides: bool = False


class EgressRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule about where requests may go; the first that matches decides. Ours.

    A condition that is left out matches anything. `method` is one method, a comma list or a YAML list; `port` 0 is
    any port; `agent` may hold `*` and `?`.
    """

    name: Annotated[str, Meta(min_length=1, max_length=128, extra={"rule": "line"})]
    action: Literal["allow", "ask", "warn", "block"]
    host: HostOrAny = "*"
    method: Annotated[tuple[Method, ...], Meta(max_length=32, extra={"comma_list": True})] = ()
    path: Annotated[str, Meta(max_length=1024, extra={"rule": "path_glob"})] = ""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    agent: Annotated[str, Meta(min_length=1, max_length=128)] = "*"
    reason: Annotated[str, Meta(max_length=500, extra={"rule": "line"})] = ""


class ScanApiAuth(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask the scan API."""

    bearer_tokens: Texts = ()


class ScanApiRateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """For each token."""

    requests_per_minute: Natural = 600
    burst: Natural = 50


class ScanApiFieldLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of each field."""

    url: Natural = 8192
    text: Natural = 524_288
    content: Natural = 524_288
    arguments: Natural = 524_288


class ScanApiTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines in seconds; written as `2s`, `500ms`."""

    read: Duration = 2.0
    write: Duration = 2.0
    scan: Duration = 5.0


class ScanApiKinds(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked."""

    url: bool = True
    dlp: bool = True
    prompt_injection: bool = True
    tool_call: bool = True


class ScanApi(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP API to the scanners, on a listener of its own: `POST /api/v1/scan`. Empty is off."""

    listen: Listen = ""
    auth: ScanApiAuth = ScanApiAuth()
    rate_limit: ScanApiRateLimit = ScanApiRateLimit()
    max_body_bytes: Annotated[int, Meta(ge=0, le=1_073_741_824)] = 1_048_576
    field_limits: ScanApiFieldLimits = ScanApiFieldLimits()
    timeouts: ScanApiTimeouts = ScanApiTimeouts()
    connection_limit: Natural = 100
    kinds: ScanApiKinds = ScanApiKinds()


class HealthWatchdog(msgspec.Struct, frozen=True, kw_only=True):
    """Heartbeats of the parts. Not supported yet."""

    enabled: UnsupportedSwitch = False
    interval_seconds: Natural = 2
    expose_subsystems: bool = False
