"""Secrets that only their names give away: `okta_token = "…"`, `<apiKey>…</apiKey>`, `--password …`.

A rule's pattern finds what may be a name, a sign of assignment and a value, in any language's spelling; a judge here
reads the match and weighs three things: what the name says (`_assignment_names.py`), how the value is given to it, and
whether the value looks like a secret (`_assignment_values.py`). A weak sign needs a strong value. Everything is
linear: a pattern's match is read once, and at most 700 bytes of it.

What stands in a URL or a header that really travels is not judged here: tokens belong there, and the layers for them
know where they may go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipelock.detect._assignment_names import LONGEST_NAME, Name, read_name
from pipelock.detect._assignment_values import (
    LONGEST,
    is_placeholder,
    key_strength,
    password_strength,
    says_something,
)
from pipelock.detect.matcher import Hit
from pipelock.detect.views import Sighting, View

__all__ = ["Verdict", "judge_all"]

MAX_BELIEVED = 8
"""Most findings of one rule in one scan."""

_READ = LONGEST + 192
_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_SIGNS = b"=:?.+!|->~"
_QUOTES = b"\"'`"
# White space, quotation marks, brackets and commas: what no key has inside.
_GAPS = bytes(32 if chr(code) in " \t\r\n\"'`\\<>,()[]{};" else code for code in range(256))
_SHOWN = 60
_TRAVELLING = ("url", "header")


class Verdict(NamedTuple):
    """A match that is believed.

    Attributes:
        start: Where the value starts in the view, in bytes.
        end: Where it ends.
        name: The name as a finding may show it; empty where it is not harmless.
        vendor: The service that is named, or nothing.
        warns: It asks for no more than a warning.
    """

    start: int
    end: int
    name: str = ""
    vendor: str = ""
    warns: bool = False


def judge_all(
    judge: str, sighted: Sequence[Sighting], known: Mapping[int, Sequence[tuple[int, int]]], *, loose: bool = False
) -> list[tuple[Sighting, Verdict]]:
    """The matches that `judge` believes, narrowed to the secret; each secret once, at most `MAX_BELIEVED`.

    Args:
        judge: `key` or `password`.
        sighted: The matches of one rule.
        known: What is told already, by `id` of the view: ranges of bytes, ascending and apart from each other.
        loose: Don't look where parts were put together that did not stand together.
    """
    decide = _JUDGES[judge]
    seen: set[bytes] = set()
    kept: list[tuple[Sighting, Verdict]] = []
    for sighting in sighted:
        view = sighting.view
        if (loose and view.joined) or view.place.name.startswith(_TRAVELLING):
            continue
        verdict = decide(view, sighting.hit)
        if verdict is None:
            continue
        text = view.data[verdict.start : verdict.end]
        if text in seen or _overlaps(known.get(id(view), ()), verdict):
            continue
        seen.add(text)
        hit = sighting.hit._replace(inner_start=verdict.start, inner_end=verdict.end)
        kept.append((sighting._replace(hit=hit), verdict))
        if len(kept) >= MAX_BELIEVED:
            break
    return kept


def _overlaps(ranges: Sequence[tuple[int, int]], verdict: Verdict) -> bool:
    after = bisect_left(ranges, (verdict.end, 0))
    return after > 0 and ranges[after - 1][1] > verdict.start


def _key(view: View, hit: Hit) -> Verdict | None:
    """A random value that is given to the name of a key, token or secret."""
    match = view.data[hit.start : min(hit.end, hit.start + _READ)]
    pieces = match.translate(_GAPS).split()
    value = pieces[-1]
    if len(pieces) == 1:
        value = value.lstrip(_NAME).lstrip(_SIGNS) or _after_dash(value)
    value = value.lstrip(b"=:?+!|>").rstrip(b".:!?*")
    strength = key_strength(value)
    if strength < 2:
        return None
    at = match.rfind(value)
    before = match[:at]
    bare = before[: len(before) - len(before.lstrip(_NAME))] or before
    start, name = _whole_name(view.data, hit.start, bare)
    needed = _needed(view.data, start, name, before[len(bare) :])
    if needed is None or strength < needed:
        return None
    return _verdict(name, view.data[start : hit.start] + bare, hit.start + at, value)


def _after_dash(text: bytes) -> bytes:
    """The value of `VENDOR_SECRET-value`: what follows the dash after the last capital word or known name."""
    for size in range(min(len(text), LONGEST_NAME)):
        if text[size : size + 1] == b"-" and read_name(text[:size]).level:
            return text[size + 1 :]
    return b""


def _whole_name(data: bytes, start: int, bare: bytes) -> tuple[int, Name]:
    """Where the identifier really starts, as a match begins at a word inside it; and what it says."""
    lead = data[max(0, start - LONGEST_NAME) : start]
    first = start - (len(lead) - len(lead.rstrip(_NAME)))
    return first, read_name(data[first:start] + bare)


def _needed(data: bytes, start: int, name: Name, sign: bytes) -> int | None:
    """How strong the value must be, from the name and from how the value is given to it; `None` if nothing serves."""
    if not name.level:
        return None
    lead = data[max(0, start - 40) : start]
    assigned = sign.strip(b" \t\r\n\"'`\\)]@")
    if not assigned or assigned == b"is":
        return _needed_without_sign(lead, name, sign)
    if assigned[:1] == b"," and sign[:1] not in (b'"', b"'", b"`", b"\\"):
        return None
    if lead[-1:] in (b"?", b"&") and assigned == b"=":
        # In a query: the name must be plain, the value beyond doubt.
        return 3 if name.level == 3 else None
    return (None, None, 3, 2)[name.level]


def _needed_without_sign(lead: bytes, name: Name, sign: bytes) -> int | None:
    """`--token VALUE`, `API_TOKEN VALUE`, `vendor token VALUE`, `vendorKEY-VALUE`."""
    if lead.endswith(b"--") or lead.endswith(b"-"):
        return 2 if name.level == 3 else 3
    level = name.level
    words = lead.split()
    if words and level < 3:
        other = read_name(words[-1] + b"_key")
        level = 3 if other.vendor or name.loud else level
    return 3 if level == 3 or (name.loud and level == 2) else None


def _verdict(name: Name, shown: bytes, at: int, value: bytes, *, warns: bool = False) -> Verdict:
    text = shown.decode("latin-1").strip("._-")
    harmless = len(text) <= _SHOWN and key_strength(shown) == 0
    return Verdict(at, at + len(value), text if harmless else "", name.vendor, warns)


def _password(view: View, hit: Hit) -> Verdict | None:
    """Something that a person chose, given to the name of a password."""
    match = view.data[hit.start : min(hit.end, hit.start + _READ)]
    bare = match[: len(match) - len(match.lstrip(_NAME))]
    rest = match[len(bare) :]
    quoted = rest[-1:] in (b'"', b"'", b"`") and rest[-1:] in rest[:-1]
    if quoted:
        sign, _, value = rest[:-1].rpartition(rest[-1:])
        sign += rest[-1:]
    else:
        value = rest.translate(_GAPS).split()[-1].lstrip(_SIGNS) if rest.strip() else b""
        sign = rest[: rest.rfind(value)] if value else rest
    if not value:
        return None
    strength = max(password_strength(value, quoted=quoted), min(2, key_strength(value)))
    if not strength:
        return None
    start, name = _whole_name(view.data, hit.start, bare)
    if name.level < 3 or not name.password:
        return None
    lead = view.data[max(0, start - 40) : start]
    if not sign.strip(b" \t\r\n\"'`\\)]@is") and not quoted and not lead.endswith(b"-") and not name.loud:
        return None
    shown = view.data[start : hit.start] + bare
    return _verdict(name, shown, hit.start + len(bare) + len(sign), value, warns=strength < 2)


_JUDGES: dict[str, Callable[[View, Hit], Verdict | None]] = {"key": _key, "password": _password}
