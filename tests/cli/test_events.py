from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from pipelock.control.client import ControlError
from pipelock.control.frames import Gap
from pipelock.model import Decided, Decision, Event, Notice, Record, Verdict

from .conftest import STATUS, FakeDaemon, summary

Run = Callable[..., tuple[int, str, str]]


def notice(seq: int) -> Event:
    return Event(seq, 0.0, Notice("info", f"number {seq}"))


@pytest.fixture
def busy(daemon: FakeDaemon) -> FakeDaemon:
    daemon.happened = (notice(1), notice(2), notice(3))
    daemon.state = msgspec.structs.replace(STATUS, last_seq=3)
    return daemon


def test_without_follow_it_ends_with_the_newest_there_was(busy: FakeDaemon, run: Run) -> None:
    busy.happened = (*busy.happened, notice(4))
    code, out, err = run("events")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["1", "2", "3"]
    assert ("events", "", 0, 100) in busy.said


def test_with_follow_it_ends_only_when_the_daemon_does(busy: FakeDaemon, run: Run) -> None:
    code, out, err = run("events", "-f")
    assert code == 1
    assert len(out.splitlines()) == 3
    assert err == "pipelock: the daemon closed the connection\n"


def test_a_place_to_go_on_from_belongs_to_this_daemon(busy: FakeDaemon, run: Run) -> None:
    busy.happened = (notice(3),)
    code, out, _ = run("events", "--after", "2", "--backlog", "7")
    assert code == 0
    assert ("events", "epoch-1", 2, 7) in busy.said
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("words", [["--after", "3"], ["--after", "99"], ["--backlog", "0"]])
def test_where_nothing_can_come_nothing_is_waited_for(busy: FakeDaemon, run: Run, words: list[str]) -> None:
    busy.error = ControlError("failed", "must not be asked")
    assert run("events", *words) == (0, "", "")


def test_a_fresh_daemon_has_no_events(daemon: FakeDaemon, run: Run) -> None:
    assert run("events") == (0, "", "")


def test_a_gap_is_shown_and_counts_as_an_end(busy: FakeDaemon, run: Run) -> None:
    busy.happened = (Gap(1, 3),)
    code, out, _ = run("events")
    assert code == 0
    assert "events 1 to 3 are only in the audit log" in out


def test_json_is_one_object_a_line_and_holds_no_control_character(busy: FakeDaemon, run: Run) -> None:
    hostile = Decided(
        Record(
            at=0, action=summary(url="http://x/\x1b[2J\u202e"), decision=Decision(action_id="a", verdict=Verdict.ALLOW)
        )
    )
    busy.happened = (Gap(1, 1), Event(2, 0.0, hostile), notice(3))
    _, out, _ = run("events", "--json")
    gap, decided, said = (json.loads(line) for line in out.splitlines())
    assert gap == {"gap": {"type": "gap", "first": 1, "last": 1}}
    assert decided["payload"]["record"]["action"]["url"] == "http://x/\x1b[2J\u202e"
    assert said["payload"] == {"type": "notice", "level": "info", "text": "number 3"}
    assert "\x1b" not in out
    assert out.isascii()


def test_text_is_escaped(busy: FakeDaemon, run: Run) -> None:
    hostile = Decided(
        Record(at=0, action=summary(url="http://x/\x1b[2J"), decision=Decision(action_id="a", verdict=Verdict.ALLOW))
    )
    busy.happened = (Event(3, 0.0, hostile),)
    _, out, _ = run("events")
    assert "http://x/\\x1b[2J" in out
    assert "\x1b" not in out
