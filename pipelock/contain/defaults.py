"""What is granted, hidden, protected and passed on without anybody saying so: the tables beside this file, typed.

They are data with a reason in every row. Reading them takes under a millisecond, once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["Place", "Places", "Preset", "Variables", "places", "preset", "preset_for", "preset_names", "variables"]

_FOLDER: Final = Path(__file__).parent


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A path and what is there.

    Attributes:
        path: Absolute, or from `~/`, or (where it says so) relative to a workspace. `{uid}` is the user's number.
        why: A few words for a person.
        also: `$NAME` or `$NAME/below`: a second place, where that variable holds an absolute path.
    """

    path: str
    why: str
    also: str = ""


class Places(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file system.

    Attributes:
        system: Read.
        links: Links that programs expect, and nothing else of where they are.
        private: Empty folders in memory.
        toolchains: Read: what developers install in their homes.
        settings: Read: settings of programs that hold no secrets.
        caches: As `CacheUse` says.
        secrets: Hidden where something wider would show them.
        protected: In a workspace, read although all around may be written: what is there runs outside.
        watched: In a workspace, told of at the end where it changed.
    """

    system: tuple[Place, ...]
    links: tuple[str, ...]
    private: tuple[Place, ...]
    toolchains: tuple[Place, ...]
    settings: tuple[Place, ...]
    caches: tuple[Place, ...]
    secrets: tuple[Place, ...]
    protected: tuple[Place, ...]
    watched: tuple[Place, ...]


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one known agent needs besides.

    Attributes:
        name: As config and the command line give it.
        programs: Base names of its program.
        write: Its own folders; the host's, so that its login lasts.
        read: Files of its own.
        protect: Below those folders, read only: what is there runs outside.
        home_variable: Holds another place for the first of `write`.
        seeds: Files copied in where they are missing, as (from, to), unless `home_variable` is set.
        secrets: Variables that are passed on although they hold secrets: its keys to its model.
        env: Other variables that are passed on, with `*`.
        set: Variables that are set.
        why: What a person should know; empty for nothing.
    """

    name: str
    programs: tuple[str, ...]
    write: tuple[str, ...]
    read: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    home_variable: str = ""
    seeds: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    set: dict[str, str] = {}
    why: str = ""


class Variables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The environment. Names may hold one `*`.

    Attributes:
        passed: Harmless, and programs misbehave without them.
        refused: Never set, not even where asked for: by them a loader or a shell runs something else, or they are ours.
        risky: Passed on only where named exactly: by them an interpreter runs something else.
        sockets: Names of sockets, with what precedes the path: passed on where the socket is granted.
        given: Set unless asked for otherwise, so that programs do at once what they would come to after errors or
            warnings: uv can't link files from its cache to the workspace, because these are two mounts.
        given_to_root: Likewise, where root launches: tar would give files to the users whose numbers are in an archive,
            and fail, as there is but one user inside.
        secret_words: What the name of a secret is made of.
        secret_values: What the value of a secret begins with.
    """

    passed: tuple[str, ...]
    refused: tuple[str, ...]
    risky: tuple[str, ...]
    sockets: dict[str, str]
    given: dict[str, str]
    given_to_root: dict[str, str]
    secret_words: tuple[str, ...]
    secret_values: tuple[str, ...]


@cache
def places() -> Places:
    """The table of paths."""
    return msgspec.json.decode((_FOLDER / "places.json").read_bytes(), type=Places)


@cache
def variables() -> Variables:
    """The table of variables."""
    return msgspec.json.decode((_FOLDER / "variables.json").read_bytes(), type=Variables)


@cache
def _presets() -> tuple[Preset, ...]:
    return msgspec.json.decode((_FOLDER / "presets.json").read_bytes(), type=tuple[Preset, ...])


def preset_names() -> tuple[str, ...]:
    """Of all presets, sorted."""
    return tuple(sorted(one.name for one in _presets()))


def preset(name: str) -> Preset | None:
    """The preset of that name."""
    return next((one for one in _presets() if one.name == name), None)


def preset_for(program: str) -> Preset | None:
    """The preset of a program, by its base name."""
    return next((one for one in _presets() if program in one.programs), None)
