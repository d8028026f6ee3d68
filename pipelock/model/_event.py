"""What the daemon tells whoever watches."""

from __future__ import annotations

import msgspec

from pipelock.model._containment import Contained, ContainmentStep, Denial
from pipelock.model._decision import Outcome, Record
from pipelock.model._pending import Pending
from pipelock.model._session import Session

__all__ = [
    "ConfigReloaded",
    "ContainmentChanged",
    "Decided",
    "Event",
    "GrantsChanged",
    "Held",
    "KillSwitchChanged",
    "KillSwitchState",
    "Notice",
    "Payload",
    "Released",
    "SessionChanged",
    "Status",
    "TunnelClosed",
    "WallRefused",
]


class KillSwitchState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which sources hold the switch; it is on when any does. `sources` maps config, api, signal, sentinel."""

    active: bool
    sources: dict[str, bool] = {}
    message: str = ""


class Decided(msgspec.Struct, frozen=True, tag="decided", gc=False):
    """A decision was made and recorded."""

    record: Record


class Held(msgspec.Struct, frozen=True, tag="held"):
    """Something waits for a person, or its count of twins changed."""

    pending: Pending


class Released(msgspec.Struct, frozen=True, tag="released"):
    """A held action ended; `by` says who answered, empty where nobody did."""

    id: str
    outcome: Outcome
    by: str = ""


class KillSwitchChanged(msgspec.Struct, frozen=True, tag="kill_switch"):
    """The kill switch moved; `by` names the source that moved it."""

    state: KillSwitchState
    by: str = ""


class ConfigReloaded(msgspec.Struct, frozen=True, tag="config_reload"):
    """A reload was tried. `detail` says what came of it; `weaker` lists what the new policy no longer enforces."""

    ok: bool
    detail: str
    policy: str = ""
    weaker: tuple[str, ...] = ()


class TunnelClosed(msgspec.Struct, frozen=True, tag="tunnel_close"):
    """A tunnel, or a WebSocket, ended; bytes are payload bytes in each direction.

    `texts` and `binaries` count the messages of a WebSocket that passed, both ways.
    """

    action_id: str
    target: str
    sent: int
    received: int
    duration_ms: int
    reason: str = ""
    websocket: bool = False
    texts: int = 0
    binaries: int = 0


class SessionChanged(msgspec.Struct, frozen=True, tag="session"):
    """A session's level, tier or taint moved, or an operator did something to it.

    `what` is escalation, recovery, airlock, taint, budget, or a word of `SessionVerb`; `detail` one sentence.
    """

    session: Session
    what: str
    detail: str = ""
    by: str = ""


class GrantsChanged(msgspec.Struct, frozen=True, tag="grants"):
    """The answers that hold for more than once changed; `detail` is one sentence."""

    detail: str
    by: str = ""


class ContainmentChanged(msgspec.Struct, frozen=True, tag="containment"):
    """Something happened to a launched agent; `session` is the key of its session, `detail` one sentence."""

    session: str
    contained: Contained
    what: ContainmentStep
    detail: str = ""


class WallRefused(msgspec.Struct, frozen=True, tag="wall"):
    """A wall refused something to a launched agent. `unreported` came before it and were only counted."""

    session: str
    agent: str
    denial: Denial
    unreported: int = 0


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Something the operator should know; `level` is info, warn or error."""

    level: str
    text: str


Payload = (
    Decided
    | Held
    | Released
    | KillSwitchChanged
    | ConfigReloaded
    | TunnelClosed
    | SessionChanged
    | GrantsChanged
    | ContainmentChanged
    | WallRefused
    | Notice
)


class Event(msgspec.Struct, frozen=True, gc=False):
    """A numbered happening. `seq` starts at 1 with each daemon and has no holes; `at` is seconds since the epoch."""

    seq: int
    at: float
    payload: Payload


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daemon at a glance. `top_blocked` and `top_layers` are (name, count) pairs, at most ten each.

    `levels` and `tiers` count sessions; `history` decisions that can be searched; `admin` is where the admin API
    listens; `rss` the daemon's resident memory in bytes.
    `contained` counts launched agents whose walls the daemon serves.
    `ca_cert` is the file of the authority that signs for opened tunnels; empty where they stay closed.
    """

    version: str
    pid: int
    mode: str
    enforce: bool
    listen: str
    config_path: str
    policy: str
    started_at: float
    kill_switch: KillSwitchState
    requests: int = 0
    allowed: int = 0
    blocked: int = 0
    warned: int = 0
    pending: int = 0
    tunnels: int = 0
    connections: int = 0
    dashboards: int = 0
    sessions: int = 0
    contained: int = 0
    last_seq: int = 0
    matcher: str = ""
    egress_default: str = ""
    audit_path: str = ""
    ca_cert: str = ""
    websockets: int = 0
    grants: int = 0
    levels: dict[str, int] = {}
    tiers: dict[str, int] = {}
    history: int = 0
    admin: str = ""
    rss: int = 0
    top_blocked: tuple[tuple[str, int], ...] = ()
    top_layers: tuple[tuple[str, int], ...] = ()
