"""The hard fold: a view in which case, gaps, punctuation, leetspeak and vowels no longer tell words apart.

It undoes "1gn0re", "i g n o r e", "ignoreprevious", "instroctions" and their mixtures at once. What is left of a text
is so little that only long phrases may be looked for; rules list them as `folded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import Rule

__all__ = ["FoldedPhrases", "fold_hard"]

_FROM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ" + b"01345789@$!|+6"
_TO = b"abcdefghijklmnopqrstuvwxyz" + b"oleastbgasiitg"
_VOWELS = b"aeiou"
_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz")


def _table() -> tuple[bytes, bytes]:
    table = bytearray(range(256))
    for source, target in zip(_FROM, _TO, strict=True):
        table[source] = target
    # "1" passes for i as well as l; i is a vowel here and by far the more common use.
    table[ord("1")] = ord("i")
    for code in range(256):
        if table[code] in _VOWELS:
            table[code] = ord("a")
    gone = bytes(code for code in range(256) if table[code] not in _KEPT)
    return bytes(table), gone


_TABLE, _GONE = _table()


def fold_hard(data: bytes) -> bytes:
    """The folded form of `data`, which is at most as long; linear, at memory speed."""
    return data.translate(_TABLE, _GONE)


class FoldedPhrases:
    """The folded phrases of rules."""

    def __init__(self, rules: Sequence[Rule], *, cache: Path | None, native: bool) -> None:
        self._rules = [rule for rule in rules for _ in rule.folded]
        self._matcher = Matcher(
            [_pattern(phrase) for rule in rules for phrase in rule.folded], cache=cache, native=native
        )

    def find(self, folded: bytes) -> list[Rule]:
        """The rules of which a phrase occurs in `folded`.

        Raises:
            MatcherError: the matcher failed; block.
        """
        return [self._rules[number] for number in self._matcher.propose(folded)] if folded else []


def _pattern(phrase: str) -> bytes:
    """A phrase of letters, spaces, groups, bars and question marks, folded letter by letter."""
    spaceless = phrase.replace(" ?", " ").replace(" ", "").replace("(", "(?:")
    return "".join("a" if char in "eiou" else char for char in spaceless).encode("ascii")
