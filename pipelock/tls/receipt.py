"""What was installed where, so that exactly that is taken out again.

A folder `installed-ca` under the home: `receipt.json`, and a copy of every certificate that stands in it. Taking one
out can need it, and the authority may have been replaced meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from pipelock.tls.files import FileProblemError, Sensitivity, locked, read_pem, write_file

__all__ = ["Entry", "Receipt", "ReceiptError"]

_FOLDER = "installed-ca"
_FILE = "receipt.json"
MAX_ENTRIES = 1000


class ReceiptError(Exception):
    """The receipt can't be read or written; the text says why."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate in one store.

    Attributes:
        kind: Of the store, with `place` its identity.
        place: Of the store.
        label: Whose store it is, for people.
        name: What the certificate is called there.
        sha256: Its fingerprint, hexadecimal.
    """

    kind: str
    place: str
    label: str
    name: str
    sha256: str


class Receipt:
    """The entries of one home. Every change is written at once."""

    def __init__(self, home: Path) -> None:
        """Read what is there.

        Raises:
            ReceiptError: it is not what we wrote.
        """
        self._folder = home / _FOLDER
        self._file = self._folder / _FILE
        self.entries: tuple[Entry, ...] = ()
        if self._file.exists():
            try:
                self.entries = msgspec.json.decode(read_pem(self._file), type=tuple[Entry, ...])
            except (FileProblemError, msgspec.DecodeError) as error:
                raise ReceiptError(f"{self._file} can't be used: {error}; it says what was installed where") from error

    def copy(self, name: str) -> Path:
        """Where the copy of a certificate is kept."""
        return self._folder / f"{name}.pem"

    def add(self, entry: Entry, pem: bytes) -> None:
        """Remember an installation; before it is done, so that none is forgotten.

        Raises:
            ReceiptError: it can't be written.
        """
        with _as_receipt_errors(), locked(self._folder):
            write_file(self.copy(entry.name), pem, Sensitivity.CERTIFICATE)
            self._write([known for known in self.entries if known != entry] + [entry])

    def drop(self, entry: Entry) -> None:
        """Forget one that was undone.

        Raises:
            ReceiptError: it can't be written.
        """
        with _as_receipt_errors(), locked(self._folder):
            self._write([known for known in self.entries if known != entry])
            if all(known.name != entry.name for known in self.entries):
                self.copy(entry.name).unlink(missing_ok=True)
            if not self.entries:
                self._file.unlink()
        if not self.entries:
            with suppress(OSError):
                self._folder.rmdir()

    def _write(self, entries: list[Entry]) -> None:
        if len(entries) > MAX_ENTRIES:
            raise ReceiptError(f"{self._file} has more than {MAX_ENTRIES} entries")
        write_file(self._file, msgspec.json.format(msgspec.json.encode(entries), indent=2), Sensitivity.CERTIFICATE)
        self.entries = tuple(entries)


@contextmanager
def _as_receipt_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReceiptError(str(error)) from error
