"""Reads the first message of TLS for the name the client asks for (RFC 8446 §4.1.2, RFC 6066 §3), and nothing else.

A tunnel must lead to the host that was judged. The name in the ClientHello is what a server (or a CDN behind a shared
address) routes by, so it is read strictly: whatever two readers could understand differently is `Malformed`.
"""

from __future__ import annotations

import msgspec

__all__ = ["MAX_HELLO", "ClientHelloReader", "Hello", "Malformed", "NeedMore", "NotTls", "Seen"]

MAX_HELLO = 16_384
"""Bytes, record headers included. A hello with post-quantum key shares needs about 1 800."""

_HANDSHAKE = 0x16
_OTHER_RECORDS = frozenset({0x14, 0x15, 0x17, 0x18})
_CLIENT_HELLO = 1
_MAX_RECORD = 16_384
_SERVER_NAME = 0
_ALPN = 16
_ECH = 0xFE0D
_HOST_NAME = 0
_NAME_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"


class NeedMore(msgspec.Struct, frozen=True, gc=False):
    """The message is not complete yet."""


class NotTls(msgspec.Struct, frozen=True, gc=False):
    """The first byte is not one that TLS begins with."""


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """It poses as TLS and is not a ClientHello that can be read in one way only; `why` says what is wrong."""

    why: str


class Hello(msgspec.Struct, frozen=True, gc=False):
    """A complete ClientHello.

    Attributes:
        server_name: The name as sent, `None` where there is none.
        alpn: The protocols offered, non-ASCII bytes (GREASE) escaped.
        ech: Whether an `encrypted_client_hello` extension is there (RFC 9849). `server_name` is then the outer
            name, and the real one may be another; browsers also send the extension with random content (GREASE).
    """

    server_name: str | None
    alpn: tuple[str, ...] = ()
    ech: bool = False


Seen = NeedMore | Hello | NotTls | Malformed

_NEED_MORE = NeedMore()
_NOT_TLS = NotTls()


class _BadHelloError(Exception):
    """Carries what is wrong to the one place that makes a `Malformed` of it."""


class ClientHelloReader:
    """Fed the client's first bytes. Holds at most `MAX_HELLO` of them; the work is linear.

    The caller keeps the bytes that it fed: they are what goes on to the server.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._message = bytearray()
        self._at = 0
        self._result: Seen = _NEED_MORE

    def feed(self, data: bytes) -> Seen:
        """Take more bytes. Once the answer is other than `NeedMore` it stays what it is."""
        if self._result is not _NEED_MORE:
            return self._result
        self._held += data[: MAX_HELLO + 1 - len(self._held)]
        try:
            self._result = self._look()
        except _BadHelloError as e:
            self._result = Malformed(str(e))
        if self._result is not _NEED_MORE:
            self._held.clear()
            self._message.clear()
        elif len(self._held) > MAX_HELLO:
            self._result = Malformed(f"the ClientHello is larger than {MAX_HELLO} bytes")
        return self._result

    def _look(self) -> Seen:
        if not self._held:
            return _NEED_MORE
        if self._held[0] != _HANDSHAKE:
            return self._look_elsewhere()
        while self._take_record():
            if len(self._message) < 4:
                continue
            if self._message[0] != _CLIENT_HELLO:
                raise _BadHelloError("the first handshake message is not a ClientHello")
            length = int.from_bytes(self._message[1:4], "big")
            if length > MAX_HELLO:
                raise _BadHelloError(f"the ClientHello is larger than {MAX_HELLO} bytes")
            if len(self._message) > 4 + length:
                raise _BadHelloError("another message follows in the same record")
            if len(self._message) == 4 + length:
                return _read_hello(bytes(self._message[4:]))
        return _NEED_MORE

    def _look_elsewhere(self) -> Seen:
        """Tell what begins like some other TLS or SSL record from what is something else altogether."""
        held = self._held
        if held[0] in _OTHER_RECORDS:
            if held[1:2] == b"\x03":
                raise _BadHelloError("the first TLS record is not a handshake")
            return _NOT_TLS if len(held) > 1 else _NEED_MORE
        if held[0] & 0x80:
            # SSLv2 begins with a length whose high bit is set; its third byte names the message.
            if held[2:3] == b"\x01":
                raise _BadHelloError("it is an SSLv2 hello")
            return _NOT_TLS if len(held) > 2 else _NEED_MORE
        return _NOT_TLS

    def _take_record(self) -> bool:
        """Move the next complete record's content to the message (RFC 8446 §5.1). False where it is not complete."""
        header = bytes(self._held[self._at : self._at + 5])
        if header[:1] not in {b"", b"\x16"}:
            raise _BadHelloError("a record of another type interrupts the ClientHello")
        if header[1:2] not in {b"", b"\x03"} or (len(header) > 2 and header[2] > 4):
            raise _BadHelloError("the record names no TLS version")
        if len(header) < 5:
            return False
        length = int.from_bytes(header[3:5], "big")
        if not 0 < length <= _MAX_RECORD:
            raise _BadHelloError("a record is empty or longer than TLS allows")
        end = self._at + 5 + length
        if len(self._held) < end:
            return False
        self._message += self._held[self._at + 5 : end]
        self._at = end
        return True


class _Cursor:
    """Walks over length-prefixed fields; anything that leaves the field is malformed."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise _BadHelloError("a field is longer than what holds it")
        self._at += count
        return piece

    def number(self, count: int) -> int:
        """The next `count` bytes as a number."""
        return int.from_bytes(self.take(count), "big")

    def vector(self, prefix: int) -> bytes:
        """A field behind a length of `prefix` bytes."""
        return self.take(self.number(prefix))

    def has_more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)


def _read_hello(body: bytes) -> Hello:
    cursor = _Cursor(body)
    if cursor.number(2) >> 8 != 3:
        raise _BadHelloError("the ClientHello names no TLS version")
    cursor.take(32)
    if len(cursor.vector(1)) > 32:
        raise _BadHelloError("the session id is too long")
    suites = cursor.vector(2)
    if not suites or len(suites) % 2:
        raise _BadHelloError("the list of cipher suites is broken")
    if not cursor.vector(1):
        raise _BadHelloError("the list of compression methods is empty")
    if not cursor.has_more():
        return Hello(None)
    extensions = _Cursor(cursor.vector(2))
    if cursor.has_more():
        raise _BadHelloError("bytes follow the extensions")
    return _read_extensions(extensions)


def _read_extensions(extensions: _Cursor) -> Hello:
    seen: set[int] = set()
    server_name: str | None = None
    alpn: tuple[str, ...] = ()
    while extensions.has_more():
        kind, content = extensions.number(2), extensions.vector(2)
        # RFC 8446 §4.2. A second server_name is the classic way to show one name to a firewall and another to a server.
        if kind in seen:
            raise _BadHelloError("an extension comes twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            server_name = _read_server_name(content)
        elif kind == _ALPN:
            alpn = _read_alpn(content)
    return Hello(server_name, alpn, _ECH in seen)


def _read_server_name(content: bytes) -> str:
    cursor = _Cursor(content)
    names = _Cursor(cursor.vector(2))
    if cursor.has_more():
        raise _BadHelloError("bytes follow the server name")
    kind, name = names.number(1), names.vector(2)
    if kind != _HOST_NAME or names.has_more():
        raise _BadHelloError("the server name list holds something other than one host name")
    if not 0 < len(name) <= 255 or name.translate(None, _NAME_BYTES) or name.startswith(b".") or name.endswith(b"."):
        raise _BadHelloError("the server name is not a host name")
    return name.decode("ascii")


def _read_alpn(content: bytes) -> tuple[str, ...]:
    cursor = _Cursor(content)
    protocols = _Cursor(cursor.vector(2))
    if cursor.has_more() or not protocols.has_more():
        raise _BadHelloError("the protocol list is broken")
    offered: list[str] = []
    while protocols.has_more():
        protocol = protocols.vector(1)
        if not protocol:
            raise _BadHelloError("the protocol list holds an empty name")
        offered.append(protocol.decode("ascii", "backslashreplace"))
    return tuple(offered)
