"""What serves a client: how long each phase may last, who carries a request, and who takes over when HTTP has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Shape

from pipelock.proxy.limits import BODY_IDLE_SECONDS, HEAD_SECONDS, IDLE_SECONDS, REQUEST_SECONDS, WRITE_SECONDS

__all__ = ["NEVER", "Pace", "Receiver", "Road"]

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the phases of a connection may last, seconds.

    Attributes:
        head: From a request's first byte to the end of its head.
        body_idle: Between two pieces of a body.
        request: For a whole request that is held before anything is done with it; a body that flows on has no end.
        idle: With no request under way.
        write: Without a byte taken by a client that is being written to.
    """

    head: float = HEAD_SECONDS
    body_idle: float = BODY_IDLE_SECONDS
    request: float = REQUEST_SECONDS
    idle: float = IDLE_SECONDS
    write: float = WRITE_SECONDS


class Road(Shape):
    """What carries a request: a whole exchange with somebody, or a judgement on its way to a refusal."""

    def request_data(self, data: bytes) -> None:
        """A piece of the request's body."""

    def request_end(self) -> None:
        """The request is complete."""

    def client_blocked(self) -> None:
        """The client takes no more of its answer for now."""

    def client_ready(self) -> None:
        """It does again."""

    def cancel(self) -> None:
        """The client is gone: nothing more is to be done, and nothing is to be called."""


class Receiver(Shape):
    """Who gets a connection that is HTTP no more."""

    def from_client(self, data: bytes) -> None:
        """Bytes."""

    def client_finished(self) -> None:
        """Its FIN."""

    def client_lost(self) -> None:
        """It is gone."""

    def client_blocked(self) -> None:
        """It takes no more for now."""

    def client_ready(self) -> None:
        """It takes more."""

    def client_stuck(self) -> None:
        """It did not take what was written in time."""
