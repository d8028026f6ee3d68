from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.cli.answer import report
from pipelock.control import frames
from pipelock.control.client import ControlError
from pipelock.model import MAX_EDIT, Answer, AnswerWord, Grant, Lifetime, Offer, Scope

from .conftest import FakeDaemon, pending, summary

ONCE, DENY = Answer(AnswerWord.ALLOW), Answer(AnswerWord.DENY)
HOUR = Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1)
GRANT = Grant(id="g1", allow=True, scope=Scope.HOST, lifetime=Lifetime.H1, words="w", created_at=1.0)
Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("argv", "answer"),
    [
        (("approve", "7"), ONCE),
        (("approve", "7", "--for", "session"), Answer(AnswerWord.ALLOW, lifetime=Lifetime.SESSION)),
        (("approve", "7", "--scope", "host", "--for", "1h"), HOUR),
        (("approve", "7", "--scope", "domain", "--yes"), Answer(AnswerWord.ALLOW, Scope.DOMAIN)),
        (
            ("approve", "-y", "7", "--scope", "host", "--for", "forever"),
            Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.FOREVER),
        ),
        (("approve", "--note", "looks fine", "7"), Answer(AnswerWord.ALLOW, note="looks fine")),
        (("approve", "7", "--redact"), Answer(AnswerWord.REDACT)),
        (("deny", "7", "--note", "not today"), Answer(AnswerWord.DENY, note="not today")),
        (("deny", "7", "--scope", "domain", "--for", "1h"), Answer(AnswerWord.DENY, Scope.DOMAIN, Lifetime.H1)),
    ],
)
def test_answers_are_bound_to_what_was_shown(
    daemon: FakeDaemon, run: Run, argv: tuple[str, ...], answer: Answer
) -> None:
    assert run(*argv)[0] == 0
    assert ("answer", "7", answer, "bound") in daemon.said


def test_another_body_is_read_from_a_file(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"less")
    assert run("approve", "7", "--body", str(body))[0] == 0
    assert ("answer", "7", Answer(AnswerWord.EDIT, body=b"less"), "bound") in daemon.said
    body.write_bytes(b"x" * (MAX_EDIT + 1))
    assert run("approve", "7", "--body", str(body))[0] == 1
    assert "No such file" in run("approve", "7", "--body", str(tmp_path / "none"))[2]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("approve", "8"), 1, "nothing waits under the id 8"),
        (("approve", "7", "--scope", "url"), 1, "offered: payload, host, domain"),
        (("approve", "7", "--for", "forever", "--yes"), 1, "offered: once, session, 1h"),
        (("approve", "7", "--scope", "everything"), 2, "invalid choice"),
        (("approve", "7", "--redact", "--body", "x"), 2, "exclude each other"),
        (("approve", "7", "--redact", "--for", "1h"), 2, "exactly this, once"),
        (("approve", "7", "--scope", "domain"), 1, "Say --yes to mean it"),
        (("approve", "7", "--scope", "host", "--for", "forever"), 1, "for good (written to approvals.yaml)"),
        (("approve", "7", "--scope", "domain", "--json"), 1, "Say --yes"),
        (("deny", "7", "--scope", "host", "--for", "forever"), 1, "Say --yes"),
    ],
)
def test_what_is_not_answered(daemon: FakeDaemon, run: Run, argv: tuple[str, ...], code: int, said: str) -> None:
    exit_code, out, err = run(*argv)
    assert (exit_code, out) == (code, "")
    assert said in err
    assert not [words for words in daemon.said if words[0] == "answer"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_on_a_terminal_what_reaches_far_is_asked_about_once_more(
    daemon: FakeDaemon, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    daemon.replies[frames.LookAt] = lambda _request: frames.Ok()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    assert run("approve", "7", "--scope", "domain")[0] == code
    assert shown.getvalue().startswith(
        "Allowed: helper may send anything to d this once. 2 more waiting requests would be answered too.\n"
        "Do you mean that? [y/N] "
    )
    assert ("ask", frames.LookAt(1, "7")) in daemon.said, "the countdown stands still meanwhile"
    answered = [words for words in daemon.said if words[0] == "answer"]
    assert len(answered) == (code == 0)


def test_an_answer_that_comes_too_late_says_so(daemon: FakeDaemon, run: Run) -> None:
    daemon.error = ControlError("stale", "that request has been answered")
    assert run("approve", "7") == (1, "", "pipelock: that request has been answered\n")


def test_a_note_has_a_limit(daemon: FakeDaemon, run: Run) -> None:
    assert run("deny", "7", "--note", "x" * 500)[0] == 0
    code, _, err = run("deny", "7", "--note", "x" * 501)
    assert code == 2
    assert "500 is the limit" in err


OFFER = Offer(Scope.HOST, "helper may send anything to h", "helper may not send anything to h")
AGAIN = "No rule was written: the next one is asked about again."
SAID = [
    (ONCE, frames.AnsweredReply(1), f"Allowed: helper may send anything to h this once.\n{AGAIN}"),
    (DENY, frames.AnsweredReply(1), f"Denied: helper may not send anything to h this once.\n{AGAIN}"),
    (
        HOUR,
        frames.AnsweredReply(3, GRANT),
        """Allowed: helper may send anything to h for 1 hour.
Take it back with: pipelock approvals revoke g1
3 waiting requests answered.""",
    ),
    (
        Answer(AnswerWord.REDACT),
        frames.AnsweredReply(1),
        "Approved without what was found in it: POST http://api.example/submit. It is judged again before it goes on.",
    ),
    (
        Answer(AnswerWord.EDIT, body=b"less"),
        frames.AnsweredReply(1),
        "Approved with another body (4 B): POST http://api.example/submit. It is judged again before it goes on.",
    ),
]


@pytest.mark.parametrize(("answer", "reply", "expected"), SAID)
def test_what_an_answer_did_in_plain_words(answer: Answer, reply: frames.AnsweredReply, expected: str) -> None:
    assert report(pending(), answer, OFFER, reply) == expected


def test_the_words_draw_nothing() -> None:
    evil = Offer(Scope.PAYLOAD, "\x1b]0; may \u2066", "")
    item = pending(action=summary(agent="\x1b]0;", url="http://x/\u2066"))
    shown = report(item, Answer(AnswerWord.EDIT, body=b""), evil, frames.AnsweredReply(1))
    assert not {"\x1b", "\u2066"} & set(shown)


def test_json(daemon: FakeDaemon, run: Run) -> None:
    daemon.grant = GRANT
    _, out, _ = run("deny", "7", "--scope", "host", "--for", "1h", "--json")
    answer = json.loads(out)
    assert (answer["answer"], answer["count"], answer["pending"]["id"]) == ("deny", 1, "7")
    assert answer["grant"]["id"] == "g1"
    assert [offer["scope"] for offer in answer["pending"]["offers"]] == ["payload", "host", "domain"]
