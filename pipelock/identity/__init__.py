"""Who is talking: the process behind a connection, the programs that are known, and what is believed of either."""

from __future__ import annotations

from pipelock.identity.identify import Identify, Lookup
from pipelock.identity.names import MAX_AGENT_NAME, sanitise_agent
from pipelock.identity.programs import Programs
from pipelock.identity.resolve import NOBODY, Agents, Caller, ContainedCaller, contained_key, resolve
from pipelock.identity.root import Root, RootKind
from pipelock.identity.sockets import Ends, ends_of

__all__ = [
    "MAX_AGENT_NAME",
    "NOBODY",
    "Agents",
    "Caller",
    "ContainedCaller",
    "Ends",
    "Identify",
    "Lookup",
    "Programs",
    "Root",
    "RootKind",
    "contained_key",
    "ends_of",
    "resolve",
    "sanitise_agent",
]
