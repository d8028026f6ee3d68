"""Instructions in many languages, found by what stands together in one sentence.

What a phrasebook calls a cue means nothing alone; the families say which cues make an attack together (see
`phrasebook.py`). All of it is matched in the folded letters of a text (`letters.py`).

Linear, in three steps. Words that the anchors of families must contain are looked for in one pass; a text without any
ends here. Another pass tells which cues can occur at all, and so which families of which languages. Only for those the
sentences around their anchors are looked at, each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelock.detect._context import is_documented
from pipelock.detect._pattern import compile_linear, for_bytes
from pipelock.detect._phrases import quoted
from pipelock.detect.excerpt import excerpt
from pipelock.detect.letters import fold_letters, letters_span
from pipelock.detect.matcher import Matcher
from pipelock.detect.phrasebook import Family, Language, Vocabulary
from pipelock.detect.views import SEPARATOR, View, locate
from pipelock.model import Finding, Span

__all__ = ["REACH", "LanguageScanner"]

REACH = 240
"""Bytes (of folded letters) that are looked at on either side of an anchor, at most."""
_QUESTION = "question"
"""Stands in a family for a sentence that ends in a question mark."""
# A full stop ends a sentence where something other than a word follows, so addresses and numbers stay whole.
_END = rb"[!?<>|]|[.:;](?:[\s\"')\]]|$)|\n\s*\n"


class _Case(NamedTuple):
    """One set of cues of a family in one language, by their numbers.

    Attributes:
        name: The finding's.
        needs: What must be there, the anchor included.
        bars: What must not.
        asks: Whether the sentence must be a question.
    """

    name: str
    family: Family
    anchor: int
    needs: frozenset[int]
    bars: frozenset[int]
    asks: bool


class _Text(NamedTuple):
    view: View
    letters: bytes


class LanguageScanner:
    """Finds the families of attacks in all languages. Pure, and safe to share between threads.

    Args:
        vocabulary: The languages, and what cues make together. A language that lacks a cue lacks what needs it.
        cache: Directory for compiled pattern databases (0700), or `None`.
        native: Use Hyperscan where it is there; the verdicts are the same without.

    Raises:
        MatcherError: the words can't be compiled.
    """

    def __init__(self, vocabulary: Vocabulary, *, cache: Path | None = None, native: bool = True) -> None:
        numbers: dict[tuple[int, str], int] = {}
        self._patterns: list[str] = []
        literals: list[tuple[str, ...]] = []
        for index, language in enumerate(vocabulary.languages):
            for name, cue in language.cues.items():
                numbers[index, name] = len(self._patterns)
                self._patterns.append(cue.pattern)
                literals.append(cue.literals)
        self._regexps: list[Any] = [None] * len(self._patterns)
        self._cases = tuple(_cases(vocabulary.languages, vocabulary.families, numbers))
        anchors = {case.anchor for case in self._cases}
        self._anchors = _Words({number: literals[number] for number in sorted(anchors)}, cache, native=native)
        self._cues = _Words(dict(enumerate(literals)), cache, native=native)
        self._end = compile_linear(_END)

    def find(self, views: Sequence[View]) -> list[Finding]:
        """The attacks in `views`, each family of a language once: where one is believed, no quoted one is told.

        Raises:
            MatcherError: the matcher failed; block.
        """
        texts = list(_texts(views))
        if not texts:
            return []
        whole = texts[0].letters if len(texts) == 1 else SEPARATOR.join([text.letters for text in texts])
        if not self._anchors.present(whole):
            return []
        present = self._cues.present(whole)
        cases = [case for case in self._cases if case.needs <= present]
        found: dict[str, Finding] = {}
        for text in texts:
            for case, start, end in self._sightings(text.letters, cases):
                known = found.get(case.name)
                if known is None or known.warns:
                    finding = _finding(case, text, start, end)
                    if known is None or not finding.warns:
                        found[case.name] = finding
        return list(found.values())

    def _sightings(self, letters: bytes, cases: Iterable[_Case]) -> Iterator[tuple[_Case, int, int]]:
        """The passages in which all cues of a case occur."""
        anchored: dict[tuple[int, bool], list[_Case]] = {}
        for case in cases:
            anchored.setdefault((case.anchor, case.family.near), []).append(case)
        for (anchor, near), group in anchored.items():
            wanted = set().union(*(case.needs | case.bars for case in group))
            past = -1
            for hit in self._regexp(anchor).finditer(letters):
                if hit.start() < past:
                    # This sentence has been looked at.
                    continue
                start, past = self._passage(letters, hit.start(), hit.end(), near=near)
                passage = letters[start:past]
                seen = {number for number in wanted if self._regexp(number).search(passage)}
                asks = b"?" in letters[past : past + 3]
                for case in group:
                    if case.needs <= seen and not case.bars & seen and (asks or not case.asks):
                        yield case, start, past

    def _passage(self, letters: bytes, start: int, end: int, *, near: bool) -> tuple[int, int]:
        """The sentence around `start` to `end`, or all that is `near`; at most `REACH` bytes on either side."""
        first, last = max(0, start - REACH), min(len(letters), end + REACH)
        if near:
            return first, last
        before = [mark.end() for mark in self._end.finditer(letters[first:start])]
        after = self._end.search(letters[end:last])
        return first + (before[-1] if before else 0), end + after.start() if after is not None else last

    def _regexp(self, number: int) -> Any:  # noqa: ANN401 - the binding publishes no types
        regexp = self._regexps[number]
        if regexp is None:
            # Compiled when first needed: most languages never come by. Two threads may both do so; either serves.
            regexp = self._regexps[number] = compile_linear(for_bytes(self._patterns[number]))
        return regexp


class _Words:
    """Which of some cues can occur in a text, told by the words that each match of them contains."""

    def __init__(self, literals: Mapping[int, Sequence[str]], cache: Path | None, *, native: bool) -> None:
        owners: dict[str, list[int]] = {}
        for number, words in literals.items():
            for word in words:
                owners.setdefault(word, []).append(number)
        self._owners = list(owners.values())
        # Single words compile several times faster than the same ones put together as alternatives.
        self._matcher = Matcher(
            [for_bytes(quoted(word)) for word in owners],
            literals=[(word,) for word in owners],
            cache=cache,
            native=native,
        )

    def present(self, letters: bytes) -> set[int]:
        return {number for word in self._matcher.propose(letters) for number in self._owners[word]}


def _texts(views: Sequence[View]) -> Iterator[_Text]:
    """The views with folded letters, each text once."""
    seen: set[bytes] = set()
    for view in views:
        letters = view.data
        if not letters.isascii():
            letters = fold_letters(letters.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
        if letters not in seen:
            seen.add(letters)
            yield _Text(view, letters)


def _cases(
    languages: Sequence[Language], families: Sequence[Family], numbers: Mapping[tuple[int, str], int]
) -> Iterator[_Case]:
    for index, language in enumerate(languages):
        known = {cue: numbers[index, cue] for cue in language.cues}
        for family in families:
            for cues in family.cues:
                needs = [cue for cue in cues if cue != _QUESTION and not cue.startswith("!")]
                if not all(cue in known for cue in needs):
                    continue
                yield _Case(
                    name=f"{language.name} {family.name}",
                    family=family,
                    anchor=known[needs[0]],
                    needs=frozenset(known[cue] for cue in needs),
                    bars=frozenset(known[cue[1:]] for cue in cues if cue[0] == "!" and cue[1:] in known),
                    asks=_QUESTION in cues,
                )


def _finding(case: _Case, text: _Text, start: int, end: int) -> Finding:
    view = text.view
    via = f" ({' → '.join(view.path)})" if view.path else ""
    return Finding(
        scanner="response_scan",
        rule=case.name,
        severity=case.family.severity,
        message=f"{case.name} found in {view.place.name or 'the text'}{via}",
        place=view.place.name,
        span=_span(text, start, end),
        path=view.path,
        excerpt=excerpt(text.letters, start, end, ()),
        warns=is_documented(text.letters, start, end),
    )


def _span(text: _Text, start: int, end: int) -> Span | None:
    """Where the letters `start` to `end` came from, where that can be told."""
    view, letters = text.view, text.letters
    if letters is view.data:
        return locate(view, start, end)
    if view.path:
        return None
    original = view.data.decode("utf-8", "replace")
    left = len(letters[:start].decode("utf-8", "ignore"))
    right = left + len(letters[start:end].decode("utf-8", "ignore"))
    left, right = letters_span(original, left, right)
    if view.place.text is not None:
        return Span(left, right)
    first = len(original[:left].encode())
    # Bytes that were no text became longer ones: nothing can be told then.
    return Span(first, first + len(original[left:right].encode())) if original.encode() == view.data else None
