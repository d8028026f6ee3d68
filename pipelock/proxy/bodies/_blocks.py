"""A body on the wire becomes the blocks of its stream: codings off, events cut, and what waits counted."""

from __future__ import annotations

from collections import deque

from pipelock.model import BlockReason, Fault
from pipelock.proxy.bodies.decoder import CodingError, StreamDecoder
from pipelock.proxy.bodies.frames import FrameError
from pipelock.proxy.bodies.sse import Block, Oversize, StreamFormat, splitter_for

__all__ = ["Blocks"]


class Blocks:
    """The blocks of one stream, in order.

    Args:
        stream: How events are told apart.
        codings: The value of Content-Encoding.
        limit: The largest event, bytes.

    Attributes:
        fault: Why there is no more, where the bytes themselves are the reason. What was cut before is still given.
        is_decoded: Whether codings are taken off.
        is_complete: All that was fed has been cut, and no more will be fed.
    """

    def __init__(self, stream: StreamFormat, codings: str, limit: int) -> None:
        self.fault: Fault | None = None
        self.is_complete = False
        self._splitter = splitter_for(stream, limit)
        self._cut: deque[Block] = deque()
        self._cut_size = 0
        self._is_finished = False
        self._decoder: StreamDecoder | None = None
        try:
            self._decoder = StreamDecoder(codings)
        except CodingError as error:
            self.fault = error.fault
        self.is_decoded = self._decoder is not None and bool(self._decoder.codings)

    def __len__(self) -> int:
        """Blocks that are cut."""
        return len(self._cut)

    @property
    def waiting(self) -> int:
        """Bytes that were fed, or cut, and not taken yet."""
        return self._cut_size + (self._decoder.waiting if self._decoder is not None else 0)

    @property
    def unfinished(self) -> int:
        """Bytes of an event that is not complete."""
        return self._splitter.held

    def feed(self, data: bytes) -> None:
        """More of the body, as it was on the wire."""
        if self._decoder is not None:
            self._decoder.feed(data)

    def finish(self) -> None:
        """That was all."""
        self._is_finished = True

    def cut(self) -> bool:
        """Decode and cut one piece more; false where there is none."""
        if self._decoder is None or self.is_complete:
            return False
        try:
            piece = self._decoder.read()
            if not piece and self._is_finished:
                piece = next(self._decoder.finish(), b"")
        except CodingError as error:
            self.fault, self._decoder = error.fault, None
            return True
        try:
            if piece:
                self._extend(self._splitter.feed(piece))
            elif self._is_finished:
                self.is_complete = True
                self._extend(self._splitter.finish())
            else:
                return False
        except FrameError as error:
            self.fault, self._decoder = Fault(BlockReason.PARSE_ERROR, str(error), 502), None
        return True

    def take_oversize(self) -> bool:
        """Take what stands for an event that is too large, if that is next."""
        if self._cut and isinstance(self._cut[0], Oversize):
            self._cut.popleft()
            return True
        return False

    def take(self, most: int) -> list[bytes]:
        """The next block, and those behind it that with it are at most `most` bytes."""
        taken: list[bytes] = []
        size = 0
        while self._cut:
            block = self._cut[0]
            if isinstance(block, Oversize) or (taken and size + len(block) > most):
                break
            self._cut.popleft()
            taken.append(block)
            size += len(block)
        self._cut_size -= size
        return taken

    def put_back(self, blocks: list[bytes]) -> None:
        """Have `blocks` taken again, before all others."""
        self._cut.extendleft(reversed(blocks))
        self._cut_size += sum(map(len, blocks))

    def clear(self) -> None:
        """Nobody wants any."""
        self._cut.clear()
        self._cut_size = 0
        self._decoder = None

    def _extend(self, blocks: list[Block]) -> None:
        self._cut.extend(blocks)
        self._cut_size += sum(len(block) for block in blocks if isinstance(block, bytes))
