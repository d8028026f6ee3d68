"""The matrix as a table of its own, and that it is monotonic in everything."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import pytest

from pipelock.engine.taint.classes import ActionClass, Authority, Sensitivity
from pipelock.engine.taint.matrix import ROWS, Profile, answer
from pipelock.model import TaintLevel, Verdict

ALLOW, ASK, BLOCK = Verdict.ALLOW, Verdict.ASK, Verdict.BLOCK
UNTRUSTED, HOSTILE = TaintLevel.UNTRUSTED, TaintLevel.HOSTILE
BROAD, POLICY, EXACT, OVERRIDE = (
    Authority.USER_BROAD,
    Authority.POLICY,
    Authority.USER_EXACT,
    Authority.OPERATOR_OVERRIDE,
)


@pytest.mark.parametrize(
    ("level", "what", "path", "authority", "permissive", "balanced", "strict"),
    [
        (TaintLevel.TRUSTED, "publish", "protected", BROAD, ALLOW, ALLOW, ALLOW),
        (TaintLevel.REFERENCE, "secret", "normal", BROAD, ALLOW, ALLOW, ALLOW),
        (TaintLevel.LOW_RISK, "exec", "normal", BROAD, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "read", "protected", BROAD, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "browse", "normal", BROAD, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "publish", "normal", BROAD, ALLOW, ASK, ASK),
        (UNTRUSTED, "publish", "normal", POLICY, ALLOW, ALLOW, ASK),
        (UNTRUSTED, "publish", "normal", EXACT, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "publish", "protected", POLICY, ALLOW, ASK, ASK),
        (UNTRUSTED, "secret", "normal", POLICY, ASK, ASK, ASK),
        (UNTRUSTED, "secret", "normal", EXACT, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "exec", "normal", EXACT, ASK, ASK, ASK),
        (UNTRUSTED, "exec", "normal", OVERRIDE, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "write", "normal", BROAD, ALLOW, ALLOW, ALLOW),
        (UNTRUSTED, "write", "elevated", BROAD, ALLOW, ALLOW, ASK),
        (UNTRUSTED, "write", "protected", BROAD, ALLOW, ASK, ASK),
        (UNTRUSTED, "network", "normal", BROAD, ALLOW, ALLOW, ASK),
        (UNTRUSTED, "network", "normal", POLICY, ALLOW, ALLOW, ALLOW),
        (HOSTILE, "summarize", "normal", BROAD, ALLOW, ALLOW, ALLOW),
        (HOSTILE, "read", "protected", BROAD, ALLOW, ALLOW, ALLOW),
        (HOSTILE, "publish", "normal", POLICY, ASK, BLOCK, BLOCK),
        (HOSTILE, "publish", "normal", EXACT, ASK, BLOCK, BLOCK),
        (HOSTILE, "publish", "normal", OVERRIDE, ALLOW, ALLOW, ALLOW),
        (HOSTILE, "write", "normal", BROAD, ASK, BLOCK, BLOCK),
        (HOSTILE, "network", "normal", BROAD, ALLOW, ALLOW, ASK),
        (HOSTILE, "network", "elevated", POLICY, ASK, BLOCK, BLOCK),
    ],
)
def test_the_table(
    level: TaintLevel,
    what: str,
    path: str,
    authority: Authority,
    permissive: Verdict,
    balanced: Verdict,
    strict: Verdict,
) -> None:
    said = tuple(answer(one, level, ActionClass(what), Sensitivity(path), authority) for one in Profile)
    assert said == (permissive, balanced, strict)


def test_a_stricter_profile_is_never_milder() -> None:
    for level, what, path, authority in product(TaintLevel, ActionClass, Sensitivity, Authority):
        said = [answer(one, level, what, path, authority).rank for one in Profile]
        assert said == sorted(said)


def test_worse_reading_is_never_answered_more_mildly() -> None:
    for profile, what, path, authority in product(Profile, ActionClass, Sensitivity, Authority):
        said = [answer(profile, level, what, path, authority).rank for level in TaintLevel]
        assert said == sorted(said)


def test_a_more_delicate_path_is_never_answered_more_mildly() -> None:
    for profile, level, what, authority in product(Profile, TaintLevel, ActionClass, Authority):
        said = [answer(profile, level, what, path, authority).rank for path in Sensitivity]
        assert said == sorted(said)


def test_more_authority_is_never_answered_more_strictly() -> None:
    for profile, level, what, path in product(Profile, TaintLevel, ActionClass, Sensitivity):
        said = [answer(profile, level, what, path, authority).rank for authority in Authority]
        assert said == sorted(said, reverse=True)


def test_an_override_of_the_operator_holds_against_everything() -> None:
    cells = product(Profile, TaintLevel, ActionClass, Sensitivity)
    assert {answer(*cell, Authority.OPERATOR_OVERRIDE) for cell in cells} == {ALLOW}


def test_permissive_really_asks_for_less() -> None:
    milder = [
        (level, what)
        for level, what in product(TaintLevel, ActionClass)
        if answer(Profile.PERMISSIVE, level, what, Sensitivity.NORMAL, BROAD).rank
        < answer(Profile.BALANCED, level, what, Sensitivity.NORMAL, BROAD).rank
    ]
    assert (UNTRUSTED, ActionClass.PUBLISH) in milder
    assert (HOSTILE, ActionClass.SECRET) in milder


def test_ranks_follow_the_order_in_which_they_are_written() -> None:
    assert all(first.rank < second.rank for first, second in pairwise(Sensitivity))
    assert all(first.rank < second.rank for first, second in pairwise(Authority))


def test_the_manual_shows_the_very_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "taint.md").read_text("utf-8")
    table = page.partition("## The table")[2].partition("## ")[0]
    shown = [line for line in table.splitlines() if line.startswith("| external_")]
    assert shown == [
        f"| {row.level} | {', '.join(sorted(row.classes))} | {row.sensitivity} | {row.unless} | {' | '.join(row.answers)} |"
        for row in ROWS
    ]
