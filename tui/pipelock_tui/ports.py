"""What the dashboard needs from outside: the daemon's link and a clock."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from datetime import tzinfo
from typing import Protocol, TypeVar

import msgspec

from pipelock.control import frames
from pipelock.control.aio import Item
from pipelock.model import Answer, KillSwitchState, Pending, Session, Status

__all__ = ["Clock", "Item", "Watch"]

R = TypeVar("R", bound=msgspec.Struct)


class Watch(Protocol):
    """The side of `pipelock.control.aio.Link` that a dashboard uses. Every verb may raise `ControlError`."""

    def items(self) -> AsyncGenerator[Item, None]:
        """All that happens: `Connected`, `Disconnected`, events and gaps, without end."""
        ...

    async def status(self) -> Status:
        """The daemon at a glance."""
        ...

    async def pending(self) -> tuple[Pending, ...]:
        """What waits for a person, oldest first."""
        ...

    async def sessions(self) -> tuple[Session, ...]:
        """The sessions the daemon knows."""
        ...

    async def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        """Answer a held action and its twins."""
        ...

    async def ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], timeout: float = 0.0) -> R:  # noqa: ASYNC109 - the reply's own limit
        """Say the frame that `make` gives for a number, and wait `timeout` seconds for a reply of this `kind`."""
        ...

    async def kill(self, active: bool) -> KillSwitchState:  # noqa: FBT001 - the verb's one argument, on or off
        """Set or clear the kill switch's own source."""
        ...

    async def reload(self) -> frames.Ok:
        """Have the daemon read its configuration again."""
        ...


class Clock:
    """The times the dashboard goes by. `zone` is what wall-clock times are shown in, the machine's own if `None`."""

    zone: tzinfo | None = None

    def wall(self) -> float:
        """Seconds since the epoch: deadlines are compared with this."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back: arming and lingering are measured with this."""
        return time.monotonic()
