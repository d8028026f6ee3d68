"""What may be kept of the path of a URL that may not: enough to say for which paths a rule is a false alarm.

A URL in which something was found is kept as its host alone. Of its path those segments may be told too that nobody
would take for a key: short words in small letters, versions such as `v1`. They are told only where all that was found
stands in the query or behind it, none of it was put together from several parts, and no such word stands there as well.
Everything else is a `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pipelock.engine._suppress import matches_path
from pipelock.model import ActionSummary, Finding

__all__ = ["MAX_SEGMENTS", "REDUCED", "has_no_unknown", "is_whole", "matcher", "may_match", "origin_of", "outline"]

REDUCED = "/[redacted]"
"""Ends a URL of which the host alone is kept."""

MAX_SEGMENTS = 6
"""Of a path; what follows is one `*`. Fewer than the words of any seed phrase."""
MAX_WORD = 16
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_JOINS = frozenset("-_.")
# What no pattern can name: a pattern that matches both of these matches whatever stands there.
_ANY = ("\ue000", "\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009")


def outline(url: str, findings: Collection[Finding]) -> str:
    """`/v1/*/items` for a URL that may not be kept; empty where nothing of its path may be told."""
    _, mark, rest = url.partition("://")
    if not mark or not findings or "\\" in rest or "%" in rest.partition("?")[0]:
        return ""
    for finding in findings:
        if not finding.place.startswith(("url:query", "url:fragment")) or "joined" in finding.path:
            return ""
    end = min((at for at in (rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    head, behind = rest[:end], rest[end:].casefold()
    authority, slash, path = head.partition("/")
    if not slash or "@" in authority:
        return ""
    segments = path.split("/")
    shown = [segment if not segment or _is_word(segment, behind) else "*" for segment in segments[:MAX_SEGMENTS]]
    if len(segments) > MAX_SEGMENTS:
        shown.append("*")
    return "/" + "/".join(shown)


def _is_word(segment: str, behind: str) -> bool:
    """Whether a segment is a word that gives nothing away; `behind` is the folded query, where the secret stands."""
    if len(segment) > MAX_WORD or (len(segment) > 2 and segment in behind):
        return False
    if segment[0] == "v" and 1 < len(segment) <= 3 and _DIGITS.issuperset(segment[1:]):
        return True
    letters = segment.translate(_NO_JOINS)
    return bool(letters) and _LETTERS.issuperset(letters)


_NO_JOINS = {ord(char): None for char in _JOINS}


def has_no_unknown(path: str) -> bool:
    """Whether an outline names the whole path."""
    return bool(path) and "*" not in path


def may_match(pattern: str, origin: str, path: str) -> bool | None:
    """Whether a `path` of `suppress` means a URL of which only `scheme://host[:port]` and an outline are known.

    `None` where that can't be told. An empty outline is a path of which nothing is known.
    """
    unknown = (
        [origin + path.replace("*", text) for text in _ANY] if path else [f"{origin}/{text}/{text}" for text in _ANY]
    )
    if all(matches_path(pattern, url) for url in unknown):
        return True
    wanted_scheme, mark, rest = pattern.partition("://")
    host, slash, wanted = (rest if mark else pattern).partition("/")
    if not mark:
        return None  # it may be a path's end, or a host
    if not matches_path(f"{wanted_scheme}://{host}*", origin + "/"):
        return False
    if "?" in wanted.partition("*")[0] or has_no_unknown(path):
        # It names a query, of which nothing is known; or the path is known, and it is another one.
        return None if "?" in wanted else False
    fixed, known = f"{slash}{wanted}".partition("*")[0], path.partition("*")[0]
    return None if fixed.startswith(known) or known.startswith(fixed) else False


def is_whole(url: str) -> bool:
    """Whether a record has all of a URL."""
    return bool(url) and not url.endswith((REDUCED, "…")) and "[redacted]" not in url


def matcher(action: ActionSummary) -> Callable[[str], bool | None]:
    """What says of a `path` of `suppress` whether it means the URL of a recorded action; `None`: it can't be told."""
    url = action.url
    if is_whole(url):
        return lambda pattern: matches_path(pattern, url)
    if not url.endswith(REDUCED):
        return lambda _pattern: None
    origin = origin_of(action)
    return lambda pattern: may_match(pattern, origin, action.path)


def origin_of(action: ActionSummary) -> str:
    """`scheme://host[:port]` of a URL that was reduced, which names no port."""
    origin = action.url.removesuffix(REDUCED)
    standard = {"http": 80, "https": 443}.get(origin.partition("://")[0])
    return origin if action.port in (0, standard) else f"{origin}:{action.port}"
