"""The supervisor, over a first process that the test plays."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

import pytest

from pipelock.contain.launching import MAX_DENIALS, exit_code
from pipelock.model import Denial, Order, OrderVerb, WallName
from pipelock_linux.channel import Channel, Ended, NotRun, Refusals, Resume, Signal, Stop, Uncovered, pair
from pipelock_linux.supervise import Outcome, Signals, Supervisor


class Lease:
    """A daemon that orders what the test wants: each time that it is read, the next."""

    def __init__(self, *orders: Order) -> None:
        self.orders = list(orders)
        self.reported: list[Denial] = []
        self.is_held = True
        self._read, self._write = os.pipe()
        os.write(self._write, b"x" * len(orders))

    def fileno(self) -> int:
        return self._read if self.orders else -1

    def read(self) -> tuple[Order, ...]:
        if not self.orders:
            return ()
        os.read(self._read, 1)
        return (self.orders.pop(0),)

    def wait(self) -> None:
        return None

    def tick(self) -> None:
        pass

    def report(self, denial: Denial) -> None:
        self.reported.append(denial)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


LAST: list[int] = []
"""A pipe that hears when the last denial was told."""


class Told:
    """A notifier: every call that waits is one byte in a pipe."""

    def __init__(self, descriptor: int, denials: list[Denial]) -> None:
        self.descriptor, self.denials = descriptor, denials

    def handle(self) -> Denial | None:
        if not os.read(self.descriptor, 1):
            raise OSError("nobody is left")
        denial = self.denials.pop(0)
        if not self.denials and LAST:
            os.write(LAST[1], b"x")
        return denial


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(said: list[str]) -> Callable[..., Outcome]:
    """Run a supervisor over `first`, which is played by a child of the test."""

    def run(first: Callable[[Channel], None], lease: Lease, denials: tuple[Denial, ...] = ()) -> Outcome:
        outer, inner = pair()
        # Signals are watched before anybody can send one.
        with Signals() as signals:
            child = os.fork()
            if not child:
                try:
                    outer.close()
                    first(inner)
                finally:
                    os._exit(0)
            inner.close()
            pidfd = os.pidfd_open(child)
            try:
                return Supervisor(
                    first=pidfd,
                    pid=child,
                    channel=outer,
                    lease=lease,  # type: ignore[arg-type]
                    signals=signals,
                    terminal=None,
                    watcher=lambda descriptor: Told(descriptor, list(denials)),
                    freezer=None,
                    say=said.append,
                ).run()
            finally:
                os.waitpid(child, 0)
                os.close(pidfd)
                outer.close()
                lease.close()

    return run


def hear(channel: Channel) -> object:
    received = channel.receive(30)
    return received.message if received is not None else None


def test_orders_reach_the_agent_in_their_order(supervise: Callable[..., Outcome], said: list[str]) -> None:
    def first(channel: Channel) -> None:
        heard = [hear(channel) for _ in range(3)]
        expected = [Stop(), Resume(), Signal(signal.SIGTERM)]
        channel.send(Ended(signal.SIGTERM if heard == expected else 99 << 8))

    orders = (Order(OrderVerb.FREEZE, "kill\x1b[2J"), Order(OrderVerb.THAW), Order(OrderVerb.END, "too much"))
    outcome = supervise(first, Lease(*orders))
    assert (exit_code(outcome.status), outcome.ended_by) == (143, "too much")
    assert len(said) == 3
    assert not any("\x1b" in line for line in said)


def test_an_agent_that_does_not_end_is_ended(
    supervise: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelock_linux.supervise.GRACE", 0.01)

    def first(channel: Channel) -> None:
        while True:
            hear(channel)

    outcome = supervise(first, Lease(Order(OrderVerb.END)))
    assert (exit_code(outcome.status), outcome.ended_by) == (128 + signal.SIGKILL, "the daemon")


def alone(work: Callable[[], None]) -> None:
    """Do what sends this process signals in a fork of it, which has one thread: a test runner has more, unblocked."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the fork ends here; the test fails by its code
            traceback.print_exc()
        finally:
            os._exit(code)
    assert exit_code(os.waitpid(child, 0)[1]) == 0


def test_a_signal_from_another_program_is_passed_on_and_a_second_one_ends(
    supervise: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelock_linux.supervise.SECOND_THOUGHT", -1.0)

    def work() -> None:
        launcher = os.getpid()

        def first(channel: Channel) -> None:
            os.kill(launcher, signal.SIGUSR1)
            assert hear(channel) == Signal(signal.SIGUSR1)
            os.kill(launcher, signal.SIGTERM)
            assert hear(channel) == Signal(signal.SIGTERM)
            os.kill(launcher, signal.SIGTERM)
            hear(channel)

        outcome = supervise(first, Lease())
        assert exit_code(outcome.status) == 128 + signal.SIGKILL

    alone(work)


def test_a_command_that_cannot_be_run_is_told(supervise: Callable[..., Outcome]) -> None:
    def first(channel: Channel) -> None:
        channel.send(NotRun(2, "tool"))
        channel.send(Ended(127 << 8))

    outcome = supervise(first, Lease())
    assert (outcome.not_run, exit_code(outcome.status)) == (NotRun(2, "tool"), 127)


def test_denials_are_counted_told_once_and_bounded(supervise: Callable[..., Outcome]) -> None:
    once = Denial(WallName.LANDLOCK, "write /x", "not granted", "--allow-write /x")
    others = tuple(Denial(WallName.SYSCALLS, f"call {number}", "no") for number in range(MAX_DENIALS + 5))
    lease = Lease()

    LAST.extend(os.pipe())

    def first(channel: Channel) -> None:
        read, write = os.pipe()
        channel.send(Refusals(), (read,))
        os.write(write, b"x" * (3 + len(others)))
        os.read(LAST[0], 1)
        channel.send(Ended(0))

    try:
        outcome = supervise(first, lease, (once, once, once, *others))
    finally:
        for descriptor in LAST:
            os.close(descriptor)
        LAST.clear()
    known = {denial.what: denial.count for denial in outcome.denials}
    assert (len(known), known["write /x"], outcome.left_out) == (MAX_DENIALS, 3, 6)
    assert {denial.what: denial.count for denial in lease.reported} == known


def test_signals_are_read_with_where_they_came_from_and_given_back() -> None:
    def work() -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGUSR2)
            assert signals.read() == [(signal.SIGUSR2, False)]
            assert signals.read() == []
            # Left over: it ends with the context instead of ending us.
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before

    alone(work)


def test_what_lost_its_cover_is_said_and_recorded(supervise, said) -> None:
    def first(channel: Channel) -> None:
        channel.send(Uncovered(("/w/.env", "/w/\x1b[2Jodd")))
        channel.send(Ended(0))

    lease = Lease()
    assert supervise(first, lease).denials == ()
    why = "was replaced outside and is hidden or protected no longer: end the agent and start it again"
    assert said == [f"/w/.env {why}", f"/w/\\x1b[2Jodd {why}"]
    assert [one.what for one in lease.reported] == ["cover of /w/.env", "cover of /w/\x1b[2Jodd"]
    assert {one.wall for one in lease.reported} == {WallName.FILES}
