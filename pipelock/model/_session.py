"""Who is talking, how sure we are of that, and how far they are trusted."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock.model._containment import Sandboxed, WallState

__all__ = [
    "ANONYMOUS",
    "BudgetUse",
    "Evidence",
    "Identity",
    "Lamp",
    "Lamps",
    "Level",
    "Process",
    "Session",
    "SessionActed",
    "SessionDetail",
    "SessionNote",
    "SessionVerb",
    "TaintLevel",
    "Tier",
    "is_sandbox_key",
    "launch_of",
    "sandbox_key",
    "session_key",
]

ANONYMOUS = "anonymous"


class Evidence(StrEnum):
    """What an identity rests on, strongest first."""

    LISTENER = "listener"
    """A listening socket that only this agent can reach."""
    PROCESS = "process"
    """The process that owns the client's end of the connection, as the kernel tells."""
    CIDR = "source_cidr"
    """The address it came from."""
    DEFAULT = "config-default"
    """The name that config gives to whoever says nothing, or to everybody."""
    HEADER = "self-declared"
    """What the client says of itself."""
    NONE = "none"

    @property
    def rank(self) -> int:
        """0 (listener) to 5 (none): a lower rank is stronger evidence."""
        return _EVIDENCE.index(self)


_EVIDENCE = tuple(Evidence)


class Process(msgspec.Struct, frozen=True, omit_defaults=True):
    """One process, named so that a later one of the same number is another.

    Attributes:
        pid: Its number.
        started: Its start time in the system's units (clock ticks since boot on Linux, microseconds elsewhere).
        program: Base name of what it runs, at most 64 characters, not escaped.
        command: Its command line, secrets masked, at most 300 characters, not escaped.
    """

    pid: int
    started: int
    program: str = ""
    command: str = ""


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose connection it is.

    Attributes:
        agent: The name that rules and people know.
        session: The session's key, `agent|ip` or `program@pid|ip`. Names that clients choose never hold an `@`.
        evidence: What both rest on.
        claimed: The name in the client's header where it was not believed.
        profile: The profile in `agents` that holds; empty for the defaults.
        processes: The client's own process first, then its parents up to the session's root; at most 8.
        shared: It could begin a session for each request: what is held against it counts for all that come from its
            address, or to its listener.
    """

    agent: str = ANONYMOUS
    session: str = ""
    evidence: Evidence = Evidence.NONE
    claimed: str = ""
    profile: str = ""
    processes: tuple[Process, ...] = ()
    shared: bool = False

    @property
    def program(self) -> str:
        """What the session's root process runs; empty where no process is known."""
        return self.processes[-1].program if self.processes else ""


class Level(StrEnum):
    """How suspicious a session is."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (normal) to 3 (critical)."""
        return _LEVELS.index(self)


_LEVELS = tuple(Level)


class Tier(StrEnum):
    """How far a session is closed in."""

    NONE = "none"
    SOFT = "soft"
    """Observed: everything is as before, and recorded in full."""
    HARD = "hard"
    """Read only."""
    DRAIN = "drain"
    """Nothing new."""

    @property
    def rank(self) -> int:
        """0 (none) to 3 (drain)."""
        return _TIERS.index(self)


_TIERS = tuple(Tier)


class TaintLevel(StrEnum):
    """The worst that a session has read."""

    TRUSTED = "trusted"
    INTERNAL = "internal_generated"
    REFERENCE = "allowlisted_reference"
    LOW_RISK = "external_low_risk"
    UNTRUSTED = "external_untrusted"
    HOSTILE = "external_hostile"

    @property
    def rank(self) -> int:
        """0 (trusted) to 5 (hostile)."""
        return _TAINTS.index(self)


_TAINTS = tuple(TaintLevel)


class Lamp(msgspec.Struct, frozen=True, omit_defaults=True):
    """One warning light. `at` is when it was lit (seconds since the epoch), `what` by what; `what` is safe to show."""

    lit: bool = False
    at: float = 0.0
    what: str = ""


class Lamps(msgspec.Struct, frozen=True, omit_defaults=True):
    """The three lights that together make a leak possible: who steers it, what could be lost, and the way out."""

    untrusted: Lamp = Lamp()
    """Content from outside was read."""
    private: Lamp = Lamp()
    """Something private was touched."""
    egress: Lamp = Lamp()
    """Something can leave: a request that carries data went out."""

    @property
    def all_lit(self) -> bool:
        """Whether all three are."""
        return self.untrusted.lit and self.private.lit and self.egress.lit


class BudgetUse(msgspec.Struct, frozen=True):
    """One budget. `name` is requests, bytes, unique_domains or wall_clock_seconds; `limit` 0 is no limit."""

    name: str
    used: int
    limit: int


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent's conversation with the world, as shown to the operator. Times are seconds since the epoch.

    Attributes:
        score: Points of suspicion; `threshold` is where the next level begins.
        block_all: Even clean traffic is refused at this level.
        level_since: When the level was reached.
        recovers_at: When the level drops by one if nothing happens; 0 where it does not.
        tier: The airlock's; `tier_since`, `tier_until` (0: not by itself) and `tier_why` belong to it.
        budgets: Those that have a limit.
        in_flight: Connections and tunnels that are open for it.
        domains: How many different hosts it has talked to (counted up to the table's limit).
        ended: The operator ended it and its connections; what comes now starts afresh.
        walls: How the walls stand that it was launched behind; `None` where there are none.
    """

    key: str
    agent: str
    client: str
    started_at: float
    last_seen_at: float
    requests: int = 0
    blocked: int = 0
    bytes: int = 0
    domains: int = 0
    evidence: Evidence = Evidence.NONE
    profile: str = ""
    processes: tuple[Process, ...] = ()
    level: Level = Level.NORMAL
    score: float = 0.0
    threshold: float = 0.0
    block_all: bool = False
    level_since: float = 0.0
    recovers_at: float = 0.0
    tier: Tier = Tier.NONE
    tier_since: float = 0.0
    tier_until: float = 0.0
    tier_why: str = ""
    taint: TaintLevel = TaintLevel.TRUSTED
    lamps: Lamps = Lamps()
    task: str = ""
    task_id: str = ""
    trusted_until: float = 0.0
    budgets: tuple[BudgetUse, ...] = ()
    in_flight: int = 0
    ended: bool = False
    walls: WallState | None = None


class SessionNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened to a session and counted. `kind` is the admin API's word (http.md: block, near_miss…).

    Attributes:
        at: Seconds since the epoch.
        kind: signal, escalation, recovery, airlock, budget, taint, operator.
        type: Which one (`hard_block`, `near_miss`, `domain_burst`…).
        target: Host, or what it was about.
        detail: One sentence, safe to show.
        severity: A word of `Severity`, or empty.
        score: Points that it gave or took.
    """

    at: float
    kind: str
    type: str = ""
    target: str = ""
    detail: str = ""
    severity: str = ""
    score: float = 0.0


class SessionDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session and why it stands where it stands.

    Attributes:
        session: As listed.
        notes: The last 20 things that counted, oldest first.
        why: One sentence on its level and tier: what brought it there.
        next: One sentence on what happens by itself and when, and on what the operator can do.
        sources: The most recent sources of taint, newest first, at most `taint.recent_sources`.
        sandbox: What it was launched behind, and what that refused it.
    """

    session: Session
    notes: tuple[SessionNote, ...] = ()
    why: str = ""
    next: str = ""
    sources: tuple[str, ...] = ()
    sandbox: Sandboxed | None = None


class SessionVerb(StrEnum):
    """What an operator may do to a session."""

    AIRLOCK = "airlock"
    """Set the tier (release is `airlock` with tier none or soft)."""
    RESET = "reset"
    """Forget score, level, bursts, airlock and notes; connections go on."""
    TERMINATE = "terminate"
    """Reset, and end what is in flight."""
    TASK = "task"
    """A new task begins: taint and the task's overrides are forgotten, suspicion stays."""
    TRUST = "trust"
    """An override of taint for the present task, with an end."""


class SessionActed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator's action did. Field names are the admin API's."""

    key: str
    verb: SessionVerb
    changed: bool = True
    previous_tier: Tier = Tier.NONE
    new_tier: Tier = Tier.NONE
    previous_level: Level = Level.NORMAL
    previous_score: float = 0.0
    ended: int = 0
    ip_state_cleared: bool = False
    cee_state_cleared: bool = False
    previous_task_id: str = ""
    current_task_id: str = ""
    current_task_label: str = ""
    taint_cleared: bool = False
    runtime_overrides_cleared: int = 0


def session_key(agent: str, client: str) -> str:
    """The reference's key: `agent|ip`, or the address alone for an agent that did not say who it is."""
    return f"{agent}|{client}" if agent and agent != ANONYMOUS else client


_SANDBOX = "@sandbox-"


def sandbox_key(agent: str, launch: str, client: str) -> str:
    """The key of an agent that was launched behind walls; `launch` is the launch's id. No other key holds its mark."""
    return f"{agent}{_SANDBOX}{launch}|{client}"


def is_sandbox_key(key: str) -> bool:
    """Whether `key` is one of `sandbox_key`: names that clients choose hold no `@`."""
    return _SANDBOX in key


def launch_of(key: str) -> str:
    """The launch's id in a key of `sandbox_key`; empty for other keys."""
    return key.rpartition(_SANDBOX)[2].partition("|")[0] if _SANDBOX in key else ""
