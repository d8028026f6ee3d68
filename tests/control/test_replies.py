"""What clients make of the daemon's frames."""

from __future__ import annotations

import pytest

from pipelock.control import frames
from pipelock.control._replies import Cursor, expect, expect_welcome
from pipelock.control.errors import ControlError
from pipelock.control.protocol import RemoteProtocolError
from pipelock.model import Event, Notice

WELCOME = frames.Welcome(frames.PROTOCOL, "9.9", "run-1", may_decide=True)


def push(seq: int) -> frames.Push:
    return frames.Push(Event(seq, 0.0, Notice("info", str(seq))))


def test_a_welcome_is_taken() -> None:
    assert expect_welcome(WELCOME) is WELCOME


@pytest.mark.parametrize(
    ("frame", "code", "text"),
    [
        (frames.Refused("no \x1b[2J room"), "refused", r"no \x1b[2J room"),
        (frames.Refused("other", frames.PROTOCOL + 1), "version", "version 2 of the control protocol"),
        (frames.Welcome(frames.PROTOCOL + 1, "9.9", "e", may_decide=True), "version", "restart the daemon"),
        (push(1), "protocol", "opened with Push"),
    ],
)
def test_other_openings_say_what_is_wrong(frame: frames.ServerFrame, code: str, text: str) -> None:
    with pytest.raises(ControlError) as caught:
        expect_welcome(frame)
    assert caught.value.code == code
    assert text in caught.value.message


def test_expect_gives_what_was_asked_for_or_says_why_not() -> None:
    assert expect(frames.Ok(3), frames.Ok) == frames.Ok(3)
    with pytest.raises(ControlError) as caught:
        expect(frames.Failed("stale", "gone \u202e"), frames.Ok)
    assert (caught.value.code, caught.value.message) == ("stale", "gone \\u202e")
    with pytest.raises(ControlError, match="answered with Ok, not StatusReply"):
        expect(frames.Ok(), frames.StatusReply)


def test_a_first_subscription_begins_anywhere() -> None:
    cursor = Cursor()
    cursor.begin("run-1")
    assert cursor.subscribe(1, 50) == frames.Subscribe(1, "", 0, 50)
    assert cursor.accept(push(41)) == push(41).event
    assert cursor.accept(push(42)) == push(42).event
    assert cursor.subscribe(2, 50) == frames.Subscribe(2, "run-1", 42, 50)


def test_repeats_are_dropped_and_gaps_are_told() -> None:
    cursor = Cursor("run-1", 5)
    cursor.begin("run-1")
    assert cursor.accept(push(5)) is None
    assert cursor.accept(push(6)) == push(6).event
    assert cursor.accept(frames.Gap(2, 6)) is None
    assert cursor.accept(frames.Gap(7, 9)) == frames.Gap(7, 9)
    assert cursor.accept(push(9)) is None
    assert cursor.accept(push(10)) == push(10).event


def test_a_silent_loss_is_a_fault() -> None:
    cursor = Cursor("run-1", 5)
    cursor.begin("run-1")
    with pytest.raises(RemoteProtocolError, match="events 6 to 7"):
        cursor.accept(push(8))


def test_resuming_from_the_very_beginning_still_notices_a_loss() -> None:
    cursor = Cursor("run-1", 0)
    cursor.begin("run-1")
    assert cursor.subscribe(1, 10) == frames.Subscribe(1, "run-1", 0, 10)
    with pytest.raises(RemoteProtocolError):
        cursor.accept(push(2))


def test_another_run_of_the_daemon_starts_afresh() -> None:
    cursor = Cursor("run-1", 500)
    cursor.begin("run-2")
    assert cursor.subscribe(1, 10) == frames.Subscribe(1, "", 0, 10)
    assert cursor.accept(push(3)) == push(3).event
