"""Decoding while it arrives: the same as decoding whole, whatever the pieces, and never far ahead of what is wanted."""

from __future__ import annotations

import bz2
import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.model import BlockReason, Direction, Fault
from pipelock.proxy.bodies._zstd import ZstdCuts
from pipelock.proxy.bodies.decoder import MAX_RATIO, STEP, CodingError, StreamDecoder
from pipelock.proxy.bodies.encoding import decode_body

LIMIT = 10_000_000
MIXED = random.Random(4).randbytes(150_000) + b"text and more text, " * 9_000 + bytes(120_000)


def zstd_of_runs(data: bytes) -> bytes:
    """Frames as other writers make them: raw blocks, runs, checksums, unknown sizes, and one to skip."""
    compressor = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False)
    stream = compressor.compressobj()
    pieces = [stream.compress(data[:70_000]), stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    pieces += [stream.compress(data[70_000:]), stream.flush()]
    return b"\x50\x2a\x4d\x18\x05\0\0\0hello" + b"".join(pieces)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=3),
    "zstd": zstandard.compress,
    "br, gzip": lambda data: gzip.compress(brotli.compress(data, quality=3)),
    "gzip, zstd": lambda data: zstd_of_runs(gzip.compress(data)),
}


def in_pieces(codings: str, wire: bytes, cuts: list[int], direction: Direction = Direction.INBOUND) -> bytes | Fault:
    """What a decoder makes of `wire` that comes in pieces."""
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    out: list[bytes] = []
    try:
        decoder = StreamDecoder(codings, direction)
        for start, end in pairwise(edges):
            out.extend(decoder.feed(wire[start:end]))
        out.extend(decoder.finish())
    except CodingError as error:
        return error.fault
    return b"".join(out)


@pytest.mark.parametrize("codings", ENCODERS)
def test_what_comes_in_pieces_is_what_was_sent(codings: str) -> None:
    wire = ENCODERS[codings](MIXED)
    assert in_pieces(codings, wire, []) == MIXED
    assert in_pieces(codings, wire, list(range(0, len(wire), 1013))) == MIXED
    small = ENCODERS[codings](b"a few words, a few words")
    assert in_pieces(codings, small, list(range(len(small)))) == b"a few words, a few words"


@given(
    codings=st.sampled_from(list(ENCODERS)),
    data=st.binary(max_size=3000) | st.text(max_size=3000).map(str.encode),
    cuts=st.lists(st.integers(0, 1 << 20), max_size=8),
    damage=st.one_of(
        st.just(lambda wire: wire),
        st.integers(1, 40).map(lambda size: lambda wire: wire[:-size]),
        st.binary(min_size=1, max_size=40).map(lambda more: lambda wire: wire + more),
        st.integers(0, 1 << 20).map(
            lambda at: lambda wire: wire[: at % len(wire)] + b"\x5a" + wire[at % len(wire) + 1 :] if wire else wire
        ),
    ),
)
@settings(max_examples=150, deadline=None)
def test_it_says_what_decoding_whole_says(codings: str, data: bytes, cuts: list[int], damage: Callable) -> None:
    wire = damage(ENCODERS[codings](data))
    whole = decode_body(codings, wire, LIMIT)
    streamed = in_pieces(codings, wire, cuts)
    if isinstance(whole, Fault):
        assert isinstance(streamed, Fault)
        assert (streamed.reason, streamed.status) == (whole.reason, whole.status)
    else:
        assert streamed == whole.data


@pytest.mark.parametrize(
    ("codings", "direction", "status"),
    [
        ("compress", Direction.OUTBOUND, 415),
        ("deflate", Direction.OUTBOUND, 415),
        ("gzip, gzip, gzip", Direction.OUTBOUND, 415),
        ("exi", Direction.INBOUND, 403),
    ],
)
def test_what_nobody_reads_is_said_before_anything_is_fed(codings: str, direction: Direction, status: int) -> None:
    with pytest.raises(CodingError) as caught:
        StreamDecoder(codings, direction)
    assert caught.value.fault.status == status


BOMB = 40_000_000


@pytest.mark.parametrize(
    "codings", ["gzip", "deflate", "br", "zstd", "gzip, gzip"], ids=["gzip", "deflate", "br", "zstd", "twice"]
)
def test_a_bomb_waits_until_it_is_asked_for_and_is_refused_soon(codings: str) -> None:
    wire = bytes(BOMB)
    for name in codings.split(", "):
        wire = ENCODERS[name](wire)
    tracemalloc.start()
    decoder = StreamDecoder(codings)
    decoder.feed(wire)
    assert tracemalloc.get_traced_memory()[1] < 2 * len(wire) + 20_000_000
    tracemalloc.reset_peak()
    sizes: list[int] = []
    with pytest.raises(CodingError) as caught:
        sizes.extend(map(len, decoder.finish()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.fault.reason is BlockReason.RESPONSE_SIZE
    assert max(sizes) <= 2 * STEP
    assert sum(sizes) <= max(1_048_576, MAX_RATIO * len(wire))
    assert peak < 4_000_000 + 2 * len(wire)


def test_text_that_compresses_well_is_no_bomb() -> None:
    log = b"".join(b"2026-01-%02d GET /index.html 200 in %d ms\n" % (n % 28 + 1, n * 7 % 90) for n in range(200_000))
    for codings in ("gzip", "br", "zstd"):
        assert in_pieces(codings, ENCODERS[codings](log), list(range(0, 1 << 20, 16_384))) == log


def test_what_is_not_taken_comes_later() -> None:
    decoder = StreamDecoder("gzip")
    first = next(decoder.feed(gzip.compress(MIXED)))
    assert MIXED.startswith(first)
    assert len(first) <= STEP
    assert first + b"".join(decoder.finish()) == MIXED


def test_each_flush_of_a_slow_stream_can_be_read_at_once() -> None:
    packer = zlib.compressobj(wbits=31)
    brotli_packer = brotli.Compressor(quality=4)
    zstd_packer = zstandard.ZstdCompressor().compressobj()
    decoders = {name: StreamDecoder(name) for name in ("gzip", "br", "zstd")}
    for number in range(50):
        event = b'data: {"n": %d}\n\n' % number
        wires = {
            "gzip": packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH),
            "br": brotli_packer.process(event) + brotli_packer.flush(),
            "zstd": zstd_packer.compress(event) + zstd_packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        }
        for name, wire in wires.items():
            assert b"".join(decoders[name].feed(wire)) == event, name


def test_an_empty_body_is_empty_in_every_coding() -> None:
    for codings in ENCODERS:
        assert in_pieces(codings, b"", []) == b""


@pytest.mark.parametrize("block", [b"\0\0\0", (1 << 3).to_bytes(3, "little") + b"x"], ids=["empty", "a byte"])
def test_zstd_in_crumbs_is_refused_wherever_it_is_cut(block: bytes) -> None:
    frame = b"\x28\xb5\x2f\xfd\x00\x58"
    few, many = (frame + block * number + b"\1\0\0" for number in (4_000, 9_000))
    cuts = list(range(0, len(many), 999))
    assert in_pieces("zstd", few, cuts) == b"x" * (4_000 * (len(block) - 3))
    whole = decode_body("zstd", many, LIMIT)
    assert isinstance(whole, Fault)
    assert "blocks" in whole.detail
    assert in_pieces("zstd", many, cuts) == whole


def test_what_comes_to_nothing_for_long_is_refused() -> None:
    packer = zlib.compressobj(wbits=31)
    empty = packer.compress(b"x") + packer.flush(zlib.Z_FULL_FLUSH) + b"\0\0\0\xff\xff" * 400_000 + packer.flush()
    named = b"\x1f\x8b\x08\x08\0\0\0\0\0\3" + b"a" * 2_000_000 + b"\0" + gzip.compress(b"x")[10:]
    for codings, wire in (("gzip", empty), ("gzip, gzip", gzip.compress(empty)), ("gzip", named)):
        fault = in_pieces(codings, wire, list(range(0, len(wire), 50_000)))
        assert isinstance(fault, Fault)
        assert "padding" in fault.detail or "when decompressed" in fault.detail


def test_zstd_that_is_flushed_after_every_word_is_no_crumbs() -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    words = [b'data: {"token": "%d"}\n\n' % (n * n) for n in range(20_000)]
    wire = b"".join(packer.compress(word) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for word in words)
    assert in_pieces("zstd", wire + packer.flush(), list(range(0, len(wire), 4096))) == b"".join(words)


def test_zstd_is_cut_so_that_a_piece_becomes_little() -> None:
    run = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"A"
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + run * 64
    cuts = ZstdCuts(STEP)
    position = 0
    pieces = []
    while size := cuts.next(frame, position):
        pieces.append(frame[position : position + size])
        position += size
    assert position == len(frame)
    assert max(piece.count(run) for piece in pieces) == 1


def test_what_is_no_zstd_at_all_is_handed_on_to_who_says_so() -> None:
    data = bz2.compress(b"x")
    assert ZstdCuts(STEP).next(data, 0) > 0
    assert isinstance(in_pieces("zstd", data, [3]), Fault)
