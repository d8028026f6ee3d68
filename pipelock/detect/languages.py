"""Instructions in many languages, found by what stands together in one sentence.

What a phrasebook calls a cue means nothing alone; the families say which cues make an attack together (see
`phrasebook.py`). All of it is matched in the folded letters of a text (`letters.py`).

Linear, in three steps, window by window of `WINDOW` bytes. Words that the anchors of families must contain are looked
for in one pass; a window without any ends here. Another pass tells which words of which cues stand near, and so which
families of which languages may. Only for those the sentences around such words are looked at, each once: first for the
words, then for the phrases. Of several forms of a large text only what a form adds is searched (`_shared.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipelock.detect._context import is_documented
from pipelock.detect._pattern import compile_linear, for_bytes
from pipelock.detect._phrases import EDGE, quoted
from pipelock.detect._shared import SMALLEST, unshared
from pipelock.detect.excerpt import excerpt
from pipelock.detect.letters import fold_letters, letters_span
from pipelock.detect.matcher import Matcher
from pipelock.detect.phrasebook import Family, Language, Vocabulary
from pipelock.detect.views import View, is_utf8, locate
from pipelock.model import Finding, Span

__all__ = ["REACH", "LanguageScanner"]

REACH = 240
"""Bytes (of folded letters) that are looked at on either side of an anchor, at most."""
WINDOW = 16_384
"""Bytes of which the anchors are looked for at a time."""
_MARGIN = 2 * REACH
"""Bytes beyond a window that are seen with it: more than any passage about an anchor in it has."""
_SHARED = 640
"""Bytes around a place that must be the same in another text for it to be judged there: a passage with what tells
that it is documented, and enough before it that passages begin at the same words."""
SIGNS = "signs"
"""The cue that tells a language: common words, one of which a text must have for any family of it to count."""
_QUESTION = "question"
"""Stands in a family for a sentence that ends in a question mark."""
_SHORT = 4
"""Letters of a word that is so short that other languages' words often hold it."""
_BEFORE = frozenset(b" \t\r\n'\".,:;!?()[]{}<>|*-/`")
# A full stop ends a sentence where something other than a word follows, so addresses and numbers stay whole.
_END = rb"[!?<>|]|[.:;](?:[\s\"')\]]|$)|\n\s*\n"


class _Case(NamedTuple):
    """One set of cues of a family in one language, by their numbers.

    Attributes:
        name: The finding's.
        needs: What must be there, the anchor included, one bit for each cue; `others` are the rest of it.
        signs: The signs of the language, which may stand anywhere in the text; or `None`.
        bars: What must not.
        asks: Whether the sentence must be a question.
    """

    name: str
    family: Family
    anchor: int
    needs: int
    others: tuple[int, ...]
    signs: int | None
    bars: frozenset[int]
    asks: bool


class _Group(NamedTuple):
    """The cases that are anchored in one cue and reach equally far."""

    anchor: int
    near: bool
    cases: tuple[_Case, ...]


class _Text(NamedTuple):
    view: View
    letters: bytes


class _Searched(NamedTuple):
    """A text in lower case, the ranges of it that are searched, and whether the signs that were asked for occur."""

    lowered: bytes
    ranges: list[tuple[int, int]]
    signs: dict[int, bool]


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
        self._language_of: list[int] = []
        literals: list[tuple[str, ...]] = []
        for index, language in enumerate(vocabulary.languages):
            for name, cue in language.cues.items():
                numbers[index, name] = len(self._patterns)
                self._patterns.append(cue.pattern)
                literals.append(cue.literals)
                self._language_of.append(index)
        self._names = [language.name for language in vocabulary.languages]
        self._of_language: list[Any] = [None] * len(vocabulary.languages)
        self._regexps: list[Any] = [None] * len(self._patterns)
        self._cases = tuple(_cases(vocabulary.languages, vocabulary.families, numbers))
        self._of_anchor: dict[int, list[_Case]] = {}
        for case in self._cases:
            self._of_anchor.setdefault(case.anchor, []).append(case)
        anchors = self._of_anchor.keys()
        self._anchored = sum(1 << number for number in anchors)
        self._anchors = _Words(
            {number: literals[number] for number in sorted(anchors)}, cache, native=native, edged=True
        )
        self._cues = _Words(dict(enumerate(literals)), cache, native=native)
        self._end = compile_linear(_END)

    def warm(self) -> None:
        """Compile what tells the languages apart, and the cues of English: 0.2 s, 10 MB."""
        for language in range(len(self._of_language)):
            self._any_anchor(language)
        for number, language in enumerate(self._language_of):
            if self._names[language] == "English":
                self._regexp(number)

    def find(self, views: Sequence[View]) -> list[Finding]:
        """The attacks in `views`, each family of a language once: where one is believed, no quoted one is told.

        Raises:
            MatcherError: the matcher failed; block.
        """
        found: dict[str, Finding] = {}
        past: list[_Searched] = []
        for text in _texts(views):
            searched = self._to_search(text.letters.lower(), past)
            for case, start, end in self._sightings(searched, found):
                finding = _finding(case, text, start, end)
                if case.name not in found or not finding.warns:
                    found[case.name] = finding
            if len(searched.lowered) >= SMALLEST:
                past = [*past[:1], *past[-1:], searched] if len(past) > 1 else [*past, searched]
        return list(found.values())

    def _to_search(self, lowered: bytes, past: Sequence[_Searched]) -> _Searched:
        """The ranges of a text in which one has to look: what an earlier text shares would be found there again."""
        whole = [(0, len(lowered))]
        if len(lowered) < SMALLEST:
            return _Searched(lowered, whole, {})
        for known in reversed(past):
            ranges = unshared(lowered, known.lowered, _SHARED)
            if sum(end - start for start, end in ranges) > len(lowered) // 2:
                continue
            absent = [number for number, occurs in known.signs.items() if not occurs]
            if any(self._occurs_in(number, lowered, ranges) for number in absent):
                # Of this language nothing counted there, and here it does.
                continue
            return _Searched(lowered, ranges, dict.fromkeys(absent, False))
        return _Searched(lowered, whole, {})

    def _occurs_in(self, number: int, lowered: bytes, ranges: Iterable[tuple[int, int]]) -> bool:
        """Whether a phrase of a cue occurs in one of the ranges; what begins or ends there is known not to."""
        for start, end in ranges:
            match = self._regexp(number).search(lowered, start, end)
            # What the end of the range cuts looks as if a word ended there.
            if match and (match.end() < end or end == len(lowered) or match.start() < end - _SHARED // 2):
                return True
        return False

    def _sightings(self, searched: _Searched, found: Mapping[str, Finding]) -> Iterator[tuple[_Case, int, int]]:
        """Where all cues of a case occur in one passage; cases that are believed already are not asked again."""
        lowered, signs = searched.lowered, searched.signs
        # Where the last passage of a group ended, as windows overlap.
        pasts: dict[tuple[int, bool], int] = {}
        for first, last in _windows(searched.ranges):
            base = max(0, first - _MARGIN)
            window = lowered[base : last + _MARGIN]
            anchors = self._anchors.propose(window)
            words = self._cues.propose(window) if anchors else []
            occurs: dict[int, bool] = {}
            possible = [
                case
                for case in self._spoken(self._possible(self._anchors.cues(anchors), self._cues.cues(words)), window)
                if self._occur((case.anchor, *case.others), window, occurs)
                and (case.signs is None or self._occur((case.signs,), lowered, signs))
            ]
            ends = [mark.start() for mark in self._end.finditer(window)] if possible else []
            for group in _by_anchor(possible):
                finder = _finder(tuple(self._cues.words(words, group.anchor)))
                key = group.anchor, group.near
                past = max(first, pasts.get(key, 0)) - base
                for start, end in _passages(window, ends, finder, (past, last - base), near=group.near):
                    pasts[key] = base + end
                    cases = [case for case in group.cases if case.name not in found or found[case.name].warns]
                    if not cases:
                        break
                    passage = window[start:end]
                    if self._regexp(group.anchor).search(passage):
                        asks = b"?" in window[end - 1 : end + 3]
                        for case in cases:
                            if self._holds(case, passage, asks=asks):
                                left, right = self._extent(case, passage)
                                yield case, base + start + left, base + start + right

    def _possible(self, anchors: int, words: int) -> Iterator[_Case]:
        """The cases of which all cues may occur. There are hundreds, and a text has the anchors of few."""
        anchors &= self._anchored
        while anchors:
            lowest = anchors & -anchors
            anchors ^= lowest
            for case in self._of_anchor[lowest.bit_length() - 1]:
                if case.needs & words == case.needs:
                    yield case

    def _spoken(self, cases: Iterable[_Case], window: bytes) -> Iterator[_Case]:
        """The cases of languages of which any anchor occurs: most words that promise one are those of other phrases."""
        spoken: dict[int, bool] = {}
        for case in cases:
            language = self._language_of[case.anchor]
            if language not in spoken:
                spoken[language] = self._any_anchor(language).search(window) is not None
            if spoken[language]:
                yield case

    def _any_anchor(self, language: int) -> Any:  # noqa: ANN401 - the binding publishes no types
        regexp = self._of_language[language]
        if regexp is None:
            anchors = [number for number in self._of_anchor if self._language_of[number] == language]
            patterns = b"|".join([for_bytes(self._patterns[number]) for number in anchors])
            regexp = self._of_language[language] = compile_linear(patterns)
        return regexp

    def _occur(self, numbers: Iterable[int], lowered: bytes, occurs: dict[int, bool]) -> bool:
        """Whether phrases of all these cues occur in a text; `occurs` remembers of one text."""
        for number in numbers:
            if number not in occurs:
                occurs[number] = self._regexp(number).search(lowered) is not None
            if not occurs[number]:
                return False
        return True

    def _holds(self, case: _Case, passage: bytes, *, asks: bool) -> bool:
        """Whether the other cues occur in the passage, and what must not does not."""
        return (
            (asks or not case.asks)
            and all(self._regexp(number).search(passage) for number in case.others)
            and not any(self._regexp(number).search(passage) for number in case.bars)
        )

    def _extent(self, case: _Case, passage: bytes) -> tuple[int, int]:
        """From the first to the last of the cues of a case that holds."""
        matches = [self._regexp(number).search(passage) for number in (case.anchor, *case.others)]
        left, right = min(match.start() for match in matches), max(match.end() for match in matches)
        # Many phrases are stems; and a match begins with the character before the phrase, where there is one.
        while right < len(passage) and (passage[right] >= 0x80 or chr(passage[right]).isalnum()):
            right += 1
        return left + (left > 0 and passage[left] in _BEFORE), right

    def _regexp(self, number: int) -> Any:  # noqa: ANN401 - the binding publishes no types
        regexp = self._regexps[number]
        if regexp is None:
            # Compiled when first needed: most languages never come by. Two threads may both do so; either serves.
            regexp = self._regexps[number] = compile_linear(for_bytes(self._patterns[number]))
        return regexp


class _Words:
    """Which of some cues can occur in a text, told by the words that each match of them contains."""

    def __init__(
        self, literals: Mapping[int, Sequence[str]], cache: Path | None, *, native: bool, edged: bool = False
    ) -> None:
        owners: dict[str, list[tuple[int, str]]] = {}
        for number, words in literals.items():
            for word in words:
                plain = word.strip(EDGE)
                # Edges compile slowly; those of longer words are heeded only where these are looked up.
                owners.setdefault(word if edged and len(plain) <= _SHORT else plain, []).append((number, word))
        self._owners = list(owners.values())
        self._masks = [sum({1 << number for number, _ in some}) for some in self._owners]
        # Single words compile several times faster than the same ones put together as alternatives.
        self._matcher = Matcher(
            [for_bytes(quoted(word)) for word in owners],
            literals=[(word.strip(EDGE),) for word in owners],
            cache=cache,
            native=native,
        )

    def propose(self, letters: bytes) -> list[int]:
        """The numbers of the words that occur.

        Raises:
            MatcherError: the matcher failed; block.
        """
        return self._matcher.propose(letters)

    def cues(self, proposed: Iterable[int]) -> int:
        """The cues that these words are of, one bit for each."""
        masks, found = self._masks, 0
        for index in proposed:
            found |= masks[index]
        return found

    def words(self, proposed: Iterable[int], cue: int) -> list[str]:
        """Those of these words that are of one cue."""
        return [word for index in proposed for number, word in self._owners[index] if number == cue]


def _windows(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges in parts of `WINDOW` bytes at most."""
    for start, end in ranges:
        for first in range(start, end, WINDOW):
            yield first, min(first + WINDOW, end)


def _texts(views: Sequence[View]) -> Iterator[_Text]:
    """The views with folded letters, each text once; of what is no text the view without what could not be read."""
    unfolded = dict.fromkeys(view.data for view in views if not view.data.isascii() and is_utf8(view.data))
    folded = dict(zip(unfolded, _folded_together(list(unfolded)), strict=True)) if unfolded else {}
    seen: set[bytes] = set()
    for view in views:
        letters = view.data if view.data.isascii() else folded.get(view.data)
        if letters is not None and letters not in seen:
            seen.add(letters)
            yield _Text(view, letters)


def _folded_together(texts: Sequence[bytes]) -> Sequence[bytes]:
    """`fold_letters` of each. The forms of one text have mostly the same lines, so these are folded once for all."""
    rows = [text.split(b"\n") for text in texts]
    lines = list({line for some in rows for line in some if not line.isascii()})
    folds = _folded(b"\n".join(lines)).split(b"\n")
    if len(folds) != len(lines):
        # There is no character yet whose fold has a line end in it.
        return [_folded(text) for text in texts]
    known = dict(zip(lines, folds, strict=True))
    return [b"\n".join([line if line.isascii() else known[line] for line in some]) for some in rows]


def _folded(text: bytes) -> bytes:
    return fold_letters(text.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")


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
                    needs=sum({1 << known[cue] for cue in needs}),
                    others=tuple(known[cue] for cue in needs[1:]),
                    signs=known.get(SIGNS),
                    bars=frozenset(known[cue[1:]] for cue in cues if cue[0] == "!" and cue[1:] in known),
                    asks=_QUESTION in cues,
                )


def _by_anchor(cases: Iterable[_Case]) -> list[_Group]:
    groups: dict[tuple[int, bool], list[_Case]] = {}
    for case in cases:
        groups.setdefault((case.anchor, case.family.near), []).append(case)
    return [_Group(anchor, near, tuple(group)) for (anchor, near), group in groups.items()]


@lru_cache(maxsize=512)
def _finder(words: tuple[str, ...]) -> Any:  # noqa: ANN401 - the binding publishes no types
    """Finds any of `words`."""
    return compile_linear(for_bytes("|".join(map(quoted, words))))


def _passages(
    window: bytes,
    ends: Sequence[int],
    finder: Any,  # noqa: ANN401 - the binding publishes no types
    range_: tuple[int, int],
    *,
    near: bool,
) -> Iterator[tuple[int, int]]:
    """The sentences that hold a word that `finder` finds in the range, or all that is `near` one, each once.

    They reach `REACH` bytes to either side at most, and have the marks that end sentences on both sides. `ends` are
    the places of these marks.
    """
    position, last = range_
    while position < last:
        word = finder.search(window, position)
        if word is None or word.start() >= last:
            return
        start, position = max(0, word.start() - REACH), min(len(window), word.end() + REACH)
        if not near:
            index = bisect_left(ends, word.end())
            if index:
                start = max(start, ends[index - 1])
            if index < len(ends):
                position = min(position, ends[index] + 1)
        # The mark may stand in the word itself.
        position = max(position, word.end())
        yield start, position


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
