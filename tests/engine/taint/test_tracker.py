"""Taint over a session's life: what is told, kept, raised and forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipelock.detect.hosts import HostSet
from pipelock.engine import Policy, summarise
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.engine.taint import Profile, Standings, TaintPolicy, Taints, TrustError
from pipelock.engine.taint.table import MAX_OVERRIDES
from pipelock.engine.taint.tracker import HINT, MAX_TRUST_SECONDS
from pipelock.model import (
    Action,
    BlockReason,
    Decision,
    Kind,
    SessionNote,
    TaintLevel,
    Verdict,
)
from tests.factories import a_decision, a_finding, a_policy, a_response, an_action

NOW = 1_700_000_000.0
KEY = "10.1.1.1"
TAINT = TaintPolicy(enabled=True, standings=Standings(models=["api.model.example"], references=["docs.example"]))
ORDER = a_finding(scanner="response_scan", place="body")


def a_tainted_policy(taint: TaintPolicy = TAINT, **changes: Any) -> Policy:
    return a_policy(taint=taint, **changes)


def allowed(**changes: Any) -> Decision:
    return a_decision(**{"verdict": Verdict.ALLOW, "reason": "", "rule": "", **changes})


def note(
    taints: Taints, action: Action, decision: Decision | None = None, policy: Policy | None = None, wall: float = NOW
) -> tuple[SessionNote, ...]:
    final = decision or allowed()
    shown = summarise(action, final)
    return taints.note(KEY, action, shown, final, policy=policy or a_tainted_policy(), wall=wall)


def page(host: str = "page.example", **changes: Any) -> Action:
    return a_response(**{"url": f"https://{host}/a?q=1", "host": host, "body": b"text", **changes})


def post(host: str = "other.example", **changes: Any) -> Action:
    return an_action(**{"method": "POST", "url": f"https://{host}/items", "host": host, "body": b"x", **changes})


def weigh(
    taints: Taints,
    action: Action | None = None,
    decision: Decision | None = None,
    policy: Policy | None = None,
    wall: float = NOW,
) -> Decision:
    return taints.weigh(KEY, action or post(), decision or allowed(), policy or a_tainted_policy(), wall)


def read(*actions: Action, decision: Decision | None = None) -> Taints:
    taints = Taints()
    for action in actions:
        note(taints, action, decision)
    return taints


HOSTILE = allowed(verdict=Verdict.WARN, findings=(ORDER,))


# -- noting ------------------------------------------------------------------------------------------------------------


def test_each_step_for_the_worse_is_told_once() -> None:
    taints = Taints()
    assert [one.type for one in note(taints, page("docs.example"))] == ["allowlisted_reference"]
    first = note(taints, page())
    assert [(one.kind, one.type, one.target, one.severity) for one in first] == [
        ("taint", "external_untrusted", "page.example", "info")
    ]
    assert first[0].detail == "read https://page.example/a: allowlisted_reference became external_untrusted"
    assert note(taints, page()) == ()
    assert note(taints, page("second.example")) == ()
    worse = note(taints, page("bad.example"), HOSTILE)
    assert worse[0].detail == (
        "orders to agents stood in https://bad.example/a: external_untrusted became external_hostile"
    )
    assert worse[0].severity == "high"
    assert note(taints, page()) == ()
    assert taints.level(KEY) is TaintLevel.HOSTILE


def test_sources_are_shown_newest_first_and_no_more_than_config_says() -> None:
    taints = read(page("a.example"), page("docs.example"), page("b.example"))
    assert taints.sources(KEY) == (
        "https://b.example/a (external_untrusted)",
        "https://docs.example/a (allowlisted_reference)",
        "https://a.example/a (external_untrusted)",
    )
    note(taints, page("b.example"), policy=a_tainted_policy(replace(TAINT, shown_sources=1)))
    assert taints.sources(KEY) == ("https://b.example/a (external_untrusted)",)


def test_answers_of_models_and_of_this_machine_leave_nothing() -> None:
    taints = read(page("api.model.example"), page("localhost"))
    assert (taints.level(KEY), taints.sources(KEY), len(taints)) == (TaintLevel.TRUSTED, (), 0)


def test_lamps_say_when_and_by_what() -> None:
    taints = Taints()
    assert not taints.lamps(KEY).untrusted.lit
    note(taints, page(), wall=NOW)
    told = note(taints, post(headers=(("cookie", "a=b"),)), wall=NOW + 5)
    assert [one.detail for one in told] == [
        "private data: credentials in a request to other.example",
        "a way out: POST to other.example",
    ]
    assert [one.type for one in told] == ["lamp_private", "lamp_egress"]
    lamps = taints.lamps(KEY)
    assert lamps.all_lit
    assert (lamps.untrusted.at, lamps.untrusted.what) == (NOW, "https://page.example/a")
    assert (lamps.private.at, lamps.egress.what) == (NOW + 5, "POST to other.example")
    # Lit is lit: what lit it first is what is told.
    assert note(taints, post("third.example", headers=(("cookie", "a=b"),)), wall=NOW + 9) == ()


def test_lamps_are_kept_where_taint_is_off() -> None:
    taints = Taints()
    off = a_policy()
    note(taints, page(), policy=off)
    note(taints, post(), policy=off)
    assert taints.level(KEY) is TaintLevel.UNTRUSTED
    assert taints.lamps(KEY).egress.lit
    assert weigh(taints, policy=off) == allowed()


def test_a_rule_that_names_the_host_vouches_for_it() -> None:
    rules = EgressRules([EgressRule("ours", Verdict.ALLOW, hosts=HostSet(["other.example"]))], Verdict.ALLOW)
    policy = a_tainted_policy(egress=rules)
    taints = read(page())
    assert note(taints, post(), allowed(rule="ours"), policy) == ()
    assert weigh(taints, decision=allowed(rule="ours"), policy=policy).verdict is Verdict.ALLOW
    assert weigh(taints, decision=allowed(), policy=policy).verdict is Verdict.ASK


def test_what_is_only_asked_about_is_not_noted() -> None:
    assert note(Taints(), page(kind=Kind.SCAN)) == ()


# -- weighing ----------------------------------------------------------------------------------------------------------


def test_an_allow_becomes_a_question_with_everything_a_person_needs() -> None:
    raised = weigh(read(page()), decision=allowed(addresses=("93.184.215.14",)))
    assert (raised.verdict, raised.layer, raised.code, raised.status) == (Verdict.ASK, "taint", None, 0)
    assert raised.reason.startswith("this session has read content from outside (page.example)")
    assert raised.addresses == ("93.184.215.14",)
    assert (raised.hint, raised.hard) == (HINT, False)
    assert raised.taint is not None
    assert raised.taint.source == "https://page.example/a"


def test_a_refusal_has_a_code_and_neither_body_nor_addresses() -> None:
    raised = weigh(read(page(), decision=HOSTILE), decision=allowed(addresses=("93.184.215.14",), body=b"less"))
    assert (raised.verdict, raised.code, raised.status) == (Verdict.BLOCK, BlockReason.PROMPT_INJECTION, 403)
    assert (raised.addresses, raised.body) == ((), None)


@pytest.mark.parametrize("verdict", [Verdict.WARN, Verdict.REDACT, Verdict.STRIP])
def test_what_was_found_stays_with_it(verdict: Verdict) -> None:
    found = a_finding(scanner="body_dlp")
    body = b"less" if verdict is not Verdict.WARN else None
    raised = weigh(read(page()), decision=allowed(verdict=verdict, findings=(found,), body=body))
    assert (raised.verdict, raised.findings, raised.body) == (Verdict.ASK, (found,), body)
    assert raised.taint is not None
    assert raised.taint.action_class == "secret"


def test_what_is_asked_for_another_reason_is_asked_for_both() -> None:
    # Or an answer to the other question, given for good before anything was read, would do for this one.
    asked = a_decision(layer="egress_rules")
    both = weigh(read(page()), decision=asked)
    assert (both.verdict, both.layer, both.rule) == (Verdict.ASK, "taint", "asks")
    assert both.reason.startswith("the rule asks; besides, this session has read content from outside")
    assert weigh(read(page(), decision=HOSTILE), decision=asked).verdict is Verdict.BLOCK


def test_with_an_override_the_other_question_is_all_that_remains() -> None:
    taints = read(page())
    trust(taints)
    asked = weigh(taints, decision=a_decision(layer="egress_rules"))
    assert (asked.layer, asked.reason) == ("egress_rules", "the rule asks")
    assert asked.taint is not None


def test_a_refusal_is_left_alone() -> None:
    refused = a_decision(verdict=Verdict.BLOCK, code=BlockReason.DLP_MATCH)
    assert weigh(read(page(), decision=HOSTILE), decision=refused) is refused


@pytest.mark.parametrize("action", [page(), post(kind=Kind.PIECE), post(kind=Kind.SCAN), post(kind=Kind.CLIENT_HELLO)])
def test_only_what_begins_is_weighed(action: Action) -> None:
    decision = allowed()
    assert weigh(read(page(), decision=HOSTILE), action, decision) is decision


def test_where_nothing_is_enforced_it_warns() -> None:
    policy = a_tainted_policy(enforce=False)
    warned = weigh(read(page(), decision=HOSTILE), policy=policy)
    assert (warned.verdict, warned.enforced, warned.layer, warned.code) == (Verdict.WARN, False, "taint", None)
    found = allowed(verdict=Verdict.WARN, layer="body_dlp", reason="a key", findings=(a_finding(scanner="body_dlp"),))
    kept = weigh(read(page()), decision=found, policy=policy)
    assert (kept.layer, kept.reason, kept.enforced) == ("body_dlp", "a key", True)
    assert kept.taint is not None


def test_it_looks_and_changes_nothing() -> None:
    taints = read(page())
    assert weigh(taints) == weigh(taints)
    assert weigh(Taints()) == allowed()


def test_what_taint_decided_is_told_when_it_is_final() -> None:
    taints = read(page(), decision=HOSTILE)
    refused = weigh(taints)
    told = note(taints, post(), refused)
    assert [(one.type, one.detail, one.severity) for one in told] == [("decision", refused.reason, "high")]


def test_an_override_is_told_with_what_it_let_through() -> None:
    taints = read(page())
    taints.trust(KEY, source_match="", action_match="publish", expires_at=NOW + 60, by="ann", reason="ours", wall=NOW)
    passed = weigh(taints)
    assert passed.verdict is Verdict.ALLOW
    assert passed.taint is not None
    assert passed.taint.override == "publish by ann: ours"
    assert weigh(taints, wall=NOW + 60).verdict is Verdict.ASK


def test_profiles_reach_the_table() -> None:
    taints = read(page())
    milder = a_tainted_policy(replace(TAINT, profile=Profile.PERMISSIVE))
    assert weigh(taints, policy=milder) == allowed()


# -- tasks and trust ---------------------------------------------------------------------------------------------------


def trust(taints: Taints, **changes: Any) -> None:
    values: dict[str, Any] = {
        "source_match": "page.example", "action_match": "", "expires_at": NOW + 60, "by": "ann", "reason": "", "wall": NOW
    }  # fmt: skip
    taints.trust(KEY, **{**values, **changes})


def test_a_new_task_forgets_what_was_read_and_what_was_trusted() -> None:
    taints = read(page(), post(headers=(("cookie", "a"),)), decision=HOSTILE)
    trust(taints)
    trust(taints, source_match="second.example", expires_at=NOW + 90)
    assert taints.trusted_until(KEY) == NOW + 90
    assert taints.begin_task(KEY, "fix the\x1b[2J build", "ann", NOW) == 2
    assert taints.level(KEY) is TaintLevel.TRUSTED
    assert not taints.lamps(KEY).private.lit
    assert (taints.sources(KEY), taints.trusted_until(KEY)) == ((), 0.0)
    assert taints.task(KEY) == ("task-1", r"fix the\x1b[2J build")
    assert weigh(taints) == allowed()
    assert taints.begin_task(KEY, "", "ann", NOW) == 0
    assert taints.task(KEY) == ("task-2", "begun by ann")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source_match": ""}, "say what is trusted"),
        ({"expires_at": NOW}, "must lie in the future"),
        ({"expires_at": NOW + MAX_TRUST_SECONDS + 1}, "at most 30 days"),
        ({"expires_at": float("nan")}, "must lie in the future"),
        ({"action_match": "x" * 301}, "at most 300 characters"),
        ({"reason": "x" * 301}, "at most 300 characters"),
    ],
)
def test_an_override_that_cannot_be_is_refused(changes: dict[str, Any], told: str) -> None:
    taints = Taints()
    with pytest.raises(TrustError, match=told):
        trust(taints, **changes)
    assert len(taints) == 0


def test_overrides_are_bounded_and_those_that_ended_make_room() -> None:
    taints = Taints()
    for _ in range(MAX_OVERRIDES):
        trust(taints)
    with pytest.raises(TrustError, match="20 overrides"):
        trust(taints)
    trust(taints, wall=NOW + 61, expires_at=NOW + 90)


def test_who_was_never_seen_has_nothing() -> None:
    taints = Taints()
    assert (taints.level("x"), taints.task("x"), taints.trusted_until("x"), taints.sources("x")) == (
        TaintLevel.TRUSTED, ("", ""), 0.0, ()
    )  # fmt: skip
    taints.forget("x")


def test_forgetting() -> None:
    taints = read(page())
    taints.forget(KEY)
    assert len(taints) == 0
