"""Frames of AWS's event streams: cut, read, and refused where two readers could read two things."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.bodies.frames import MAX_HEADERS, FrameError, frame, read_payload
from pipelock.proxy.bodies.sse import Block, FrameSplitter, Oversize, StreamFormat, read

CHUNK = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}


def chunk(document: Any) -> bytes:
    """A piece of a model's answer, packed as the service packs it."""
    inner = base64.b64encode(json.dumps(document).encode()).decode()
    return frame(CHUNK, json.dumps({"bytes": inner, "p": "abc"}).encode())


def made(headers: bytes, payload: bytes = b"{}") -> bytes:
    """A frame with headers as they are given."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 50))
def test_pieces_make_no_difference(payloads: list[bytes], size: int) -> None:
    frames = [frame(CHUNK, payload) for payload in payloads]
    data = b"".join(frames)
    splitter = FrameSplitter(10_000)
    blocks: list[Block] = []
    for start in range(0, len(data), size):
        blocks += splitter.feed(data[start : start + size])
    assert blocks + splitter.finish() == frames


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_too_large_is_not_held(size: int) -> None:
    data = frame(CHUNK, b"a") + frame(CHUNK, b"x" * 500) + frame(CHUNK, b"b")
    splitter = FrameSplitter(200)
    blocks = [block for start in range(0, len(data), size) for block in splitter.feed(data[start : start + size])]
    assert blocks == [frame(CHUNK, b"a"), Oversize(), frame(CHUNK, b"b")]
    assert len(splitter._data) < 200


@pytest.mark.parametrize(
    "data",
    [
        b"data: no frame at all\n\n",
        struct.pack(">II", 15, 0) + struct.pack(">I", zlib.crc32(struct.pack(">II", 15, 0))),
        struct.pack(">II", 20, 5) + struct.pack(">I", zlib.crc32(struct.pack(">II", 20, 5))),
        struct.pack(">III", 16, 0, 1),
    ],
)
def test_what_is_no_frame_is_not_guessed_at(data: bytes) -> None:
    with pytest.raises(FrameError):
        FrameSplitter(1000).feed(data)


@pytest.mark.parametrize("data", [frame(CHUNK, b"abc")[:-1], frame(CHUNK, b"abc")[:5], frame(CHUNK, b"x" * 300)[:100]])
def test_half_a_frame_is_no_end(data: bytes) -> None:
    splitter = FrameSplitter(200)
    splitter.feed(data)
    with pytest.raises(FrameError):
        splitter.finish()


def test_a_packed_document_is_unpacked() -> None:
    event = read(StreamFormat.FRAMES, chunk({"text": "hi"}))
    assert json.loads(event.data) == {"text": "hi"}
    assert event.kind == ":event-type: chunk"
    assert 'p: "abc"' in event.others


@pytest.mark.parametrize(
    "payload",
    [
        b'{"delta": {"text": "hi"}}',
        b'{"bytes": 3}',
        b'{"bytes": "no base64!"}',
        b'["bytes"]',
        b'"bytes"',
        b'{"bytes',
        b"",
    ],
)
def test_what_is_not_packed_is_read_as_it_is(payload: bytes) -> None:
    assert read_payload(frame(CHUNK, payload))[0] == payload.decode()


def test_of_what_is_packed_twice_nothing_is_left_out() -> None:
    first, second = (base64.b64encode(word).decode() for word in (b"first", b"second"))
    text, others = read_payload(frame({}, f'{{"bytes": "{first}", "bytes": "{second}"}}'.encode()))
    assert text == "second"
    assert first in others[0]


def test_what_is_no_text_is_read_as_far_as_it_is() -> None:
    assert read_payload(frame({}, b"ab\xffcd"))[0] == "ab\ufffdcd"


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name + bytes([kind]) + value


def test_headers_of_every_type() -> None:
    values = [
        b"",
        b"",
        b"a",
        b"ab",
        b"abcd",
        b"abcdefgh",
        b"\x00\x02hi",
        b"\x00\x02ho",
        b"abcdefgh",
        b"abcdefghabcdefgh",
    ]
    _, found = read_payload(made(b"".join(header(b"h%d" % kind, kind, value) for kind, value in enumerate(values))))
    assert [one.partition(": ")[0] for one in found] == [f"h{kind}" for kind in range(10)]
    assert found[6:8] == ("h6: hi", "h7: ho")


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",
        header(b"a", 10, b""),
        header(b"a", 7, b"\x00"),
        header(b"a", 7, b"\x00\x05abc"),
        header(b"a", 4, b"abc"),
        header(b"", 0, b"") * (MAX_HEADERS + 1),
    ],
)
def test_headers_that_break_off(headers: bytes) -> None:
    with pytest.raises(FrameError):
        read_payload(made(headers))


def test_a_damaged_frame() -> None:
    data = bytearray(frame(CHUNK, b"abc"))
    data[-6] ^= 1
    with pytest.raises(FrameError):
        read_payload(bytes(data))
