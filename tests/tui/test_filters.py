from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Verdict
from pipelock_tui import testing
from pipelock_tui.filters import EVERYTHING, MAX_LENGTH, FilterError, parse
from pipelock_tui.rows import Row

ALLOWED = Row(0, testing.record(testing.summary("api.example.com", "/v1/models?page=2", agent="claude")))
BLOCKED = Row(0, testing.blocked())
REMARK = Row(0, text="! warning: the disk is nearly full")
GAP = Row(0, text="missing", gap=True)


@pytest.mark.parametrize(
    ("source", "row", "shown"),
    [
        ("", ALLOWED, True),
        ("host:example.com", ALLOWED, True),
        ("HOST:Example.COM", ALLOWED, True),
        ("host:example.org", ALLOWED, False),
        ("!host:example.org", ALLOWED, True),
        ("verdict:block", BLOCKED, True),
        ("verdict:block", ALLOWED, False),
        ("verdict:allow,block", ALLOWED, True),
        ("!verdict:allow", ALLOWED, False),
        ("method:POST", BLOCKED, True),
        ("method:PO", BLOCKED, False),
        ("agent:claude host:api", ALLOWED, True),
        ("agent:claude host:pypi", ALLOWED, False),
        ('rule:"AWS Access"', BLOCKED, True),
        ('rule:"AWS  Access"', BLOCKED, False),
        ("layer:dlp", BLOCKED, True),
        ("layer:dlp", ALLOWED, False),
        ("path:page=2", ALLOWED, True),
        ("session:claude|127", ALLOWED, True),
        ("text:credential", BLOCKED, True),
        ("credential", BLOCKED, True),
        ("!credential", BLOCKED, False),
        ("disk", REMARK, True),
        ("host:disk", REMARK, False),
        ("verdict:block", REMARK, False),
        ("verdict:block", GAP, True),
        ("!missing", GAP, True),
        ('"text:nearly full"', REMARK, True),
    ],
)
def test_matches(source: str, row: Row, *, shown: bool) -> None:
    assert parse(source).matches(row) is shown


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("colour:red", 'no field is called "colour"; there are agent'),
        ("host:", "host: needs a value"),
        ("!", "needs a term"),
        ('host:"a', "quote is open"),
        ("verdict:blocked", 'no verdict is called "blocked"; there are allow'),
        ("verdict:,", "needs a value"),
        ("x" * (MAX_LENGTH + 1), "at most 500 characters"),
        (" ".join("abcdefghijklmnopqrstu"), "at most 20 terms"),
    ],
)
def test_what_cannot_be_read_says_why(source: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(source)
    assert says in str(caught.value)


def test_nothing_but_spaces_shows_everything() -> None:
    assert parse("   ").terms == EVERYTHING.terms


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        wanted = parse(source)
    except FilterError:
        return
    assert wanted.matches(ALLOWED) in {True, False}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_can_be_named(verdict: Verdict) -> None:
    assert parse(f"verdict:{verdict.value}").matches(Row(0, testing.record(verdict=verdict)))
