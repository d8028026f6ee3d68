from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipelock.cli.approvals import report
from pipelock.control import frames
from pipelock.control.client import ControlError
from pipelock.model import Grant, Lifetime, Scope

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


def a_grant(number: int, **changes: object) -> Grant:
    fields = {
        "allow": True, "scope": Scope.HOST, "lifetime": Lifetime.H1, "words": "words for 1 hour", "created_at": 1000.0,
        "expires_at": 4600.0, "by": "dashboard (pid 7)", **changes,
    }  # fmt: skip
    return Grant(id=f"g{number}", **fields)


def test_the_list_says_what_holds_how_long_and_how_often_it_decided() -> None:
    grants = [
        a_grant(1, hits=2, last_hit_at=1940.0),
        a_grant(2, allow=False, lifetime=Lifetime.SESSION, expires_at=0.0, session="claude@7|127.0.0.1", note="no",
                words="not in this session"),
    ]  # fmt: skip
    assert report(grants, ("+- id: x",), 2000.0) == (
        "g1  allow  words for 1 hour\n"
        "    answered by dashboard (pid 7); decided 2 times, last 1 min ago, ends in 43 min 20 s\n"
        "g2  deny   not in this session\n"
        "    answered by dashboard (pid 7); decided 0 times, in session claude@7|127.0.0.1\n"
        "    note: no\n"
        "approvals.yaml was changed by somebody else and that is not in force; `pipelock approvals diff` shows it."
    )
    assert report([], (), 0.0) == "No answer holds for more than once."


def test_nothing_of_it_draws_on_the_terminal() -> None:
    grant = a_grant(1, words="\x1b[2J", by="\u202e", note="\x07", session="\x1b", lifetime=Lifetime.SESSION)
    assert report([grant], (), 0.0).replace("\n", "").isprintable()


def test_a_long_list_comes_in_pages_each_answer_once(daemon: FakeDaemon, run: Run) -> None:
    grants = tuple(a_grant(number) for number in range(5))
    pages = {0: (grants[:3], True), 3: (grants[2:4], True), 5: (grants[4:], False)}
    daemon.replies[frames.ListGrants] = lambda request: frames.GrantsReply(*pages[request.offset], ("-x",))
    code, out, _ = run("approvals", "list", "--json")
    assert code == 0
    assert [grant["id"] for grant in json.loads(out)["grants"]] == ["g0", "g1", "g2", "g3", "g4"]
    assert json.loads(out)["unreviewed"] == ["-x"]
    assert run("approvals", "list")[1].count("answered by") == 5


@pytest.mark.parametrize(
    ("lines", "code", "out"),
    [((), 0, "approvals.yaml is what is in force.\n"), (("--- a", "+\x1b[31m"), 1, "--- a\n+\\x1b[31m\n")],
)
def test_the_difference(daemon: FakeDaemon, run: Run, lines: tuple[str, ...], code: int, out: str) -> None:
    daemon.replies[frames.ListGrants] = lambda _request: frames.GrantsReply((), False, lines)
    assert run("approvals", "diff") == (code, out, "")


def test_review_and_revoke(daemon: FakeDaemon, run: Run) -> None:
    daemon.replies[frames.ReviewGrants] = lambda _request: frames.Ok(detail="reviewed")
    daemon.replies[frames.RevokeGrant] = lambda request: frames.Ok(detail=f"{request.grant} is gone")
    assert run("approvals", "review") == (0, "reviewed\n", "")
    assert run("approvals", "revoke", "g1") == (0, "g1 is gone\n", "")
    assert json.loads(run("approvals", "revoke", "g1", "--json")[1]) == {"detail": "g1 is gone", "id": "g1"}


@pytest.mark.parametrize("argv", [("approvals", "revoke"), ("approvals", "list", "g1"), ("approvals",)])
def test_a_command_line_that_says_too_little_or_too_much(daemon: FakeDaemon, run: Run, argv: tuple[str, ...]) -> None:
    assert run(*argv)[0] == 2
    assert daemon.said == []


def test_a_refusal_is_passed_on(daemon: FakeDaemon, run: Run) -> None:
    daemon.error = ControlError("not_found", "no answer that holds is called g9")
    assert run("approvals", "revoke", "g9") == (1, "", "pipelock: no answer that holds is called g9\n")
