"""Each route: what it takes, what it does, what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.model import Answer, AnswerWord, Lifetime, Scope, SessionVerb, Tier
from tests.proxy.admin.desks import CALM, CLOSED, Api, a_grant, a_pending

KEY = "/api/v1/sessions/claude%4042%7C127.0.0.1"
BY = "admin API, 127.0.0.1"


def test_the_kill_switch_is_moved_and_shown() -> None:
    api = Api()
    assert api.asks("POST", "/api/v1/killswitch", {"active": True}) == (
        200,
        {"active": True, "source": "api", "message": "stopped"},
    )
    assert api.asks("GET", "/api/v1/killswitch/status") == (
        200,
        {
            "active": True,
            "sources": {"config": False, "api": True, "signal": False, "sentinel": False},
            "message": "stopped",
        },
    )
    assert api.asks("POST", "/api/v1/killswitch", {"active": False})[1]["active"] is False
    assert api.desk.switched == [(True, BY), (False, BY)]


BAD_SWITCHES: tuple[Any, ...] = (
    b"", {}, {"active": 1}, {"active": "true"}, {"active": None}, {"active": True, "x": 1}, [], b"true",
    b'{"active":true}{}', b'{"active":true} x', b'{"active":false,"active":true}', b"{", b"\xff",
    b'{"active":true' + b" " * 1024 + b"}",
)  # fmt: skip


@pytest.mark.parametrize("body", BAD_SWITCHES, ids=range(len(BAD_SWITCHES)))
def test_a_body_that_does_not_clearly_say_on_or_off_moves_nothing(body: Any) -> None:
    api = Api()
    assert api.asks("POST", "/api/v1/killswitch", body)[0] == 400
    assert api.desk.switched == []


def test_sessions_are_listed_with_the_original_s_field_names() -> None:
    status, answer = Api().asks("GET", "/api/v1/sessions")
    assert (status, answer["count"]) == (200, 2)
    closed, calm = answer["sessions"]
    expected = {
        "key": CLOSED.key, "agent": "claude", "client_ip": "127.0.0.1", "kind": "identity", "current_task_id": "t-2",
        "current_task_label": "fix the tests", "threat_score": 21.5, "escalation_level": "critical", "block_all": True,
        "airlock_tier": "hard", "taint_level": "external_hostile", "contaminated": True,
        "last_activity": "2023-11-14T22:13:17.500Z",
    }  # fmt: skip
    assert {name: closed[name] for name in expected} == expected
    assert (closed["program"], closed["pid"], closed["evidence"]) == ("claude", 42, "process")
    assert "current_task_id" not in calm


@pytest.mark.parametrize(
    ("tier", "count"), [("none", 1), ("normal", 1), ("hard", 1), ("soft", 0), ("drain", 0), ("", 2)]
)
def test_sessions_by_tier(tier: str, count: int) -> None:
    assert Api().asks("GET", f"/api/v1/sessions?tier={tier}")[1]["count"] == count


def test_a_tier_that_is_none() -> None:
    assert Api().asks("GET", "/api/v1/sessions?tier=red")[0] == 400


def test_one_session_in_full() -> None:
    status, answer = Api().asks("GET", KEY)
    assert status == 200
    assert (answer["airlock_entered_at"], answer["in_flight"]) == ("2023-11-14T22:12:20.000Z", 3)
    assert answer["escalation_level_int"] == 3
    assert answer["recent_events"][1] == {
        "at": "2023-11-14T22:12:19.000Z", "kind": "signal", "type": "hard_block", "target": "evil.example",
        "detail": "a key left", "severity": "critical", "score": 3.0,
    }  # fmt: skip
    assert Api().asks("GET", "/api/v1/sessions/nobody") == (404, "session not found")


def test_why_a_session_is_closed_in() -> None:
    assert Api().asks("GET", f"{KEY}/explain")[1] == {
        "key": CLOSED.key, "tier": "hard", "reason": "level critical", "trigger": "level critical",
        "trigger_source": "adaptive", "entered_at": "2023-11-14T22:12:20.000Z", "elapsed_in_tier_ns": 60_000_000_000,
        "escalation_level": "critical", "escalation_level_int": 3, "threat_score": 21.5,
        "evidence_kind": "hard_block", "evidence_target": "evil.example", "evidence_detail": "a key left",
        "evidence_at": "2023-11-14T22:12:19.000Z", "next_deescalation_tier": "soft",
        "next_deescalation_at": "2023-11-14T22:17:20.000Z", "why": "It leaked.", "next": "Release it.",
    }  # fmt: skip
    calm = Api().asks("GET", "/api/v1/sessions/helper%7C127.0.0.1/explain")[1]
    assert (calm["reason"], calm["tier"]) == ("session not quarantined", "none")
    assert "entered_at" not in calm


@pytest.mark.parametrize(
    ("word", "tier"), [("none", Tier.NONE), ("normal", Tier.NONE), ("soft", Tier.SOFT), ("drain", Tier.DRAIN)]
)
def test_the_airlock(word: str, tier: Tier) -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/airlock", {"tier": word}) == (
        200,
        {"key": CLOSED.key, "previous_tier": "hard", "new_tier": tier.value, "changed": True},
    )
    assert (api.desk.orders[0].verb, api.desk.orders[0].tier, api.desk.orders[0].by) == (SessionVerb.AIRLOCK, tier, BY)


@pytest.mark.parametrize("body", [b"", {"tier": ""}, {"tier": "red"}, {"tier": "hard", "x": 1}, {"tier": None}])
def test_an_airlock_that_is_none(body: Any) -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/airlock", body)[0] == 400
    assert api.desk.orders == []


def test_reset_and_terminate_take_an_empty_body() -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/reset") == (
        200,
        {
            "key": CLOSED.key, "reset": True, "previous_level": "high", "previous_score": 9.5,
            "ip_state_cleared": True, "cee_state_cleared": False,
        },
    )  # fmt: skip
    assert api.asks("POST", f"{KEY}/terminate", {"reason": "enough"}) == (
        200,
        {
            "key": CLOSED.key, "terminated": True, "previous_tier": "hard", "previous_level": "high",
            "previous_score": 9.5, "ip_state_cleared": True, "cee_state_cleared": False, "ended": 2,
        },
    )  # fmt: skip
    assert [(order.verb, order.reason) for order in api.desk.orders] == [
        (SessionVerb.RESET, ""),
        (SessionVerb.TERMINATE, "enough"),
    ]
    assert api.asks("POST", f"{KEY}/reset", {"force": True})[0] == 400
    assert api.asks("POST", "/api/v1/sessions/nobody/reset")[0] == 404


def test_the_session_of_one_invocation_is_not_reset() -> None:
    status, answer = Api().asks("POST", "/api/v1/sessions/mcp-stdio-3/reset")
    assert (status, list(answer)) == (400, ["error"])


def test_a_new_task() -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/task", {"label": "new", "reason": "because"}) == (
        200,
        {
            "key": CLOSED.key, "previous_task_id": "t-1", "current_task_id": "t-2", "current_task_label": "new",
            "taint_cleared": True, "runtime_overrides_cleared": 1,
        },
    )  # fmt: skip
    assert (api.desk.orders[0].label, api.desk.orders[0].reason) == ("new", "because")
    assert api.asks("POST", f"{KEY}/task", {"label": "x" * 501})[0] == 400
    assert api.asks("POST", f"{KEY}/task", b'{"label":"\\ud800"}')[0] == 400


GOOD = {"scope": "task", "source_match": "*.example", "expires_at": "2023-11-14T23:13:20Z", "granted_by": "me"}


def test_trust_has_an_object_and_an_end() -> None:
    api = Api()
    status, answer = api.asks("POST", f"{KEY}/trust", GOOD)
    assert (status, answer["task_id"], answer["expires_at"]) == (200, "t-2", "2023-11-14T23:13:20.000Z")
    order = api.desk.orders[0]
    assert (order.verb, order.expires_at, order.by) == (SessionVerb.TRUST, 1_700_003_600.0, f"{BY} for me")


@pytest.mark.parametrize(
    "change",
    [
        {"source_match": ""}, {"scope": "forever"}, {"expires_at": "2023-11-14T22:13:20Z"},
        {"expires_at": "2023-11-14T23:13:20"}, {"expires_at": "soon"}, {"expires_at": 1_800_000_000}, {"more": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_trust_that_is_not_granted(change: dict[str, Any]) -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/trust", GOOD | change)[0] == 400
    assert api.desk.orders == []


def test_all_sessions_in_numbers() -> None:
    assert {
        name: value
        for name, value in Api().asks("GET", "/api/v1/adaptive/status")[1].items()
        if name != "sessions"
    } == {
        "active_sessions": 2, "max_escalation_level": "critical", "max_escalation_level_int": 3,
        "sessions_by_level": {"normal": 1, "elevated": 0, "high": 0, "critical": 1},
        "airlock_tiers": {"none": 1, "soft": 0, "hard": 1, "drain": 0},
        "recent_signal_counts": {"hard_block": 1, "near_miss": 1},
        "top_anomalies": [{"name": "near_miss", "count": 1}, {"name": "hard_block", "count": 1}],
        "lockdown_ttl_seconds": 1800,
    }  # fmt: skip


def test_flushing_resets_everybody() -> None:
    api = Api()
    assert api.asks("POST", "/api/v1/adaptive/flush") == (
        200,
        {"flushed": 2, "identity_sessions": 2, "skipped_invocations": 0, "ip_domain_state_cleared": True},
    )
    assert [order.key for order in api.desk.orders] == [CLOSED.key, CALM.key]


def test_who_asks() -> None:
    api = Api()
    answer = api.asks("GET", "/api/v1/adaptive/whoami?agent=helper")[1]
    assert (answer["session_key"], answer["exists"], answer["agent"]) == (CALM.key, True, "helper")
    answer = api.asks("GET", "/api/v1/adaptive/whoami")[1]
    assert (answer["session_key"], answer["exists"], answer["classification"]) == ("127.0.0.1", False, "identity")
    assert "agent" not in answer
    answer = api.asks("GET", "/api/v1/adaptive/whoami?agent=claude")[1]
    assert (answer["session_key"], answer["exists"], answer["block_all"]) == (CLOSED.key, True, True)


def test_what_waits_is_listed_and_answered() -> None:
    api = Api()
    api.desk.waiting = (a_pending(id="7", binding="b" * 32),)
    status, answer = api.asks("GET", "/api/v1/pending")
    assert (status, answer["count"], answer["pending"][0]["id"]) == (200, 1, "7")
    api.desk.grant = a_grant()
    said = {"word": "allow", "scope": "host", "lifetime": "1h", "note": "fine", "binding": "b" * 32}
    status, answer = api.asks("POST", "/api/v1/pending/7/answer", said)
    assert (status, answer["count"], answer["grant"]["id"]) == (200, 2, "g1")
    assert api.desk.answers == [
        ("7", Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1, "fine", BY), "b" * 32),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"word": "deny"}, 200), ({"word": "allow"}, 400), ({"word": "redact"}, 400), ({}, 400), ({"word": "yes"}, 400),
        ({"word": "edit", "binding": "b"}, 400), ({"word": "allow", "binding": "b", "body": "x"}, 400),
        ({"word": "deny", "note": "n" * 501}, 400), ({"word": "redact", "binding": "b"}, 200),
    ],
    ids=repr,
)  # fmt: skip
def test_an_answer_says_what_it_is_about(body: dict[str, Any], status: int) -> None:
    api = Api()
    assert api.asks("POST", "/api/v1/pending/7/answer", body)[0] == status
    assert len(api.desk.answers) == (status == 200)
