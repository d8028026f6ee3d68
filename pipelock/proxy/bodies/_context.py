"""With what a window of a body is judged: the end of what went before, chosen so that it can be read.

A window stands in the middle of something. Four kilobytes of what the receiver has already come before it, and they
begin where a reader that knows nothing else can begin:

- inside a run, wrapped or not, that may be base64, base32 or hexadecimal, at a whole number of groups from its start;
- in UTF-16 and UTF-32 at a whole character, with the byte order mark in front if there was one;
- in UTF-8 at a whole character, and not behind a backslash;
- in a multipart body behind the head of the part that goes on, boundary and all, whose base64 is kept in step as well;
- in a uuencoded file behind its first line, at a line.

Whether a run or a character is in step is known by induction: each window begins in step with the one before.
"""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

from pipelock.detect.charsets import charset_of
from pipelock.detect.fields import boundary_of
from pipelock.proxy.bodies._cuts import run_start

__all__ = ["CONTEXT", "MAX_HEAD", "Context"]

CONTEXT = 4_096
"""Bytes that went before and are judged again with what follows."""
MAX_HEAD = 16_384
"""The largest head of a part of a multipart body. Of a larger one nothing is repeated, and what follows is not read."""

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_RUN = bytes(code in _BASE64 or code in b"-_\r\n" for code in range(256))
_LINE_ENDS = b"\r\n"
_NOT_BASE64 = bytes(code for code in range(256) if code not in _BASE64)
_GROUP = 8
"""Characters after which base64 (4), base32 (8) and hexadecimal (2) begin anew."""
_ESCAPE = 6
_UU = b"begin "
_LONGEST_LINE = 256
_MARKS = (BOM_UTF32_LE, BOM_UTF32_BE, BOM_UTF16_LE, BOM_UTF16_BE)


class Context:
    """What comes before the next window of one body. Each call costs one pass over the window, or a little more."""

    def __init__(self, content_type: str) -> None:
        charset = charset_of(content_type) or ""
        self._is_wide = charset.startswith(("utf-16", "utf-32"))
        boundary = boundary_of(content_type) if content_type.lstrip().lower().startswith("multipart/") else b""
        self._boundary = b"--" + boundary if boundary else b""
        self._mark = b""
        self.data = b""
        """What is put in front of the next window."""

    def advance(self, body: bytes, end: int) -> None:
        """`body`, which begins with `data`, has gone on up to `end`."""
        if not self.data and body.startswith(_MARKS):
            self._mark = body[:4] if body.startswith(_MARKS[:2]) else body[:2]
            self._is_wide = True
        # What is repeated in front of every window is no part of the text.
        lead, first = self._lead(body, end)
        start = max(end - CONTEXT, first)
        if self._is_wide:
            start = max(start - (start - len(self._mark)) % 4, first)
        elif lead.startswith(_UU):
            start = max(body.rfind(b"\n", first, start) + 1, first)
        elif lead and _is_base64(lead):
            start = _in_step(body, first, start)
        else:
            start = max(_aligned(body, start), first)
        self.data = lead + body[start:end]

    def _lead(self, body: bytes, end: int) -> tuple[bytes, int]:
        """What is repeated, and where in `body` the text behind it begins."""
        if self._mark:
            return self._mark, len(self._mark)
        at = body.rfind(self._boundary, 0, end) if self._boundary else -1
        if at < 0:
            return _uuencoded(body, end)
        gaps = [(found, len(gap)) for gap in (b"\r\n\r\n", b"\n\n", b"\r\r") if (found := body.find(gap, at, end)) >= 0]
        found, size = min(gaps, default=(end, 0))  # where the head is still coming, all of it is needed
        first = found + size
        return (body[at:first], first) if first - at <= MAX_HEAD else (b"", 0)


def _uuencoded(body: bytes, end: int) -> tuple[bytes, int]:
    """The line that begins a uuencoded file which goes on at `end`, and where its lines begin."""
    at = body.rfind(_UU, 0, end)
    first = body.find(b"\n", at, min(at + _LONGEST_LINE, end)) + 1 if at >= 0 else 0
    is_line = first and (at == 0 or body[at - 1 : at] == b"\n") and body[at + len(_UU) : at + len(_UU) + 3].isdigit()
    return (body[at:first], first) if is_line and b"\nend" not in body[first - 1 : end] else (b"", 0)


def _is_base64(head: bytes) -> bool:
    lines = head.lower().replace(b" ", b"").replace(b"\t", b"")
    return b"content-transfer-encoding:base64" in lines


def _in_step(body: bytes, first: int, start: int, group: int = 4, others: bytes = _NOT_BASE64) -> int:
    """The nearest place up to `start` that is whole groups of characters behind `first`, `others` not counted."""
    over = len(body[first:start].translate(None, others)) % group
    while over and start > first:
        start -= 1
        over -= body[start] not in others
    return start


def _aligned(body: bytes, start: int) -> int:
    """The nearest place up to `start` where a text can be read from."""
    # Letters of a text are a run as well; a few more of them do no harm. Encoded runs may be wrapped.
    run = run_start(body, 0, start, _RUN)
    start = _in_step(body, run, start, _GROUP, _LINE_ENDS)
    escape = body.find(b"\\", max(start - _ESCAPE, 0), start)
    if escape >= 0:
        return escape
    least = max(start - 3, 0)
    while start > least and start < len(body) and body[start] & 0xC0 == 0x80:
        start -= 1
    return start
