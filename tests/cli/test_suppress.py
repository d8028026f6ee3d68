from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pipelock.control import frames
from pipelock.model import ConfigChange, ConfigReview, Fix, RuleKind, RuleRow

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
FIX = Fix(
    id="f1", action_id="a1", possible=True, words="JWT will not count there", entry='  - rule: "JWT"\n',
    others=3, unblocked=1, examples=("2026 x",), unknown=2,
)  # fmt: skip
ROWS = (
    RuleRow(
        kind=RuleKind.SUPPRESSION, name="JWT", where="https://h/*", hits=2, last_hit_at=1.0, expires_at=5.0, id="abc"
    ),
    RuleRow(kind=RuleKind.DETECTION, name="Unmet"),
    RuleRow(kind=RuleKind.DETECTION, name="Met", hits=1, last_hit_at=2.0),
)


@pytest.fixture
def asked(daemon: FakeDaemon) -> FakeDaemon:
    replies: dict[Any, Any] = {
        frames.ProposeFix: lambda _: frames.FixReply(FIX),
        frames.ApplyFix: lambda _: frames.Ok(detail="added"),
        frames.RemoveSuppression: lambda _: frames.Ok(detail="removed"),
        frames.ListRules: lambda asked: frames.RulesReply(ROWS[asked.offset : asked.offset + 2], asked.offset == 0),
    }
    daemon.replies.update(replies)
    return daemon


def test_a_proposal_says_what_it_would_do(asked: FakeDaemon, run: Run) -> None:
    code, out, _ = run("suppress", "propose", "a1", "--days", "7", "--finding", "1")
    assert code == 0
    assert "unblock 1 of 3 others" in out
    assert "2 could not be judged" in out
    assert ("ask", frames.ProposeFix(1, "a1", 1, 7)) in asked.said


def test_a_proposal_that_nobody_can_judge_claims_nothing(asked: FakeDaemon, run: Run) -> None:
    asked.replies[frames.ProposeFix] = lambda _: frames.FixReply(msgspec.structs.replace(FIX, verdict=None))
    assert "This action: can't be told." in run("suppress", "propose", "a1")[1]
    assert json.loads(run("suppress", "propose", "a1", "--json")[1])["verdict"] is None


def test_it_is_written_when_that_is_meant(asked: FakeDaemon, run: Run) -> None:
    code, out, _ = run("suppress", "add", "a1", "--yes")
    assert (code, out.splitlines()[-1]) == (0, "added")
    assert ("ask", frames.ApplyFix(1, "f1")) in asked.said


def test_without_anybody_to_agree_nothing_is_written(
    asked: FakeDaemon, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = run("suppress", "add", "a1")
    assert (code, "--yes" in err) == (1, True)
    assert not any(isinstance(said[-1], frames.ApplyFix) for said in asked.said)


def test_what_nothing_may_lift(asked: FakeDaemon, run: Run) -> None:
    asked.replies[frames.ProposeFix] = lambda _: frames.FixReply(
        Fix(id="", action_id="a1", possible=False, words="no way")
    )
    code, out, _ = run("suppress", "add", "a1", "--yes")
    assert (code, out) == (1, "No suppression can lift this: no way\n")


def test_entries_are_listed_and_removed(asked: FakeDaemon, run: Run) -> None:
    assert "abc" in run("suppress", "list")[1]
    assert [row["id"] for row in json.loads(run("suppress", "list", "--json")[1])] == ["abc"]
    assert run("suppress", "remove", "abc") == (0, "removed\n", "")


@pytest.mark.parametrize("words", [("propose",), ("add", "a1", "--days", "0"), ("mend", "a1")])
def test_mistakes(asked: FakeDaemon, run: Run, words: tuple[str, ...]) -> None:
    assert run("suppress", *words)[0] == 2


def test_rules_that_met_nothing_are_left_out(asked: FakeDaemon, run: Run) -> None:
    assert "Unmet" not in run("rules")[1]
    assert "Unmet" in run("rules", "--all")[1]
    assert len(json.loads(run("rules", "--all", "--json")[1])) == 3


@pytest.mark.parametrize(
    ("review", "code", "says"),
    [
        (ConfigReview("p", "1", "1"), 0, "is what is in force"),
        (ConfigReview("p", "1", error="line 3"), 1, "Not valid"),
        (
            ConfigReview("p", "1", "2", (ConfigChange("mode", "strict", "audit", "gone", True),), ("mode: x",)),
            1,
            "WEAKER: gone; restart",
        ),
        (ConfigReview("p", "1", "2", (ConfigChange("mode", "", "strict"),)), 0, "mode: empty → strict"),
    ],
)
def test_a_reload_can_be_tried(daemon: FakeDaemon, run: Run, review: ConfigReview, code: int, says: str) -> None:
    daemon.replies[frames.ReviewConfig] = lambda _: frames.ConfigReply(review)
    said = run("reload", "--dry-run")
    assert (said[0], says in said[1]) == (code, True)
    assert run("reload", "--dry-run", "--json")[0] == code
