"""permessage-deflate and the size of messages, frame by frame."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.websocket.close import Close
from pipelock.proxy.websocket.compression import Deflate
from pipelock.proxy.websocket.endpoint import Broken, Endpoint, Happening, Message
from tests.proxy.websocket.test_relay import frame, squeezed

LIMIT = 10_000


def server(deflate: Deflate | None = None, limit: int = LIMIT) -> Endpoint:
    return Endpoint(is_client=False, max_message=limit, deflate=deflate or Deflate())


def read(endpoint: Endpoint, data: bytes) -> list[Happening]:
    endpoint.feed(data)
    found: list[Happening] = []
    while (happening := endpoint.poll()) is not None:
        found.append(happening)
    return found


def payload(data: bytes) -> bytes:
    """The payload of one unmasked frame."""
    length = data[1] & 0x7F
    return data[2 if length < 126 else 4 if length == 126 else 10 :]


def test_a_message_may_be_as_large_as_the_limit_and_not_larger() -> None:
    for size, fits in ((LIMIT, True), (LIMIT + 1, False)):
        for data in (frame(1, b"a" * size), frame(1, squeezed(b"a" * size), rsv=4)):
            (happening,) = read(server(), data)
            assert isinstance(happening, Message) is fits
            assert fits or happening == Broken(Close(1009, "message too large"))


def test_fragments_are_counted_together_and_each_message_anew() -> None:
    endpoint = server()
    half = b"a" * (LIMIT // 2)
    message = frame(1, half, fin=False) + frame(0, half)
    assert [type(one) for one in read(endpoint, message * 3)] == [Message] * 3
    assert isinstance(
        read(endpoint, frame(1, half, fin=False) + frame(0, half, fin=False) + frame(0, b"b"))[-1], Broken
    )


def test_padding_without_end_is_no_way_around_the_limit() -> None:
    # Empty blocks inflate to nothing.
    blocks = b"\x00\x00\x00\xff\xff" * 400
    endpoint = server()
    happenings: list[Happening] = []
    for at in range(20):
        happenings += read(endpoint, frame(0 if at else 1, blocks, fin=False, rsv=0 if at else 4))
    assert happenings == [Broken(Close(1009, "message too large"))]


def test_a_mask_that_comes_late_does_not_count_the_header_twice() -> None:
    endpoint = server()
    data = frame(1, squeezed(b"hello"), rsv=4)
    assert [one for at in range(len(data)) for one in read(endpoint, data[at : at + 1])] == [
        Message(b"hello", "hello", compressed=True)
    ]


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("forget", [False, True])
def test_what_is_sent_can_be_read_with_the_window_agreed_on(bits: int, forget: bool) -> None:
    endpoint = server(Deflate(bits, forget_ours=forget))
    inflater = zlib.decompressobj(-max(bits, 9))
    for text in ("one " * 200, "one " * 200, "", "two"):
        written = endpoint.message(Message(text.encode(), text, compressed=True))
        if not text or bits == 8:
            assert (written[0], payload(written)) == (0x81, text.encode())
            continue
        assert written[0] == 0xC1
        if forget:
            inflater = zlib.decompressobj(-bits)
        assert inflater.decompress(payload(written) + b"\x00\x00\xff\xff") == text.encode()


def test_a_peer_that_forgets_is_forgotten() -> None:
    endpoint = server(Deflate(forget_theirs=True))
    first = frame(1, squeezed(b"hello " * 20), rsv=4)
    assert read(endpoint, first) == read(endpoint, first)
    # What refers to a message that is forgotten cannot be read.
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = compressor.compress(b"hello " * 20) + compressor.flush(zlib.Z_SYNC_FLUSH)
    two = compressor.compress(b"hello " * 20) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert isinstance(read(server(), frame(1, one[:-4], rsv=4) + frame(1, two[:-4], rsv=4))[-1], Message)
    assert isinstance(read(endpoint, frame(1, one[:-4], rsv=4) + frame(1, two[:-4], rsv=4))[-1], Broken)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=200), max_size=6), bits=st.integers(8, 15), forget=st.booleans())
def test_two_endpoints_understand_each_other(texts: list[str], bits: int, forget: bool) -> None:
    writer = Endpoint(is_client=True, max_message=LIMIT, deflate=Deflate(bits, forget_ours=forget))
    reader = server(Deflate(forget_theirs=forget))
    sent = b"".join(writer.message(Message(text.encode(), text, compressed=True)) for text in texts)
    assert [one.text for one in read(reader, sent) if isinstance(one, Message)] == texts
