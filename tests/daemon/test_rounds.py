from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from pipelock.daemon.rounds import Rounds


def test_each_goes_on_at_its_own_pace_until_all_stop() -> None:
    clock, seen = Clock(), []
    rounds = Rounds(clock)
    rounds.every(1.0, lambda: seen.append("second"))
    rounds.every(2.0, lambda: seen.append("two"))
    assert seen == []
    clock.pump([1.0] * 4)
    assert (seen.count("second"), seen.count("two")) == (4, 2)
    rounds.stop()
    clock.advance(10)
    assert len(seen) == 6
    assert clock.getDelayedCalls() == []


def test_what_fails_is_done_again_and_told_once_a_minute() -> None:
    clock, seen = Clock(), []

    def call() -> None:
        seen.append(clock.seconds())
        raise RuntimeError("broken")

    told: list[LogEvent] = []
    globalLogPublisher.addObserver(told.append)
    try:
        Rounds(clock).every(1.0, call)
        clock.pump([1.0] * 62)
    finally:
        globalLogPublisher.removeObserver(told.append)
    assert len(seen) == 62
    assert [event["log_failure"].type for event in told if "log_failure" in event] == [RuntimeError] * 2
