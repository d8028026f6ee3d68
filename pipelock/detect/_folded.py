"""The hard fold: a view in which case, gaps, punctuation, leetspeak and vowels no longer tell words apart.

It undoes "1gn0re", "i g n o r e", "i.g-n_o*r~e", "ignoreprevious", "instroctions" and their mixtures at once, and finds
all of that written backwards. What is left of a text is so little that only long phrases may be looked for; rules list
them as `folded`. Signs inside words (`!gnore`, `prev|ous`, `ins+ruc+ions`) may be letters or nothing: where there are
some, both readings are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelock.detect._pattern import for_bytes
from pipelock.detect._shared import Seen
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import Rule

__all__ = ["FoldedPhrases", "fold_hard"]

_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = (b"0123456789@$", b"oizeasgtbgas")
_SIGNS = (b"!|+(<{*#^", b"iitcccaha")
_VOWELS = b"aeiou"
_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz")
# Money signs that pass for letters; other characters beyond ASCII are folded before, or are no letters here.
_MONEY = (("\u20ac".encode(), b"e"), ("\u00a3".encode(), b"l"), ("\u00a2".encode(), b"c"), ("\u00a5".encode(), b"y"),
          ("\u00a1".encode(), b"i"))  # fmt: skip
# The sign stands between letters, or between letters that stand apart.
_SIGN_IN_WORD = (
    r"[a-z0-9][!|+(<{*#^][a-z0-9]|[!|+][a-z]{3}"
    r"|[a-z0-9][ ._~-]{1,3}[!|+(<{*#^][ ._~-]{1,3}[a-z0-9][ ._~-]{1,3}[a-z0-9][ ._~-]"
)


def _table(*pairs: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The table and the bytes that go, for `bytes.translate`."""
    table = bytearray(range(256))
    for sources, targets in ((_CAPITALS, _CAPITALS.lower()), *pairs):
        for source, target in zip(sources, targets, strict=True):
            table[source] = target
    for code in range(256):
        if table[code] in _VOWELS:
            table[code] = ord("a")
    return bytes(table), bytes(code for code in range(256) if table[code] not in _KEPT)


_PLAIN = _table(_DIGITS)
_SIGNED = _table(_DIGITS, _SIGNS)


def fold_hard(data: bytes, *, signs: bool = False) -> bytes:
    """The folded form of `data`, which is at most as long; linear, at memory speed. With `signs` those are letters."""
    return _folded(_without_money(data), signs=signs)


def _without_money(data: bytes) -> bytes:
    if not data.isascii():
        for money, letter in _MONEY:
            data = data.replace(money, letter)
    return data


def _folded(data: bytes, *, signs: bool) -> bytes:
    table, gone = _SIGNED if signs else _PLAIN
    return data.translate(table, gone)


class FoldedPhrases:
    """The folded phrases of rules."""

    def __init__(self, rules: Sequence[Rule], *, cache: Path | None, native: bool) -> None:
        phrases = [(rule, phrase) for rule in rules for phrase in rule.folded]
        self._rules = [rule for rule, _ in phrases] * 2
        patterns = [_pattern(phrase) for _, phrase in phrases]
        # No phrase repeats anything, so none is longer than its pattern.
        self._longest = max(map(len, patterns), default=0)
        self._matcher = Matcher([*patterns, *map(_backwards, patterns)], cache=cache, native=native)
        self._signs = Matcher([for_bytes(_SIGN_IN_WORD)], cache=cache, native=native)

    def find(self, data: bytes, seen: Seen | None = None) -> list[Rule]:
        """The rules of which a phrase occurs in `data`, a text that is not folded yet; none twice.

        Args:
            data: The text.
            seen: What remembers the texts before it (`seen()`), whose phrases need not be told again.

        Raises:
            MatcherError: the matcher failed; block.
        """
        found: dict[str, Rule] = {}
        for folded in self._folds(data):
            for start, end in seen.news(folded) if seen else [(0, len(folded))]:
                found.update(
                    (self._rules[number].name, self._rules[number])
                    for number in self._matcher.propose(folded[start:end])
                )
        return list(found.values())

    def seen(self) -> Seen:
        """What remembers texts that `find` is asked about."""
        return Seen(self._longest)

    def _folds(self, data: bytes) -> Iterator[bytes]:
        letters = _without_money(data)
        yield _folded(letters, signs=False)
        if self._signs.propose(data):
            yield _folded(letters, signs=True)


def _pattern(phrase: str) -> bytes:
    """A phrase of letters, spaces, groups, bars and question marks, folded letter by letter; "1" may have been an l."""
    spaceless = phrase.replace(" ?", " ").replace(" ", "").replace("(", "(?:")
    return "".join("a" if char in "eiou" else "[al]" if char == "l" else char for char in spaceless).encode("ascii")


def _backwards(pattern: bytes) -> bytes:
    """A pattern for what `pattern` matches, written from its end; both of letters, classes, groups, bars and "?"."""
    stack: list[list[bytes]] = [[b""]]
    index = 0
    while index < len(pattern):
        if pattern.startswith(b"(?:", index):
            stack.append([b""])
            index += 3
            continue
        char = pattern[index : pattern.index(b"]", index) + 1 if pattern.startswith(b"[", index) else index + 1]
        index += len(char)
        if char == b"|":
            stack[-1].append(b"")
            continue
        atom = b"(?:" + b"|".join(stack.pop()) + b")" if char == b")" else char
        if pattern.startswith(b"?", index):
            atom += b"?"
            index += 1
        stack[-1][-1] = atom + stack[-1][-1]
    return b"|".join(stack[0])
