"""Instructions in many languages, found by what stands together in one sentence.

A phrasebook lists, for one language, the words and phrases of some *cues*: verbs of dropping something, words for what
came before, for orders, for secrets, for telling. No cue means anything alone. The families (`phrases/families.yaml`)
say which cues make an attack when they share a sentence or stand near each other, in whatever order a language puts
them: "ignore" + "previous" + "instructions", "tell me" + "password". So a phrasebook is a page of vocabulary and needs
no grammar, and a new language is a new file.

All of it is matched in the folded letters of a text (`letters.py`). Linear: Hyperscan says which cues occur at all;
only around the cues that a family is anchored in are sentences looked at, each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from pipelock.detect._context import is_documented
from pipelock.detect._pattern import compile_linear, for_bytes
from pipelock.detect._phrases import Phrases, PhraseError
from pipelock.detect.excerpt import excerpt
from pipelock.detect.letters import fold_letters, letters_span
from pipelock.detect.matcher import Matcher
from pipelock.detect.views import SEPARATOR, Place, View
from pipelock.model import Finding, Severity, Span

__all__ = ["PHRASES", "Family", "PhraseError", "Phrasebook", "Phrasebooks", "builtin_families", "builtin_phrasebooks"]

PHRASES = Path(__file__).with_name("phrases")
"""The directory of the built-in files."""
QUICK = "phrases.json"
"""The same, quicker to load; `scripts/rules.py` writes it."""

REACH = 240
"""Bytes of a sentence that are looked at on either side of an anchor (in folded form)."""
MAX_FINDINGS = 8
_ENDS = compile_linear(rb"[!?<>|]|[.:;](?:[\s\"')\]]|$)|[\x2e]{2}|\n\s*\n|\xe0\xb9\x9a")
_QUESTION = "question"
"""The cue that a sentence ends with a question mark."""


class Phrasebook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The cues of one language.

    Attributes:
        language: English name of the language; findings begin with it.
        edges: Whether phrases are whole `word`s (unless they end in `*`), any that `start` like them, or may stand
            `anywhere`: where prefixes are written together with the word, or words have no gaps between them.
        words: For each cue its phrases, each ended by a semicolon. `( | )` and `?` have their usual meaning, `*` stands for the rest of a word,
            `~` for up to five words in between, a space for a gap, `{cue}` for any phrase of another cue.
        match: For each family texts that it must find, one a line.
        clean: Texts in which nothing may be found, one a line.
    """

    language: str
    edges: Literal["word", "start", "anywhere"] = "word"
    words: dict[str, str]
    match: dict[str, str] = {}
    clean: str = ""

    def phrases(self, cue: str) -> list[str]:
        """The phrases of a cue."""
        return [phrase for phrase in (part.strip() for part in self.words[cue].split(";")) if phrase]


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An attack that cues make together.

    Attributes:
        name: Findings are named by language and this.
        severity: Of the finding.
        cues: Any one of these sets is enough; the first cue of a set is its anchor. `!cue` must be absent, and
            `question` is a sentence that ends in a question mark.
        near: The cues may stand in neighbouring sentences, within `REACH` bytes of the anchor.
    """

    name: str
    severity: Severity = Severity.HIGH
    cues: tuple[tuple[str, ...], ...]
    near: bool = False


class _Case(NamedTuple):
    """One set of cues of a family, by their numbers in the matcher."""

    book: int
    family: Family
    anchor: int
    needs: frozenset[int]
    bars: frozenset[int]
    asks: bool


class _Text(NamedTuple):
    """A view with its letters folded."""

    view: View
    letters: bytes


class Phrasebooks:
    """Finds the families in all languages. Pure, and safe to share between threads.

    Args:
        books: The languages.
        families: What cues make together; a language that lacks a cue lacks the families that need it.
        cache: Directory for compiled pattern databases (0700), or `None`.
        native: Use Hyperscan where it is there; the verdicts are the same without.

    Raises:
        PhraseError: a phrase can't be read.
        MatcherError: the phrases can't be compiled.
    """

    def __init__(
        self, books: Sequence[Phrasebook], families: Sequence[Family], *, cache: Path | None = None, native: bool = True
    ) -> None:
        self._books = tuple(books)
        self._cues: list[Phrases] = []
        numbers: dict[tuple[int, str], int] = {}
        for index, book in enumerate(self._books):
            for cue in book.words:
                numbers[index, cue] = len(self._cues)
                self._cues.append(Phrases(book.words, cue, edges=book.edges, where=book.language))
        self._regexps: list[Any] = [None] * len(self._cues)
        self._cases = tuple(_cases(len(self._books), families, numbers))
        # The patterns themselves would take seconds to compile natively, and most languages never come by. What each
        # match of a cue must contain is enough to tell whether its pattern has to be asked.
        literals = [cue.literals() for cue in self._cues]
        self._gate = Matcher([for_bytes(f"(?:{'|'.join(words)})") for words in literals], cache=cache, native=native)

    def find(self, views: Sequence[View]) -> list[Finding]:
        """The attacks in `views`, each family of a language once; the first of each where there are several.

        Raises:
            MatcherError: the matcher failed; block.
        """
        texts = list(_texts(views)) if self._books else []
        if not texts:
            return []
        whole = texts[0].letters if len(texts) == 1 else SEPARATOR.join([text.letters for text in texts])
        present = set(self._gate.propose(whole))
        cases = [case for case in self._cases if case.anchor in present and case.needs <= present]
        if not cases:
            return []
        found: dict[str, Finding] = {}
        for text in texts:
            for case, start, end in self._sightings(text.letters, cases, present):
                finding = self._finding(case, text, start, end)
                known = found.get(finding.rule)
                if known is None or (known.warns and not finding.warns):
                    found[finding.rule] = finding
        return list(found.values())

    def _sightings(
        self, letters: bytes, cases: Sequence[_Case], present: set[int]
    ) -> Iterator[tuple[_Case, int, int]]:
        """Sentences, or neighbourhoods, in which all cues of a case occur; each case stops at a believed one."""
        anchored: dict[tuple[int, bool], list[_Case]] = {}
        for case in cases:
            anchored.setdefault((case.anchor, case.family.near), []).append(case)
        for (anchor, near), group in anchored.items():
            wanted = {number for case in group for number in case.needs | case.bars} & present
            past = -1
            for hit in self._regexp(anchor).finditer(letters):
                if hit.start() < past:
                    # This sentence has been looked at.
                    continue
                start, past = (_passage if near else _sentence)(letters, hit.start(), hit.end())
                passage = letters[start:past]
                seen = {number for number in wanted if self._regexp(number).search(passage)}
                asks = b"?" in letters[past : past + 3]
                for case in group:
                    if case.needs <= seen and not case.bars & seen and (asks or not case.asks):
                        yield case, start, past

    def _regexp(self, number: int) -> Any:  # noqa: ANN401 - the binding publishes no types
        regexp = self._regexps[number]
        if regexp is None:
            # Two threads may both compile it; either result serves.
            regexp = self._regexps[number] = compile_linear(self._cues[number].pattern())
        return regexp

    def _finding(self, case: _Case, text: _Text, start: int, end: int) -> Finding:
        name = f"{self._books[case.book].language} {case.family.name}"
        view = text.view
        via = f" ({' → '.join(view.path)})" if view.path else ""
        return Finding(
            scanner="response_scan",
            rule=name,
            severity=case.family.severity,
            message=f"{name} found in {view.place.name or 'the text'}{via}",
            place=view.place.name,
            span=_span(text, start, end),
            path=view.path,
            excerpt=excerpt(text.letters, start, end, ()),
            warns=is_documented(text.letters, start, end),
        )


def _texts(views: Sequence[View]) -> Iterator[_Text]:
    """The views with folded letters, each text once."""
    seen: set[bytes] = set()
    for view in views:
        if view.data.isascii():
            letters = view.data
        else:
            letters = fold_letters(view.data.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
        if letters not in seen:
            seen.add(letters)
            yield _Text(view, letters)


def _cases(books: int, families: Sequence[Family], numbers: Mapping[tuple[int, str], int]) -> Iterator[_Case]:
    for book in range(books):
        for family in families:
            for cues in family.cues:
                needs = [cue for cue in cues if cue != _QUESTION and not cue.startswith("!")]
                if any((book, cue) not in numbers for cue in needs):
                    continue
                bars = {numbers[book, cue[1:]] for cue in cues if cue.startswith("!") and (book, cue[1:]) in numbers}
                yield _Case(
                    book=book,
                    family=family,
                    anchor=numbers[book, needs[0]],
                    needs=frozenset(numbers[book, cue] for cue in needs),
                    bars=frozenset(bars),
                    asks=_QUESTION in cues,
                )


def _sentence(letters: bytes, start: int, end: int) -> tuple[int, int]:
    """The sentence around `start` to `end`, at most `REACH` bytes on either side."""
    first = max(0, start - REACH)
    for mark in _ENDS.finditer(letters, first, start):
        first = mark.end()
    mark = _ENDS.search(letters, end, min(len(letters), end + REACH))
    return first, mark.start() if mark is not None else min(len(letters), end + REACH)


def _passage(letters: bytes, start: int, end: int) -> tuple[int, int]:
    """What stands within `REACH` bytes."""
    return max(0, start - REACH), min(len(letters), end + REACH)


def _span(text: _Text, start: int, end: int) -> Span | None:
    """Where the letters `start` to `end` came from; only for the text as it came."""
    view = text.view
    if view.path or view.data is not view.place.data:
        return None
    original = view.place.text
    if text.letters is view.data:
        return Span(start, end)
    plain = original if original is not None else view.data.decode("utf-8", "replace")
    left = len(text.letters[:start].decode("utf-8", "ignore"))
    right = left + len(text.letters[start:end].decode("utf-8", "ignore"))
    left, right = letters_span(plain, left, right)
    if original is not None:
        return Span(left, right)
    try:
        if plain.encode() != view.data:
            return None
        first = len(plain[:left].encode())
        return Span(first, first + len(plain[left:right].encode()))
    except UnicodeEncodeError:
        return None


# --- files -----------------------------------------------------------------------------------------------------------


class _Quick(msgspec.Struct, frozen=True):
    digest: str
    families: tuple[Family, ...]
    books: tuple[Phrasebook, ...]


def read_phrases(folder: Path) -> tuple[tuple[Family, ...], tuple[Phrasebook, ...]]:
    """The families and the phrasebooks of a folder of YAML files.

    Raises:
        PhraseError: not YAML, or a field that is unknown or of the wrong type; with the file's name.
    """
    # Imported here: the built-in files are read in their quick form.
    import yaml  # noqa: PLC0415

    families: tuple[Family, ...] = ()
    books = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = yaml.safe_load(path.read_bytes())
            if path.stem == "families":
                families = msgspec.convert(document, tuple[Family, ...])
            else:
                books.append(msgspec.convert(document, Phrasebook))
        except (yaml.YAMLError, msgspec.ValidationError) as error:
            raise PhraseError(f"{path.name}: {error}") from error
    return families, tuple(books)


def pack_phrases(folder: Path) -> bytes:
    """The quick form of a folder.

    Raises:
        PhraseError: as `read_phrases`.
    """
    families, books = read_phrases(folder)
    return msgspec.json.format(msgspec.json.encode(_Quick(_digest(folder), families, books)), indent=1) + b"\n"


def _digest(folder: Path) -> str:
    import hashlib  # noqa: PLC0415

    total = hashlib.sha256()
    for path in sorted(folder.glob("*.yaml")):
        source = path.read_bytes()
        total.update(path.name.encode() + b"\0" + hashlib.sha256(source).digest())
    return total.hexdigest()


@lru_cache(maxsize=1)
def _builtin() -> tuple[tuple[Family, ...], tuple[Phrasebook, ...]]:
    try:
        quick = msgspec.json.decode((PHRASES / QUICK).read_bytes(), type=_Quick)
        if quick.digest == _digest(PHRASES):
            return quick.families, quick.books
    except (OSError, msgspec.MsgspecError):
        pass
    return read_phrases(PHRASES)


def builtin_families() -> tuple[Family, ...]:
    """What cues make together."""
    return _builtin()[0]


def builtin_phrasebooks() -> tuple[Phrasebook, ...]:
    """The languages that are built in."""
    return _builtin()[1]
