"""Programs that are known: agents, and applications that host agents. What they are called is data, `programs.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from pipelock.detect.globs import glob_match
from pipelock.identity.commands import Command

__all__ = ["Entry", "Known", "ProgramKind", "Programs", "entries", "known_programs"]

_FILE = Path(__file__).with_name("programs.yaml")


class ProgramKind(StrEnum):
    """What a known program is."""

    AGENT = "agent"
    HOST = "host"
    """An application in which agents run, among other things."""


class Known(msgspec.Struct, frozen=True):
    """What is known of a program. `profile` is the profile in `agents` that names it, if one does."""

    name: str
    kind: ProgramKind
    profile: str = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One program as the data file has it; `match` and `avoid` are command lines that tests try."""

    name: str
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    match: tuple[tuple[str, ...], ...] = ()
    avoid: tuple[tuple[str, ...], ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agents: tuple[Entry, ...]
    hosts: tuple[Entry, ...]


@cache
def entries() -> tuple[tuple[ProgramKind, Entry], ...]:
    """All entries of the data file, agents first."""
    import yaml  # noqa: PLC0415 - clients of the control socket start without it

    loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    file = msgspec.convert(yaml.load(_FILE.read_text("utf-8"), Loader=loader), _File)  # noqa: S506 - a safe loader
    return (
        *((ProgramKind.AGENT, entry) for entry in file.agents),
        *((ProgramKind.HOST, entry) for entry in file.hosts),
    )


class Programs:
    """Says what a command line is.

    Args:
        own: Profiles of the operator's and the globs of their programs; they are agents, whatever else they are.
    """

    def __init__(self, own: Mapping[str, Iterable[str]] | None = None) -> None:
        self._own = tuple((glob.casefold(), name) for name, globs in (own or {}).items() for glob in globs)
        self._names: dict[str, Known] = {}
        self._paths: list[tuple[str, Known]] = []
        for kind, entry in entries():
            known = Known(entry.name, kind)
            for name in entry.programs:
                self._names.setdefault(name.casefold(), known)
            self._paths += [(f"/{path.casefold()}/", known) for path in entry.paths]

    def known(self, command: Command) -> Known | None:
        """What `command` is, if it is known: the operator's own programs first, then agents, then hosts."""
        names = [name.casefold() for name in command.names]
        for glob, profile in self._own:
            for name in names:
                if glob_match(glob, name):
                    return Known(name, ProgramKind.AGENT, profile)
        found = [self._names[name] for name in names if name in self._names]
        for path in command.paths:
            whole = f"/{path.casefold()}/"
            found += [known for piece, known in self._paths if piece in whole]
        return min(found, key=lambda known: known.kind is not ProgramKind.AGENT, default=None)


@cache
def known_programs() -> Programs:
    """The programs of the data file alone."""
    return Programs()
