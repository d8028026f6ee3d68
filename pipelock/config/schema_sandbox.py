"""Section `sandbox`: what holds for agents that are launched behind walls; and what a profile in `agents` says of it.

Read at each launch: a reload holds for the agents that are launched after it; `allow` and `on_kill` for those that
live, too.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["AgentSandbox", "AgentSandboxLimits", "Place", "Sandbox", "SandboxFilesystem", "SandboxLimits"]

Place = Annotated[
    str, Meta(min_length=1, max_length=4096, extra={"rule": "place"}, description="path from / or ~/, no wildcards")
]
_Places = Annotated[tuple[Place, ...], Meta(max_length=200)]
_Variables = Annotated[
    tuple[
        Annotated[str, Meta(max_length=4096, extra={"rule": "variable"}, description="NAME, NAME=VALUE or PREFIX*")],
        ...,
    ],
    Meta(max_length=200),
]
_RuleLines = Annotated[
    tuple[Annotated[str, Meta(max_length=2048, description="host=*.example.com method=GET,HEAD path=/api/*")], ...],
    Meta(max_length=500),
]
_Ports = Annotated[tuple[Annotated[int, Meta(ge=1, le=65_535)], ...], Meta(max_length=12)]
_Processes = Annotated[int, Meta(ge=0, le=4_194_304)]
_Megabytes = Annotated[int, Meta(ge=0, le=16_777_216)]
_OpenFiles = Annotated[int, Meta(ge=0, le=1_048_576)]
_Caches = Literal["copy", "shared", "private"]
_OnKill = Literal["refuse", "freeze"]
_Preset = Annotated[str, Meta(max_length=64, extra={"rule": "identity"})]
_Workspace = Annotated[str, Meta(max_length=4096, extra={"rule": "place_or_none"}, description="path from / or ~/")]


class SandboxFilesystem(msgspec.Struct, frozen=True, kw_only=True):
    """Paths beyond the workspace. `mask` and `unix_sockets` are ours.

    Attributes:
        allow_read: May be read and run.
        allow_write: May be changed as well.
        mask: Hidden, even inside what may be read.
        unix_sockets: Sockets of the host that may be connected to.
    """

    allow_read: _Places = ()
    allow_write: _Places = ()
    mask: _Places = ()
    unix_sockets: _Places = ()


class SandboxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one launched agent may use up, with all that it starts; 0 is no limit. Ours.

    Attributes:
        processes: At a time; for root, and before Linux 5.14, needs a cgroup.
        memory_mb: MiB; needs a cgroup.
        open_files: Of one process.
        file_mb: MiB that a file may grow to.
    """

    processes: _Processes = 0
    memory_mb: _Megabytes = 0
    open_files: _OpenFiles = 0
    file_mb: _Megabytes = 0


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """Containment of launched agents. From `preset` on the keys are ours.

    Attributes:
        enabled: Contain what Pipelock launches by itself. `pipelock sandbox` contains whatever this says.
        strict: Every wall, or the agent is not started.
        best_effort: Start with whatever walls there are.
        workspace: Where the agent works; empty: where it is started.
        preset: Additions for an agent (`claude`, `codex`…); empty: by the program's name, `none` for none.
        caches: How those of package managers are used.
        env: Variables that are passed on, besides the harmless ones.
        allow: One-line rules; while there is one, nothing else may be reached.
        ports: Caught besides 80 and 443 where not all are.
        redirect: Catch all ports, where the kernel can.
        host_ports: Loopback ports of this machine that are reached inside under the same number.
        on_kill: What the kill switch does besides cutting the network.
        explain: Say of every refused file why it is; that costs time.
    """

    enabled: bool = False
    strict: bool = False
    best_effort: bool = False
    workspace: _Workspace = ""
    filesystem: SandboxFilesystem = SandboxFilesystem()
    preset: _Preset = ""
    caches: _Caches = "copy"
    env: _Variables = ()
    allow: _RuleLines = ()
    ports: _Ports = ()
    redirect: bool = True
    host_ports: _Ports = ()
    limits: SandboxLimits = SandboxLimits()
    on_kill: _OnKill = "refuse"
    explain: bool = False


class AgentSandboxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one profile; what is not written is as in `sandbox.limits`."""

    processes: _Processes | None = None
    memory_mb: _Megabytes | None = None
    open_files: _OpenFiles | None = None
    file_mb: _Megabytes | None = None


class AgentSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """`sandbox` for one profile: what is written here holds in its place.

    Lists are added to those of the section, but for `allow`, which takes their place.
    """

    enabled: bool | None = None
    strict: bool | None = None
    best_effort: bool | None = None
    workspace: _Workspace | None = None
    filesystem: SandboxFilesystem = SandboxFilesystem()
    preset: _Preset | None = None
    caches: _Caches | None = None
    env: _Variables = ()
    allow: _RuleLines | None = None
    ports: _Ports = ()
    redirect: bool | None = None
    host_ports: _Ports = ()
    limits: AgentSandboxLimits = AgentSandboxLimits()
    on_kill: _OnKill | None = None
    explain: bool | None = None
