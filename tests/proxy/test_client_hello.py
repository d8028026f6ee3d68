"""ClientHellos built by hand and by the standard library, whole, cut and broken."""

from __future__ import annotations

import ssl
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.proxy.client_hello import MAX_HELLO, ClientHelloReader, Hello, Malformed, NeedMore, NotTls, Seen


def vector(prefix: int, data: bytes) -> bytes:
    return len(data).to_bytes(prefix, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack("!H", kind) + vector(2, data)


def sni(*names: bytes, kind: int = 0) -> bytes:
    return extension(0, vector(2, b"".join(bytes([kind]) + vector(2, name) for name in names)))


def alpn(*names: bytes) -> bytes:
    return extension(16, vector(2, b"".join(vector(1, name) for name in names)))


def body(
    *extensions: bytes,
    version: bytes = b"\x03\x03",
    session: bytes = b"",
    suites: bytes = b"\x13\x01",
    compression: bytes = b"\0",
) -> bytes:
    return (
        version
        + b"R" * 32
        + vector(1, session)
        + vector(2, suites)
        + vector(1, compression)
        + vector(2, b"".join(extensions))
    )


def message(content: bytes, kind: int = 1) -> bytes:
    return bytes([kind]) + vector(3, content)


def record(content: bytes, kind: int = 22, version: bytes = b"\x03\x01") -> bytes:
    return bytes([kind]) + version + vector(2, content)


def hello(*extensions: bytes) -> bytes:
    return record(message(body(*extensions)))


def read(data: bytes, step: int = 100_000) -> Seen:
    reader = ClientHelloReader()
    seen: Seen = NeedMore()
    for at in range(0, len(data), step):
        seen = reader.feed(data[at : at + step])
    return seen


GREASE = extension(0x0A0A, b"")
NAME = sni(b"a.example")
WHOLE = hello(GREASE, NAME, alpn(b"h2", b"http/1.1"))

SEEN = [
    ("name and protocols", WHOLE, Hello("a.example", ("h2", "http/1.1"))),
    ("no name", hello(GREASE), Hello(None)),
    ("no extensions at all", record(message(body()[:-2])), Hello(None)),
    ("empty extensions", hello(), Hello(None)),
    ("capitals stay", hello(sni(b"A.Example")), Hello("A.Example")),
    ("grease among the protocols", hello(NAME, alpn(b"\xaa\xaa", b"h2")), Hello("a.example", ("\\xaa\\xaa", "h2"))),
    ("encrypted hello", hello(NAME, extension(0xFE0D, b"\0" * 100)), Hello("a.example", ech=True)),
    ("several records", b"".join(record(bytes([byte])) for byte in message(body(NAME))), Hello("a.example")),
    ("early data behind", WHOLE + record(b"x" * 100, kind=23), Hello("a.example", ("h2", "http/1.1"))),
    ("session id", record(message(body(NAME, session=b"s" * 32))), Hello("a.example")),
    ("http", b"GET / HTTP/1.1\r\n", NotTls()),
    ("ssh", b"SSH-2.0-OpenSSH_9.6\r\n", NotTls()),
    ("zeros", b"\0\0\0\0", NotTls()),
    ("high bit and nothing else", b"\xff\xff\xff", NotTls()),
    ("alert byte, other version", b"\x15\x01", NotTls()),
]


@pytest.mark.parametrize("step", [100_000, 1, 7])
@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_seen(data: bytes, expected: Seen, step: int) -> None:
    assert read(data, step) == expected


@pytest.mark.parametrize("size", range(0, len(WHOLE), 3))
def test_a_part_needs_more(size: int) -> None:
    assert read(WHOLE[:size]) == NeedMore()


MALFORMED = [
    ("two names in the list", hello(sni(b"a.example", b"b.example"))),
    ("two name extensions", hello(NAME, sni(b"b.example"))),
    ("two of any extension", hello(GREASE, GREASE, NAME)),
    ("name of another kind", hello(sni(b"a.example", kind=1))),
    ("empty list", hello(sni())),
    ("empty extension", hello(extension(0, b""))),
    ("empty name", hello(sni(b""))),
    ("name with NUL", hello(sni(b"a.example\0.b.example"))),
    ("name with slash", hello(sni(b"a.example/x"))),
    ("name with port", hello(sni(b"a.example:443"))),
    ("name with a dot behind", hello(sni(b"a.example."))),
    ("name with a dot before", hello(sni(b".a.example"))),
    ("name above ASCII", hello(sni("ä.example".encode()))),
    ("IPv6 as a name", hello(sni(b"::1"))),
    ("name too long", hello(sni(b"a" * 256))),
    ("bytes behind the list", hello(extension(0, vector(2, b"\0" + vector(2, b"a.example")) + b"x"))),
    ("name longer than its list", hello(extension(0, vector(2, b"\0\xff\xffa")))),
    ("extension longer than all", record(message(body(b"\0\x17\xff\xff")))),
    ("bytes behind the extensions", record(message(body(NAME) + b"x"))),
    ("protocols empty", hello(alpn())),
    ("protocol empty", hello(alpn(b"h2", b""))),
    ("session id too long", record(message(body(NAME, session=b"s" * 33)))),
    ("no cipher suites", record(message(body(NAME, suites=b"")))),
    ("odd cipher suites", record(message(body(NAME, suites=b"\x13\x01\x13")))),
    ("no compression methods", record(message(body(NAME, compression=b"")))),
    ("another version inside", record(message(body(NAME, version=b"\x02\x00")))),
    ("cut inside its length", record(message(b"\x03\x03"))),
    ("server hello", record(message(body(NAME), kind=2))),
    ("another message in the record", record(message(body(NAME)) + message(body(NAME)))),
    ("empty record", record(b"") + WHOLE),
    ("record too long", b"\x16\x03\x01\x40\x01"),
    ("record of version 4", b"\x16\x04"),
    ("record of version 3.9", b"\x16\x03\x09"),
    ("interrupted by another record", record(message(body(NAME))[:9]) + record(b"x", kind=23)),
    ("alert first", b"\x15\x03\x03\x00\x02\x02\x28"),
    ("application data first", b"\x17\x03\x03"),
    ("SSLv2", b"\x80\x2e\x01\x03\x01"),
    ("announced larger than the cap", record(b"\x01\x00\x40\x01")),
    ("larger than the cap", record(message(body(NAME, extension(21, b"\0" * 16_312))))),
    (
        "tiny records beyond the cap",
        b"".join(record(bytes([byte])) for byte in message(body(NAME, extension(21, b"\0" * 4000)))),
    ),
]


@pytest.mark.parametrize("step", [100_000, 5])
@pytest.mark.parametrize("data", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_malformed(data: bytes, step: int) -> None:
    seen = read(data, step)
    assert isinstance(seen, Malformed)
    assert seen.why


def test_the_answer_stays() -> None:
    reader = ClientHelloReader()
    assert reader.feed(WHOLE) == reader.feed(b"GET")
    assert isinstance(reader.feed(b""), Hello)


def test_a_real_client_is_read() -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="real.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    assert read(outgoing.read(), 100) == Hello("real.example", ("h2", "http/1.1"))


@given(data=st.binary(max_size=300), wrapped=st.booleans())
def test_any_bytes_get_an_answer(data: bytes, *, wrapped: bool) -> None:
    data = record(message(data)) if wrapped else data
    assert read(data) == read(data, 1)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_changed_byte_never_names_a_third(at: int, value: int) -> None:
    seen = read(WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :] + b"\0" * MAX_HELLO)
    if isinstance(seen, Hello) and seen.server_name is not None:
        assert len(seen.server_name) <= len("a.example") + 20
