"""Placeholders instead of what must not leave: which parts of a list of texts are replaced, and by what.

A placeholder is `<pl:CLASS:N>`. N counts from 1 for each class in each request, and one value has one number, so that a
model can still tell two people apart; nothing relates the numbers of two requests. Where two matches overlap, the
higher priority of their classes wins, then the one that begins first, then the longer one.

All texts are searched in one pass. Limits: `max_redactions` replaced places in a request; 10 000 dictionary entries of
256 characters each. What goes beyond a limit is refused as a whole: half a redaction is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipelock.detect import checksums
from pipelock.detect._pattern import for_bytes
from pipelock.detect.matcher import Matcher
from pipelock.detect.redaction_classes import CLASSES, believed, rules_of
from pipelock.detect.views import SEPARATOR, Place, View
from pipelock.detect.watch import Watcher

__all__ = ["MAX_ENTRIES", "MAX_ENTRY", "Dictionary", "Limits", "RedactionError", "Redactor", "Replaced"]

MAX_ENTRIES = 10_000
MAX_ENTRY = 256
_MAX_REDACTIONS = 100_000
"""More than this no configuration allows: it is what one pass of the matcher looks at."""
_MAX_ROUNDS = 8
_PER_PATTERN = 100
_WORD_EDGES = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SPECIAL = frozenset("\\.+*?()|[]{}^$/-#&~\"'<>=!:;,@%` \t")


class RedactionError(Exception):
    """The texts can't be redacted, so they must not leave. `code` is one of the published words for why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one redaction: bytes of the body, replaced places, levels of JSON."""

    max_body_bytes: int = 10_485_760
    max_redactions: int = 10_000
    max_depth: int = 64


class Dictionary(msgspec.Struct, frozen=True):
    """Words of the operator's own. A class of its own name, or one of the shipped, whose numbers it then shares."""

    kind: str
    entries: tuple[str, ...]
    case_insensitive: bool = False
    word_boundary: bool = False
    priority: int = 0


class Replaced(NamedTuple):
    """The texts in their order, `None` for those that stay, and how many places of each class were replaced."""

    texts: list[bytes | None]
    counts: dict[str, int]


class _Shape(NamedTuple):
    kind: str
    priority: int
    check: Callable[[str], bool] | None = None


class _Match(NamedTuple):
    start: int
    end: int
    shape: _Shape


class _CrossedError(Exception):
    """A match reaches from one text into the next."""


class Redactor:
    """Finds and replaces. Pure, and safe to share between threads.

    Args:
        classes: Names from `CLASSES`.
        dictionaries: Words of the operator's own.
        limits: Bounds of one request.
        watchers: What finds the members of classes that no pattern can name, each with its class.
        cache: Directory for compiled pattern databases (0700), or `None`. Dictionaries never go there.
        native: Use Hyperscan where it is there; the results are the same without.

    Raises:
        MatcherError: a pattern can't be compiled.
        ValueError: a class that nobody knows, or too many or too long dictionary entries.
    """

    def __init__(
        self,
        classes: Sequence[str],
        dictionaries: Sequence[Dictionary] = (),
        limits: Limits | None = None,
        *,
        watchers: Sequence[tuple[str, Watcher]] = (),
        cache: Path | None = None,
        native: bool = True,
    ) -> None:
        unknown = [name for name in classes if name not in CLASSES]
        if unknown:
            raise ValueError(f"no redaction class {unknown[0]!r}")
        self.limits = limits or Limits()
        self._watchers = [
            (_Shape(kind, CLASSES[kind].priority), watcher) for kind, watcher in watchers if kind in classes
        ]
        rules = rules_of(tuple(classes))
        self._shapes = [
            _Shape(kind, CLASSES[kind].priority, checksums.CHECKS.get(rule.validator)) for kind, rule in rules
        ]
        self._matcher = Matcher(
            [for_bytes(rule.pattern, case=rule.case) for _, rule in rules],
            literals=[rule.literals for _, rule in rules],
            cache=cache,
            native=native,
        )
        words = list(_dictionary_patterns(dictionaries))
        self._word_shapes = [shape for shape, _ in words]
        # Without a cache: what is in a dictionary is nobody else's business.
        self._words = Matcher([pattern for _, pattern in words], native=native)

    def replace(self, texts: Sequence[bytes], times: Sequence[int] = (), *, rigid: Sequence[bytes] = ()) -> Replaced:
        """Put placeholders into `texts`, UTF-8 each.

        Args:
            texts: In the order of the document: numbers are given in it.
            times: How often each stands there; once by default.
            rigid: Texts that can hold no placeholder, such as numbers of JSON.

        Raises:
            RedactionError: too many places, or something to be replaced in `rigid`.
            MatcherError: the matcher failed; block.
        """
        whole = SEPARATOR.join([*texts, *rigid])
        matches = self._matches(whole)
        if not matches:
            return Replaced([None] * len(texts), {})
        starts = _starts(texts)
        edge = starts[-1] + len(texts[-1]) if texts else -1
        if any(match.end > edge for match in matches):
            raise RedactionError(
                "secret_in_numeric_scalar", "a number of the body is something that redaction replaces; send it as text"
            )
        return self._filled(whole, matches, texts, starts, times or [1] * len(texts))

    def _filled(
        self, whole: bytes, matches: list[_Match], texts: Sequence[bytes], starts: list[int], times: Sequence[int]
    ) -> Replaced:
        out: list[bytes | None] = [None] * len(texts)
        pieces: dict[int, list[bytes]] = {}
        ends: dict[int, int] = {}
        numbers: dict[str, dict[bytes, int]] = {}
        counts: Counter[str] = Counter()
        for match in matches:
            index = bisect_right(starts, match.start) - 1
            known = numbers.setdefault(match.shape.kind, {})
            number = known.setdefault(whole[match.start : match.end], len(known) + 1)
            placeholder = f"<pl:{match.shape.kind}:{number}>".encode()
            pieces.setdefault(index, []).extend((whole[ends.get(index, starts[index]) : match.start], placeholder))
            ends[index] = match.end
            counts[match.shape.kind] += times[index]
        if counts.total() > self.limits.max_redactions:
            raise _overflow(self.limits.max_redactions)
        for index, some in pieces.items():
            out[index] = b"".join([*some, whole[ends[index] : starts[index] + len(texts[index])]])
        return Replaced(out, dict(sorted(counts.items())))

    def _matches(self, whole: bytes) -> list[_Match]:
        """What is replaced, by position and without overlap."""
        limit = min(self.limits.max_redactions, _MAX_REDACTIONS)
        taken = bytearray(len(whole))
        chosen: list[_Match] = []
        left = whole
        for _ in range(_MAX_ROUNDS):
            found = self._proposed(left)
            found.sort(key=lambda match: (-match.shape.priority, match.start, -match.end))
            fresh = []
            for match in found:
                if taken.find(1, match.start, match.end) < 0:
                    taken[match.start : match.end] = b"\x01" * (match.end - match.start)
                    fresh.append(match)
            chosen += fresh
            if len(chosen) > limit:
                raise _overflow(limit)
            if not fresh:
                return sorted(chosen, key=lambda match: match.start)
            # A rule may need an edge that its neighbour has used up: what was found is blanked and the rest searched.
            left = _blanked(whole, chosen)
        raise RedactionError("redaction_overflow", "what is to be replaced is nested too deeply to be told apart")

    def _proposed(self, data: bytes) -> list[_Match]:
        found: list[_Match] = []
        for matcher, shapes in ((self._matcher, self._shapes), (self._words, self._word_shapes)):
            for number in matcher.propose(data) if len(matcher) else ():
                found += self._of_rule(matcher, number, shapes[number], data)
        if self._watchers:
            found += self._watched(data)
        return found

    def _watched(self, data: bytes) -> Iterator[_Match]:
        """What watchers see in each text, and every other place where the same stands."""
        starts: dict[int, int] = {}
        views = []
        at = 0
        for text in data.split(SEPARATOR):
            views.append(View(Place("body", text), text))
            starts[id(views[-1])] = at
            at += len(text) + len(SEPARATOR)
        for shape, watcher in self._watchers:
            for one in watcher.find(views):
                base = starts[id(one.view)]
                value = data[base + one.start : base + one.end]
                place = data.find(value) if value else -1
                while place >= 0:
                    yield _Match(place, place + len(value), shape)
                    place = data.find(value, place + len(value))

    def _of_rule(self, matcher: Matcher, number: int, shape: _Shape, data: bytes) -> list[_Match]:
        try:
            return list(self._within(matcher, number, shape, data, 0))
        except _CrossedError:
            # It ran over the edge of a text and may have swallowed true matches: ask each text alone.
            found: list[_Match] = []
            at = 0
            for text in data.split(SEPARATOR):
                found += self._within(matcher, number, shape, text, at)
                at += len(text) + len(SEPARATOR)
            return found

    def _within(self, matcher: Matcher, number: int, shape: _Shape, data: bytes, base: int) -> Iterator[_Match]:
        for seen, hit in enumerate(matcher.hits(number, data)):
            if seen >= _MAX_REDACTIONS:
                raise _overflow(_MAX_REDACTIONS)
            start, end = hit.inner_start, hit.inner_end
            inner = data[start:end]
            if SEPARATOR in inner:
                raise _CrossedError
            checked = bool(inner) and (shape.check is None or shape.check(inner.decode("latin-1")))
            if checked and believed(shape.kind, data, start, end):
                yield _Match(base + start, base + end, shape)


def _overflow(limit: int) -> RedactionError:
    return RedactionError("redaction_overflow", f"more than {limit} places would have to be replaced")


def _starts(texts: Sequence[bytes]) -> list[int]:
    sizes = [len(text) + len(SEPARATOR) for text in texts]
    return list(accumulate(sizes[:-1], initial=0)) if sizes else []


def _blanked(whole: bytes, matches: Sequence[_Match]) -> bytes:
    left = bytearray(whole)
    for match in matches:
        left[match.start : match.end] = b"\n" * (match.end - match.start)
    return bytes(left)


def _dictionary_patterns(dictionaries: Sequence[Dictionary]) -> Iterator[tuple[_Shape, bytes]]:
    """Some hundred entries a pattern, the longest first, so that of two that begin alike the longer one is taken."""
    if sum(len(one.entries) for one in dictionaries) > MAX_ENTRIES:
        raise ValueError(f"more than {MAX_ENTRIES} dictionary entries")
    for one in dictionaries:
        shape = _Shape(one.kind, one.priority)
        words = sorted({form for entry in one.entries for form in _forms(one, entry)}, key=lambda word: -len(word))
        for at in range(0, len(words), _PER_PATTERN):
            alternatives = "|".join(_literal(one, word) for word in words[at : at + _PER_PATTERN])
            yield shape, for_bytes(f"(?:{alternatives})", case=not one.case_insensitive)


def _forms(dictionary: Dictionary, entry: str) -> set[str]:
    """The spellings of an entry: matching without regard to case knows ASCII alone."""
    if not 0 < len(entry) <= MAX_ENTRY:
        raise ValueError(f"a dictionary entry must have 1 to {MAX_ENTRY} characters")
    if not dictionary.case_insensitive or entry.isascii():
        return {entry}
    return {entry, entry.lower(), entry.upper(), entry.title()}


def _literal(dictionary: Dictionary, word: str) -> str:
    text = "".join(f"\\x{ord(char):02x}" if char in _SPECIAL or char < " " else char for char in word)
    if not dictionary.word_boundary:
        return text
    # Beside a letter that is no ASCII a byte-wise word edge would lie inside the letter's own bytes.
    before = "\\b" if word[0] in _WORD_EDGES else ""
    after = "\\b" if word[-1] in _WORD_EDGES else ""
    return before + text + after
