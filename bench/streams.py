"""Reading event streams: how long does each event take from the origin to here? And connections that are held open."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from load import Dial

__all__ = ["Events", "held", "listen"]

_READ = 65_536
_MARK = b'"t": '
_STALL = 10.0
"""Seconds without any event after which listening is given up."""


@dataclass(slots=True)
class Events:
    """What was heard. Latencies are seconds, in the order of arrival, without the first events of each stream."""

    latencies: list[float] = field(default_factory=list)
    heard: int = 0
    refused: int = 0


class _Stream:
    """One response; chunk sizes between events don't matter, as none is within an event's time."""

    __slots__ = ("buffer", "heard")

    def __init__(self) -> None:
        self.buffer = b""
        self.heard = 0

    def feed(self, data: bytes) -> Iterator[float]:
        """The times at which the events that are complete now were sent."""
        self.buffer += data
        while (start := self.buffer.find(_MARK)) >= 0 and (end := self.buffer.find(b"}", start)) >= 0:
            self.heard += 1
            yield float(self.buffer[start + len(_MARK) : end])
            self.buffer = self.buffer[end:]


def listen(
    dial: Dial,
    host: str,
    *,
    streams: int,
    count: int,
    interval: float,
    skip: int = 10,
    watch: Callable[[], None] = lambda: None,
) -> Events:
    """Open `streams` event streams of `count` events and hear them to their end.

    Args:
        dial: How to connect.
        host: For the Host field.
        streams: At the same time.
        count: Events of each.
        interval: Seconds between a stream's events.
        skip: Events at the start of each stream that don't count.
        watch: Called about once a second meanwhile.
    """
    events = Events()
    request = f"GET /events?count={count}&interval={interval} HTTP/1.1\r\nHost: {host}\r\n".encode()
    request += b"Accept: text/event-stream\r\nUser-Agent: bench\r\n\r\n"
    with contextlib.closing(selectors.DefaultSelector()) as selector, contextlib.ExitStack() as links:
        for _ in range(streams):
            link = links.enter_context(dial())
            link.sendall(request)
            link.settimeout(0)
            selector.register(link, selectors.EVENT_READ, _Stream())
        last = watched = time.monotonic()
        while selector.get_map() and (now := time.monotonic()) - last < _STALL:
            if now - watched >= 1:
                watched = now
                watch()
            for key, _ in selector.select(0.5):
                if _hear(key.fileobj, key.data, events, count, skip):  # type: ignore[arg-type]
                    selector.unregister(key.fileobj)
                last = time.monotonic()
    return events


def _hear(link: socket.socket, stream: _Stream, events: Events, count: int, skip: int) -> bool:
    """Read once; true at the end of the stream."""
    try:
        data = link.recv(_READ)
    except ssl.SSLWantReadError:
        return False
    except OSError:
        data = b""
    now = time.monotonic()
    for sent in stream.feed(data):
        events.heard += 1
        if stream.heard > skip:
            events.latencies.append(now - sent)
    if not data and not stream.heard:
        events.refused += 1
    return not data or stream.heard >= count


@contextlib.contextmanager
def held(dial: Dial, request: bytes, connections: int) -> Iterator[list[socket.socket]]:
    """Connections that sent `request` and read nothing of what comes back, until the block ends."""
    with contextlib.ExitStack() as links:
        opened = []
        for _ in range(connections):
            link = links.enter_context(dial())
            link.sendall(request)
            opened.append(link)
        yield opened
