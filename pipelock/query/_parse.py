"""Reading a filter.

    either  = both { ("|" | "or") both }
    both    = single { ["&" | "and"] single }
    single  = ("!" | "not") single | "(" either ")" | "~" letter [word] | word
    word    = [key (":" | "<" | ">" | "<=" | ">=")] value        quotes keep spaces and operators together

`|` and `&` are operators only where they stand by themselves, so that a URL's query need not be quoted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import tzinfo

from pipelock.model import Record
from pipelock.query._fields import FLAGS, KEYS, SHORTCUTS
from pipelock.query._terms import All, Any, FilterError, Node, Not, Subject, Term, make_term

__all__ = ["EVERYTHING", "MAX_DEPTH", "MAX_LENGTH", "MAX_TERMS", "Filter", "parse"]

MAX_LENGTH = 500
"""Longest filter, in characters."""
MAX_TERMS = 20
"""Most terms in one filter."""
MAX_DEPTH = 10
"""Most parentheses and negations inside each other."""

_OR, _AND, _NOT = frozenset({"|", "or"}), frozenset({"&", "and"}), frozenset({"!", "not"})


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was read. `source` is what was typed."""

    source: str = ""
    root: Node = field(default=All(()))

    def matches(self, record: Record) -> bool:
        """Whether the record is meant."""
        return self.root.matches(Subject(record, record.at))

    def matches_text(self, text: str, at: float) -> bool:
        """Whether a remark is meant, which has no fields but a text and a time (seconds since the epoch)."""
        return self.root.matches(Subject(None, at, text))


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, or a sign that stands by itself. `plain` is what stood before the first quote."""

    text: str
    plain: str
    sign: bool = False


def parse(source: str, now: float | None = None, zone: tzinfo | None = None) -> Filter:
    """Read a filter; an empty one means everything.

    `now` (seconds since the epoch) and `zone` are what times are relative to; the machine's own where they are `None`.

    Raises:
        FilterError: Unknown field or word, missing value, open quote or parenthesis, too long, too many terms, no text.
    """
    if len(source) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters")
    if any("\ud800" <= char <= "\udfff" for char in source):
        raise FilterError("a filter is text in UTF-8")  # what a command line held of bytes that are none
    reader = _Reader(_tokens(source), time.time() if now is None else now, zone)
    return Filter(source.strip(), reader.whole())


class _Scanner:
    """Cuts a filter into tokens, a character at a time."""

    def __init__(self) -> None:
        self.found: list[_Token] = []
        self._text = ""
        self._before_quote: str | None = None
        self._quoted = False
        self._inner = 0

    def take(self, char: str) -> None:
        """The next character."""
        begun = bool(self._text) or self._before_quote is not None
        if char == '"':
            if self._before_quote is None:
                self._before_quote = self._text
            self._quoted = not self._quoted
        elif self._quoted:
            self._text += char
        elif char.isspace():
            self._end()
        elif (not begun and char in "(!") or (char == ")" and not self._inner):
            self._end()
            self.found.append(_Token(char, char, sign=True))
        else:
            # Parentheses inside a word belong to it, as in a URL's path.
            self._inner += (char == "(") - (char == ")")
            self._text += char

    def finish(self) -> list[_Token]:
        """All tokens."""
        if self._quoted:
            raise FilterError('a quote is open: close it with "')
        self._end()
        return self.found

    def _end(self) -> None:
        if self._before_quote is not None:
            self.found.append(_Token(self._text, self._before_quote))
        elif self._text:
            self.found.append(_Token(self._text, self._text))
        self._text, self._before_quote, self._inner = "", None, 0


def _tokens(source: str) -> list[_Token]:
    scanner = _Scanner()
    for char in source:
        scanner.take(char)
    return scanner.finish()


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[_Token], now: float, zone: tzinfo | None) -> None:
        self._tokens = tokens
        self._place = 0
        self._terms = 0
        self._now = now
        self._zone = zone

    def whole(self) -> Node:
        """The tree of all tokens."""
        if not self._tokens:
            return All(())
        node = self._either(0)
        if self._place < len(self._tokens):
            raise FilterError(") closes nothing; quote it if it is meant")
        return node

    def _peek(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _is_next(self, words: frozenset[str]) -> bool:
        token = self._peek()
        return token is not None and token.plain == token.text and token.text.lower() in words

    def _either(self, depth: int) -> Node:
        nodes = [self._both(depth)]
        while self._is_next(_OR):
            self._place += 1
            nodes.append(self._both(depth))
        return nodes[0] if len(nodes) == 1 else Any(tuple(nodes))

    def _both(self, depth: int) -> Node:
        nodes = [self._single(depth)]
        while (token := self._peek()) is not None and not self._is_next(_OR) and not (token.sign and token.text == ")"):
            if self._is_next(_AND):
                self._place += 1
            nodes.append(self._single(depth))
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _single(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise FilterError(f"at most {MAX_DEPTH} parentheses and negations stand inside each other")
        token = self._peek()
        if token is None or self._is_next(_OR) or self._is_next(_AND) or (token.sign and token.text == ")"):
            before = self._tokens[self._place - 1].text if self._place else "the filter"
            raise FilterError(f"{before} needs a term after it" if self._place else "a term must come first")
        negates = self._is_next(_NOT)
        self._place += 1
        if negates:
            return Not(self._single(depth + 1))
        if token.sign:
            node = self._either(depth + 1)
            if self._peek() is None:
                raise FilterError("a parenthesis is open: close it with )")
            self._place += 1
            return node
        return self._term(token)

    def _term(self, token: _Token) -> Term:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise FilterError(f"a filter has at most {MAX_TERMS} terms")
        if token.plain.startswith("~"):
            return self._shortcut(token)
        key, sign, value = _split(token)
        if not sign:
            key, sign, value = "text", ":", token.text
        return make_term(key, sign, value, self._now, self._zone)

    def _shortcut(self, token: _Token) -> Term:
        letter = token.text[1:].lower()
        if letter in FLAGS:
            return Term(FLAGS[letter][0], (FLAGS[letter][1],))
        if letter not in SHORTCUTS:
            known = " ".join(f"~{each}" for each in (*SHORTCUTS, *FLAGS))
            raise FilterError(f'there is no shortcut "{token.text}"; there are {known}')
        value = self._peek()
        if value is None or value.sign:
            raise FilterError(f"~{letter} needs a value after it, with a space between")
        self._place += 1
        return make_term(SHORTCUTS[letter], ":", value.text, self._now, self._zone)


def _split(token: _Token) -> tuple[str, str, str]:
    """Key, sign and value of a word; no sign where it is a bare one: quoted from its start on, or a URL."""
    for place, char in enumerate(token.plain):
        if char in "<>" and token.plain[:place].lower() in KEYS:
            sign = char + "=" if token.text[place + 1 : place + 2] == "=" else char
            return token.plain[:place].lower(), sign, token.text[place + len(sign) :]
        if char == ":":
            value = token.text[place + 1 :]
            return ("", "", token.text) if value.startswith("//") else (token.plain[:place].casefold(), ":", value)
    return "", "", token.text
