"""What a command line says, and what is said where that can't be."""

from __future__ import annotations

import msgspec

from pipelock.model import CacheUse, ContainmentMode

__all__ = ["PlanError", "Wish"]


class PlanError(ValueError):
    """There is no such profile. The message says why and what to write instead; not escaped."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What one command line says. What it leaves out is as config has it.

    Attributes:
        command: What is to be run, at least the program.
        folder: Where the launch was asked for, absolute.
        workspace: Relative to `folder` or absolute; so are the paths of the other lists.
        env: `NAME`, `NAME=VALUE` or `PREFIX*`.
        rules: One-line egress rules; added to those of config.
        name: What the session is called.
    """

    command: tuple[str, ...]
    folder: str
    workspace: str = ""
    allow_read: tuple[str, ...] = ()
    allow_write: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unix_sockets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    mode: ContainmentMode | None = None
    caches: CacheUse | None = None
    ports: tuple[int, ...] = ()
    host_ports: tuple[int, ...] = ()
    name: str = ""
    preset: str = ""
    freeze_on_kill: bool = False
    explain: bool = False
