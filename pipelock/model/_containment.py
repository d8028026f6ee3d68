"""Agents that are launched behind the kernel's walls: what stands around them, and what is handed to the daemon."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "MAX_HANDED",
    "MAX_SANDBOX_PORTS",
    "CacheUse",
    "Contained",
    "ContainmentFacts",
    "ContainmentMode",
    "ContainmentSettings",
    "ContainmentStep",
    "Denial",
    "HandedKind",
    "HandedSocket",
    "NotedDenial",
    "Order",
    "OrderVerb",
    "Rung",
    "Sandboxed",
    "Wall",
    "WallName",
    "WallState",
    "weakest",
]

MAX_HANDED = 64
"""Descriptors that one launch hands over at most."""
MAX_SANDBOX_PORTS = 24
"""Ports caught by a listener each besides 80 and 443, and ports of the host, together: two sockets each."""


class ContainmentMode(StrEnum):
    """What is done where a wall can't be raised."""

    STRICT = "strict"
    """Every wall, or the agent is not started."""
    NORMAL = "normal"
    """The network's wall must hold by the kernel's doing; what else is missing is told."""
    BEST_EFFORT = "best-effort"
    """Start with whatever there is, and say so loudly."""


class Rung(StrEnum):
    """What holds the agent's network, strongest first."""

    NAMESPACE = "namespace"
    """A network namespace of its own: nothing but our listeners can be reached."""
    PORTS = "ports"
    """Landlock lets it connect to one TCP port; no other socket can be made."""
    SYSTEM = "system"
    """The system's own sandbox (macOS) lets it connect to one loopback port."""
    ENVIRONMENT = "environment"
    """Variables alone: who ignores them goes out."""


class WallName(StrEnum):
    """One of the walls."""

    NETWORK = "network"
    FILES = "files"
    """A file system view built from what is granted (mount namespace; the profile on macOS)."""
    LANDLOCK = "landlock"
    SYSCALLS = "syscalls"
    PROCESSES = "processes"
    """A PID namespace with a /proc of its own."""
    IPC = "ipc"
    DEVICES = "devices"
    PRIVILEGES = "privileges"
    """No capabilities, and none to be had by set-uid programs."""
    ENVIRONMENT = "environment"
    LIMITS = "limits"
    CGROUP = "cgroup"


class WallState(StrEnum):
    """Whether it stands."""

    UP = "up"
    PARTLY = "partly"
    DOWN = "down"
    OFF = "off"
    """Nobody asked for it."""


class Wall(msgspec.Struct, frozen=True):
    """One wall as it stands.

    Attributes:
        detail: What it consists of here, in a few words (`Landlock ABI 7: files, ports, scopes`).
        fix: What would raise it, where it does not stand; empty otherwise.
    """

    name: WallName
    state: WallState
    detail: str = ""
    fix: str = ""


class HandedKind(StrEnum):
    """What a descriptor that a launcher hands over is for."""

    PROXY = "proxy"
    """A listening TCP socket: clients know that it is a proxy."""
    TRANSPARENT = "transparent"
    """A listening TCP socket that any destination of its port leads to: the socket's own name is the destination."""
    REDIRECTED = "redirected"
    """A listening TCP socket that all other ports lead to: SO_ORIGINAL_DST is the destination."""
    DNS = "dns"
    """A UDP socket that all questions to port 53 come to."""
    HOST_PORT = "host_port"
    """A listening TCP socket on a loopback port: relayed to the same port of the host."""
    PROCESS = "process"
    """A pidfd of the first process: to end it is to end all. Comes last, once."""


class HandedSocket(msgspec.Struct, frozen=True):
    """One handed descriptor. `port` is 0 where it has none; `family` is 4 or 6."""

    kind: HandedKind
    port: int = 0
    family: int = 4


class Contained(msgspec.Struct, frozen=True, kw_only=True):
    """A launched agent.

    Attributes:
        id: Chosen by the launcher, 12 hex digits.
        agent: The agent's name: the profile's, or the program's.
        profile: The profile in `agents` that holds; empty for none.
        command: Its command line, not escaped: as the launcher says it, at most 4 096 characters; from the daemon on
            with secrets masked, at most 300.
        workspace: The folder it works in.
        pid: Its first process, as the host counts; 0 where that is not known.
        started_at: Seconds since the epoch.
    """

    id: str
    agent: str
    profile: str = ""
    command: str = ""
    workspace: str = ""
    mode: ContainmentMode = ContainmentMode.NORMAL
    rung: Rung = Rung.NAMESPACE
    walls: tuple[Wall, ...] = ()
    pid: int = 0
    started_at: float = 0.0


class Denial(msgspec.Struct, frozen=True):
    """Something a wall refused, told by the launcher.

    Attributes:
        wall: Which.
        what: What was tried (`write /home/u/.cache/x`, `ptrace`), not escaped, at most 300 characters.
        why: A sentence.
        fix: What to say to allow it (`--allow-write ~/.cache/x`); empty where nothing does.
        program: Who tried, base name of the program; empty where not known.
        count: How many times since the last report.
    """

    wall: WallName
    what: str
    why: str
    fix: str = ""
    program: str = ""
    count: int = 1


class NotedDenial(msgspec.Struct, frozen=True):
    """A refusal and when it was told last (seconds since the epoch); `denial.count` counts all of its kind."""

    at: float
    denial: Denial


class Sandboxed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A launched agent as the daemon knows it.

    Attributes:
        held: Its launcher is connected, so it is served.
        frozen: It was told to stand still.
        ended_at: Seconds since the epoch; 0 while it lives, as far as is known.
        rules: Its launch's egress rules (`--allow`), as they were written.
        config_rules: Config's (`sandbox.allow`) as they hold now; what is reached is named by both.
        denied: Refusals of its walls, all counted.
        denials: The newest kinds of them, oldest first.
    """

    contained: Contained
    held: bool = True
    frozen: bool = False
    ended_at: float = 0.0
    rules: tuple[str, ...] = ()
    config_rules: tuple[str, ...] = ()
    denied: int = 0
    denials: tuple[NotedDenial, ...] = ()


_WEAKNESS = {WallState.OFF: 0, WallState.UP: 0, WallState.PARTLY: 1, WallState.DOWN: 2}


def weakest(contained: Contained) -> WallState:
    """How well it stands in one word: `DOWN` where any wall that was wanted does not stand."""
    if not contained.walls or contained.rung is Rung.ENVIRONMENT:
        return WallState.DOWN
    worst = max(contained.walls, key=lambda wall: _WEAKNESS[wall.state]).state
    return WallState.UP if worst is WallState.OFF else worst


class ContainmentStep(StrEnum):
    """What can happen to a launched agent."""

    STARTED = "started"
    LOST = "lost"
    """Its launcher is gone or was cut off, and it seems to live: it is not served until its launcher is back."""
    BACK = "back"
    ENDED = "ended"
    FROZEN = "frozen"
    THAWED = "thawed"


class OrderVerb(StrEnum):
    """What the daemon wants of a launcher."""

    FREEZE = "freeze"
    THAW = "thaw"
    END = "end"


class Order(msgspec.Struct, frozen=True):
    """An order to a launcher. `reason` is shown to the person at its terminal."""

    verb: OrderVerb
    reason: str = ""


class CacheUse(StrEnum):
    """How caches of package managers are used (npm, pip, uv, cargo…)."""

    COPY = "copy"
    """Read the host's; keep changes apart from them, by workspace."""
    SHARED = "shared"
    """The host's own, to be changed: quickest, and what the agent puts there the host will use."""
    PRIVATE = "private"
    """Empty ones in memory."""


class ContainmentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `sandbox` as it holds for one profile: the section, overridden by `agents.<name>.sandbox`.

    Paths are as written (`~` and links not resolved). Texts of `env` are `NAME` or `NAME=VALUE`.

    Attributes:
        mode: From `strict` and `best_effort`.
        preset: Name of the built-in additions for an agent (`claude`, `codex`…); empty: by the program's name.
        rules: One-line egress rules, which the daemon applies itself: nothing else may be reached.
        ports: Caught besides 80 and 443.
        redirect: Catch all others too.
        freeze_on_kill: `on_kill: freeze`.
    """

    mode: ContainmentMode = ContainmentMode.NORMAL
    preset: str = ""
    workspace: str = ""
    allow_read: tuple[str, ...] = ()
    allow_write: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unix_sockets: tuple[str, ...] = ()
    caches: CacheUse = CacheUse.COPY
    env: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    redirect: bool = True
    host_ports: tuple[int, ...] = ()
    processes: int = 0
    memory: int = 0
    files: int = 0
    file_size: int = 0
    freeze_on_kill: bool = False
    explain: bool = False


class ContainmentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a launcher asks the daemon before it plans.

    Attributes:
        settings: Those of the profile asked for.
        profile: Its name in `agents`; empty where there is none of that name.
        profiles: All names in `agents`.
        trust: Files that make programs believe our certificates, as `pipelock.trust.variables.TrustFiles` in its
            order; empty where tunnels are not opened.
        hidden: Paths that no agent may see: the daemon's home, its runtime directory, its config, record and keys.
        refused_ports: Loopback ports that are never relayed: the daemon's own.
        may_relay: Whether who asks may have ports of the host relayed (the right to decide).
        killed: Whether the kill switch is on.
        forwards: Whether the daemon carries requests at all (`forward_proxy.enabled`); all are refused where not.
    """

    settings: ContainmentSettings = ContainmentSettings()
    profile: str = ""
    profiles: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    refused_ports: tuple[int, ...] = ()
    may_relay: bool = False
    killed: bool = False
    forwards: bool = True
