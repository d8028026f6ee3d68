"""The values inside a structured body: what a server would see after parsing it, and what parts of it say together.

A body is scanned as it came in any case; this adds escapes undone, and values joined, so that a secret cut in pieces
is whole again. Nothing here decides whether a body is valid: JSON is read by its quotation marks alone, so that
duplicate keys, several documents, comments, trailing commas and whatever else some parser forgives hide no value.

Limits: 1 000 000 values, 1 000 multipart parts. A body with more, and a multipart body whose parts can't be told
apart, is reported as not looked into. Of a table 64 columns are joined.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Sequence
from typing import NamedTuple

from pipelock.detect._escapes import escapes
from pipelock.detect._pattern import compile_linear

__all__ = ["Fields", "boundary_of", "joined_pairs", "read_fields"]

MAX_VALUES = 1_000_000
MAX_PARTS = 1_000
MAX_COLUMNS = 64
MAX_FRAGMENTS = 512
# What a part of a key may have, and line ends; all else reads as a space.
_FRAGMENT = bytes(
    code if chr(code) in "_+/.=-\n" or (code < 128 and chr(code).isalnum()) else 0x20 for code in range(256)
)
_LARGE = 16_384


class Fields(NamedTuple):
    """What a body holds, as UTF-8.

    Attributes:
        lines: Keys and values, one a line; empty where all of them stand in the raw body as they are.
        joined: What the values say when they are put together without anything between. None empty, none twice.
        mixed: Likewise the keys (each once), and keys and values in turn; encoded runs are not looked for in these.
        problem: What keeps the body from being read in full, to complete "the body holds …"; empty for nothing.
    """

    lines: bytes = b""
    joined: tuple[bytes, ...] = ()
    mixed: tuple[bytes, ...] = ()
    problem: str = ""


_NONE = Fields()
_TOO_MANY = f"more than {MAX_VALUES:,} values".replace(",", " ")
_BLANK = b" \t\r\n\f\v\x00\xef\xbb\xbf"
# What stands between the strings of JSON, numbers and literals included.
_JSON_GAPS = b" \t\r\n{}[]:,0123456789+-.eEtrufalsn"
# Stands behind a string that is a key; UTF-8 never has this byte.
_KEY = b"\xfd"
# How items of lists begin, behind a number or not.
_MARKS = (b"- ", b"* ", b"+ ", b". ", b") ")
_ITEM = compile_linear(rb"(?m)^[ \t>]*[0-9]*[-*+.)] ")
# Behind a sign of assignment a raw text may hold numbers of any kind; the value of a field stands alone.
_NUMBER = compile_linear(rb"=[0-9 -]{12}")
_ALIKE = 8
_TALL = 64
_NUMERIC = b"0123456789.:-+/%"
_EDGES = b" \t\r\"'{}[]()"
_AROUND_NAMES = b" \t\r\n/=?"
_MARKUP_KINDS = ("xml", "html")
_NO_BASE64 = bytes(code for code in range(256) if not (code < 128 and (chr(code).isalnum() or chr(code) in "+/")))


def read_fields(data: bytes, content_type: str) -> Fields:
    """The values of `data`, read as its content type says and as what it looks like."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _form(data)
    if kind.startswith("multipart/"):
        return _multipart(data, content_type)
    start = data[:64].lstrip(_BLANK)[:1]
    joined: list[bytes] = []
    lines = b""
    mixed: list[bytes] = []
    quoted = b'"' in data and (start == b'"' or kind.endswith("json") or b"{" in data or b"[" in data)
    if quoted:
        fields = _strings(data)
        if fields.problem:
            return fields
        # What looks like JSON nowhere but in a few signs has the same text with its escapes undone as a whole.
        is_json = kind.endswith("json") or start in (b'"', b"{", b"[") or len(data) < _LARGE
        lines = fields.lines if is_json else b""
        mixed.extend(fields.mixed)
        joined.extend(fields.joined)
    if start == b"<" or kind.endswith(_MARKUP_KINDS) or b"</" in data or b"<![CDATA[" in data:
        texts, names = _texts_of_markup(data)
        joined += texts
        mixed += names
    if not quoted:
        joined.extend(joined_pairs(data))
        joined.append(_items(data))
        joined.extend(_columns(data))
        if kind in ("text/csv", "text/tab-separated-values"):
            joined.append(data.translate(None, b',;\t|"\r\n'))
            if b'""' in data:
                lines = data.replace(b'""', b'"')
    return Fields(lines, _distinct(joined), _distinct(mixed))


def _distinct(joined: list[bytes]) -> tuple[bytes, ...]:
    # There are few, and to compare them is cheaper than to hash them.
    return tuple([one for number, one in enumerate(joined) if one and one not in joined[:number]])


def _strings(data: bytes) -> Fields:
    """The strings of JSON, of several documents in a row, or of something like it."""
    escaped = b"\\" in data
    if escaped:
        # Two bytes that UTF-8 never has stand for what is escaped, so that every quotation mark left is a real one.
        data = data.replace(b"\\\\", b"\xfe").replace(b'\\"', b"\xff")
    marked = data.replace(b'":', _KEY + b'"')
    pieces = marked.split(b'"', MAX_VALUES)
    if len(pieces) > MAX_VALUES:
        return Fields(problem=_TOO_MANY)
    gaps = b"".join(pieces[::2])
    # A quotation mark in a comment turns inside and outside round from there on: then both are read as strings.
    parities = (1,) if not gaps.translate(None, _JSON_GAPS) else (1, 0)
    if len(parities) > 1 or b":" in gaps:
        # Not written as programs write it: there may be space before a colon, or the sign for keys in the text.
        pieces = _marked(data.split(b'"'), parities)
    joined: list[bytes] = []
    mixed: list[bytes] = []
    lines: list[bytes] = []
    for first in parities:
        strings = pieces[first::2]
        if len(strings) < 2:
            continue
        keys = list(dict.fromkeys([one for one in strings if one[-1:] == _KEY]))
        values = [one for one in strings if one[-1:] != _KEY] if keys else strings
        lines.extend(strings)
        if len(values) > 1:
            joined.append(b"".join(values))
            joined.append(_fragments(values))
        mixed += [b"".join(keys).replace(_KEY, b""), b"".join(strings).replace(_KEY, b"")]
    if not escaped:
        return Fields(b"", _distinct(joined), _distinct(mixed))
    joined = [_unescaped(one) for one in joined]
    text = b"\n".join(lines).replace(_KEY, b"")
    return Fields(_unescaped(text), _distinct(joined), _distinct([_unescaped(one) for one in mixed]))


def _fragments(values: list[bytes]) -> bytes:
    """Those values joined that can be a part of a key, as words and numbers between them may be there to divide it."""
    pieces = b"\n".join(values).translate(_FRAGMENT).split(b"\n")
    likely = [one for one in pieces if 4 <= len(one) <= 64 and b" " not in one]
    found = [one for one in likely if not (one.isalpha() or one.isdigit())]
    return b"".join(found) if 1 < len(found) <= MAX_FRAGMENTS and len(found) < len(values) else b""


def _marked(pieces: list[bytes], parities: Sequence[int]) -> list[bytes]:
    """The pieces between quotation marks, with a sign behind each that a colon follows."""
    marked = [piece.replace(_KEY, b"") for piece in pieces]
    for first in parities:
        for index in range(first, len(pieces) - 1, 2):
            if pieces[index + 1].lstrip()[:1] == b":":
                marked[index] += _KEY
    return marked


def _unescaped(data: bytes) -> bytes:
    return escapes(data.replace(b"\xfe", b"\\\\").replace(b"\xff", b'\\"'))


def _texts_of_markup(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """What the parts of markup say: texts and the values of attributes; then names, alone and with what they name.

    Texts are joined without the white space around them; the names are those of opening tags.
    """
    data = data.replace(b"<![CDATA[", b"").replace(b"]]>", b"")
    texts: list[bytes] = []
    values: list[bytes] = []
    elements: list[bytes] = []
    attributes: list[bytes] = []
    named: list[bytes] = []
    for piece in data.split(b"<", MAX_VALUES):
        tag, closed, text = piece.partition(b">")
        text = (text if closed else piece).strip()
        texts.append(text)
        if not closed or tag[:1] == b"/":
            named.append(text)
            continue
        # Of most tags the name is all there is.
        name, rest = [*tag.split(None, 1), b"", b""][:2] if b"=" in tag else (tag, b"")
        elements.append(name.rstrip(b"/"))
        named += [elements[-1], text]
        if b"=" in rest:
            halves = rest.replace(b"'", b'"').split(b'"')
            values.extend(halves[1::2])
            attributes.extend([half.strip(_AROUND_NAMES) for half in halves[::2]])
    return [b"".join(texts), b"".join(values)], [b"".join(elements), b"".join(attributes), b"".join(named)]


def joined_pairs(data: bytes) -> list[bytes]:
    """The values of lines, or of what stands between `;`, `&` and commas, that read `name=value` or `name: value`."""
    joined = []
    for sign in (b"=", b":"):
        if data.count(sign, 0, 65_536) < 2:
            continue
        pieces = data.replace(b"&", b"\n").replace(b";", b"\n").replace(b",", b"\n").split(b"\n", MAX_VALUES)
        pairs = [piece.partition(sign) for piece in pieces if sign in piece]
        if len(pairs) > 1:
            joined.append(b"".join([value.strip(_EDGES) for _, _, value in pairs]))
            joined.append(b"".join([name.strip(_EDGES) + value.strip(_EDGES) for name, _, value in pairs]))
    return joined


def _items(data: bytes) -> bytes:
    """The items of a list, joined: of lines that begin with a sign or a number."""
    if _ITEM.search(data) is None:
        return b""
    items: list[bytes] = []
    for line in data.split(b"\n", MAX_VALUES):
        text = line.lstrip(b" \t>").lstrip(b"0123456789")
        if text.startswith(_MARKS):
            items.append(text[2:].strip(_EDGES))
    return b"".join(items) if len(items) > 1 else b""


def _columns(data: bytes) -> list[bytes]:
    """The columns of a table, each joined: its first lines have the same separator equally often.

    Columns of nothing but numbers, or nothing but letters, are left out.
    """
    head = [row for row in data.split(b"\n", _ALIKE)[:_ALIKE] if row.strip()]
    if len(head) < 2:
        return []
    for sign in (b",", b"\t", b";", b"|"):
        counts = {row.count(sign) for row in head}
        if len(counts) == 1 and 0 < max(counts) < MAX_COLUMNS:
            bare = data.translate(None, b" \r\"'" if sign == b"\t" else b" \t\r\"'")
            columns = _cells(bare.split(b"\n", MAX_VALUES), sign, max(counts) + 1)
            # The first row may be names.
            joined = [(b"".join(column[:_TALL]), b"".join(column[1:])) for column in columns]
            return [top + b"\n" + rest for top, rest in joined if rest.translate(None, _NUMERIC) and not rest.isalpha()]
    return []


def _cells(rows: list[bytes], sign: bytes, width: int) -> list[list[bytes]]:
    """The cells of each of `width` columns."""
    if not rows[-1]:
        rows.pop()
    if all(row.count(sign) == width - 1 for row in rows):
        # Where all rows are alike the cells stand in one row, which is split far quicker.
        cells = sign.join(rows).split(sign)
        return [cells[column::width] for column in range(width)]
    split = [row.split(sign, MAX_COLUMNS) for row in rows]
    return [[row[column] for row in split if len(row) > column] for column in range(width)]


def _form(data: bytes) -> Fields:
    """Pairs of a form; a semicolon separates as well as an ampersand, as some servers read it so."""
    joined: list[bytes] = []
    mixed: list[bytes] = []
    lines: list[bytes] = []
    for separated in (data, data.replace(b";", b"&")) if b";" in data else (data,):
        pairs = separated.split(b"&", MAX_VALUES)
        if len(pairs) > MAX_VALUES:
            return Fields(problem=_TOO_MANY)
        split = [pair.partition(b"=") for pair in pairs]
        keys = [unquote(key) for key, _, _ in split]
        values = [unquote(value) for _, _, value in split]
        lines += [*keys, *values]
        if len(pairs) > 1:
            joined.append(b"".join(values))
            mixed.append(b"".join(keys))
        mixed.append(b"".join([key + value for key, value in zip(keys, values, strict=True)]))
    differs = b"%" in data or b"+" in data or _NUMBER.search(data) is not None
    return Fields(b"\n".join(dict.fromkeys(lines)) if differs else b"", _distinct(joined), _distinct(mixed))


def unquote(data: bytes) -> bytes:
    """Form decoding: plus is space, `%XX` is a byte; a broken escape stays as it is."""
    data = data.replace(b"+", b" ")
    if b"%" not in data:
        return data
    first, *rest = data.split(b"%")
    out = [first]
    for part in rest:
        try:
            out.append(bytes.fromhex(part[:2].decode("ascii")) + part[2:] if len(part) >= 2 else b"%" + part)
        except ValueError:
            out.append(b"%" + part)
    return b"".join(out)


def boundary_of(header: str) -> bytes:
    """The boundary of a multipart content type; empty where there is none or there are several."""
    found = []
    for piece in header.split(";")[1:]:
        key, _, value = piece.partition("=")
        # A parameter with an asterisk is in another notation (RFC 2231), which some receivers read.
        if key.strip().lower().rstrip("*0123456789") == "boundary":
            found.append(value.strip().strip('"') if key.strip().lower() == "boundary" else "")
    return found[0].encode("latin-1", "replace") if len(found) == 1 else b""


def _multipart(data: bytes, content_type: str) -> Fields:
    """RFC 2046 parts: their header values and bodies, transfer encodings undone."""
    boundary = boundary_of(content_type)
    if not boundary or b"--" + boundary not in data:
        return Fields(problem="a multipart body whose parts can't be told apart")
    parts = data.split(b"--" + boundary, MAX_PARTS + 2)[1:]
    if len(parts) > MAX_PARTS + 1:
        return Fields(problem=f"more than {MAX_PARTS} multipart parts")
    heads: list[bytes] = []
    names: list[bytes] = []
    values: list[bytes] = []
    both: list[bytes] = []
    for part in parts:
        head, gap, body = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")
        if not gap:
            continue
        lines = head.strip(b"\n").replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n")
        heads.extend(lines)
        value = _transfer(lines, body.removesuffix(b"\n"))
        name = b"".join([line for line in lines if b"=" in line]).replace(b"'", b'"').split(b'"')[1::2]
        names.extend(name)
        values.append(value)
        both += [*name, value]
    joined = [b"".join(values)] if len(values) > 1 else []
    return Fields(b"\n".join([*heads, *values]), _distinct(joined), _distinct([b"".join(names), b"".join(both)]))


def _transfer(head: list[bytes], body: bytes) -> bytes:
    """The body of a part without its transfer encoding (RFC 2045 §6)."""
    encodings = [line.partition(b":")[2].strip().lower() for line in head if _is_transfer(line)]
    if b"base64" in encodings:
        try:
            return b64decode(body)
        except (BinasciiError, ValueError):
            # It breaks off, or something follows its end: what there is in whole groups is read by some.
            signs = body.translate(None, _NO_BASE64)
            return b64decode(signs[: len(signs) // 4 * 4]) or body
    if b"quoted-printable" in encodings:
        parts = body.replace(b"=\n", b"").replace(b"%", b"%25").replace(b"=", b"%")
        return unquote(parts.replace(b"+", b"%2B"))
    return body


def _is_transfer(line: bytes) -> bool:
    return line.partition(b":")[0].strip().lower() == b"content-transfer-encoding"
