"""Cutting a stream into its events, without I/O: `text/event-stream` (WHATWG HTML §9.2), lines of JSON, frames of AWS.

A splitter takes bytes as they come and gives *blocks*: the raw bytes of one event with the blank line that ends it, of
one line, or of heartbeats. Joined, the blocks are the stream, byte for byte; what is judged is read from a block by
`read`, and what is forwarded is the block.

A splitter holds at most one block of `limit` bytes. Of a larger one nothing is held: an `Oversize` takes its place, and
the next block begins behind it. Cost is linear in the bytes, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from pipelock.proxy.bodies.frames import PRELUDE, FrameError, frame_length, read_payload

__all__ = [
    "Block",
    "Event",
    "EventSplitter",
    "FrameSplitter",
    "LineSplitter",
    "Oversize",
    "Splitter",
    "StreamFormat",
    "is_event_stream",
    "read",
    "read_event",
    "read_line",
    "splitter_for",
    "stream_format",
]

MAX_IDLE_BYTES = 4096
"""Heartbeats and blank lines that arrive together are one block, up to this size."""

_BOM = b"\xef\xbb\xbf"
_RECORD_SEPARATOR = "\x1e"
_ENDS = frozenset({b"\n", b"\r", b"\r\n"})


class StreamFormat(Enum):
    """How the events of a stream are told apart."""

    SSE = "sse"
    LINES = "lines"
    """One JSON text a line (NDJSON, JSON Lines); in sequences (RFC 7464) a separator stands before it."""
    FRAMES = "frames"
    """The binary format of AWS."""


_FORMATS = {
    "text/event-stream": StreamFormat.SSE,
    "application/x-ndjson": StreamFormat.LINES,
    "application/ndjson": StreamFormat.LINES,
    "application/jsonl": StreamFormat.LINES,
    "application/x-jsonlines": StreamFormat.LINES,
    "application/stream+json": StreamFormat.LINES,
    "application/json-seq": StreamFormat.LINES,
    "application/vnd.amazon.eventstream": StreamFormat.FRAMES,
}


def stream_format(content_type: str, headers: Iterable[tuple[str, str]] = ()) -> StreamFormat | None:
    """The format of a response's events; `None` where it is a document, which is judged as a body.

    Lines that come with a length or as an attachment are a file, not a stream: their lines may be of any size.

    Args:
        content_type: The response's.
        headers: The response's, names in lower case.
    """
    found = _FORMATS.get(content_type.partition(";")[0].strip().lower())
    if found is StreamFormat.LINES:
        for name, value in headers:
            if name == "content-length" or (name == "content-disposition" and "attachment" in value.lower()):
                return None
    return found


def is_event_stream(content_type: str, headers: Iterable[tuple[str, str]] = ()) -> bool:
    """Whether a response is judged event by event, see `stream_format`."""
    return stream_format(content_type, headers) is not None


@dataclass(frozen=True, slots=True)
class Oversize:
    """In the place of an event that is larger than may be held."""


Block = bytes | Oversize


class Splitter(Protocol):
    """Takes the bytes of a stream apart."""

    @property
    def held(self) -> int:
        """Bytes of a block that is not complete."""

    def feed(self, data: bytes) -> list[Block]:
        """More of the stream; the blocks that are complete now."""

    def finish(self) -> list[Block]:
        """The stream has ended; what is left of it, which some clients read although nothing ends it."""


class EventSplitter:
    """Blocks of `text/event-stream`. Comments that stand for themselves are given at once, for they are heartbeats."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_line_open = False
        self._is_comment = False
        self._has_fields = False
        self._after_cr = False
        self._skipping = False

    @property
    def held(self) -> int:
        """Bytes of a block that is not complete."""
        return self._size

    def feed(self, data: bytes) -> list[Block]:
        """More of the stream; the blocks that are complete now."""
        blocks: list[Block] = []
        for line in data.splitlines(keepends=True):
            self._take(line, blocks)
        if self._pieces and not self._has_fields and not self._is_line_open:
            self._give(blocks)
        return blocks

    def finish(self) -> list[Block]:
        """What nothing ended."""
        blocks: list[Block] = []
        if self._pieces:
            self._give(blocks)
        return blocks

    def _take(self, line: bytes, blocks: list[Block]) -> None:
        """One line, or a part of one, as `bytes.splitlines` cuts them: at LF, CR and CRLF, as the standard does."""
        if self._after_cr and line == b"\n":
            # The second half of a CRLF: the line has been seen to end already.
            self._after_cr = False
            if not self._skipping:
                self._keep(line)
            return
        self._after_cr = line.endswith(b"\r")
        is_blank = not self._is_line_open and line in _ENDS
        if not self._is_line_open and not is_blank:
            self._is_comment = line.startswith(b":")
        self._is_line_open = not line.endswith((b"\n", b"\r"))
        if self._skipping:
            self._skipping = not is_blank
            return
        self._keep(line)
        if not is_blank and not self._is_comment:
            self._has_fields = True
        if self._has_fields:
            if is_blank:
                self._give(blocks)
        elif self._size > MAX_IDLE_BYTES and not self._is_line_open:
            self._give(blocks)
        if self._size > self._limit:
            blocks.append(Oversize())
            self._clear()
            self._skipping = True

    def _keep(self, line: bytes) -> None:
        self._pieces.append(line)
        self._size += len(line)

    def _give(self, blocks: list[Block]) -> None:
        # One that grew too large in its last piece is too large as well.
        blocks.append(b"".join(self._pieces) if self._size <= self._limit else Oversize())
        self._clear()

    def _clear(self) -> None:
        self._pieces = []
        self._size = 0
        self._has_fields = False


class LineSplitter:
    """Blocks of one line. Blank lines that arrive together are one block."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._skipping = False

    @property
    def held(self) -> int:
        """Bytes of a line that is not complete."""
        return self._size

    def feed(self, data: bytes) -> list[Block]:
        """More of the stream; the blocks that are complete now."""
        blocks: list[Block] = []
        idle: list[bytes] = []
        for line in data.splitlines(keepends=True):
            is_whole = line.endswith(b"\n")
            if is_whole and not self._pieces and not self._skipping and line in _ENDS:
                idle.append(line)
                continue
            if idle:
                blocks.append(b"".join(idle))
                idle = []
            self._take(line, blocks, is_whole=is_whole)
        if idle:
            blocks.append(b"".join(idle))
        return blocks

    def finish(self) -> list[Block]:
        """The last line, if nothing ended it."""
        blocks: list[Block] = [b"".join(self._pieces)] if self._pieces else []
        self._pieces, self._size = [], 0
        return blocks

    def _take(self, line: bytes, blocks: list[Block], *, is_whole: bool) -> None:
        if self._skipping:
            self._skipping = not is_whole
            return
        self._pieces.append(line)
        self._size += len(line)
        if self._size > self._limit:
            blocks.append(Oversize())
            self._skipping = not is_whole
        elif is_whole:
            blocks.append(b"".join(self._pieces))
        else:
            return
        self._pieces, self._size = [], 0


class FrameSplitter:
    """Blocks of one frame.

    Both methods raise FrameError where the bytes are no frames: nobody knows where the next one would begin.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._skip = 0

    @property
    def held(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._data)

    def feed(self, data: bytes) -> list[Block]:
        """More of the stream; the frames that are complete now."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._data += data[skipped:]
        blocks: list[Block] = []
        while len(self._data) >= PRELUDE:
            length = frame_length(bytes(self._data[:PRELUDE]))
            if length > self._limit:
                blocks.append(Oversize())
                self._skip = max(length - len(self._data), 0)
            elif length > len(self._data):
                break
            else:
                blocks.append(bytes(self._data[:length]))
            del self._data[:length]
        return blocks

    def finish(self) -> list[Block]:
        """The stream has ended; half a frame is none."""
        if self._data or self._skip:
            raise FrameError("the stream of events breaks off")
        return []


def splitter_for(stream: StreamFormat, limit: int) -> Splitter:
    """The splitter of a format, with blocks of at most `limit` bytes."""
    match stream:
        case StreamFormat.SSE:
            return EventSplitter(limit)
        case StreamFormat.LINES:
            return LineSplitter(limit)
        case StreamFormat.FRAMES:
            return FrameSplitter(limit)


@dataclass(frozen=True, slots=True)
class Event:
    """What a block says.

    Attributes:
        data: The data, its lines joined by LF.
        others: Everything else that stands in it: name, id, retry, comments, fields nobody knows, as `field: value`.
        has_data: Whether there was a data field, empty or not.
    """

    data: str
    others: tuple[str, ...] = ()
    has_data: bool = True

    @property
    def kind(self) -> str:
        """The line that names the event, if one does."""
        return next((other for other in self.others if other.startswith(("event:", ":event-type:"))), "")


def read(stream: StreamFormat, block: bytes, *, is_first: bool = False) -> Event:
    """Read a block; only the first of a stream may begin with a byte order mark.

    Raises:
        ValueError: it is not UTF-8, or a damaged frame.
    """
    match stream:
        case StreamFormat.SSE:
            return read_event(block, is_first=is_first)
        case StreamFormat.LINES:
            return read_line(block, is_first=is_first)
        case StreamFormat.FRAMES:
            return Event(*read_payload(block))


def read_event(block: bytes, *, is_first: bool = False) -> Event:
    """Read a block of `text/event-stream`; only the first of a stream may begin with a byte order mark.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    text = (block.removeprefix(_BOM) if is_first else block).decode("utf-8")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data: list[str] = []
    others: list[str] = []
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif line:
            others.append(line)
    return Event("\n".join(data), tuple(others), bool(data))


def read_line(block: bytes, *, is_first: bool = False) -> Event:
    """Read a line; only the first of a stream may begin with a byte order mark.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    text = (block.removeprefix(_BOM) if is_first else block).decode("utf-8")
    text = text.strip("\r\n").lstrip(_RECORD_SEPARATOR)
    return Event(text, has_data=bool(text))
