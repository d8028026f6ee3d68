"""Which folders are too much to be an agent's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipelock.contain.claims import is_inside
from pipelock.contain.host import Host

__all__ = ["KERNEL", "TOO_WIDE", "why_not"]

TOO_WIDE: Final = frozenset({
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/nix", "/opt", "/proc", "/root",
    "/run", "/sbin", "/snap", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/tmp", "/var/lib", "/var/run",  # noqa: S108
    "/Applications", "/Library", "/System", "/Users", "/Volumes", "/private", "/private/etc", "/private/tmp",
    "/private/var", "/private/var/tmp",
})  # fmt: skip
"""Folders of the system or of many users: never written to as a whole."""

KERNEL: Final = ("/proc", "/sys", "/dev")
"""Where the kernel shows itself: never granted."""


def why_not(path: str, host: Host, hidden: Iterable[str], secrets: Iterable[tuple[str, str]]) -> str:
    """Why a resolved folder can't be written to as a whole; empty where it can.

    `hidden` are Pipelock's own places, `secrets` pairs of a place and what is there; all resolved.
    """
    home = host.realpath(host.home)
    if path == home:
        return "it is your home: everything you have would be the agent's to change"
    if is_inside(home, path):
        return "your home is inside it"
    if path in TOO_WIDE:
        return "it belongs to the system"
    if any(is_inside(path, place) for place in KERNEL):
        return "the kernel shows itself there"
    if any(is_inside(path, place) for place in hidden):
        return "it belongs to Pipelock"
    return next((f"it holds {why}" for place, why in secrets if is_inside(path, place)), "")
