from __future__ import annotations

from pipelock.control.backend import BackendError
from pipelock.daemon.reload_answers import MAX_ASKING, ReloadAnswers


def test_no_more_wait_than_can_be_told() -> None:
    answers, heard = ReloadAnswers(), list[str | BackendError]()
    for number in range(MAX_ASKING + 3):
        answers.add(heard.append, is_under_way=bool(number % 2))
    assert heard == ["it takes effect as soon as it is compiled"] * 3
    answers.done("first")
    answers.done("second")
    assert heard[3:] == ["first"] * (MAX_ASKING // 2) + ["second"] * (MAX_ASKING // 2)
    answers.done("third")
    assert len(heard) == MAX_ASKING + 3


def test_whoever_was_told_at_once_is_not_told_again() -> None:
    answers, heard = ReloadAnswers(), list[str | BackendError]()
    for _ in range(MAX_ASKING):
        answers.add(lambda _outcome: None, is_under_way=False)
    then = heard.append
    answers.add(then, is_under_way=False)
    answers.refuse(then, BackendError("failed", "broken"))
    assert len(heard) == 1
