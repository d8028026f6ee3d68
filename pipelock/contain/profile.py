"""The model that launchers carry out: grants on paths, the network's ports, the environment, the limits.

For a path the grant with the longest matching prefix holds; nothing is granted by default. So a mask inside a granted
folder hides, and a grant inside a mask shows again.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath

import msgspec

from pipelock.model import ContainmentMode

__all__ = ["DEFAULT_PORTS", "Access", "Grant", "Limits", "Network", "Profile", "Source", "holding"]

DEFAULT_PORTS = (80, 443)
"""Ports whose connections are caught wherever they lead, besides those that are redirected."""


class Access(StrEnum):
    """What may be done to a path and all below it."""

    READ = "read"
    """Read and run."""
    WRITE = "write"
    """The host's own, to be changed."""
    COPY = "copy"
    """The host's, with changes kept beside it (`Grant.upper`) and away from the host."""
    PRIVATE = "private"
    """An empty folder in memory, gone with the agent."""
    MASK = "mask"
    """Nothing: an empty folder or file is there instead."""


class Source(StrEnum):
    """Who granted it."""

    BUILT_IN = "built in"
    CONFIG = "config"
    COMMAND = "command line"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One path. It exists and is resolved (no links in it) when the profile is made.

    Attributes:
        path: Absolute.
        access: What may be done.
        why: A few words for a person (`Rust toolchain`, `private SSH keys`).
        source: Who says so.
        upper: For `COPY`: the folder on the host that changes are kept in; empty: in memory.
        is_folder: What it is.
        size: For `PRIVATE`: bytes it may hold; 0 is half of the memory.
        is_fixed: For `MASK`: nothing lifts it.
    """

    path: str
    access: Access
    why: str
    source: Source = Source.BUILT_IN
    upper: str = ""
    is_folder: bool = True
    size: int = 0
    is_fixed: bool = False


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """What can be reached.

    Attributes:
        proxy_port: Where the proxy listens inside, on 127.0.0.1 and ::1.
        ports: Caught by a listener each, wherever they lead.
        redirect: Catch every other port too, where the kernel can.
        host_ports: Loopback ports of the host that are reached under the same number.
    """

    proxy_port: int = 8888
    ports: tuple[int, ...] = DEFAULT_PORTS
    redirect: bool = True
    host_ports: tuple[int, ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds; 0 is none. `memory` and `file_size` are bytes.

    `processes` and `memory` need a cgroup; without one they are told as missing. But the processes of an ordinary user
    in a user namespace are counted apart by Linux 5.14 and newer: there RLIMIT_NPROC holds them.
    """

    processes: int = 0
    memory: int = 0
    files: int = 0
    file_size: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a launcher needs to know.

    Attributes:
        agent: The session's name.
        name: The profile in config (`agents.<name>`), empty for none.
        command: What is run.
        folder: Where it is run, inside.
        workspace: The folder it works in.
        home: The user's home.
        grants: Sorted by path.
        environment: All of it, sorted.
        unix_sockets: Whether local sockets may be made at all. Those of the host are reached only through grants.
        rules: One-line egress rules of the command line: nothing else may be reached.
        config_rules: Those of config, which the daemon applies: where there are both, what is reached is named by both.
        freeze_on_kill: Whether the kill switch freezes the agent besides cutting its network.
        explain: Whether every refused file access is looked at, which costs time.
        links: Links that must be there, as (path, target): (`/bin`, `/usr/bin`). Their folders lie in no grant but
            private ones, and may have to be made.
        seeds: Files copied in at the start, as (from, to): `to` lies in a grant that can be written.
        services: macOS only: names of services of the system that may be asked besides those every program needs.
        watch: Absolute paths outside of the workspace that are looked at before and after, with the reason.
        hidden: Pipelock's own places, resolved: nothing grants what is in them, but for files of trust.
        notes: What the person at the terminal should read before it starts; a line each, not escaped.
    """

    agent: str
    name: str = ""
    mode: ContainmentMode = ContainmentMode.NORMAL
    command: tuple[str, ...]
    folder: str
    workspace: str
    home: str
    grants: tuple[Grant, ...]
    environment: tuple[tuple[str, str], ...]
    network: Network = Network()
    limits: Limits = Limits()
    unix_sockets: bool = True
    rules: tuple[str, ...] = ()
    config_rules: tuple[str, ...] = ()
    freeze_on_kill: bool = False
    explain: bool = False
    links: tuple[tuple[str, str], ...] = ()
    seeds: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    watch: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def holding(grants: tuple[Grant, ...], path: str) -> Grant | None:
    """The grant that holds for an absolute, resolved `path`; `None` where none does."""
    parts = PurePosixPath(path).parts
    best: Grant | None = None
    for grant in grants:
        prefix = PurePosixPath(grant.path).parts
        if parts[: len(prefix)] == prefix and (best is None or len(grant.path) > len(best.path)):
            best = grant
    return best
