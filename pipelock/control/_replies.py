"""What both clients make of the daemon's frames."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.control.protocol import RemoteProtocolError
from pipelock.model import Event, escape

__all__ = ["MAX_PARTS", "Cursor", "endless_list", "expect", "expect_welcome"]

MAX_PARTS = 100
"""How many replies one list may be spread over; at half a mebibyte each, far more than a daemon holds."""

R = TypeVar("R", bound=msgspec.Struct)


def expect_welcome(frame: frames.ServerFrame) -> frames.Welcome:
    """The daemon's `Welcome`.

    Raises:
        ControlError: It refused: code `version` where the two speak different protocols, else `refused`.
    """
    if not isinstance(frame, frames.Welcome | frames.Refused):
        raise ControlError("protocol", f"the daemon opened with {type(frame).__name__}")
    if frame.protocol != frames.PROTOCOL:
        raise ControlError(
            "version",
            f"the daemon speaks version {frame.protocol} of the control protocol and this program version "
            f"{frames.PROTOCOL}; restart the daemon or upgrade this program",
        )
    if isinstance(frame, frames.Refused):
        raise ControlError("refused", escape(frame.why, 500))
    return frame


def expect(result: frames.Result, kind: type[R]) -> R:
    """`result` as the `kind` that was asked for.

    Raises:
        ControlError: It is `Failed` (with the daemon's code), or another kind (code `protocol`).
    """
    if isinstance(result, kind):
        return result
    if isinstance(result, frames.Failed):
        raise ControlError(escape(result.code, 40), escape(result.message, 1000))
    raise ControlError("protocol", f"the daemon answered with {type(result).__name__}, not {kind.__name__}")


def endless_list() -> ControlError:
    """What to raise after `MAX_PARTS` parts."""
    return ControlError("protocol", f"the daemon's list did not end within {MAX_PARTS} replies")


class Cursor:
    """A watcher's place in the daemon's events: lets through each event once, and no loss unseen.

    Attributes:
        epoch: The daemon run that `last` belongs to; empty before the first.
        last: Number of the newest event or gap that was let through.
    """

    def __init__(self, epoch: str = "", last: int = 0) -> None:
        self.epoch = epoch
        self.last = last
        self._resumed = bool(epoch)

    def begin(self, epoch: str) -> None:
        """A conversation with daemon run `epoch` begins; the place is lost where it is another run."""
        if epoch != self.epoch:
            self.epoch, self.last, self._resumed = epoch, 0, False

    def subscribe(self, number: int, backlog: int) -> frames.Subscribe:
        """The request, numbered `number`, that goes on from here; call `begin` first."""
        epoch = self.epoch if self._resumed else ""
        return frames.Subscribe(number, epoch, self.last, backlog)

    def accept(self, frame: frames.Push | frames.Gap) -> Event | frames.Gap | None:
        """What `frame` brings; `None` for what was seen before.

        Raises:
            RemoteProtocolError: Events are missing between the last and this one and no gap was announced.
        """
        first, last = (frame.first, frame.last) if isinstance(frame, frames.Gap) else (frame.event.seq,) * 2
        if last <= self.last:
            return None
        if self._resumed and first > self.last + 1:
            raise RemoteProtocolError(f"events {self.last + 1} to {first - 1} were left out without a word")
        self.last, self._resumed = last, True
        return frame if isinstance(frame, frames.Gap) else frame.event
