"""Word lists that come with the detectors: one entry a line, `#` begins a comment, `[name]` a list."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

__all__ = ["words_of"]

_FOLDER = Path(__file__).with_name("data")
_FILES = ("names.txt", "vendors.txt")


@lru_cache(maxsize=1)
def _lists() -> dict[str, frozenset[bytes]]:
    lists: dict[str, set[bytes]] = {}
    current: set[bytes] = set()
    lines = b"\n".join([(_FOLDER / name).read_bytes() for name in _FILES]).splitlines()
    for line in lines:
        entry = line.partition(b"#")[0].strip()
        if entry.startswith(b"["):
            current = lists.setdefault(entry.strip(b"[]").decode(), set())
        else:
            current.update(entry.split())
    return {name: frozenset(words) for name, words in lists.items()}


def words_of(name: str) -> frozenset[bytes]:
    """The entries of list `name`, as lower-case ASCII.

    Raises:
        KeyError: there is no such list.
    """
    return _lists()[name]
