r"""Unified diffs as git writes them: which lines were added, to which file, and where they stand in it.

What a hunk's header counts belongs to the hunk, whatever it looks like: an added line `++ b/other` is content. Outside
hunks everything that is no header is passed over, so the output of `git log -p` and `git format-patch` is read as well.
Combined diffs (`@@@`) count a line as added where some parent lacks it and the result has it. Paths may be quoted; the
prefixes `a/` and `b/`, or those of `diff.mnemonicPrefix`, are left off. CRLF line ends are of the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

__all__ = ["AddedLines", "DiffError", "added_lines"]

_OLD_PREFIXES = (b"a/", b"c/", b"i/", b"o/")
_NEW_PREFIXES = (b"b/", b"i/", b"w/")
_ESCAPES = {
    b"a"[0]: 7,
    b"b"[0]: 8,
    b"t"[0]: 9,
    b"n"[0]: 10,
    b"v"[0]: 11,
    b"f"[0]: 12,
    b"r"[0]: 13,
    b'"'[0]: 34,
    b"\\"[0]: 92,
}
_OCTAL = frozenset(b"01234567")
_MAX_PARENTS = 64


class DiffError(Exception):
    """The text is no unified diff, or is cut off in a hunk. The message says where, and holds nothing of it."""


class AddedLines(msgspec.Struct, frozen=True):
    """What one file gained: pairs of line number in the new file, from 1, and the line without its line feed."""

    path: str
    lines: list[tuple[int, bytes]]


def added_lines(lines: Iterable[bytes]) -> Iterator[AddedLines]:
    """Read a diff line by line; a file without added lines is left out.

    Memory is bounded by what the diff adds to one file.

    Raises:
        DiffError: as above.
    """
    reader = _Reader()
    for line in lines:
        done = reader.line(line)
        if done is not None and done.lines:
            yield done
    last = reader.end()
    if last is not None and last.lines:
        yield last


class _Reader:
    """Takes lines. Between hunks it looks for headers; in one it counts."""

    def __init__(self) -> None:
        self._number = 0
        self._is_diff = False
        self._strips = True
        self._path = ""
        self._added: list[tuple[int, bytes]] = []
        self._old: list[int] = []
        self._new = 0
        self._at = 0

    def line(self, line: bytes) -> AddedLines | None:
        """Take one line; gives a file when the next one begins."""
        self._number += 1
        if self._new or any(self._old):
            self._in_hunk(line)
            return None
        if line.startswith(b"@@"):
            self._hunk(line)
            return None
        return self._between(line)

    def end(self) -> AddedLines | None:
        """There is no more."""
        if self._new or any(self._old):
            raise DiffError("the diff ends inside a hunk")
        if self._number and not self._is_diff:
            raise DiffError("this is no unified diff; make one with `git diff`")
        return self._take()

    def _take(self) -> AddedLines | None:
        done = AddedLines(self._path, self._added) if self._path else None
        self._path, self._added = "", []
        return done

    def _between(self, line: bytes) -> AddedLines | None:
        header = line.rstrip(b"\r\n")
        if header.startswith(b"diff --"):
            self._is_diff = True
            # `diff.noprefix` leaves no prefixes, and then a folder named b/ must keep its name.
            start = header.removeprefix(b"diff --git ").lstrip(b'"')
            self._strips = not header.startswith(b"diff --git ") or start.startswith(_OLD_PREFIXES)
            return self._take()
        if header.startswith(b"+++ "):
            self._is_diff = True
            done = self._take() if self._added else None
            self._path = self._new_path(header[4:])
            return done
        if header.startswith(b"--- "):
            self._is_diff = True
        elif header.startswith(b"\x1b["):
            raise DiffError(f"line {self._number}: the diff is coloured; make it with --no-color")
        return None

    def _new_path(self, text: bytes) -> str:
        name = _unquoted(text) if text.startswith(b'"') else text.partition(b"\t")[0]
        if name == b"/dev/null":
            return ""
        if self._strips and name.startswith(_NEW_PREFIXES):
            name = name[2:]
        return name.decode("utf-8", "surrogateescape")

    def _hunk(self, line: bytes) -> None:
        """`@@ -a,b +c,d @@`, or with one more @ and one more range for each further parent."""
        marks = len(line) - len(line.lstrip(b"@"))
        words = line[marks:].split(b"@" * marks, 1)[0].split()
        if len(words) != marks or marks > _MAX_PARENTS:
            raise DiffError(f"line {self._number}: the header of a hunk can't be read")
        *old, new = (self._range(word, b"-") for word in words[:-1]), self._range(words[-1], b"+")
        self._old = [count for parent in old for _, count in parent]
        self._at, self._new = new
        self._is_diff = True

    def _range(self, word: bytes, sign: bytes) -> tuple[int, int]:
        start, comma, count = word[1:].partition(b",")
        good = word[:1] == sign and start.isdigit() and len(word) < 32 and (count.isdigit() or not comma)
        if not good:
            raise DiffError(f"line {self._number}: the header of a hunk can't be read")
        return int(start), int(count) if comma else 1

    def _in_hunk(self, line: bytes) -> None:
        if line.startswith(b"\\"):
            return  # "\ No newline at end of file"
        parents = len(self._old)
        text = line.removesuffix(b"\n")
        marks = text[:parents]
        if text in (b"", b"\r"):
            marks = b" " * parents  # some mailers cut the blank of an empty line
        if len(marks) < parents or marks.strip(b" +-"):
            raise DiffError(f"line {self._number}: a line of a hunk begins with neither blank, + nor -")
        is_kept = b"-" not in marks
        for parent, mark in enumerate(marks):
            if mark == (0x20 if is_kept else 0x2D):
                self._old[parent] -= 1
        if is_kept:
            if b"+" in marks and self._path:
                self._added.append((self._at, text[parents:]))
            self._at += 1
            self._new -= 1
        if self._new < 0 or min(self._old) < 0:
            raise DiffError(f"line {self._number}: a hunk has more lines than its header says")


def _unquoted(text: bytes) -> bytes:
    """A path in git's quotes: C escapes and octal bytes; what follows the closing quote is left off."""
    out = bytearray()
    at = 1
    while at < len(text) and text[at] != 0x22:
        if text[at] != 0x5C or at + 1 >= len(text):
            out.append(text[at])
            at += 1
        elif _OCTAL.issuperset(text[at + 1 : at + 4]) and at + 4 <= len(text):
            out.append(int(text[at + 1 : at + 4], 8) & 0xFF)
            at += 4
        else:
            out.append(_ESCAPES.get(text[at + 1], text[at + 1]))
            at += 2
    return bytes(out)
