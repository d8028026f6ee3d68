"""What was written outside of our own home, so that exactly that is taken away again.

`installed.json` in the home: a list of files, each with the hash of what was written. A file that somebody changed
since is theirs: it is kept and named.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

import msgspec

from pipelock.service.kinds import ServiceError

__all__ = ["FILE", "HOOK", "MAX_ENTRIES", "SERVICE", "Fate", "Manifest", "Written", "fate_of", "put"]

FILE = "installed.json"
MAX_ENTRIES = 1000
SERVICE = "service"
HOOK = "git hook"
_MAX_SIZE = 1 << 20


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """One file.

    Attributes:
        path: Absolute.
        sha256: Of what was written, hexadecimal.
        program: The program that it names; may be empty.
        kind: `SERVICE` or `HOOK`.
    """

    path: str
    sha256: str
    program: str = ""
    kind: str = SERVICE


class Fate(StrEnum):
    """How a file is now."""

    INTACT = "intact"
    CHANGED = "changed"
    GONE = "gone"


class Manifest:
    """The files of one home."""

    def __init__(self, home: Path) -> None:
        """Read what is there.

        Raises:
            ServiceError: it can't be read, or is not what we wrote.
        """
        self._file = home / FILE
        self.entries: tuple[Written, ...] = ()
        try:
            with self._file.open("rb") as file:
                self.entries = msgspec.json.decode(file.read(_MAX_SIZE), type=tuple[Written, ...])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            raise ServiceError(f"{self._file} can't be used: {error}; it says what was written where") from error

    def of(self, path: Path) -> Written | None:
        """The entry of a file."""
        return next((entry for entry in self.entries if entry.path == str(path)), None)

    def add(self, path: Path, text: bytes, program: str, kind: str = SERVICE) -> None:
        """Remember a file; before it is written, so that none is forgotten.

        Raises:
            ServiceError: it can't be remembered.
        """
        entry = Written(path=str(path), sha256=hashlib.sha256(text).hexdigest(), program=program, kind=kind)
        self._write((*(known for known in self.entries if known.path != entry.path), entry))

    def drop(self, entry: Written) -> None:
        """Forget one.

        Raises:
            ServiceError: that can't be written.
        """
        self._write(tuple(known for known in self.entries if known != entry))

    def _write(self, entries: tuple[Written, ...]) -> None:
        if len(entries) > MAX_ENTRIES:
            raise ServiceError(f"{self._file} has more than {MAX_ENTRIES} entries")
        try:
            if entries:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                put(self._file, msgspec.json.format(msgspec.json.encode(entries), indent=2), 0o600)
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise ServiceError(f"{self._file}: {error.strerror or error}") from error
        self.entries = entries


def fate_of(entry: Written) -> Fate:
    """How the file is now. One that can't be read counts as changed."""
    try:
        with Path(entry.path).open("rb") as file:
            text = file.read(_MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Fate.GONE
    except OSError:
        return Fate.CHANGED
    return Fate.INTACT if hashlib.sha256(text).hexdigest() == entry.sha256 else Fate.CHANGED


def put(path: Path, text: bytes, mode: int) -> None:
    """Write a file in one step: whoever looks sees the old one or the whole new one.

    Raises:
        OSError: it can't be written.
    """
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with draft.open("xb") as file:
        file.write(text)
    draft.chmod(mode)
    draft.replace(path)
