"""Taint as the engine applies it: after everything else was weighed, before the level has its say."""

from __future__ import annotations

from typing import Any

from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup, Policy, summarise
from pipelock.engine.taint import Standings, TaintPolicy
from pipelock.model import Action, BlockReason, Decision, Kind, Outcome, ScanKind, TaintLevel, Verdict
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy, a_response, an_action

PUBLIC = Answers(addresses=("93.184.215.14",))
TAINT = TaintPolicy(enabled=True, standings=Standings(models=["api.model.example"]))


def an_engine(**changes: Any) -> Engine:
    return Engine(a_policy(**{"taint": TAINT, "response_action": Verdict.WARN, **changes}), KillSwitch())


def done(engine: Engine, action: Action, now: float = 1000.0) -> Decision:
    """Judge `action`, and take it that the decision is final, as it is unless it asks."""
    facts = Facts(now=now, wall=1_700_000_000.0 + now)
    outcome = engine.adjudicate(action, facts)
    decision = outcome.resume(PUBLIC, facts) if isinstance(outcome, Lookup) else outcome
    if decision.verdict is not Verdict.ASK:
        engine.note(action, summarise(action, decision), decision, facts)
    return decision


def post(**changes: Any) -> Action:
    return an_action(**{"method": "POST", "body": b"hello", **changes})


def test_reading_a_page_makes_the_next_post_a_question() -> None:
    engine = an_engine()
    assert done(engine, post()).verdict is Verdict.ALLOW
    assert done(engine, an_action()).verdict is Verdict.ALLOW
    assert done(engine, a_response(body=b"a page")).verdict is Verdict.ALLOW
    asked = done(engine, post())
    assert (asked.verdict, asked.layer) == (Verdict.ASK, "taint")
    assert asked.addresses == PUBLIC.addresses
    assert done(engine, an_action()).verdict is Verdict.ALLOW
    model = post(host="api.model.example", url="https://api.model.example/v1/messages")
    assert done(engine, model).verdict is Verdict.ALLOW


def test_orders_in_a_page_make_it_a_refusal() -> None:
    engine = an_engine()
    assert done(engine, a_response(body=FAKE_ORDER.encode())).verdict is Verdict.WARN
    refused = done(engine, post())
    assert (refused.verdict, refused.layer, refused.code) == (Verdict.BLOCK, "taint", BlockReason.PROMPT_INJECTION)


def test_a_page_that_was_refused_was_not_read() -> None:
    engine = an_engine(response_action=Verdict.BLOCK)
    assert done(engine, a_response(body=FAKE_ORDER.encode())).verdict is Verdict.BLOCK
    assert done(engine, post()).verdict is Verdict.ALLOW


def test_another_name_from_the_same_address_is_no_other_reader() -> None:
    engine = an_engine()
    done(engine, a_response(body=b"a page", agent="one", session="one|10.1.1.1"))
    assert done(engine, post(agent="two", session="two|10.1.1.1")).verdict is Verdict.ASK
    assert done(engine, post(client="10.1.1.2", session="10.1.1.2")).verdict is Verdict.ALLOW


def test_the_lamps_stand_in_the_list_of_sessions() -> None:
    engine = an_engine(taint=TaintPolicy())
    done(engine, an_action(headers=(("cookie", "a=b"),)))
    done(engine, a_response(body=b"a page"))
    done(engine, post())
    (session,) = engine.sessions.known()
    assert session.lamps.all_lit
    assert session.taint is TaintLevel.UNTRUSTED


def test_a_secret_that_was_refused_lights_its_lamp_all_the_same() -> None:
    engine = an_engine(taint=TaintPolicy())
    assert done(engine, an_action(url=f"http://example.com/?k={FAKE_KEY}")).verdict is Verdict.BLOCK
    (session,) = engine.sessions.known()
    assert session.lamps.private.lit
    assert not session.lamps.egress.lit


def test_what_a_person_lets_in_taints_too() -> None:
    engine = an_engine(response_action=Verdict.ASK)
    page = a_response(body=FAKE_ORDER.encode())
    asked = done(engine, page)
    assert asked.verdict is Verdict.ASK
    allowed = Decision(
        action_id="t-1", verdict=Verdict.WARN, findings=asked.findings, outcome=Outcome.APPROVED, policy="p1"
    )
    engine.note(page, summarise(page, allowed), allowed, Facts(now=1000.0, wall=1_700_001_000.0))
    assert done(engine, post()).verdict is Verdict.BLOCK


def test_a_scan_is_neither_weighed_nor_noted() -> None:
    engine = an_engine()
    done(engine, a_response(body=b"a page"))
    asked = an_action(kind=Kind.SCAN, scan=ScanKind.DLP, body=b"hello")
    assert done(engine, asked).verdict is Verdict.ALLOW


def test_with_taint_off_nothing_is_held() -> None:
    policy: Policy = a_policy(response_action=Verdict.WARN)
    engine = Engine(policy, KillSwitch())
    done(engine, a_response(body=FAKE_ORDER.encode()))
    assert done(engine, post()).verdict is Verdict.ALLOW


def test_what_waits_is_overtaken_by_orders_that_were_read_since() -> None:
    engine = an_engine()
    done(engine, a_response(body=b"a page"))
    asked = done(engine, post())
    assert asked.verdict is Verdict.ASK
    assert not engine.overtakes(post(), asked, 1_700_001_000.0)
    done(engine, a_response(body=FAKE_ORDER.encode()))
    assert engine.overtakes(post(), asked, 1_700_001_000.0)
