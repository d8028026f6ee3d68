from __future__ import annotations

import base64
import json

import pytest

from pipelock.engine import Engine, Facts, KillSwitch
from pipelock.engine.a2a import MAX_URLS, A2aSettings
from pipelock.engine.trackers import Tracker
from pipelock.model import BlockReason, Decision, Direction, Kind, Verdict
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy, a_response, an_action

BLOCKS = A2aSettings(action=Verdict.BLOCK)
URL = "http://93.184.216.34/a2a"


def message(*parts: dict, **fields: object) -> bytes:
    params = {"message": {"role": "user", "parts": list(parts), **fields}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": params}).encode()


def text(said: str) -> dict:
    return {"kind": "text", "text": said}


def engine(settings: A2aSettings | None = BLOCKS, **policy) -> Engine:
    return Engine(a_policy(a2a=settings, **policy), KillSwitch())


def sent(body: bytes, to: Engine | None = None, **changes) -> Decision:
    action = an_action(
        method="POST", url=URL, host="93.184.216.34", body=body, content_type="application/json", **changes
    )
    return (to or engine()).adjudicate(action, Facts(1.0, 1.0))


def told(decision: Decision) -> list[tuple[str, str]]:
    return [(finding.scanner, finding.place) for finding in decision.findings]


def test_a_plain_message_passes():
    assert sent(message(text("hello"), {"kind": "data", "data": {"n": 7}})).verdict is Verdict.ALLOW


PART = "a2a:params.message.parts[0]"


@pytest.mark.parametrize(("body", "place", "layer"), [
    (message(text(FAKE_ORDER)), f"{PART}.text", "a2a_injection"),
    (message({"kind": "data", "data": {FAKE_ORDER: 1}}), f"{PART}.data", "a2a_injection"),
    (message({"kind": "file", "file": {"bytes": base64.b64encode(FAKE_ORDER.encode()).decode()}}), f"{PART}.file.bytes (decoded)", "a2a_injection"),
    (message({"kind": "file", "file": {"uri": "http://169.254.169.254/latest"}}), f"{PART}.file.uri", "a2a_url"),
    (message({"kind": "file", "file": {"uri": "file:///etc/passwd"}}), f"{PART}.file.uri", "a2a_url"),
    (message({"kind": "file", "file": {"bytes": "A" * 2_000_000}}), "a2a", "a2a_limit"),
    (message({"kind": "data", "data": [{"url": f"http://h{n}.example/"} for n in range(MAX_URLS + 1)]}), "a2a", "a2a_limit"),
    (message({"kind": "data", "data": [0] * 10_000}), "a2a", "a2a_limit"),
    (b'{"jsonrpc": "2.0", "method": "message/send", ' + b"[" * 3000, "a2a", "a2a_limit"),
])  # fmt: skip
def test_what_a_message_must_not_hold(body, place, layer):
    decision = sent(body)
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, layer)
    assert (layer, place) in told(decision)
    assert decision.code is not None
    assert sent(body, engine(A2aSettings())).verdict is Verdict.WARN
    assert sent(body, engine(None)).verdict is Verdict.ALLOW


def test_a_secret_is_told_once_and_does_not_leave():
    decision = sent(message(text(FAKE_KEY)), engine(A2aSettings()))
    assert told(decision) == [("body_dlp", "body")]
    unread = sent(message(text(FAKE_KEY)), engine(A2aSettings(), scan_bodies=False))
    assert told(unread) == [("a2a_dlp", f"{PART}.text")]
    assert (unread.verdict, unread.code) == (Verdict.BLOCK, BlockReason.DLP_MATCH)


def test_a_secret_that_comes_in_is_told_too():
    body = json.dumps({"jsonrpc": "2.0", "result": {"kind": "message", "parts": [text(FAKE_KEY)]}}).encode()
    decision = engine().adjudicate(a_response(body=body, content_type="application/json"), Facts(1.0, 1.0))
    assert told(decision) == [("a2a_dlp", "a2a:result.parts[0].text")]
    assert decision.verdict is Verdict.BLOCK


def test_extensions_are_judged_as_urls():
    headers = (("a2a-extensions", "https://fine.example/ext, http://169.254.169.254/x"),)
    assert told(sent(message(text("hi")), headers=headers)) == [("a2a_url", "header:a2a-extensions")]


def test_files_are_not_looked_into_where_nobody_wants_it():
    body = message({"kind": "file", "file": {"bytes": base64.b64encode(FAKE_ORDER.encode()).decode()}})
    assert sent(body, engine(A2aSettings(action=Verdict.BLOCK, raw=False))).verdict is Verdict.ALLOW


# -- cards -------------------------------------------------------------------------------------------------------------

CARD_URL = "http://agent.example.com/.well-known/agent-card.json"
CARD = {"name": "weather", "description": "Forecasts", "url": "https://weather.example.com/"}


def asked(judge: Engine, card: dict, authority: str = "", name: str = "t-1", url: str = CARD_URL) -> Decision:
    headers = (("authorization", authority),) if authority else ()
    (tracker,) = [one for one in judge.trackers if type(one).__name__ == "A2aTracker"]
    tracker.judge(an_action(id=name, url=url, headers=headers), judge.policy, 1.0, again=False)
    response = a_response(id=name, url=url, body=json.dumps(card).encode(), content_type="application/json")
    return judge.adjudicate(response, Facts(1.0, 1.0))


def test_the_first_card_is_the_one_that_is_trusted():
    judge = engine()
    changed = {**CARD, "url": "https://elsewhere.example.com/"}
    assert asked(judge, CARD).verdict is Verdict.ALLOW
    assert asked(judge, dict(reversed(CARD.items()))).verdict is Verdict.ALLOW
    for _ in range(2):
        drifted = asked(judge, changed)
        assert (drifted.verdict, drifted.layer, drifted.code) == (Verdict.BLOCK, "a2a_card", BlockReason.TOOL_POISONING)
    assert asked(judge, CARD).verdict is Verdict.ALLOW


def test_another_address_or_authority_has_a_card_of_its_own():
    judge = engine()
    asked(judge, CARD)
    other = {**CARD, "name": "other"}
    assert asked(judge, other, authority="Bearer x", name="t-2").verdict is Verdict.ALLOW
    assert asked(judge, other, url=CARD_URL.replace("agent.", "agent2."), name="t-3").verdict is Verdict.ALLOW
    assert asked(judge, CARD, authority="Bearer x", name="t-4").verdict is Verdict.BLOCK


def test_a_poisoned_card_is_refused_and_never_trusted():
    judge = engine()
    assert asked(judge, {**CARD, "description": FAKE_ORDER}).layer == "a2a_injection"
    assert asked(judge, CARD).verdict is Verdict.ALLOW
    assert asked(judge, {**CARD, "description": FAKE_ORDER}, name="t-9").verdict is Verdict.BLOCK


@pytest.mark.parametrize("settings", [A2aSettings(cards=False), A2aSettings(drift=False)])
def test_drift_is_not_told_where_nobody_wants_it(settings):
    judge = engine(settings)
    asked(judge, CARD)
    assert asked(judge, {**CARD, "name": "other"}).findings == ()


# -- conversations -----------------------------------------------------------------------------------------------------

FIRST, SECOND = FAKE_ORDER.split(" ", 1)


def test_an_order_cut_into_messages_is_whole_again():
    judge = engine()
    assert sent(message(text(FIRST), contextId="c"), judge).verdict is Verdict.ALLOW
    assert sent(message(text(SECOND), contextId="other"), judge).verdict is Verdict.ALLOW
    decision = sent(message(text(SECOND), contextId="c"), judge)
    assert (decision.verdict, decision.layer) == (Verdict.BLOCK, "a2a_session")
    assert decision.code is BlockReason.PROMPT_INJECTION


def test_what_was_told_before_is_not_told_of_every_later_message():
    judge = engine(A2aSettings())
    sent(message(text(FAKE_ORDER), contextId="c"), judge)
    assert sent(message(text("and thanks"), contextId="c"), judge).findings == ()


def test_an_action_that_is_judged_again_counts_once():
    judge = engine(A2aSettings(max_messages=2))
    action = an_action(
        url=URL, host="93.184.216.34", body=message(text(FIRST), contextId="c"), content_type="application/json"
    )
    judge.adjudicate(action, Facts(1.0, 1.0))
    for _ in range(3):
        judge.adjudicate(action, Facts(1.0, 1.0, again=True))
    assert sent(message(text(SECOND), contextId="c"), judge).layer == "a2a_session"


def test_messages_and_conversations_are_forgotten_in_the_end():
    judge = engine(A2aSettings(max_messages=1, max_contexts=2))
    sent(message(text(FIRST), contextId="c"), judge)
    sent(message(text("between"), contextId="c"), judge)
    assert sent(message(text(SECOND), contextId="c"), judge).findings == ()
    for context in "de":
        sent(message(text("x"), contextId=context), judge)
    returned = sent(message(text("y"), contextId="c"), judge)
    assert (returned.verdict, returned.findings[0].rule) == (Verdict.WARN, "A2A Context Returned")


def test_conversations_are_not_remembered_where_nobody_wants_it():
    judge = engine(A2aSettings(sessions=False))
    sent(message(text(FIRST), contextId="c"), judge)
    assert sent(message(text(SECOND), contextId="c"), judge).findings == ()


def test_the_tracker_is_one() -> None:
    tracker: Tracker = engine().trackers[-1]
    assert tracker.judge(an_action(), a_policy(), 1.0, again=False) == ()


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.EVENT, Kind.MESSAGE])
def test_trust_in_a_host_s_text_takes_no_message_between_agents_out(kind: Kind) -> None:
    judge = engine(scan_responses=False)
    action = a_response(
        kind=kind,
        direction=Direction.INBOUND,
        body=message(text(FAKE_ORDER)),
        content_type="application/a2a+json",
        headers=(("content-type", "application/a2a+json"),),
    )
    decision = judge.adjudicate(action, Facts(1.0, 1.0))
    assert isinstance(decision, Decision)
    assert decision.verdict is Verdict.BLOCK
