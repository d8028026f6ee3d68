"""Streams are cut into events as the standard says, whatever pieces they come in, and nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.bodies.sse import (
    MAX_IDLE_BYTES,
    Block,
    Event,
    EventSplitter,
    LineSplitter,
    Oversize,
    Splitter,
    StreamFormat,
    is_event_stream,
    read_event,
    read_line,
    splitter_for,
    stream_format,
)

SSE, LINES = StreamFormat.SSE, StreamFormat.LINES


@pytest.mark.parametrize(
    ("content_type", "headers", "expected"),
    [
        ("text/event-stream", (), SSE),
        ("Text/Event-Stream; charset=utf-8", (), SSE),
        ("text/event-stream", (("content-length", "12"),), SSE),
        ("application/x-ndjson", (), LINES),
        ("application/jsonl", (), LINES),
        ("application/stream+json", (), LINES),
        ("application/json-seq", (), LINES),
        ("application/x-ndjson", (("content-length", "12"),), None),
        ("application/x-ndjson", (("content-disposition", 'Attachment; filename="rows"'),), None),
        ("application/x-ndjson", (("content-disposition", "inline"),), LINES),
        ("application/json", (), None),
        ("application/vnd.amazon.eventstream", (("content-length", "12"),), StreamFormat.FRAMES),
        ("text/event-streams", (), None),
        ("", (), None),
    ],
)
def test_which_answers_are_streams(
    content_type: str, headers: tuple[tuple[str, str], ...], expected: StreamFormat | None
) -> None:
    assert stream_format(content_type, headers) is expected
    assert is_event_stream(content_type, headers) is (expected is not None)


def cut(splitter: Splitter, data: bytes, size: int = 0) -> list[Block]:
    """The blocks of `data`, fed in pieces of `size` bytes; adjoining heartbeats are one."""
    blocks: list[Block] = []
    for start in range(0, len(data), size or len(data) or 1):
        blocks += splitter.feed(data[start : start + (size or len(data))])
    return blocks + splitter.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7])
def test_an_event_ends_with_a_blank_line(end: bytes, size: int) -> None:
    data = b"event: a\nid: 1\ndata: one\ndata:two\n\ndata: three\n\ndata: rest".replace(b"\n", end)
    blocks = cut(EventSplitter(1000), data, size)
    events = [read_event(block) for block in blocks if isinstance(block, bytes)]
    told = [event for event in events if event.has_data or event.others]
    assert told == [Event("one\ntwo", ("event: a", "id: 1")), Event("three"), Event("rest")]
    assert b"".join(block for block in blocks if isinstance(block, bytes)) == data


def test_an_event_is_given_with_the_byte_that_completes_it() -> None:
    splitter = EventSplitter(1000)
    assert splitter.feed(b"data: one\n") == []
    assert splitter.feed(b"\n") == [b"data: one\n\n"]
    assert splitter.feed(b"data: two\r\r") == [b"data: two\r\r"]
    # The line feed that would have made it a CRLF goes with whatever comes next.
    assert splitter.feed(b"\ndata: three\r\n\r\n") == [b"\ndata: three\r\n\r\n"]


@pytest.mark.parametrize("beat", [b": ping\n", b":\n\n", b"\n", b": a\n: b\n\n", b"\r\n"])
def test_a_heartbeat_does_not_wait_for_an_event(beat: bytes) -> None:
    splitter = EventSplitter(1000)
    assert splitter.feed(beat) == [beat]
    assert splitter.feed(b"data: x\n\n") == [b"data: x\n\n"]


def test_a_comment_within_an_event_is_part_of_it() -> None:
    assert EventSplitter(1000).feed(b"data: a\n: b\ndata: c\n\n") == [b"data: a\n: b\ndata: c\n\n"]
    assert EventSplitter(1000).feed(b": b\ndata: c\n\n") == [b": b\ndata: c\n\n"]


def test_a_flood_of_heartbeats_is_few_blocks() -> None:
    data = b":\n\n" * 20_000
    blocks = EventSplitter(65_536).feed(data)
    assert b"".join(block for block in blocks if isinstance(block, bytes)) == data
    assert len(blocks) <= len(data) // MAX_IDLE_BYTES + 1
    assert LineSplitter(100).feed(b"\n\n\n{}\n\r\n\n") == [b"\n\n\n", b"{}\n", b"\r\n\n"]


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize(
    ("stream", "data", "expected"),
    [
        (SSE, b"data: " + b"x" * 30 + b"\n\ndata: y\n\n", [Oversize(), b"data: y\n\n"]),
        (SSE, b"data: y\n\ndata: " + b"x" * 90, [b"data: y\n\n", Oversize()]),
        (SSE, b"data: 1\ndata: 2\ndata: 3\n\ndata: y\n\n", [Oversize(), b"data: y\n\n"]),
        (SSE, b"data: " + b"x" * 15 + b"\n\n", [Oversize()]),
        (SSE, b"data: " + b"x" * 30 + b"\r\rdata: y\r\r", [Oversize(), b"data: y\r\r"]),
        (LINES, b"x" * 21 + b"\n{}\n", [Oversize(), b"{}\n"]),
        (LINES, b"{}\n" + b"x" * 99, [b"{}\n", Oversize()]),
    ],
)
def test_what_is_too_large_is_not_held(stream: StreamFormat, data: bytes, expected: list[Block], size: int) -> None:
    assert cut(splitter_for(stream, 20), data, size) == expected


def test_that_an_event_is_too_large_is_told_before_it_ends() -> None:
    splitter = EventSplitter(20)
    assert splitter.feed(b"data: " + b"x" * 30) == [Oversize()]
    assert splitter.feed(b"x" * 30) == []
    assert splitter.finish() == []


PIECES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:", b":", b"id: 1", b"\n", b"\n\n", b"\r\n", b"\r", b"x", b"\xe2\x80\xa8", b"{}"]
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=8), st.sampled_from([SSE, LINES]))
def test_pieces_make_no_difference(pieces: list[bytes], sizes: list[int], stream: StreamFormat) -> None:
    data = b"".join(pieces)
    splitter = splitter_for(stream, 10_000)
    blocks: list[Block] = []
    start = number = 0
    while start < len(data):
        size = sizes[number % len(sizes)]
        blocks += splitter.feed(data[start : start + size])
        start, number = start + size, number + 1
    blocks += splitter.finish()
    assert b"".join(block for block in blocks if isinstance(block, bytes)) == data
    read = read_event if stream is SSE else read_line
    assert [e.data for b in blocks if isinstance(b, bytes) and (e := read(b)).has_data] == [
        e.data for b in cut(splitter_for(stream, 10_000), data) if isinstance(b, bytes) and (e := read(b)).has_data
    ]


@pytest.mark.parametrize(
    ("block", "event"),
    [
        (b"data\n\n", Event("")),
        (b"data:  two blanks\n\n", Event(" two blanks")),
        (b"data:a:b\n\n", Event("a:b")),
        (b"data: a\nretry: 10\nfoo: bar\n: hm\n\n", Event("a", ("retry: 10", "foo: bar", ": hm"))),
        (b" data: a\n\n", Event("", (" data: a",), has_data=False)),
        (b"data: a\xc2\x85b\xe2\x80\xa8c\x0bd\n\n", Event("a\x85b\u2028c\x0bd")),
    ],
)
def test_fields(block: bytes, event: Event) -> None:
    assert read_event(block) == event


def test_a_byte_order_mark_is_one_at_the_start_alone() -> None:
    assert read_event(b"\xef\xbb\xbfdata: a\n\n", is_first=True) == Event("a")
    assert read_event(b"\xef\xbb\xbfdata: a\n\n") == Event("", ("\ufeffdata: a",), has_data=False)
    assert read_line(b"\xef\xbb\xbf{}\n", is_first=True) == Event("{}")


def test_lines() -> None:
    assert read_line(b'\x1e{"a": 1}\r\n') == Event('{"a": 1}')
    assert read_line(b"\n\n") == Event("", has_data=False)


@pytest.mark.parametrize("read", [read_event, read_line])
def test_what_is_no_utf_8_is_not_read(read: object) -> None:
    with pytest.raises(UnicodeDecodeError):
        read(b"data: \xff\n\n")  # type: ignore[operator]
