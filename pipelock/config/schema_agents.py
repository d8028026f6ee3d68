"""Section `agents`: who may come, how it is recognised, and what it may use up. Also how processes are looked at."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pipelock.config.kinds import BoundListen, Cidrs, Glob, Natural, UnsupportedAny
from pipelock.config.schema_sandbox import AgentSandbox

__all__ = ["DEFAULT_PROFILE", "MAX_AGENTS", "AgentBudget", "AgentName", "AgentProfile", "Identity"]

DEFAULT_PROFILE = "_default"
"""The profile of all that no other profile is for."""

MAX_AGENTS = 256

AgentName = Annotated[str, Meta(extra={"rule": "agent_name"}, description="1 to 64 of letters, digits, '.', '_', '-'")]


class AgentBudget(msgspec.Struct, frozen=True, kw_only=True):
    """What one session may use up; 0 is no limit.

    Attributes:
        max_requests_per_session: Requests.
        max_bytes_per_session: Bytes of bodies, both ways.
        max_unique_domains_per_session: Registrable domains.
        max_wall_clock_minutes: From the session's first request on.
        window_minutes: After so long counting begins again; 0: never.
    """

    max_requests_per_session: Natural = 0
    max_bytes_per_session: Natural = 0
    max_unique_domains_per_session: Annotated[int, Meta(ge=0, le=10_000)] = 0
    max_wall_clock_minutes: Natural = 0
    window_minutes: Natural = 0
    max_tool_calls_per_session: UnsupportedAny = {}
    max_concurrent_tool_calls: UnsupportedAny = {}
    max_retries_per_tool: UnsupportedAny = {}
    max_retries_per_endpoint: UnsupportedAny = {}
    loop_detection_window: UnsupportedAny = {}
    fan_out_limit: UnsupportedAny = {}
    fan_out_window_seconds: UnsupportedAny = {}
    cost_multipliers: UnsupportedAny = {}
    dow_action: UnsupportedAny = {}


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One agent. `programs` is ours.

    Attributes:
        listeners: Ports that only this agent is told of: who comes there is it.
        source_cidrs: Networks that only this agent's machines are in.
        programs: Names of programs that are this agent, with `*` and `?`.
        budget: For each of its sessions.
        sandbox: Where it is launched behind walls.
    """

    listeners: Annotated[tuple[BoundListen, ...], Meta(max_length=16)] = ()
    source_cidrs: Annotated[Cidrs, Meta(max_length=1000)] = ()
    programs: Annotated[tuple[Glob, ...], Meta(max_length=100)] = ()
    budget: AgentBudget = AgentBudget()
    mode: UnsupportedAny = {}
    enforce: UnsupportedAny = {}
    api_allowlist: UnsupportedAny = {}
    trusted_domains: UnsupportedAny = {}
    dlp: UnsupportedAny = {}
    rate_limit: UnsupportedAny = {}
    session_profiling: UnsupportedAny = {}
    mcp_tool_policy: UnsupportedAny = {}
    allowed_addresses: UnsupportedAny = {}
    sandbox: AgentSandbox = AgentSandbox()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """How it is found out who talks. Ours.

    Attributes:
        processes: Ask the system which process a client on this machine is.
    """

    processes: bool = True
