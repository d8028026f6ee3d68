"""Decoding: what is read, what is a fault, and that a bomb costs no more than its limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import BlockReason, Direction, Fault
from pipelock.proxy.bodies.encoding import MAX_RATIO, Decoded, decode_body

LIMIT = 1_000_000
TEXT = b"hello, hello, hello, hello"


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


READ = [
    ("identity", "identity", TEXT, TEXT, ()),
    ("nothing named", "", TEXT, TEXT, ()),
    ("commas only", " , ,", TEXT, TEXT, ()),
    ("gzip", "gzip", gzip.compress(TEXT), TEXT, ("gzip",)),
    ("x-gzip in capitals", "X-GZIP", gzip.compress(TEXT), TEXT, ("x-gzip",)),
    ("deflate with zlib header", "deflate", zlib.compress(TEXT), TEXT, ("deflate",)),
    ("deflate without header", "deflate", raw_deflate(TEXT), TEXT, ("deflate",)),
    ("gzip of deflate", "deflate, gzip", gzip.compress(zlib.compress(TEXT)), TEXT, ("gzip", "deflate")),
    ("gzip and identity", "gzip, identity", gzip.compress(TEXT), TEXT, ("gzip",)),
    ("two members", "gzip", gzip.compress(TEXT) + gzip.compress(b"!"), TEXT + b"!", ("gzip",)),
    ("gzip of nothing", "gzip", gzip.compress(b""), b"", ("gzip",)),
    ("no body", "gzip", b"", b"", ()),
    ("Brotli", "br", brotli.compress(TEXT), TEXT, ("br",)),
    ("Zstandard", "zstd", zstandard.compress(TEXT), TEXT, ("zstd",)),
    ("two frames", "zstd", zstandard.compress(TEXT) + zstandard.compress(b"!"), TEXT + b"!", ("zstd",)),
    ("gzip of Brotli", "br, gzip", gzip.compress(brotli.compress(TEXT)), TEXT, ("gzip", "br")),
]


@pytest.mark.parametrize(
    ("named", "data", "expected", "codings"), [row[1:] for row in READ], ids=[row[0] for row in READ]
)
def test_read(named: str, data: bytes, expected: bytes, codings: tuple[str, ...]) -> None:
    assert decode_body(named, data, LIMIT) == Decoded(expected, codings)


REFUSED = [
    ("compress", "compress", TEXT, 415),
    ("unknown behind known", "gzip, compress", gzip.compress(TEXT), 415),
    ("unknown on an empty body", "exi", b"", 415),
    ("Brotli that is none", "br", TEXT, 400),
    ("Brotli cut short", "br", brotli.compress(TEXT)[:-1], 400),
    ("Brotli with garbage behind", "br", brotli.compress(TEXT) + b"x", 400),
    ("Zstandard that is none", "zstd", TEXT, 400),
    ("Zstandard cut short", "zstd", zstandard.compress(TEXT)[:-1], 400),
    ("Zstandard with garbage behind", "zstd", zstandard.compress(TEXT) + b"x", 400),
    ("Zstandard in too many frames", "zstd", zstandard.compress(b"x") * 33, 400),
    ("one byte too many, Brotli", "br", brotli.compress(bytes(range(256)) * 4000), 413),
    ("one byte too many, Zstandard", "zstd", zstandard.compress(bytes(range(256)) * 4000), 413),
    ("three times", "gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(TEXT))), 415),
    ("a very long field", "identity," * 50, TEXT, 415),
    ("gzip that is none", "gzip", TEXT, 400),
    ("gzip named, zlib sent", "gzip", zlib.compress(TEXT), 400),
    ("gzip cut short", "gzip", gzip.compress(TEXT)[:-1], 400),
    ("gzip cut in its header", "gzip", gzip.compress(TEXT)[:5], 400),
    ("gzip with a wrong checksum", "gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8, 400),
    ("gzip with garbage behind", "gzip", gzip.compress(TEXT) + b"garbage", 400),
    ("gzip with zeros behind", "gzip", gzip.compress(TEXT) + b"\0\0\0", 400),
    ("gzip in too many members", "gzip", gzip.compress(b"") * 33, 400),
    ("deflate cut short", "deflate", zlib.compress(TEXT)[:-1], 400),
    ("deflate with garbage behind", "deflate", zlib.compress(TEXT) + b"x", 400),
    ("raw deflate with garbage behind", "deflate", raw_deflate(TEXT) + b"x", 400),
    ("deflate that is none", "deflate", b"\xff\xff\xff\xff", 400),
    ("one byte too many", "gzip", gzip.compress(bytes(range(256)) * 4000), 413),
]


@pytest.mark.parametrize(("named", "data", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(named: str, data: bytes, status: int) -> None:
    limit = 256 * 4000 - 1 if status == 413 else LIMIT
    inbound = decode_body(named, data, limit)
    assert isinstance(inbound, Fault)
    assert inbound.reason is (BlockReason.RESPONSE_SIZE if status == 413 else BlockReason.COMPRESSED_RESPONSE)
    outbound = decode_body(named, data, limit, direction=Direction.OUTBOUND)
    assert isinstance(outbound, Fault)
    assert (outbound.reason, outbound.status) == (BlockReason.BAD_REQUEST, 415 if "deflate" in named else status)


def test_a_request_may_be_in_any_coding_but_an_ambiguous_one() -> None:
    for coding, pack in PACK.items():
        read = decode_body(coding, pack(TEXT), LIMIT, direction=Direction.OUTBOUND)
        assert read == Decoded(TEXT, (coding,))
    fault = decode_body("deflate", zlib.compress(TEXT), LIMIT, direction=Direction.OUTBOUND)
    assert isinstance(fault, Fault)
    assert fault.status == 415


def test_exactly_the_limit_is_allowed() -> None:
    data = bytes(range(256)) * 4
    assert decode_body("gzip", gzip.compress(data), 1024) == Decoded(data, ("gzip",))
    assert isinstance(decode_body("gzip", gzip.compress(data), 1023), Fault)
    assert isinstance(decode_body("gzip", gzip.compress(b"x"), 0), Fault)
    assert isinstance(decode_body("identity", b"xx", 1), Fault)


def test_the_limit_holds_over_members() -> None:
    assert isinstance(decode_body("gzip", gzip.compress(b"x" * 600) * 2, 1000), Fault)


def test_the_ratio_is_bounded_for_large_bodies_only() -> None:
    small = b"\0" * 1_000_000
    assert decode_body("gzip", gzip.compress(small), 100_000_000) == Decoded(small, ("gzip",))
    encoded = gzip.compress(b"\0" * 20_000_000)
    assert len(encoded) * MAX_RATIO < 20_000_000
    assert isinstance(decode_body("gzip", encoded, 100_000_000), Fault)


PACK = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("named", ["gzip", "gzip, gzip", "br", "zstd", "zstd, br"])
def test_a_bomb_costs_no_more_than_its_limit(named: str) -> None:
    bomb = b"\0" * 50_000_000
    for coding in named.split(", "):
        bomb = PACK[coding](bomb)
    tracemalloc.start()
    try:
        assert isinstance(decode_body(named, bomb, LIMIT), Fault)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The pieces zlib collects and their join: twice the limit, and its window.
    assert peak < 3 * LIMIT


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "gzip, deflate", "deflate, deflate", "br", "zstd"]))
def test_any_bytes_are_read_or_refused(data: bytes, named: str) -> None:
    decoded = decode_body(named, data, 1000)
    assert isinstance(decoded, Fault) or len(decoded.data) <= 1000


@given(st.binary(max_size=2000))
def test_what_was_encoded_is_what_is_read(data: bytes) -> None:
    for named, encoded in (
        ("gzip", gzip.compress(data)),
        ("deflate", zlib.compress(data)),
        ("deflate", raw_deflate(data)),
        ("br", brotli.compress(data)),
        ("zstd", zstandard.compress(data)),
    ):
        decoded = decode_body(named, encoded, 2000)
        assert isinstance(decoded, Decoded)
        assert decoded.data == data
