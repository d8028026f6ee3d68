"""Bodies whose texts are replaced: JSON (and lines of it), forms, plain text. Everything else can't be redacted.

JSON keeps its form: keys and values are replaced where they stand, everything between them stays byte by byte. What is
not JSON to the letter (RFC 8259: duplicate keys, comments, NaN, other charsets) is refused, since two parsers could
read it in two ways and one of them would see what nobody replaced.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple, NoReturn
from urllib.parse import quote_plus

from pipelock.detect.fields import unquote
from pipelock.detect.redaction import RedactionError, Redactor

__all__ = ["Redacted", "redact_body", "redact_text"]

MAX_NESTED = 4
"""Levels of JSON in strings of JSON that are read."""

_FEWEST_DIGITS = 13
_MOST_DIGITS = 40
_FORM = "application/x-www-form-urlencoded"
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_TEXTS = frozenset(
    {"text/plain", "text/markdown", "text/csv", "text/tab-separated-values", "text/yaml", "application/yaml",
     "application/x-yaml", "application/toml", "text/x-log"}
)  # fmt: skip
_UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii"})
_BLANK = b" \t\r\n"
_GAP_TO_SPACE = bytes.maketrans(b"{}[]:,\t\r\n", b" " * 9)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_STEP = [0] * 256
for _char, _step in ((b"{", 1), (b"[", 1), (b"}", -1), (b"]", -1)):
    _STEP[_char[0]] = _step


class Redacted(NamedTuple):
    """A body as it may leave, and how many places of each class were replaced in it."""

    body: bytes
    counts: dict[str, int]


def redact_body(data: bytes, content_type: str, redactor: Redactor) -> Redacted:
    """Replace what `redactor` knows in a body.

    A body that says it is a form or text, or says nothing, and is JSON, is read as JSON: many clients forget to say so.

    Raises:
        RedactionError: it can't be redacted in full.
        MatcherError: the matcher failed; block.
    """
    limits = redactor.limits
    if not data.strip(_BLANK):
        return Redacted(data, {})
    if len(data) > limits.max_body_bytes:
        raise RedactionError(
            "body_too_large", f"more than {limits.max_body_bytes} bytes, which is all that is redacted"
        )
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise RedactionError("multipart_unsupported", "multipart bodies can't be redacted")
    if kind == "application/json" or kind.endswith(("/json", "+json")):
        return _redact_json(data, content_type, redactor, lines=False)
    if kind in _LINES:
        return _redact_json(data, content_type, redactor, lines=True)
    if kind not in _TEXTS and kind not in ("", _FORM):
        raise RedactionError("non_json_body", f"bodies of type {kind[:64]} can't be redacted")
    if data.lstrip(_BLANK)[:1] in (b"{", b"[") and _is_json(data):
        return _redact_json(data, content_type, redactor, lines=False)
    if kind == _FORM:
        return _redact_form(data, content_type, redactor)
    if kind in _TEXTS:
        _utf8(data, content_type)
        return redact_text(data, redactor)
    raise RedactionError("non_json_body", "the body has no type and is no JSON, so it can't be redacted")


def redact_text(data: bytes, redactor: Redactor) -> Redacted:
    """Replace in one text, UTF-8. Raises as `redact_body`."""
    replaced = redactor.replace([data])
    return Redacted(data if replaced.texts[0] is None else replaced.texts[0], replaced.counts)


def _utf8(data: bytes, content_type: str) -> str:
    charset = ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip(" \t\"'").lower()
    if charset not in _UTF8:
        raise RedactionError("body_unparseable", "only UTF-8 can be redacted")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RedactionError("body_unparseable", "the body is not UTF-8") from error


# -- JSON --------------------------------------------------------------------------------------------------------------


class _Duplicate(ValueError):  # noqa: N818 - never leaves this module
    pass


def _pairs(pairs: Sequence[tuple[str, object]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        raise _Duplicate


def _no_constant(_word: str) -> NoReturn:
    raise ValueError("no JSON")


# Numbers are never converted (`len` is the quickest callable there is): what they say is read from the text.
_decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant, parse_int=len, parse_float=len)


def _is_json(data: bytes) -> bool:
    try:
        _decoder.decode(data.decode("utf-8"))
    except _Duplicate:
        return True
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _check_json(text: str, *, lines: bool) -> None:
    """Nothing, where `text` is JSON to the letter. Raises RedactionError."""
    try:
        for document in text.split("\n") if lines else (text,):
            if not lines or document.strip(" \t\r"):
                _decoder.decode(document)
    except _Duplicate as error:
        raise RedactionError("duplicate_object_key", "an object of the body has a key twice") from error
    except RecursionError as error:
        raise RedactionError("json_depth_exceeded", "the body is nested too deeply") from error
    except ValueError as error:
        raise RedactionError("body_unparseable", "the body is not valid JSON") from error


def _check_result(body: bytes, *, lines: bool) -> None:
    """What was written anew must be as good as what was read."""
    try:
        _check_json(body.decode(), lines=lines)
    except RedactionError as error:
        if error.code == "duplicate_object_key":
            raise RedactionError("key_collision", "two keys of an object are the same once it is redacted") from error
        raise RedactionError("remarshal_failed", "the redacted body is not valid JSON") from error


def _redact_json(data: bytes, content_type: str, redactor: Redactor, *, lines: bool) -> Redacted:
    text = _utf8(data, content_type)
    _check_json(text, lines=lines)
    # Two bytes that UTF-8 never has stand for what is escaped, so that every quotation mark left is a real one.
    escaped = b"\\" in data
    masked = data.replace(b"\\\\", b"\xfe").replace(b'\\"', b"\xff") if escaped else data
    pieces = masked.split(b'"')
    gaps = b" ".join(pieces[::2])
    _check_depth(gaps, redactor.limits.max_depth)
    tokens = Counter(pieces[1::2])
    numbers = list(dict.fromkeys(gaps.translate(_GAP_TO_SPACE).split()))
    numbers += [whole for number in numbers if (whole := _whole(number))]
    texts = [_plain(_decoded(token)) for token in tokens]
    replaced = redactor.replace(texts, list(tokens.values()), rigid=numbers)
    if not replaced.counts:
        return Redacted(data, {})
    new = {
        token: json.dumps(text.decode(), ensure_ascii=False).encode()[1:-1]
        for token, text in zip(tokens, replaced.texts, strict=True)
        if text is not None
    }
    pieces[1::2] = [new[piece] if piece in new else _unmasked(piece) for piece in pieces[1::2]]
    body = b'"'.join(pieces)
    _check_result(body, lines=lines)
    return Redacted(body, replaced.counts)


def _unmasked(token: bytes) -> bytes:
    return token.replace(b"\xfe", b"\\\\").replace(b"\xff", b'\\"')


def _decoded(token: bytes) -> bytes:
    """What a string of JSON says. A lone surrogate, which no text has, becomes a question mark."""
    if b"\\" not in token and b"\xfe" not in token and b"\xff" not in token:
        return token
    text = json.loads(f'"{_unmasked(token).decode()}"')
    return str(text).encode("utf-8", "replace")


def _whole(number: bytes) -> bytes:
    """The digits of a number with a sign, a fraction or an exponent that is a whole one (`4.0e15`); else nothing."""
    if not _FEWEST_DIGITS <= len(number) <= _MOST_DIGITS or number.isdigit():
        return b""
    try:
        value = abs(Decimal(number.decode()))
        return b"%d" % value if value.adjusted() < _MOST_DIGITS and value == value.to_integral_value() else b""
    except ArithmeticError:
        return b""


def _plain(text: bytes, depth: int = MAX_NESTED) -> bytes:
    """`text`; where it is JSON that escapes what needs no escape, the same JSON without such escapes.

    So the values of JSON in a string of JSON can be replaced, `MAX_NESTED` levels deep.
    """
    if not depth or b"\\u" not in text or text.lstrip(_BLANK)[:1] not in (b"{", b"[", b'"') or not _is_json(text):
        return text
    pieces = text.replace(b"\\\\", b"\xfe").replace(b'\\"', b"\xff").split(b'"')
    pieces[1::2] = [
        json.dumps(_plain(_decoded(piece), depth - 1).decode(), ensure_ascii=False).encode()[1:-1]
        for piece in pieces[1::2]
    ]
    return b'"'.join(pieces)


def _check_depth(gaps: bytes, limit: int) -> None:
    steps = map(_STEP.__getitem__, gaps.translate(None, _NOT_BRACKETS))
    if max(accumulate(steps), default=0) > limit:
        raise RedactionError("json_depth_exceeded", f"the body is nested more than {limit} levels deep")


# -- forms -------------------------------------------------------------------------------------------------------------


def _redact_form(data: bytes, content_type: str, redactor: Redactor) -> Redacted:
    _utf8(data, content_type)
    pairs = [pair.partition(b"=") for pair in data.split(b"&")]
    tokens = Counter([part for key, _, value in pairs for part in (key, value) if part])
    texts = [_plain(unquote(token)) for token in tokens]
    _utf8(b"\n".join(texts), "")
    replaced = redactor.replace(texts, list(tokens.values()))
    if not replaced.counts:
        return Redacted(data, {})
    new = {
        token: quote_plus(text).encode() for token, text in zip(tokens, replaced.texts, strict=True) if text is not None
    }
    out = [new.get(key, key) + sign + new.get(value, value) for key, sign, value in pairs]
    return Redacted(b"&".join(out), replaced.counts)
