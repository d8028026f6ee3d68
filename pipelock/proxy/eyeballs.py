"""Happy eyeballs over judged addresses (RFC 8305 §4-§6): who is dialled when, and who is dropped.

The addresses are those that were judged and no others; they are tried alternating between IPv6 and IPv4. The next one
is begun 250 ms after the last, or at once when one fails; whichever is usable first (TLS included) wins, and the
others are closed. `Schedule` decides and knows neither sockets nor a clock; `Race` carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol as Shape

from twisted.internet.error import ConnectError, UserError
from twisted.internet.error import TimeoutError as DialTimeout
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python.failure import Failure

from pipelock.door.edges import Call, Clock, Connector, Wire
from pipelock.proxy.limits import CONNECT_SECONDS, MAX_ADDRESSES, MAX_RACING, RACE_SECONDS, STAGGER_SECONDS
from pipelock.proxy.tls_client import UpstreamTlsError

__all__ = ["Entrant", "Heat", "Lost", "Race", "Schedule", "dial_error", "interleaved", "one_line"]

MAX_WHY = 300
"""Characters of one address's error."""
_WHYS_SHOWN = 4
_NEVER = float("inf")
_LATE = f"no answer within {CONNECT_SECONDS:.0f} s"


def interleaved(addresses: Iterable[str]) -> tuple[str, ...]:
    """The addresses with their families taking turns, beginning with that of the first (RFC 8305 §4).

    Order within a family stays, doubles are dropped, and at most 16 are kept.
    """
    unique = list(dict.fromkeys(addresses))
    if len(unique) < 3:
        return tuple(unique)
    first_is_v6 = ":" in unique[0]
    preferred = [address for address in unique if (":" in address) == first_is_v6]
    others = [address for address in unique if (":" in address) != first_is_v6]
    turns = min(len(preferred), len(others))
    mixed = [address for pair in zip(preferred, others, strict=False) for address in pair]
    return (*mixed, *preferred[turns:], *others[turns:])[:MAX_ADDRESSES]


class Schedule:
    """What to try next, and when. Times are seconds of any clock that doesn't run backwards.

    Args:
        addresses: Judged addresses, in the order to try them.
        now: When the race begins; it ends 20 s later at the latest.
    """

    def __init__(self, addresses: tuple[str, ...], now: float) -> None:
        self.failures: list[tuple[str, str]] = []
        self._timeouts = 0
        self._left = list(reversed(addresses))
        self._racing: dict[str, float] = {}
        self._due = now
        self._over_at = now + RACE_SECONDS

    @property
    def is_lost(self) -> bool:
        """Whether nobody is left who could win."""
        return not self._left and not self._racing

    @property
    def is_timeout(self) -> bool:
        """Whether no address said anything at all."""
        return self._timeouts > 0 and self._timeouts == len(self.failures)

    @property
    def wake_at(self) -> float:
        """When the next thing is to be done if nothing happens until then; infinity for never."""
        at = min(self._racing.values(), default=_NEVER)
        return min(at, self._due) if self._may_begin() else at

    def begin(self, now: float) -> str | None:
        """The address to begin with now, if one is due; to be asked again until there is none."""
        if not self._may_begin() or now < self._due:
            return None
        address = self._left.pop()
        self._racing[address] = min(now + CONNECT_SECONDS, self._over_at)
        self._due = now + STAGGER_SECONDS
        return address

    def failed(self, address: str, why: str, now: float, *, timed_out: bool = False) -> None:
        """An address turned out unusable: the next one is due at once."""
        if self._racing.pop(address, None) is not None:
            self.failures.append((address, why))
            self._timeouts += timed_out
            self._due = now

    def late(self, now: float) -> list[str]:
        """The addresses whose time is up. They count as failed; past the end of the race nobody is begun any more."""
        late = [address for address, until in self._racing.items() if until <= now]
        for address in late:
            self.failed(address, _LATE, now, timed_out=True)
        if now >= self._over_at:
            self._left.clear()
        return late

    def _may_begin(self) -> bool:
        return bool(self._left) and len(self._racing) < MAX_RACING

    @property
    def why(self) -> str:
        """Each address's error, the first four of them; without the address where there was but one."""
        if not self.failures:
            return "no address to dial"
        if len(self.failures) == 1:
            return self.failures[0][1]
        shown = [f"{address}: {why}" for address, why in self.failures[:_WHYS_SHOWN]]
        more = len(self.failures) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


class Entrant(Shape):
    """A protocol that races: it calls `heat.opened()` when it is connected."""

    transport: Wire | None

    def makeConnection(self, transport: Wire) -> None:
        """The connection is there."""


class Lost(Shape):
    """Told that no address could be used."""

    def __call__(self, why: str, *, timed_out: bool, tls: bool) -> None:
        """Every address failed; `tls` if one answered and its TLS is not to be trusted."""


class Heat(ClientFactory):
    """One attempt at one address. The protocol that `build` makes reports to it.

    The winner's connection keeps its factory, this, for as long as it lives: what a heat knows of its race, and with
    that of a request and its body, it forgets when it is over.
    """

    noisy = False

    def __init__(self, race: Race, address: str) -> None:
        self.address = address
        self._race: Race | None = race
        self._connector: Connector | None = None
        self._protocol: Entrant | None = None

    def start(self, dial: Callable[[str, Factory, float], Connector]) -> None:
        """Dial."""
        connector = dial(self.address, self, CONNECT_SECONDS)
        if self._race is not None:
            self._connector = connector

    def buildProtocol(self, addr: object) -> Protocol | None:
        """The connection is there, TLS included; `None` hangs up."""
        if self._race is None:
            return None
        protocol = self._race.build(self)
        self._protocol = protocol  # type: ignore[assignment]  # typed here, a zope interface there
        return protocol

    def clientConnectionFailed(self, connector: Connector, reason: Failure) -> None:
        """It is not, and won't be."""
        race = self._end()
        if race is None:
            return
        error = reason.value
        if isinstance(error, UpstreamTlsError) and error.is_final:
            race.heat_refuted(self, one_line(error.why))
            return
        timed_out = isinstance(error, DialTimeout)
        race.heat_failed(self, _LATE if timed_out else dial_error(reason), timed_out=timed_out)

    def opened(self) -> None:
        """The connection can be used."""
        protocol = self._protocol
        race = self._end()
        if race is not None and protocol is not None:
            race.heat_won(self, protocol)

    def drop(self) -> None:
        """Nobody waits for this one any more."""
        connector, protocol = self._connector, self._protocol
        if self._end() is None:
            return
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abortConnection()
        elif connector is not None:
            connector.disconnect()

    def _end(self) -> Race | None:
        race, self._race = self._race, None
        self._connector = self._protocol = None
        return race


class Race:
    """Dials judged addresses until one can be used. `won` or `lost` is called once, unless `cancel` comes first.

    Args:
        clock: The reactor, or a fake clock.
        addresses: Judged addresses.
        dial: Starts connecting to one; takes the address, a factory and seconds.
        build: Makes the protocol of one attempt.
        won: Takes the protocol that may be used.
        lost: Told why there is none.
    """

    def __init__(  # noqa: PLR0917 - two callbacks, two makers, a clock
        self,
        clock: Clock,
        addresses: tuple[str, ...],
        dial: Callable[[str, Factory, float], Connector],
        build: Callable[[Heat], Protocol],
        won: Callable[[Protocol], None],
        lost: Lost,
    ) -> None:
        self.build = build
        self._clock = clock
        self._dial = dial
        self._won = won
        self._lost = lost
        self._schedule = Schedule(interleaved(addresses), clock.seconds())
        self._heats: dict[str, Heat] = {}
        self._timer: Call | None = None
        self._is_over = False

    def start(self) -> None:
        """Dial what is due, and wait for what comes next."""
        now = self._clock.seconds()
        for late in self._schedule.late(now):
            self._heats.pop(late).drop()
        while not self._is_over and (address := self._schedule.begin(now)) is not None:
            heat = self._heats[address] = Heat(self, address)
            heat.start(self._dial)
        if self._is_over:
            return
        if self._schedule.is_lost:
            self._give_up(self._schedule.why, tls=False)
            return
        self._wait(now)

    def cancel(self) -> None:
        """Nobody waits for this any more."""
        self._end()

    def heat_won(self, heat: Heat, protocol: object) -> None:
        """An address can be used: the others are dropped."""
        del self._heats[heat.address]
        self._end()
        self._won(protocol)  # type: ignore[arg-type]  # an Entrant there, a Protocol here

    def heat_failed(self, heat: Heat, why: str, *, timed_out: bool = False) -> None:
        """An address can't: the next one's turn comes at once."""
        del self._heats[heat.address]
        self._schedule.failed(heat.address, why, self._clock.seconds(), timed_out=timed_out)
        self.start()

    def heat_refuted(self, heat: Heat, why: str) -> None:
        """An address answered and is not who it should be. That is an answer: nobody else is asked."""
        del self._heats[heat.address]
        self._give_up(why, tls=True)

    def _wait(self, now: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        wake_at = self._schedule.wake_at
        self._timer = None if wake_at == _NEVER else self._clock.callLater(max(0.0, wake_at - now), self.start)

    def _give_up(self, why: str, *, tls: bool) -> None:
        self._end()
        self._lost(why, timed_out=self._schedule.is_timeout and not tls, tls=tls)

    def _end(self) -> None:
        self._is_over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        heats, self._heats = self._heats, {}
        for heat in heats.values():
            heat.drop()


def dial_error(reason: Failure) -> str:
    """Why there is no connection, in words; at most 300 characters."""
    error = reason.value
    if isinstance(error, ConnectError | UserError | OSError):
        return one_line(str(error).strip(". ")) or type(error).__name__
    return type(error).__name__ if error is not None else "failed"


def one_line(text: str) -> str:
    """`text` without what could break out of a line, at most 300 characters."""
    if not text.isprintable():
        text = "".join([char if char.isprintable() else " " for char in text])
    return text if len(text) <= MAX_WHY else text[: MAX_WHY - 1] + "…"
