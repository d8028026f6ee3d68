from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.sessions.account import FOREVER, Account
from pipelock.engine.sessions.airlock import action_class, advance, enter, objection, set_by_hand
from pipelock.engine.sessions.policy import AirlockSettings
from pipelock.model import Action, Direction, Kind, ScanKind, Tier, Transport
from tests.factories import an_action

MINUTE = 60.0
SETTINGS = AirlockSettings(soft=10 * MINUTE, hard=5 * MINUTE, drain=2 * MINUTE, drain_timeout=30.0)
IN = Direction.INBOUND


def over(transport: Transport, **changes: Any) -> Action:
    return an_action(transport=transport, **changes)


# What each tier lets through: none, soft, hard, drain.
MATRIX = [
    pytest.param(over(Transport.FETCH), "yyyn", id="fetch"),
    pytest.param(over(Transport.FORWARD), "yyyn", id="forward-get"),
    pytest.param(over(Transport.FORWARD, method="head"), "yyyn", id="forward-head-in-small-letters"),
    pytest.param(over(Transport.FORWARD, method="OPTIONS"), "yyyn", id="forward-options"),
    pytest.param(over(Transport.FORWARD, method="POST"), "yynn", id="forward-post"),
    pytest.param(over(Transport.FORWARD, method="QUERY"), "yynn", id="forward-unknown-method"),
    pytest.param(over(Transport.FORWARD, body=b"x"), "yynn", id="forward-get-with-a-body"),
    pytest.param(over(Transport.FORWARD, partial=True), "yynn", id="forward-get-with-a-body-to-come"),
    pytest.param(over(Transport.INTERCEPT), "yyyn", id="intercept-get"),
    pytest.param(over(Transport.INTERCEPT, method="PUT"), "yynn", id="intercept-put"),
    pytest.param(over(Transport.REVERSE), "yyyn", id="reverse-get"),
    pytest.param(over(Transport.REVERSE, method="DELETE"), "yynn", id="reverse-delete"),
    pytest.param(over(Transport.CONNECT, kind=Kind.CONNECT, method="CONNECT"), "yynn", id="closed-tunnel"),
    pytest.param(over(Transport.CONNECT, kind=Kind.CONNECT, opened=True), "yyyn", id="opened-tunnel"),
    pytest.param(over(Transport.CONNECT, kind=Kind.CLIENT_HELLO), "yynn", id="handshake-in-a-closed-tunnel"),
    pytest.param(over(Transport.WEBSOCKET), "yyyn", id="websocket-handshake"),
    pytest.param(over(Transport.WEBSOCKET, kind=Kind.MESSAGE), "yynn", id="message-out"),
    pytest.param(over(Transport.WEBSOCKET, kind=Kind.MESSAGE, direction=IN), "yyyy", id="message-in"),
    pytest.param(over(Transport.FORWARD, kind=Kind.PIECE), "yynn", id="more-of-an-upload"),
    pytest.param(over(Transport.FORWARD, kind=Kind.PIECE, direction=IN), "yyyy", id="more-of-an-answer"),
    pytest.param(over(Transport.FORWARD, kind=Kind.EVENT, direction=IN), "yyyy", id="event"),
    pytest.param(over(Transport.FORWARD, kind=Kind.RESPONSE, direction=IN), "yyyy", id="answer"),
    pytest.param(over(Transport.SCAN_API, kind=Kind.SCAN, scan=ScanKind.DLP), "yyyy", id="scan-api"),
    pytest.param(over(Transport.COMMAND), "yyyn", id="command"),
    pytest.param(over(Transport.CONNECT), "yynn", id="a-transport-that-carries-no-requests"),
]


@pytest.mark.parametrize(("action", "expected"), MATRIX)
def test_what_each_tier_lets_through(action: Action, expected: str) -> None:
    assert "".join("n" if objection(tier, action) else "y" for tier in Tier) == expected


ACTIONS = st.builds(
    an_action,
    kind=st.sampled_from(Kind),
    transport=st.sampled_from(Transport),
    direction=st.sampled_from(Direction),
    method=st.sampled_from(["GET", "POST", "OPTIONS", "", "\x00"]),
    body=st.sampled_from([b"", b"x"]),
    opened=st.booleans(),
    partial=st.booleans(),
)


@given(ACTIONS)
def test_a_stricter_tier_never_lets_through_what_a_milder_one_refuses(action: Action) -> None:
    refused = [bool(objection(tier, action)) for tier in Tier]
    assert refused == sorted(refused)


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (an_action(), "read"),
        (an_action(method="POST"), "write"),
        (an_action(kind=Kind.CONNECT), "connect"),
        (an_action(kind=Kind.MESSAGE), "message"),
        (an_action(kind=Kind.PIECE), "write"),
    ],
)
def test_classes_for_the_metric(action: Action, word: str) -> None:
    assert action_class(action) == word


def test_up_at_once_and_down_step_by_step() -> None:
    account = Account("a")
    assert enter(account, Tier.DRAIN, "level critical", SETTINGS, 100.0)
    assert (account.tier, account.tier_until, account.end_by) == (Tier.DRAIN, 130.0, 130.0)
    assert not advance(account, SETTINGS, 129.0)
    assert advance(account, SETTINGS, 130.0)
    assert (account.tier, account.tier_until) == (Tier.HARD, 430.0)
    assert advance(account, SETTINGS, 430.0)
    assert (account.tier, account.tier_until) == (Tier.SOFT, 1030.0)
    assert advance(account, SETTINGS, 1030.0)
    assert (account.tier, account.tier_why) == (Tier.NONE, "")


def test_whoever_looks_late_finds_what_would_have_been() -> None:
    account = Account("a")
    enter(account, Tier.DRAIN, "", SETTINGS, 0.0)
    assert advance(account, SETTINGS, 400.0)
    assert (account.tier, account.tier_since) == (Tier.SOFT, 330.0)
    assert advance(account, SETTINGS, 10_000.0)
    assert account.tier is Tier.NONE


def test_a_trigger_never_opens_and_begins_the_time_anew() -> None:
    account = Account("a")
    enter(account, Tier.HARD, "first", SETTINGS, 0.0)
    assert not enter(account, Tier.SOFT, "milder", SETTINGS, 10.0)
    assert (account.tier, account.tier_until) == (Tier.HARD, 300.0)
    assert not enter(account, Tier.HARD, "again", SETTINGS, 20.0)
    assert (account.tier_until, account.tier_why) == (320.0, "first")
    assert not enter(account, Tier.NONE, "", SETTINGS, 30.0)
    assert account.tier is Tier.HARD


def test_zero_is_until_somebody_changes_it() -> None:
    account = Account("a")
    settings = AirlockSettings(hard=0.0, drain=0.0, drain_timeout=0.0)
    enter(account, Tier.DRAIN, "", settings, 0.0)
    assert not advance(account, settings, 1e9)
    assert (account.tier, account.end_by) == (Tier.DRAIN, FOREVER)


def test_what_a_person_sets_stays_until_a_person_releases_it() -> None:
    account = Account("a")
    set_by_hand(account, Tier.HARD, "it looks odd", SETTINGS, 0.0)
    assert not advance(account, SETTINGS, 1e9)
    assert enter(account, Tier.DRAIN, "level critical", SETTINGS, 10.0)
    assert advance(account, SETTINGS, 1e9)
    assert (account.tier, account.tier_until, account.tier_why) == (Tier.HARD, FOREVER, "it looks odd")
    enter(account, Tier.HARD, "level high", SETTINGS, 20.0)
    assert account.tier_until == FOREVER
    set_by_hand(account, Tier.NONE, "", SETTINGS, 30.0)
    assert (account.tier, account.floor) == (Tier.NONE, Tier.NONE)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.sampled_from(Tier)),
            st.tuples(st.just("wait"), st.floats(0, 2000)),
        ),
        max_size=20,
    ),
    st.sampled_from(Tier),
)
def test_triggers_and_timers_never_go_below_what_a_person_has_set(steps: list[tuple[str, Any]], floor: Tier) -> None:
    account, now = Account("a"), 0.0
    set_by_hand(account, floor, "", SETTINGS, now)
    for word, value in steps:
        if word == "enter":
            before = account.tier
            enter(account, value, "", SETTINGS, now)
            assert account.tier.rank >= before.rank
        else:
            now += value
            advance(account, SETTINGS, now)
        assert account.tier.rank >= floor.rank
