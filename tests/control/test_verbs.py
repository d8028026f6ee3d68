"""What clients ask for, carried out without a socket."""

from __future__ import annotations

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from pipelock.control import frames
from pipelock.control._verbs import Question, decides, perform
from pipelock.control.backend import BackendError
from pipelock.control.protocol import MAX_NUMBER
from pipelock.control.testing import FakeBackend
from pipelock.model import MAX_NOTE, Answer, AnswerWord, KillSwitchState, Session

BY = "command (pid 7)"
ALLOW, DENY = Answer(AnswerWord.ALLOW), Answer(AnswerWord.DENY)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (frames.QueryStatus(1), False),
        (frames.ListPending(1), False),
        (frames.ListSessions(1), False),
        (frames.AnswerPending(1, "1", DENY), True),
        (frames.SwitchKill(1, active=False), True),
        (frames.SwitchKill(1, active=True), True),
        (frames.Reload(1), True),
    ],
)
def test_what_changes_something_needs_the_right(question: Question, expected: bool) -> None:
    assert decides(question) is expected


def test_questions(backend: FakeBackend) -> None:
    backend.known = [Session(key="k", agent="a", client="c", started_at=1.0, last_seen_at=2.0)]
    assert perform(backend, frames.QueryStatus(1), BY) == frames.StatusReply(backend.status())
    assert perform(backend, frames.ListPending(1), BY) == frames.PendingReply(tuple(backend.items))
    assert perform(backend, frames.ListPending(1, "1"), BY) == frames.PendingReply(tuple(backend.items[1:]))
    assert perform(backend, frames.ListSessions(1), BY) == frames.SessionsReply(tuple(backend.known))
    assert perform(backend, frames.ListSessions(1, 1), BY) == frames.SessionsReply(())
    assert perform(backend, frames.SwitchKill(1, active=True), BY) == frames.KillReply(
        KillSwitchState(active=True, sources={"api": True})
    )
    assert backend.killed == [(True, BY)]
    assert perform(backend, frames.Reload(1), BY) == frames.Ok(detail="policy unchanged")


def test_an_answer_carries_the_words_and_who_spoke(backend: FakeBackend) -> None:
    result = perform(
        backend, frames.AnswerPending(1, "2", Answer(AnswerWord.DENY, note="not today", by="me"), "b2"), BY
    )
    assert result == frames.AnsweredReply(1)
    assert backend.answers == [("2", Answer(AnswerWord.DENY, note="not today", by=BY), "b2")]


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (frames.AnswerPending(1, "99", ALLOW), "not_found"),
        (frames.AnswerPending(1, "1", ALLOW, "b2"), "stale"),
        (frames.AnswerPending(1, "", ALLOW), "bad_request"),
        (frames.AnswerPending(1, "1" * 101, ALLOW), "bad_request"),
        (frames.AnswerPending(1, "1", Answer(AnswerWord.DENY, note="x" * (MAX_NOTE + 1))), "bad_request"),
        (frames.ListSessions(1, -1), "bad_request"),
        (frames.ListSessions(1, MAX_NUMBER + 1), "bad_request"),
    ],
)
def test_refusals(backend: FakeBackend, question: Question, code: str) -> None:
    result = perform(backend, question, BY)
    assert isinstance(result, frames.Failed)
    assert result.code == code
    assert backend.answers == []


def test_the_longest_note_is_taken(backend: FakeBackend) -> None:
    assert perform(
        backend, frames.AnswerPending(1, "1", Answer(AnswerWord.DENY, note="x" * MAX_NOTE)), BY
    ) == frames.AnsweredReply(1)


def test_a_reload_that_fails_says_why(backend: FakeBackend) -> None:
    def bad() -> str:
        raise BackendError("failed", "line 3: unknown key `mod`")

    backend.on_reload = bad
    assert perform(backend, frames.Reload(1), BY) == frames.Failed("failed", "line 3: unknown key `mod`")


def test_an_unforeseen_fault_is_logged_and_told_without_details(backend: FakeBackend) -> None:
    def broken() -> str:
        raise ZeroDivisionError("secret detail")

    backend.on_reload = broken
    logged: list[LogEvent] = []
    globalLogPublisher.addObserver(logged.append)
    try:
        result = perform(backend, frames.Reload(1), BY)
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert isinstance(result, frames.Failed)
    assert "secret" not in result.message
    assert [event["log_failure"].type for event in logged if "log_failure" in event] == [ZeroDivisionError]
