"""Wallet seed phrases (BIP-39): 12 to 24 words of a fixed list, of which the last bits are a checksum.

The words of the lists are common words, so prose is full of them, but hardly ever twelve in a row. A linear pattern
tells whether twelve short words stand in a row at all; then only every twelfth word is looked up, because a phrase
can't avoid all of those, and only where one is known its neighbours.

Between words there may be anything that is no letter (white space, punctuation, numbers of a list, quotation marks; up
to twelve characters somewhere in the text), the names of values (`word1=…`), or tags. They may be cut to
their first four letters, which the lists are made for. All ten lists of BIP-39 are known; a Chinese phrase only with
its characters apart. Electrum's phrases of twelve English words, which have a checksum of their own, count as well.

Limits: `MAX_RUN` words in a row are checked in every alignment. In a longer row some part passes a check of four bits
anyhow, so it is reported unchecked. Words in alphabetical order, and few words time and again, are no phrase; nor is
program text, where several words return and signs of several kinds stand between them. At most `MAX_WINDOWS`
alignments are checked in one text, and at most `MAX_CODE` phrases are taken for program text; a text with more is
reported.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipelock.detect._pattern import compile_linear
from pipelock.detect.views import View
from pipelock.detect.watch import Found

__all__ = ["LENGTHS", "RULE", "SeedPhrases", "is_electrum", "is_valid"]

RULE = "BIP-39 Seed Phrase"
LENGTHS = (12, 15, 18, 21, 24)
"""How many words a phrase can have."""
MAX_RUN = 256
MAX_WINDOWS = 8_192
MAX_CODE = 8

_DATA = Path(__file__).parent / "data" / "bip39.txt"
_EAST = frozenset({"japanese", "korean", "chinese_simplified", "chinese_traditional"})

# What is no letter, in UTF-8: signs of Latin-1, punctuation, bullets, arrows and the like, emoji.
_SIGN = (
    rb"(?:[^a-z\x80-\xff]|\xc2[\x80-\xbf]|\xe2[\x80-\xbf]{2}|\xe3\x80[\x80-\xbf]|\xef\xb8\x8f|\xf0\x9f[\x80-\xbf]{2})"
)
_GAP = _SIGN + rb"{1,12}"
# Signs that nobody sees, and dashes, between letters: folded text has none of the former.
_UNSEEN = rb"[A-Za-z]\xe2[\x80\x81][\x80-\xbf][A-Za-z]"
# Names (`w1=`, `"word_1": "`), and tags, between the words.
_NAME = rb"[^a-z]{0,12}[a-z]{1,16}[ _.-]{0,2}[0-9]{0,2}[\"'\]]{0,2}[ \t]{0,4}[:=][ \t]{0,4}[\"']?"
_TAGS = rb"[ \t\r\n]*(?:<[^<>]+>[ \t\r\n0-9.):]*)+"
_PLAIN, _NAMED, _TAGGED = (
    b"(?i)(?:^|[^a-z])(?:[a-z]{3,9}" + gap + b"){11,}[a-z]{3,9}(?:[^a-z]|$)" for gap in (_GAP, _NAME, _TAGS)
)
_GATE = b"(?i)" + b"|".join(b"(?:[a-z]{3,9}" + gap + b"){11}[a-z]{3,9}" for gap in (_GAP, _NAME, _TAGS))
# Three-byte characters: kana, Hangul (composed or not), ideographs; an ideographic space is one of them.
_EASTERN = (
    rb"(?:(?:(?:\xe1[\x84-\x87]|[\xe3-\xed][\x80-\xbf])[\x80-\xbf]){1,16}"
    rb"(?:[^A-Za-z\x80-\xff]|\xe3\x80[\x80-\x82]){1,12}){11,}(?:(?:\xe1[\x84-\x87]|[\xe3-\xed][\x80-\xbf])[\x80-\xbf])+"
)
# The joined values of a body, and what the layers for URLs joined.
_WHOLE_AGAIN = (("joined",), ())
_ELECTRUM = "electrum"
_FEW = 10
_DISTINCT = 6
_RETURNING = 3
_KINDS_OF_GAPS = 3
_BLANK = b" \t\r\n0123456789"
_TO_GAPS = bytes(0x20 if chr(code).isalpha() and code < 128 else code for code in range(256))
_TO_WORDS = bytes(code | 0x20 if chr(code).isalpha() and code < 128 else 0x20 for code in range(256))


class _Row(NamedTuple):
    """Words one after the other, the text they stand in, and where that starts in the view."""

    words: list[bytes]
    text: bytes
    start: int


class _Lists(NamedTuple):
    """Lists by language, word to number, and all their words."""

    by_language: tuple[tuple[str, Mapping[bytes, int]], ...]
    words: frozenset[bytes]


class _Phrase(NamedTuple):
    first: int
    length: int


class _Work:
    """How many alignments may still be checked, and how many phrases be taken for program text."""

    def __init__(self) -> None:
        self.left = MAX_WINDOWS
        self.code = MAX_CODE


class SeedPhrases:
    """Finds seed phrases in the views of a text.

    Args:
        min_words: Shortest phrase that counts: 12, 15, 18, 21 or 24.
        verify_checksum: Without it any row of list words that is long enough counts.
    """

    def __init__(self, min_words: int = 12, *, verify_checksum: bool = True) -> None:
        self._lengths = tuple(length for length in reversed(LENGTHS) if length >= min_words)
        self._min = min_words
        self._verify = verify_checksum

    @staticmethod
    def warm() -> None:
        """Read the lists and compile the patterns (50 ms), which the first text with a row of words would do."""
        _western()
        for pattern in (_GATE, _NAMED, _TAGGED, _EASTERN):
            _compiled(pattern).search(b"")

    def find(self, views: Sequence[View], host: str = "") -> list[Found]:
        """The first phrase of each place. Linear in the size of the views."""
        found: dict[str, Found] = {}
        folded = {id(view.place) for view in views if view.folded}
        for view in views:
            # Lines that were fused have no words left; a phrase cut over values is whole where these are joined.
            if (view.joined and view.path not in _WHOLE_AGAIN) or view.place.name in found:
                continue
            data = view.data
            hit = None
            # Where characters beyond ASCII are left, the words stand in the folded view as well.
            seen = id(view.place) in folded and not view.folded and not data.isascii()
            seen = seen and _compiled(_UNSEEN).search(data) is None
            if not seen and _compiled(_GATE).search(data) is not None:
                hit = self._search(view, _western_rows(data), _western())
            if hit is None and _has_eastern(data) and _compiled(_EASTERN).search(data) is not None:
                hit = self._search(view, _eastern_rows(data), _eastern())
            if hit is not None:
                found[view.place.name] = hit
        return list(found.values())

    def _search(self, view: View, rows: Iterator[_Row], lists: _Lists) -> Found | None:
        work = _Work()
        for row in rows:
            for left, right in _runs(row.words, lists.words, self._min):
                for language, index in lists.by_language:
                    check = self._electrum if language == _ELECTRUM else self._in_run
                    phrase = self._in_words(row.words[left:right], index, work, check)
                    first = left
                    while phrase is not None:
                        first += phrase.first
                        start, end = _range(row, first, phrase.length)
                        if not (work.code and _is_code(row.words[first : first + phrase.length], view.data[start:end])):
                            what = f"a seed phrase of {phrase.length} words ({language.partition('_')[0].title()})"
                            return Found(RULE, what, view, start, end)
                        work.code -= 1
                        first += 1
                        phrase = self._in_words(row.words[first:right], index, work, check)
        return None

    def _in_words(
        self,
        words: list[bytes],
        index: Mapping[bytes, int],
        work: _Work,
        check: Callable[[list[int], _Work], _Phrase | None],
    ) -> _Phrase | None:
        for left, right in _runs(words, index, self._min):
            phrase = check([index[word] for word in words[left:right]], work)
            if phrase is not None:
                return _Phrase(left + phrase.first, phrase.length)
        return None

    def _in_run(self, numbers: list[int], work: _Work) -> _Phrase | None:
        """A phrase in list words that follow each other."""
        size = len(numbers)
        rising = _rising(numbers)
        if min(rising[self._min - 1 :]) >= self._min:
            return None
        few = len(set(numbers)) < _DISTINCT
        if few and not _is_example(numbers):
            return None
        if not self._verify or size > MAX_RUN:
            return _Phrase(0, next(length for length in self._lengths if length <= size))
        for length in self._lengths:
            for end in range(length, size + 1):
                if rising[end - 1] >= length:
                    continue
                window = numbers[end - length : end]
                work.left -= 1
                if work.left < 0 or ((few or len(set(window)) >= _DISTINCT) and is_valid(window)):
                    return _Phrase(end - length, length)
        return None

    def _electrum(self, numbers: list[int], work: _Work) -> _Phrase | None:
        """A phrase of Electrum, which has English words and another checksum."""
        if self._min > LENGTHS[0] or len(set(numbers)) < _DISTINCT:
            return None
        words, rising = _lists()["english"], _rising(numbers)
        for start in range(len(numbers) - LENGTHS[0] + 1):
            if rising[start + LENGTHS[0] - 1] >= LENGTHS[0]:
                continue
            work.left -= 1
            window = numbers[start : start + LENGTHS[0]]
            if work.left < 0 or (len(set(window)) >= _DISTINCT and is_electrum([words[number] for number in window])):
                return _Phrase(start, LENGTHS[0])
        return None


def _runs(words: Sequence[bytes], known: Container[bytes], least: int) -> Iterator[tuple[int, int]]:
    """Where `least` or more known words follow each other. Such a run has every `least`-th word of the text in it."""
    free = 0
    for position in [at for at in range(least - 1, len(words), least) if words[at] in known]:
        if position < free:
            continue
        left, right = position, position + 1
        while left > free and words[left - 1] in known:
            left -= 1
        while right < len(words) and words[right] in known:
            right += 1
        free = right
        if right - left >= least:
            yield left, right


def _is_code(words: Sequence[bytes], text: bytes) -> bool:
    """Whether several words return, as three of a phrase don't by chance, and no one sign stands between them."""
    if len(words) - len(set(words)) < _RETURNING:
        return False
    return len(set(text.translate(_TO_GAPS, _BLANK).split())) >= _KINDS_OF_GAPS


def is_valid(numbers: Sequence[int]) -> bool:
    """Whether words with these numbers (0 to 2 047) are a phrase: the last 1/33 of their bits is a checksum.

    The number of words is one of `LENGTHS`. Source: BIP-39, "Generating the mnemonic".
    """
    total = 0
    for number in numbers:
        total = total << 11 | number
    bits = len(numbers) * 11 // 33
    digest = hashlib.sha256((total >> bits).to_bytes(bits * 4, "big")).digest()
    return digest[0] >> (8 - bits) == total & ((1 << bits) - 1)


def is_electrum(words: Sequence[str]) -> bool:
    """Whether these words are a seed of Electrum 2.0 or later, standard or segwit.

    Source: its documentation, "Electrum Seed Version System".
    """
    digest = hmac.new(b"Seed version", " ".join(words).encode(), hashlib.sha512).hexdigest()
    return digest.startswith(("01", "100"))


def _is_example(numbers: Sequence[int]) -> bool:
    """Whether these are the published examples: one word time and again, and another as the checksum."""
    return len(numbers) <= LENGTHS[-1] and len(set(numbers[:-1])) == 1 and numbers[-1] != numbers[0]


def _rising(numbers: Sequence[int]) -> list[int]:
    """For each number how many up to it follow each other upwards."""
    lengths = []
    length, before = 0, -1
    for number in numbers:
        length = length + 1 if number > before else 1
        before = number
        lengths.append(length)
    return lengths


def _has_eastern(data: bytes) -> bool:
    return not data.isascii() and _compiled(rb"[\xe1\xe3-\xed]").search(data) is not None


def _western_rows(data: bytes) -> Iterator[_Row]:
    yield _row(data.translate(_TO_WORDS).split(), data, 0)
    # Names take turns with words.
    for match in _compiled(_NAMED).finditer(data) if data.count(b"=") > _FEW or data.count(b":") > _FEW else ():
        text = match.group()
        yield _row(text.translate(_TO_WORDS).split()[::2], text, match.start())
    for match in _compiled(_TAGGED).finditer(data) if data.count(b"<") > _FEW else ():
        text = match.group()
        words = [piece.rpartition(b">")[2].translate(_TO_WORDS).strip() for piece in text.split(b"<")]
        yield _row([word for word in words if word], text, match.start())


def _row(words: list[bytes], text: bytes, start: int) -> _Row:
    return _Row(words, text.lower(), start)


def _eastern_rows(data: bytes) -> Iterator[_Row]:
    for match in _compiled(_EASTERN).finditer(data):
        text = unicodedata.normalize("NFC", match.group().decode("utf-8", "replace"))
        gaps = {char for char in set(text) if not char.isalpha() and not unicodedata.combining(char)}
        words = text.translate(dict.fromkeys(map(ord, gaps), " ")).split()
        yield _Row([word.encode() for word in words], match.group(), match.start())


def _range(row: _Row, first: int, count: int) -> tuple[int, int]:
    """Where words stand in their view; the whole row where its letters are spelled in another way."""
    position = start = 0
    for number, word in enumerate(row.words[: first + count]):
        position = row.text.find(word, position)
        if position < 0:
            return row.start, row.start + len(row.text)
        if number == first:
            start = position
        position += len(word)
    return row.start + start, row.start + position


@lru_cache(maxsize=16)
def _compiled(pattern: bytes) -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(pattern)


@lru_cache(maxsize=1)
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    words: list[str] = []
    for line in _DATA.read_text("utf-8").split("\n"):
        if line.endswith(":"):
            words = lists[line[:-1]] = []
        elif not line.startswith("#"):
            words += line.split()
    return lists


@lru_cache(maxsize=1)
def _western() -> _Lists:
    """Each list without accents, followed by itself in words of four letters; at the end the first again."""
    every: list[tuple[str, Mapping[bytes, int]]] = []
    for language, words in _lists().items():
        if language not in _EAST:
            plain = [_without_accents(word).encode() for word in words]
            every.append((language, {word: number for number, word in enumerate(plain)}))
            every.append((language, {word[:4]: number for number, word in enumerate(plain)}))
    every.append((_ELECTRUM, every[0][1]))
    return _together(every)


@lru_cache(maxsize=1)
def _eastern() -> _Lists:
    lists = _lists()
    return _together(
        [(name, {word.encode(): number for number, word in enumerate(lists[name])}) for name in lists if name in _EAST]
    )


def _together(lists: list[tuple[str, Mapping[bytes, int]]]) -> _Lists:
    return _Lists(tuple(lists), frozenset(word for _, index in lists for word in index))


def _without_accents(word: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
