"""The path of `pipelock` that outlives an upgrade: services, hooks and wrappers name it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path, PurePath

import msgspec

__all__ = ["Place", "ProgramError", "ephemeral", "stable_program"]

_NAME = "pipelock"
_LASTING = ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin")
"""Where installers put links, besides ~/.local/bin."""
_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp", "/var/folders", "/private/var/folders", "/dev/shm")  # noqa: S108
_CACHES = (("uv", "archive-v"), ("uv", "environments-v"), ("uv", "builds-v"), ("pipx", ".cache"), (".cache", "pipx"))
"""Where `uvx` and `pipx run` put what they throw away: a folder, and how the one in it begins."""


class ProgramError(Exception):
    """There is no path that a service could name; the text says why, and what to do."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at.

    Attributes:
        started_as: `sys.argv[0]`.
        python: `sys.executable`.
        home: The user's home.
        folder: The current directory.
        environ: The environment.
        is_program: Whether a path is a file that may be run.
        resolve: A path without links.
    """

    started_as: str
    python: str
    home: str
    folder: str
    environ: Mapping[str, str]
    is_program: Callable[[str], bool]
    resolve: Callable[[str], str]

    @classmethod
    def of_this_process(cls, started_as: str, python: str, environ: Mapping[str, str]) -> Place:
        """The real one."""
        return cls(
            started_as=started_as,
            python=python,
            home=str(Path.home()),
            folder=str(Path.cwd()),
            environ=environ,
            is_program=lambda path: Path(path).is_file() and os.access(path, os.X_OK),
            resolve=os.path.realpath,
        )


def stable_program(place: Place) -> str:
    """An absolute path of the program that runs, the one least likely to go away.

    A link in a folder of programs is preferred to what it points at: it stays where an upgrade makes a new
    environment.

    Raises:
        ProgramError: it lies in a cache or a temporary folder, or is not to be found.
    """
    found = _running(place)
    real = place.resolve(found)
    for path in (found, real, place.python):
        why = ephemeral(path, place.home)
        if why:
            raise ProgramError(
                f"{path} {why} and will be gone; install it for good: `uv tool install pipelock` or "
                "`pipx install pipelock`"
            )
    for folder in (f"{place.home}/.local/bin", *_LASTING):
        path = f"{folder}/{_NAME}"
        if place.is_program(path) and place.resolve(path) == real:
            return path
    return found


def ephemeral(path: str, home: str) -> str:
    """Why a path won't last, to follow it in a sentence; empty where it will, as far as a path tells."""
    parts = PurePath(path).parts
    for first, second in pairwise(parts):
        if any(first == folder and second.startswith(start) for folder, start in _CACHES):
            return "lies in a cache of `uvx` or `pipx run`"
    for folder in _TEMPORARY:
        if _is_in(path, folder) and not _is_in(home, folder):
            return "lies in a folder for temporary files"
    return ""


def _running(place: Place) -> str:
    """The program as it was started; beside the interpreter where that was `python -m pipelock`."""
    said = place.started_as
    if PurePath(said).name == _NAME:
        if "/" in said:
            path = os.path.normpath(PurePath(place.folder, said))
            if place.is_program(path):
                return path
        for folder in place.environ.get("PATH", "").split(":"):
            if folder.startswith("/") and place.is_program(f"{folder}/{said}"):
                return f"{folder}/{said}"
    beside = f"{PurePath(place.python).parent}/{_NAME}"
    if place.is_program(beside):
        return beside
    raise ProgramError(f"there is no program `{_NAME}` beside {place.python}; install the package, then try again")


def _is_in(path: str, folder: str) -> bool:
    return PurePath(path).is_relative_to(folder)
