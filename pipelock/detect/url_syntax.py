"""Tricks with the form of a URL: line breaks, dot-dot segments, escapes piled on escapes."""

from __future__ import annotations

from pipelock.detect.url_percent import decode_percent
from pipelock.detect.url_view import UrlParts, UrlView

__all__ = ["has_line_break", "is_overencoded", "leaves_its_folder"]

# UTF-8 forbids these two-byte spellings of "." and "/", but lenient decoders take them (CVE-2000-0884 and on).
_OVERLONG = ((b"\xc0\xae", b"."), (b"\xc0\xaf", b"/"), (b"\xc1\x9c", b"\\"))
_PADDING = b" \t\x00"


def has_line_break(parts: UrlParts) -> bool:
    """Whether CR or LF stands in what is sent, raw or under any number of escapes. The fragment is never sent."""
    sent = parts.sent
    if "\n" in sent or "\r" in sent:
        return True
    if "%" not in sent:
        return False
    data = parts.decoded.data
    return b"\n" in data or b"\r" in data


def leaves_its_folder(path: str) -> bool:
    """Whether a segment of `path` is dot-dot, with dots and slashes or backslashes in any spelling.

    Path parameters (`..;x`) and padding around the dots count, because servers drop them.
    """
    if "." not in path and "%" not in path:
        return False
    if "%" in path:
        data = decode_percent(path).data
        for spelling, plain in _OVERLONG:
            data = data.replace(spelling, plain)
    elif ".." not in path:
        return False
    else:
        data = path.encode("utf-8", "surrogatepass")
    if b".." not in data:
        return False
    segments = data.replace(b"\\", b"/").split(b"/")
    return any(segment.partition(b";")[0].strip(_PADDING) == b".." for segment in segments)


def is_overencoded(view: UrlView) -> bool:
    """Whether ASCII letters or digits are escaped twice or more.

    No encoder escapes them even once, so it is not the nesting of redirects. Two rounds need four such characters,
    because "5%2550" is also how somebody writes a percent sign.
    """
    if "%25" not in view.url:
        return False
    decoded = view.parts.decoded
    return decoded.hidden >= 4 or (decoded.rounds >= 3 and decoded.hidden >= 2)
