"""The whole configuration as one frozen value: attributes are the keys of the file, defaults are what no file means."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import Cidrs, Hosts, Listen
from pipelock.config.schema_agents import MAX_AGENTS, AgentName, AgentProfile, Identity
from pipelock.config.schema_evidence import (
    Conductor,
    Emit,
    FileSentry,
    FlightRecorder,
    GitProtection,
    Learn,
    LearnLock,
    MediationEnvelope,
    Rules,
    Sentry,
)
from pipelock.config.schema_mcp import (
    A2aScanning,
    McpBinaryIntegrity,
    McpInputScanning,
    McpSessionBinding,
    McpToolPolicy,
    McpToolProvenance,
    McpToolScanning,
    McpWsListener,
    ToolChainDetection,
)
from pipelock.config.schema_notifications import Notifications
from pipelock.config.schema_operations import (
    Approvals,
    EgressRule,
    HealthWatchdog,
    History,
    KillSwitch,
    Logging,
    ScanApi,
)
from pipelock.config.schema_proxy import (
    Dns,
    FetchProxy,
    ForwardProxy,
    ReverseProxy,
    Ssrf,
    TlsInterception,
    WebsocketProxy,
)
from pipelock.config.schema_sandbox import Sandbox
from pipelock.config.schema_scanning import (
    AddressProtection,
    BrowserShield,
    CanaryTokens,
    Dlp,
    MediaPolicy,
    Redaction,
    RequestBodyScanning,
    RequestPolicy,
    ResponseScanning,
    SeedPhraseDetection,
    Suppression,
)
from pipelock.config.schema_sessions import (
    AdaptiveEnforcement,
    Airlock,
    BehavioralBaseline,
    CrossRequestDetection,
    SessionProfiling,
)
from pipelock.config.schema_taint import Taint

__all__ = ["DEFAULT_API_ALLOWLIST", "DEFAULT_INTERNAL", "Config", "EgressAction", "Mode"]

Mode = Literal["strict", "balanced", "audit"]
EgressAction = Literal["allow", "ask", "block"]

DEFAULT_API_ALLOWLIST = (
    "*.anthropic.com",
    "*.openai.com",
    "api.telegram.org",
    "*.discord.com",
    "gateway.discord.gg",
    "*.slack.com",
    "github.com",
    "*.github.com",
    "*.githubusercontent.com",
)
DEFAULT_INTERNAL = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "224.0.0.0/4",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a file can say. `Config()` is the policy without a file.

    Attributes:
        mode: `strict` (only `api_allowlist`), `balanced`, or `audit` (log, do not block).
        enforce: False logs findings and blocks nothing but what is always blocked.
        explain_blocks: Tell clients how the operator would change the outcome.
        api_allowlist: Hosts that may be reached in strict mode.
        suppress: Findings known to be harmless.
        internal: Networks that are never dialled; an explicit `[]` leaves only the built-in floor.
        trusted_domains: Hosts that may resolve to internal addresses.
        metrics_listen: A listener of its own for `/metrics` and `/stats`; empty serves them on the main one.
        default_agent_identity: The agent's name where the client gives none.
        bind_default_agent_identity: That name wins over what clients say.
        agents: Who may come and how it is recognised, by name; `_default` is for all others.
        egress_rules: Where requests may go; the first match decides.
        egress_default: What holds where no rule matches; block in strict mode unless written.
    """

    version: Literal[1] = 1
    mode: Mode = "balanced"
    enforce: bool = True
    explain_blocks: bool = False
    api_allowlist: Hosts = DEFAULT_API_ALLOWLIST
    suppress: Annotated[tuple[Suppression, ...], Meta(max_length=10_000)] = ()
    internal: Cidrs = DEFAULT_INTERNAL
    trusted_domains: Hosts = ()
    ssrf: Ssrf = Ssrf()
    metrics_listen: Listen = ""
    license_key: str = ""
    license_file: str = ""
    license_public_key: str = ""
    license_crl_file: str = ""
    default_agent_identity: Annotated[str, Meta(max_length=64, extra={"rule": "identity"})] = ""
    bind_default_agent_identity: bool = False
    agents: Annotated[dict[AgentName, AgentProfile], Meta(max_length=MAX_AGENTS)] = {}
    identity: Identity = Identity()
    dns: Dns = Dns()
    egress_rules: Annotated[tuple[EgressRule, ...], Meta(max_length=10_000)] = ()
    egress_default: EgressAction = "allow"
    approvals: Approvals = Approvals()
    fetch_proxy: FetchProxy = FetchProxy()
    forward_proxy: ForwardProxy = ForwardProxy()
    tls_interception: TlsInterception = TlsInterception()
    websocket_proxy: WebsocketProxy = WebsocketProxy()
    reverse_proxy: ReverseProxy = ReverseProxy()
    dlp: Dlp = Dlp()
    canary_tokens: CanaryTokens = CanaryTokens()
    seed_phrase_detection: SeedPhraseDetection = SeedPhraseDetection()
    address_protection: AddressProtection = AddressProtection()
    response_scanning: ResponseScanning = ResponseScanning()
    request_body_scanning: RequestBodyScanning = RequestBodyScanning()
    redaction: Redaction = Redaction()
    request_policy: RequestPolicy = RequestPolicy()
    media_policy: MediaPolicy = MediaPolicy()
    browser_shield: BrowserShield = BrowserShield()
    mcp_input_scanning: McpInputScanning = McpInputScanning()
    mcp_tool_scanning: McpToolScanning = McpToolScanning()
    mcp_tool_policy: McpToolPolicy = McpToolPolicy()
    mcp_session_binding: McpSessionBinding = McpSessionBinding()
    mcp_ws_listener: McpWsListener = McpWsListener()
    mcp_binary_integrity: McpBinaryIntegrity = McpBinaryIntegrity()
    mcp_tool_provenance: McpToolProvenance = McpToolProvenance()
    tool_chain_detection: ToolChainDetection = ToolChainDetection()
    a2a_scanning: A2aScanning = A2aScanning()
    session_profiling: SessionProfiling = SessionProfiling()
    adaptive_enforcement: AdaptiveEnforcement = AdaptiveEnforcement()
    airlock: Airlock = Airlock()
    taint: Taint = Taint()
    behavioral_baseline: BehavioralBaseline = BehavioralBaseline()
    cross_request_detection: CrossRequestDetection = CrossRequestDetection()
    kill_switch: KillSwitch = KillSwitch()
    notifications: Notifications = Notifications()
    scan_api: ScanApi = ScanApi()
    health_watchdog: HealthWatchdog = HealthWatchdog()
    logging: Logging = Logging()
    history: History = History()
    emit: Emit = Emit()
    sentry: Sentry = Sentry()
    flight_recorder: FlightRecorder = FlightRecorder()
    mediation_envelope: MediationEnvelope = MediationEnvelope()
    rules: Rules = Rules()
    file_sentry: FileSentry = FileSentry()
    sandbox: Sandbox = Sandbox()
    git_protection: GitProtection = GitProtection()
    learn: Learn = Learn()
    learn_lock: LearnLock = LearnLock()
    conductor: Conductor = Conductor()
