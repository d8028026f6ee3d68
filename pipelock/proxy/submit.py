"""The limits of the reverse proxy's profile `submit`, put around whatever carries a request."""

from __future__ import annotations

from collections.abc import Callable

from pipelock.model import BlockReason, Fault
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.reverse_rules import LAYER, TOO_LARGE, ReverseRules
from pipelock.proxy.serving import Road

__all__ = ["LimitedRoad"]

_NEVER = float("inf")
_TOO_LONG = Fault(
    BlockReason.TIMEOUT, "the exchange took longer than reverse_proxy.request_timeout_seconds", 504, LAYER
)


class LimitedRoad:
    """Passes a request on to `road`, up to so many bytes and for so long.

    Args:
        road: What carries the request.
        rules: `max_body` and `request_seconds`; 0 is no limit.
        context: Whose clock is looked at, once a second.
        exceeded: Is called once, with the reason; it ends the exchange.
    """

    def __init__(
        self, road: Road, rules: ReverseRules, context: ProxyContext, exceeded: Callable[[Fault], None]
    ) -> None:
        self.deadline = context.clock.seconds() + rules.request_seconds if rules.request_seconds else _NEVER
        self._road = road
        self._left = rules.max_body or _NEVER
        self._context = context
        self._exceeded = exceeded
        context.watched[self] = None

    def request_data(self, data: bytes) -> None:
        """A piece of the request's body."""
        self._left -= len(data)
        if self._left < 0:
            self._end(TOO_LARGE)
        else:
            self._road.request_data(data)

    def request_end(self) -> None:
        """The request is complete."""
        self._road.request_end()

    def client_blocked(self) -> None:
        """The client takes no more of its answer for now."""
        self._road.client_blocked()

    def client_ready(self) -> None:
        """It does again."""
        self._road.client_ready()

    def cancel(self) -> None:
        """The client is gone, or the exchange is ended."""
        self.close()
        self._road.cancel()

    def close(self) -> None:
        """The exchange is over: there is nothing to limit any more."""
        self._context.watched.pop(self, None)

    def expired(self) -> None:
        """It took too long."""
        self._end(_TOO_LONG)

    def _end(self, fault: Fault) -> None:
        if self in self._context.watched:
            self.close()
            self._exceeded(fault)
