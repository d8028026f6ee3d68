"""Where a judged window is cut: what is before the cut passes, what is behind it is judged again with what follows."""

from __future__ import annotations

import msgspec

from pipelock.detect.media import looks_like_svg, sniff

__all__ = ["flush_cut", "may_flow", "run_start", "window_cut"]

_REACH = 4_096
"""How far back a better place to cut is looked for."""
_RUN = bytes(code < 128 and (chr(code).isalnum() or chr(code) in "+/-_") for code in range(256))
_LONGEST_RUN = 131_072
"""An unbroken run up to this length is not cut, as it may be one packed text."""
_BLANKS = b" \t\r\n"


def window_cut(body: bytes, known: int, hold_back: int) -> int:
    """Where to cut a full window: at least `hold_back` bytes before its end, and behind `known`.

    At the start of a long unbroken run that goes on up to there, behind a line, behind a word, or else behind a
    character. Costs a pass over the window at most.
    """
    last = max(len(body) - hold_back, known)
    least = max(last - _REACH, known)
    run = run_start(body, known, last, _RUN)
    if run <= least and known < run and last - run <= _LONGEST_RUN:
        return run
    for sign in (b"\n", b" ", b"&", b",", b"\0"):
        at = body.rfind(sign, least, last)
        if at >= 0:
            return at + 1
    return _behind_character(body, last, least)


def run_start(body: bytes, first: int, end: int, marks: bytes) -> int:
    """Where the unbroken run begins that ends at `end`, at `first` at the earliest; `marks` are 1 for what is in it."""
    near = max(end - _REACH, first)
    for start, stop in ((near, end), (first, near)):
        at = body[start:stop].translate(marks).rfind(b"\0")
        if at >= 0:
            return start + at + 1
    return first


def flush_cut(body: bytes, known: int) -> int:
    """Where to cut what a slow answer has brought: behind its last white space; `known` where there is none."""
    return max(known, *(body.rfind(bytes([blank]), known) + 1 for blank in _BLANKS))


def may_flow(data: bytes, content_type: str) -> bool:
    """Whether a slow answer that begins with `data` may pass piece by piece although all of it may be short.

    Not what has to be whole to be judged: images, sound, film, drawings, and JSON that is one document.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(("image/", "audio/", "video/", "multipart/")) or sniff(data) is not None or looks_like_svg(data):
        return False
    start = data[:64].lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if kind.endswith("json") or start in (b"{", b"["):
        return _is_lines_of_json(data)
    return True


def _is_lines_of_json(data: bytes) -> bool:
    """Whether the first line is a whole document. Where it is not, one document may be spread over many lines."""
    first, ended, _ = data.partition(b"\n")
    try:
        return bool(ended) and msgspec.json.decode(first, type=msgspec.Raw) is not None
    except msgspec.DecodeError:
        return False


def _behind_character(body: bytes, last: int, least: int) -> int:
    """The nearest place up to `last` that is not inside a character of UTF-8."""
    at = last
    while at > max(least, last - 3) and at < len(body) and body[at] & 0xC0 == 0x80:
        at -= 1
    # Four bytes that all continue something are no UTF-8.
    return at if at < len(body) and body[at] & 0xC0 != 0x80 else last
