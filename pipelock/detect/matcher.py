"""Many patterns over one text in linear time.

Hyperscan proposes which patterns occur, in one pass; RE2 finds where, for those alone. Where Hyperscan is missing,
RE2 is asked pattern by pattern, with the same verdicts. Inputs are scanned whole: the native scan is linear to any
size, so cutting them into blocks would only create edges at which a match could hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelock.detect._native import NativeDatabase, NativeError, is_available
from pipelock.detect._pattern import PatternError, alternatives, compile_linear, tail

__all__ = ["Hit", "Matcher", "MatcherError"]

_STEP = 1_024


class MatcherError(RuntimeError):
    """The matcher failed: the text has not been judged, so the caller must block."""


class Hit(NamedTuple):
    """Where a pattern matched: offsets in bytes; `inner` is the first group's range, or the whole one."""

    start: int
    end: int
    inner_start: int
    inner_end: int


def _trials(samples: Sequence[str], owners: Sequence[int]) -> list[tuple[bytes, frozenset[int]]]:
    """Each sample with the numbers of the expressions that its pattern was made into."""
    numbers: dict[int, list[int]] = {}
    for number, owner in enumerate(owners):
        numbers.setdefault(owner, []).append(number)
    return [(text.encode(), frozenset(numbers[owner])) for owner, text in enumerate(samples) if text]


class Matcher:
    """Compiled patterns. Pure and safe to share between threads.

    Args:
        patterns: In the dialect of `_pattern.for_bytes`.
        literals: For each pattern, lower-case words of which every match has one; used by the fallback alone.
        samples: For each pattern a text it matches, or an empty one: what a cached database is tried on before use.
        cache: Directory for compiled databases (0700), or `None`.
        native: Use Hyperscan where it is there.

    Raises:
        MatcherError: a pattern can't be compiled.
    """

    def __init__(
        self,
        patterns: Sequence[bytes],
        *,
        literals: Sequence[Sequence[str]] = (),
        samples: Sequence[str] = (),
        cache: Path | None = None,
        native: bool = True,
    ) -> None:
        self._patterns = tuple(patterns)
        self._literals = tuple(tuple(word.encode() for word in words) for words in literals)
        self._compiled: list[Any] = [None] * len(self._patterns)
        self._tails = [b""] * len(self._patterns)
        self._owners: list[int] = []
        self._database: NativeDatabase | None = None
        if native and is_available() and self._patterns:
            # Each alternative is an expression of its own; `_owners` leads back to the pattern.
            parts = [alternatives(pattern) for pattern in self._patterns]
            self._owners = [number for number, some in enumerate(parts) for _ in some]
            try:
                self._database = NativeDatabase(
                    [part for some in parts for part in some], cache, samples=_trials(samples, self._owners)
                )
            except NativeError as error:
                raise MatcherError(f"the patterns can't be compiled: {error}") from error

    def __len__(self) -> int:
        """How many patterns there are."""
        return len(self._patterns)

    @property
    def engine(self) -> str:
        """`hyperscan` or `re2`."""
        return "re2" if self._database is None else "hyperscan"

    def propose(self, data: bytes) -> list[int]:
        """Numbers of the patterns that occur in `data`, ascending.

        Raises:
            MatcherError: nothing is known about `data`.
        """
        if self._database is None:
            return self._propose_linear(data)
        try:
            found = self._database.scan(data)
        except NativeError as error:
            raise MatcherError(f"the matcher failed: {error}") from error
        if not found:
            return found
        owners = self._owners
        return [owners[found[0]]] if len(found) == 1 else sorted({owners[number] for number in found})

    def _propose_linear(self, data: bytes) -> list[int]:
        lowered = data.lower()
        found = []
        for number in range(len(self._patterns)):
            words = self._literals[number] if self._literals else ()
            if words and not any(word in lowered for word in words):
                continue
            if self._regexp(number).search(data) is not None:
                found.append(number)
        return found

    def hits(self, number: int, data: bytes) -> Iterator[Hit]:
        """Every match of pattern `number` in `data`, from left to right without overlap.

        Raises:
            MatcherError: the pattern can't be compiled.
        """
        regexp = self._regexp(number)
        signs = self._tails[number]
        if signs:
            yield from _with_tails(regexp, signs, data)
        elif not regexp.groups:
            for match in regexp.finditer(data):
                start, end = match.span()
                yield Hit(start, end, start, end)
        else:
            for match in regexp.finditer(data):
                start, end = match.span()
                first, last = match.span(1)
                yield Hit(start, end, first, last) if first >= 0 else Hit(start, end, start, end)

    def _regexp(self, number: int) -> Any:  # noqa: ANN401 - the binding publishes no types
        regexp = self._compiled[number]
        if regexp is None:
            try:
                pattern, self._tails[number] = tail(self._patterns[number])
                regexp = compile_linear(pattern)
            except PatternError as error:
                raise MatcherError(f"pattern {number} can't be compiled: {error}") from error
            # Two threads may both compile it; either result serves.
            self._compiled[number] = regexp
        return regexp


def _with_tails(regexp: Any, signs: bytes, data: bytes) -> Iterator[Hit]:  # noqa: ANN401 - as above
    """The matches of a pattern that goes on with any number of `signs`, which `regexp` leaves out."""
    at = 0
    while at <= len(data) and (match := regexp.search(data, at)) is not None:
        start, end = match.span()
        first, last = match.span(1) if regexp.groups else (start, -1)
        at = _behind(data, end, signs)
        yield Hit(start, at, first, last) if last >= 0 else Hit(start, at, start, at)
        if at == start:
            at += 1


def _behind(data: bytes, at: int, signs: bytes) -> int:
    """Where the `signs` end that stand at `at`."""
    while piece := data[at : at + _STEP]:
        rest = piece.lstrip(signs)
        at += len(piece) - len(rest)
        if rest:
            break
    return at
