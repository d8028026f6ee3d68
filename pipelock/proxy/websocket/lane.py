"""One side of a relay: what it sent that has not reached the other side yet, and how far it is with its end."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

import msgspec

from pipelock.proxy.websocket.close import Close
from pipelock.proxy.websocket.endpoint import Closed, Endpoint, Message, Ping

__all__ = ["MAX_QUEUED", "MAX_TOGETHER", "MAX_WAITING", "Gone", "Item", "Lane", "Side", "Violation", "is_short"]

MAX_QUEUED = 256 * 1024
"""Bytes of messages that may wait in one direction before their sender is no longer read."""
MAX_WAITING = 64
"""Messages, likewise."""
MAX_TOGETHER = 256
"""Bytes of a short text."""
_NOT_PLAIN = ("{", "[", '"')


class Side(Enum):
    """One of the two."""

    CLIENT = auto()
    UPSTREAM = auto()

    @property
    def other(self) -> Side:
        """The opposite one."""
        return Side.UPSTREAM if self is Side.CLIENT else Side.CLIENT


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A side broke a rule or a limit; `close` says which."""

    close: Close


class Gone(msgspec.Struct, frozen=True, gc=False):
    """The connection ended without a Close."""


Item = Message | Closed | Violation | Gone


class Lane:
    """One side, and what it sent that has not reached the other yet.

    Attributes:
        queue: What waits, in order; `size` counts the bytes of its messages and of those that are being judged.
        judging: What is being judged; it left the queue.
        closing: The Close whose reason is being judged.
        is_held: The side is not read; because it is slow itself, or the other one `is_blocked`, or it `is_busy`.
        is_blocked: It takes nothing of what is written to it.
        is_busy: It has had its turn.
        is_reading: Guards against reading within reading; `is_pumping` likewise.
        is_silent: It has said its last: a Close, or something that breaks a rule.
        is_lost: Its connection has ended; `is_gone` when that was put into the queue.
        pinged: A ping to be answered when it reads again.
        pongs_due: Pongs to pings of ours.
        received: Its Close had its turn.
        sent: Our Close is on its way.
        is_finished: The outlet was told to close the connection.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.queue: deque[Item] = deque()
        self.size = 0
        self.judging: tuple[Message, ...] = ()
        self.closing: Closed | None = None
        self.is_held = self.is_blocked = self.is_busy = False
        self.is_reading = self.is_pumping = self.is_silent = self.is_lost = self.is_gone = False
        self.pinged: Ping | None = None
        self.pongs_due = 0
        self.received = self.sent = self.is_finished = False

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return self.size >= MAX_QUEUED or len(self.queue) >= MAX_WAITING

    def push(self, item: Item) -> None:
        """Have `item` wait."""
        self.queue.append(item)
        if isinstance(item, Message):
            self.size += len(item.data)

    def drop(self) -> None:
        """Forget what waits."""
        self.queue.clear()
        self.size = 0
        self.judging = ()
        self.closing = None


def is_short(message: Message) -> bool:
    """Whether a message may be judged together with others: a short text that is no JSON."""
    text = message.text
    return text is not None and len(message.data) <= MAX_TOGETHER and not text.lstrip().startswith(_NOT_PLAIN)
