from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipelock.cli.answer import report
from pipelock.control.client import ControlError
from pipelock.model import Answer, AnswerWord, Lifetime

from .conftest import FakeDaemon, pending, summary

ONCE, DENY = Answer(AnswerWord.ALLOW), Answer(AnswerWord.DENY)
SESSION = Answer(AnswerWord.ALLOW, lifetime=Lifetime.SESSION)
Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("approve", "7"), ("answer", "7", ONCE, "bound")),
        (("approve", "7", "--session"), ("answer", "7", SESSION, "bound")),
        (
            ("approve", "--note", "looks fine", "7"),
            ("answer", "7", Answer(AnswerWord.ALLOW, note="looks fine"), "bound"),
        ),
        (("deny", "7", "--note", "not today"), ("answer", "7", Answer(AnswerWord.DENY, note="not today"), "bound")),
    ],
)
def test_answers_are_bound_to_what_was_shown(
    daemon: FakeDaemon, run: Run, argv: tuple[str, ...], said: tuple[object, ...]
) -> None:
    assert run(*argv)[0] == 0
    assert said in daemon.said


def test_an_unknown_id_is_not_answered(daemon: FakeDaemon, run: Run) -> None:
    code, out, err = run("approve", "8")
    assert (code, out) == (1, "")
    assert "nothing waits under the id 8" in err
    assert daemon.said == [("close",)]


def test_an_answer_that_comes_too_late_says_so(daemon: FakeDaemon, run: Run) -> None:
    daemon.error = ControlError("stale", "that request has been answered")
    assert run("approve", "7") == (1, "", "pipelock: that request has been answered\n")


def test_a_note_has_a_limit(daemon: FakeDaemon, run: Run) -> None:
    assert run("deny", "7", "--note", "x" * 500)[0] == 0
    code, _, err = run("deny", "7", "--note", "x" * 501)
    assert code == 2
    assert "500 is the limit" in err


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            ONCE,
            "Allowed once for helper: POST http://api.example/submit with 2.0 KiB of body. The next one is asked about again.",
        ),
        (
            SESSION,
            "Allowed for helper's session: POST http://api.example/submit with 2.0 KiB of body. Exact repetitions pass without asking until the policy changes or the daemon ends; anything else is asked about.",
        ),
        (
            DENY,
            "Denied for helper, once: POST http://api.example/submit with 2.0 KiB of body. No rule was written.",
        ),
    ],
)
def test_what_an_answer_did_in_plain_words(answer: Answer, expected: str) -> None:
    assert report(pending(), answer, 1) == expected


def test_twins_are_counted() -> None:
    assert report(pending(twins=3), ONCE, 3).endswith("\n3 waiting requests answered.")


def test_the_words_draw_nothing() -> None:
    shown = report(pending(action=summary(agent="\x1b]0;", url="http://x/\u2066")), ONCE, 1)
    assert not {"\x1b", "\u2066"} & set(shown)


def test_json(daemon: FakeDaemon, run: Run) -> None:
    _, out, _ = run("deny", "7", "--json")
    answer = json.loads(out)
    assert (answer["answer"], answer["count"], answer["pending"]["id"]) == ("deny", 1, "7")
