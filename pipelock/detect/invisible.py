"""Characters that a person does not see and a program reads: in files, where nothing strips them.

What writing needs is left alone: joiners between letters of scripts that have them and inside emoji, a variation
selector after the character it is for, the tag sequences of regional flags, a byte order mark at the start. What is
left is told with how bad it is: text in tags and long runs can carry orders or data, bidirectional controls show code
in another order than it runs in, single stray characters mostly come from copying.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterator

import msgspec

from pipelock.model import Severity

__all__ = ["Hidden", "hidden_characters"]

_TAGS = range(0xE0000, 0xE0080)
_FLAG = "\U0001f3f4"
_END_OF_TAGS = 0xE007F
_SELECTORS = range(0xFE00, 0xFE10)
_MORE_SELECTORS = range(0xE0100, 0xE01F0)
_BIDI = frozenset({*range(0x202A, 0x202F), *range(0x2066, 0x206A)})
_MARKS = frozenset({0x061C, 0x200E, 0x200F})
_JOINERS = frozenset({0x200C, 0x200D})
_WIDTHLESS = frozenset({0x180E, 0x200B, *_JOINERS, *range(0x2060, 0x2065), *range(0x206A, 0x2070), 0xFEFF})
_FILLERS = frozenset({0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0})
_ANNOTATIONS = range(0xFFF9, 0xFFFC)
_SEPARATORS = frozenset({0x2028, 0x2029})
_SOFT = frozenset({0x00AD, 0x034F, 0x17B4, 0x17B5})
_WHITE = frozenset("\t\n\v\f\r\x85")
_TERMINAL = frozenset({0x08, 0x1B, 0x7F, 0x9B})
_KINDS: dict[str, Container[int]] = {
    "tag": _TAGS,
    "variation selector": frozenset({*_SELECTORS, *_MORE_SELECTORS}),
    "bidi": _BIDI,
    "zero-width": _WIDTHLESS,
    "mark": _MARKS,
    "filler": _FILLERS,
    "annotation": _ANNOTATIONS,
    "separator": _SEPARATORS,
    "soft": _SOFT,
}
_PLAIN = {"bidi": Severity.HIGH, "annotation": Severity.MEDIUM}
_RUN = 4
"""Characters without width from which on a run says something: four make up at least eight bits."""


class Hidden(msgspec.Struct, frozen=True):
    """A run of characters of one kind.

    Attributes:
        start: Characters before it.
        end: Likewise, behind it.
        kind: `tag`, `bidi`, `zero-width`, `variation selector`, `filler`, `annotation`, `separator`, `control`, `mark`,
            `soft`.
    """

    start: int
    end: int
    code_point: int
    kind: str
    severity: Severity

    @property
    def name(self) -> str:
        """Unicode's name of the first character; controls have none and are called by their number."""
        return unicodedata.name(chr(self.code_point), f"CONTROL {self.code_point:04X}")


def hidden_characters(text: str) -> Iterator[Hidden]:
    """The runs of invisible characters in `text`, in order. Linear; text without any costs one pass of C."""
    kinds = {char: kind for char in set(text) if (kind := _kind(ord(char)))}
    if not kinds:
        return
    end = 0
    for start in _starts(text, kinds):
        if start < end:
            continue
        kind = kinds[text[start]]
        end = start + 1
        while end < len(text) and kinds.get(text[end]) == kind:
            end += 1
        severity = _severity(text, start, end, kind)
        if severity is not None:
            yield Hidden(start, end, ord(text[start]), kind, severity)


def _starts(text: str, kinds: dict[str, str]) -> Iterator[int]:
    if len(kinds) == 1:
        # The most frequent case by far, a stray character of one sort, needs no loop over all of them.
        (char,) = kinds
        at = text.find(char)
        while at >= 0:
            yield at
            at = text.find(char, at + 1)
        return
    for at, char in enumerate(text):
        if char in kinds:
            yield at


def _kind(code: int) -> str:
    if code < 0xA0:
        return "control" if (code < 0x20 or code >= 0x7F) and chr(code) not in _WHITE else ""
    return next((kind for kind, codes in _KINDS.items() if code in codes), "")


def _severity(text: str, start: int, end: int, kind: str) -> Severity | None:
    """How bad a run is; `None` where it is part of how people write."""
    before = text[start - 1] if start else ""
    after = text[end] if end < len(text) else ""
    run = text[start:end]
    match kind:
        case "tag":
            severity = None if before == _FLAG and _is_region(run) else Severity.CRITICAL
        case "zero-width":
            severity = _widthless(run, before, after)
        case "variation selector":
            severity = _selector(run, before)
        case "filler":
            severity = _filler(ord(run[0]), before, after)
        case "control":
            severity = Severity.MEDIUM if ord(run[0]) in _TERMINAL else Severity.LOW
        case _:
            severity = _PLAIN.get(kind, Severity.LOW)
    return severity


def _is_region(run: str) -> bool:
    """Whether tags spell a region's code, such as `gbeng`: more than six letters could be an order."""
    return 4 <= len(run) <= 7 and ord(run[-1]) == _END_OF_TAGS


def _widthless(run: str, before: str, after: str) -> Severity | None:
    if run == "\ufeff" and not before:
        return None
    if len(run) >= _RUN:
        return Severity.HIGH
    if all(ord(char) in _JOINERS for char in run) and _joins(before) and (_joins(after) or not after.isalnum()):
        return None
    return Severity.MEDIUM


def _joins(char: str) -> bool:
    """Whether a joiner beside `char` changes how it is written: letters and marks beyond Latin, and emoji."""
    return char > "\u0500" and unicodedata.category(char) in ("Lo", "Lm", "Mn", "Mc", "So", "Sk")


def _selector(run: str, before: str) -> Severity | None:
    if len(run) >= _RUN:
        return Severity.HIGH
    if len(run) > 1 or not before or before.isspace():
        return Severity.MEDIUM
    if ord(run) in _MORE_SELECTORS:
        return None if unicodedata.category(before) == "Lo" else Severity.HIGH
    # Keycaps and some signs of ASCII have an emoji form; other plain letters have none.
    return None if not before.isascii() or before in "#*0123456789" else Severity.MEDIUM


def _filler(code: int, before: str, after: str) -> Severity | None:
    if code in (0x115F, 0x1160) and any("\u1100" <= char <= "\u11ff" for char in (before, after) if char):
        return None
    return Severity.LOW if code == 0x2800 else Severity.HIGH
