"""In which field of a body a match stands: `user.name` of JSON, `token` of a form."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from pipelock.detect._pattern import compile_linear
from pipelock.model import Span

__all__ = ["MAX_BODY", "field_of"]

MAX_BODY = 1_048_576
"""Bytes of the largest body that is looked into; a larger one has no fields."""
_MAX_TOKENS = 20_000
"""Strings, brackets, commas and colons of JSON that are walked over: about 20 ms."""
_MAX_DEPTH = 64
_MAX_NAME = 256
_QUOTE = 0x22
_COLON = 0x3A
_LIST = 0x5B
_OPENING = b"{["
_CLOSING = b"}]"
_TOKENS = rb'"(?:[^"\\]|\\[\x00-\x7f])*"|[{}\[\],:]'


def field_of(data: bytes, content_type: str, span: Span) -> str:
    """The dotted path of the JSON value, or the name of the form field, in which `data[span]` lies whole.

    List items are numbered from 0. Empty where there is no one such field: the match is (part of) a name, reaches
    over several fields, or the body is not JSON or a form, is deeper than 64, larger than `MAX_BODY`, or has more
    than 20 000 tokens of JSON before the match.
    """
    if len(data) > MAX_BODY or span.end > len(data):
        return ""
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/x-www-form-urlencoded":
        return _form_field(data, span)
    if media.endswith("json") or data[:64].lstrip()[:1] in (b"{", b"["):
        return _json_field(data, span)
    return ""


def _form_field(data: bytes, span: Span) -> str:
    start = data.rfind(b"&", 0, span.start) + 1
    end = data.find(b"&", span.start)
    name, equals, _ = data[start : end if end >= 0 else len(data)].partition(b"=")
    if not equals or span.start <= start + len(name) or 0 <= end < span.end or len(name) > _MAX_NAME:
        return ""
    return unquote_plus(name.decode("latin-1"))


def _json_field(data: bytes, span: Span) -> str:
    """Follow the structure up to the match: strings and punctuation alone are looked at."""
    walk = _Walk()
    for start, end in islice(_tokens(data), _MAX_TOKENS):
        if start > span.start:
            # A number or a word is no token: nothing may begin before it ends.
            return walk.path() if start >= span.end else ""
        if data[start] != _QUOTE:
            if not walk.step(data[start]):
                return ""
        elif span.start < end:
            return walk.path() if span.start > start and span.end < end else ""
        else:
            walk.string(data[start + 1 : end - 1])
    return ""


class _Walk:
    """Where in a document one is: the names of the values that are open."""

    __slots__ = ("_in_value", "_key", "_kinds", "_names")

    def __init__(self) -> None:
        self._names: list[str] = []
        self._kinds: list[int] = []
        self._key = b""
        self._in_value = True

    def path(self) -> str:
        """The names, or nothing where one can't be told or a name comes next."""
        return ".".join(self._names) if self._in_value and self._names and all(self._names) else ""

    def string(self, inner: bytes) -> None:
        """A string has passed: a value, or the name of the next one."""
        self._key = b"" if self._in_value else inner

    def step(self, mark: int) -> bool:
        """A piece of punctuation has passed; False where it can't stand there, or stands too deep."""
        if mark in _OPENING:
            self._kinds.append(mark)
            self._names.append("0" if mark == _LIST else "")
            self._in_value = mark == _LIST
            return len(self._names) <= _MAX_DEPTH
        if not self._kinds:
            return False
        if mark in _CLOSING:
            self._names.pop()
            return self._kinds.pop() == mark - 2
        is_list = self._kinds[-1] == _LIST
        if mark == _COLON:
            self._names[-1] = _name(self._key)
            self._in_value = True
            return not is_list
        self._names[-1] = str(int(self._names[-1]) + 1) if is_list else ""
        self._in_value = is_list
        return True


def _tokens(data: bytes) -> Iterator[tuple[int, int]]:
    for match in _pattern().finditer(data):
        yield match.start(), match.end()


@lru_cache(maxsize=1)
def _pattern() -> Any:  # noqa: ANN401 - re2 publishes no types
    return compile_linear(_TOKENS)


def _name(key: bytes) -> str:
    return "" if b"\\" in key or len(key) > _MAX_NAME else key.decode("utf-8", "replace")
