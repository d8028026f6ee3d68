"""The values inside a structured body: what a server would see after parsing it.

A body is scanned as it came in any case; this adds what only parsing brings together: escapes undone, and values
joined, so that a secret cut in pieces is whole again. A body that does not parse as what it says has no values here
and is still scanned raw.

Limits: 200 000 values, 100 multipart parts, the JSON parser's own depth; what is beyond is scanned raw only.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BinasciiError
from typing import Any, NamedTuple

import msgspec

__all__ = ["Fields", "read_fields"]

MAX_VALUES = 200_000
MAX_PARTS = 100


class Fields(NamedTuple):
    """What a body holds, as UTF-8.

    Attributes:
        lines: Keys and values, one a line; empty where all of them stand in the raw body as they are.
        joined: The values put together without anything between, keys left out; empty for fewer than two.
    """

    lines: bytes
    joined: bytes


_NONE = Fields(b"", b"")


def read_fields(data: bytes, content_type: str) -> Fields:
    """The values of `data`, read as its content type says, or as JSON where it looks like it."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _form(data)
    if kind.startswith("multipart/"):
        return _multipart(data, content_type)
    if data[:1] in (b"{", b"[", b'"') or kind.endswith("json") or data[:64].lstrip()[:1] in (b"{", b"["):
        return _json(data)
    return _NONE


def _json(data: bytes) -> Fields:
    try:
        document: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _json_lines(data)
    return _walk([document], differs=b"\\" in data) if type(document) in _HOLDERS else _NONE


def _json_lines(data: bytes) -> Fields:
    """Newline-delimited JSON, if every line of it parses."""
    documents: list[Any] = []
    try:
        for line in data.splitlines():
            if line.strip():
                document: Any = msgspec.json.decode(line)
                if type(document) in _HOLDERS:
                    documents.append(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _NONE
    return _walk(documents, differs=b"\\" in data)


def _walk(documents: list[Any], *, differs: bool) -> Fields:
    keys: list[str] = []
    values: list[str] = []
    stack: list[Any] = documents[::-1]
    while stack and len(values) < MAX_VALUES:
        item = stack.pop()
        kind = type(item)
        if kind is dict:
            if differs:
                keys.extend(item)
            # Reversed, as the stack turns the order round once more.
            stack.extend([value for value in reversed(item.values()) if type(value) in _HOLDERS])
        elif kind is list:
            stack.extend([value for value in reversed(item) if type(value) in _HOLDERS])
        else:
            values.append(item)
    lines = "\n".join([*keys, *values]).encode("utf-8", "surrogatepass") if differs else b""
    return Fields(lines, "".join(values).encode("utf-8", "surrogatepass") if len(values) > 1 else b"")


_HOLDERS = frozenset({str, dict, list})


def _form(data: bytes) -> Fields:
    keys: list[bytes] = []
    values: list[bytes] = []
    for pair in data.split(b"&", MAX_VALUES)[:MAX_VALUES]:
        key, _, value = pair.partition(b"=")
        keys.append(unquote(key))
        values.append(unquote(value))
    differs = b"%" in data or b"+" in data
    return Fields(b"\n".join([*keys, *values]) if differs else b"", b"".join(values) if len(values) > 1 else b"")


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


def _parameter(header: str, name: str) -> str:
    for piece in header.split(";")[1:]:
        key, _, value = piece.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""


def _multipart(data: bytes, content_type: str) -> Fields:
    """RFC 2046 parts: their header values and bodies, transfer encodings undone."""
    boundary = _parameter(content_type, "boundary").encode("latin-1", "replace")
    if not boundary:
        return _NONE
    keys: list[bytes] = []
    values: list[bytes] = []
    for part in data.split(b"--" + boundary, MAX_PARTS + 1)[1 : MAX_PARTS + 1]:
        head, gap, body = part.replace(b"\r\n", b"\n").partition(b"\n\n")
        if not gap:
            continue
        keys.extend(head.strip(b"\n").split(b"\n")[:32])
        values.append(_transfer(head.lower(), body.removesuffix(b"\n")))
    return Fields(b"\n".join([*keys, *values]), b"".join(values))


def _transfer(head: bytes, body: bytes) -> bytes:
    if b"content-transfer-encoding: base64" in head:
        try:
            return b64decode(body)
        except (BinasciiError, ValueError):
            return body
    if b"content-transfer-encoding: quoted-printable" in head:
        parts = body.replace(b"=\n", b"").replace(b"%", b"%25").replace(b"=", b"%")
        return unquote(parts.replace(b"+", b"%2B"))
    return body
