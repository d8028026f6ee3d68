"""The phrases of a cue: one pattern that finds them, and words of which every match contains one.

A phrase is written as it is spoken. `( | )` lists alternatives, `?` makes a letter or a group optional, `*` stands for
the rest of a word, `~` for up to five words (or some twenty letters where words have no gaps), a space for a gap,
`{cue}` for any phrase of another cue and `{q}` for a question mark. Letters are folded as texts are (`letters.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from pipelock.detect._pattern import PatternError, for_bytes
from pipelock.detect.letters import fold_letters

__all__ = ["EDGE", "PhraseError", "Phrases", "quoted"]

# Unbounded: that makes far smaller automata than a bound does, and a sentence is all that is looked at anyway.
_GAP = r"[\s\x22',*-]+"
_BETWEEN = r"(?:[^\s.!?;:<>]+[\s\x22',-]+){0,5}"
_INSIDE = r"[^\s.!?;:<>]{0,60}"
_REST = r"[\w\x80-\xff]*"
_QUESTION = r"[\s\x22')]{0,3}\?"
EDGE = "\x02"
"""In a literal: a word begins or ends here."""
_DEPTH = 4
_SHORTEST = 2
"""Bytes of the shortest word that a phrase may be known by."""
_FEW = 48
"""Spellings of a phrase that are listed; where there are more, another part of it has to tell."""


class PhraseError(ValueError):
    """A phrase that can't be used; the text names the language and the cue."""


_APART = frozenset({EDGE})
"""The literals of a gap: nothing, but words end before and begin after it."""


class _Node:
    """A part of a phrase: its pattern, and all that it can be, or `None` where that can't be listed."""

    __slots__ = ("literals", "pattern", "spellings")

    def __init__(self, pattern: str, spellings: frozenset[str] | None, literals: frozenset[str] | None = None) -> None:
        self.pattern = pattern
        self.spellings = spellings
        self.literals = literals
        """Strings of which each match contains one, where the part has no list of spellings."""


_CLOSED = frozenset("|)")


class Phrases:
    """The phrases of one cue.

    Args:
        words: The cues of the phrasebook.
        cue: The one that is meant.
        edges: As `Phrasebook.edges`.
        where: The language, for messages.

    Raises:
        PhraseError: a group is not closed, a cue that is named is missing, or cues name each other too deeply.
    """

    def __init__(self, words: Mapping[str, str], cue: str, *, edges: str, where: str) -> None:
        self._words = words
        self._where = f"{where}: {cue}"
        self._edges = edges
        self._nodes = list(self._cue(cue, 0, outer=True))

    def pattern(self) -> str:
        """For RE2, over folded letters.

        Raises:
            PhraseError: it would be too long.
        """
        edge = "" if self._edges == "anywhere" else r"(?:^|[^\w\x80-\xff])"
        pattern = f"{edge}(?:{'|'.join(node.pattern for node in self._nodes)})"
        try:
            for_bytes(pattern)
        except PatternError as error:
            raise PhraseError(f"{self._where}: {error}") from error
        return pattern

    def literals(self) -> list[str]:
        """Words of which every match contains one; `EDGE` stands where they begin or end as words.

        Raises:
            PhraseError: a phrase has no two letters in a row that are always there.
        """
        found: set[str] = set()
        for node in self._nodes:
            words = _literals_of(node)
            if not words or min(len(word.strip(EDGE).encode()) for word in words) < _SHORTEST:
                raise PhraseError(f"{self._where}: {node.pattern!r} has no word that is always there")
            found |= words
        # A word that contains another one adds nothing.
        shortest = sorted(found, key=lambda word: (len(word.strip(EDGE)), word.count(EDGE), word))
        kept: list[str] = []
        for word in shortest:
            if not any(other in word for other in kept):
                kept.append(word)
        return kept

    def _cue(self, cue: str, depth: int, *, outer: bool = False) -> Iterator[_Node]:
        if cue not in self._words or depth > _DEPTH:
            raise PhraseError(f"{self._where}: no cue {cue!r}, or cues that name each other")
        for phrase in self._words[cue].split(";"):
            if phrase.strip():
                node, end = self._sequence(phrase.strip(), 0, depth)
                if end < len(phrase.strip()):
                    raise PhraseError(f"{self._where}: {phrase!r}: alternatives without a group around them")
                if outer and self._edges == "word":
                    node = _as_words(node, closed=_ends_a_word(phrase.strip()))
                yield node

    def _sequence(self, text: str, index: int, depth: int) -> tuple[_Node, int]:
        """The parts from `index` to the end of the text or of the alternative, and where that is."""
        parts: list[_Node] = []
        while index < len(text) and text[index] not in _CLOSED:
            char = text[index]
            index += 1
            if char == "(":
                node, index = self._group(text, index, depth)
            elif char == "{":
                name, _, _ = text[index:].partition("}")
                index += len(name) + 1
                node = _Node(_QUESTION, None) if name == "q" else _either(list(self._cue(name, depth + 1)))
            elif char == "*":
                # At the end of a phrase any rest will do, so none is asked for.
                node = _Node(_REST if index < len(text) else "", None if index < len(text) else frozenset({""}))
            elif char == "~":
                node = _Node(_BETWEEN + _INSIDE if self._edges == "anywhere" else _BETWEEN, None)
            elif char == " ":
                node = _Node(_GAP, None, _APART if self._edges == "word" else None)
            else:
                folded = fold_letters(char)
                node = _Node(quoted(folded), frozenset({folded}))
            if text[index : index + 1] == "?":
                index += 1
                node = _Node(f"(?:{node.pattern})?", None if node.spellings is None else node.spellings | {""})
            parts.append(node)
        return _joined(parts), index

    def _group(self, text: str, index: int, depth: int) -> tuple[_Node, int]:
        nodes = []
        while True:
            node, index = self._sequence(text, index, depth)
            nodes.append(node)
            if index >= len(text):
                raise PhraseError(f"{self._where}: {text!r}: a group is not closed")
            index += 1
            if text[index - 1] == ")":
                return _either(nodes), index


def _ends_a_word(phrase: str) -> bool:
    return phrase.endswith((")", "?")) or (phrase[-1].isalnum() and phrase[-1].isascii()) or phrase[-1].isalpha()


def quoted(text: str) -> str:
    """A word as a pattern; an `EDGE` beside a letter becomes one."""
    if text[:1] == EDGE or text[-1:] == EDGE:
        inner = text.strip(EDGE)
        left = "\\b" if text[0] == EDGE and inner[:1].isascii() and inner[:1].isalnum() else ""
        right = "\\b" if text[-1] == EDGE and inner[-1:].isascii() and inner[-1:].isalnum() else ""
        return left + quoted(inner) + right
    return "".join(char if char.isalnum() or not char.isascii() else f"\\x{ord(char):02x}" for char in text)


def _either(nodes: list[_Node]) -> _Node:
    pattern = f"(?:{'|'.join(node.pattern for node in nodes)})"
    spellings: set[str] = set()
    for node in nodes:
        if node.spellings is None:
            spellings.clear()
            break
        spellings |= node.spellings
    if spellings and len(spellings) <= _FEW:
        return _Node(pattern, frozenset(spellings))
    literals: set[str] = set()
    for node in nodes:
        words = _literals_of(node)
        if not words:
            return _Node(pattern, None)
        literals |= words
    return _Node(pattern, None, frozenset(literals))


def _joined(parts: list[_Node]) -> _Node:
    pattern = "".join(part.pattern for part in parts)
    runs: list[frozenset[str]] = []
    run: frozenset[str] = frozenset({""})
    whole = True
    for part in parts:
        if part.spellings is None:
            whole = False
            edge = EDGE if part.literals is _APART else ""
            runs.append(frozenset(word + edge if word else word for word in run))
            run = frozenset({edge})
            if part.literals and not edge:
                runs.append(part.literals)
            continue
        longer = frozenset(map("".join, product(run, part.spellings)))
        if len(longer) > _FEW:
            whole = False
            runs.append(run)
            longer = part.spellings
        run = longer
    runs.append(run)
    if whole:
        return _Node(pattern, run)
    best = max(runs, key=lambda words: (min(map(_length, words)), -len(words)))
    return _Node(pattern, None, best if min(map(_length, best)) else None)


def _length(word: str) -> int:
    return len(word.strip(EDGE).encode("utf-8", "surrogatepass"))


def _as_words(node: _Node, *, closed: bool) -> _Node:
    """A phrase that begins where a word does, and ends where one does if it is `closed`."""
    pattern = node.pattern + r"\b" if closed else node.pattern
    if node.spellings is None:
        return _Node(pattern, None, node.literals)
    return _Node(pattern, None, frozenset(EDGE + word + EDGE * closed for word in node.spellings))


def _literals_of(node: _Node) -> frozenset[str] | None:
    return node.spellings if node.spellings is not None else node.literals
