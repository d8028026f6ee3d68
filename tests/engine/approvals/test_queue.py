from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine import ApprovalLimits, ApprovalRefused, Approvals, Settled, StaleAnswerError, summarise
from pipelock.engine.approvals import LEASE_SECONDS, MAX_GRANTS, MAX_LEASE_SECONDS, BadAnswerError
from pipelock.model import (
    MAX_EDIT,
    Action,
    Answer,
    AnswerWord,
    Evidence,
    Grant,
    Identity,
    Lifetime,
    Offer,
    Outcome,
    Pending,
    Process,
    Scope,
    TaintLevel,
    TaintWeighed,
    Verdict,
)
from tests.factories import a_decision, a_finding, a_response, an_action

KEY = b"k" * 32


def hold(queue: Approvals, action: Action, now: float = 100.0, *, attended: bool = True, token: object = "t", **kw):
    decision = a_decision(**kw)
    return queue.hold(action, summarise(action, decision), decision, token, now, attended=attended)


def held(queue: Approvals, action: Action, now: float = 100.0, **kw) -> tuple[Pending, int]:
    result = hold(queue, action, now, **kw)
    assert not isinstance(result, ApprovalRefused)
    return result


def test_whoever_answers_sees_what_taint_weighed() -> None:
    weighed = TaintWeighed(
        level=TaintLevel.UNTRUSTED,
        action_class="publish",
        sensitivity="normal",
        authority="user_broad",
        verdict=Verdict.ASK,
    )
    queue = Approvals(KEY)
    assert held(queue, an_action(), layer="taint", taint=weighed)[0].taint == weighed
    assert [one.taint for one in queue.waiting()] == [weighed]


def granted(queue: Approvals, action: Action, policy: str) -> bool:
    return queue.covering(action, a_decision(policy=policy), 0.0, 0.0) is not None


def test_an_approval_settles_exactly_what_was_held() -> None:
    queue = Approvals(KEY)
    pending, _ = held(queue, an_action(), token="one")
    ((_, settled),) = queue.answer(pending.id, Answer(AnswerWord.ALLOW, by="ann"), pending.binding).groups
    assert [(s.token, s.outcome) for s in settled] == [("one", Outcome.APPROVED)]
    assert len(queue) == 0
    with pytest.raises(StaleAnswerError):
        queue.answer(pending.id, Answer(AnswerWord.ALLOW))


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"other"},
        {"method": "POST"},
        {"url": "http://example.com/other"},
        {"session": "bob|10.1.1.1"},
        {"headers": (("authorization", "x"),)},
        {"headers": (("content-type", "text/html"),)},
        {"headers": (("user-agent", "x"),)},
        {"headers": (("connection", "if-match"),)},
    ],
)
def test_what_differs_in_anything_that_matters_is_no_twin(change: dict) -> None:
    queue = Approvals(KEY)
    first, _ = held(queue, an_action())
    second, _ = held(queue, an_action(**change))
    assert first.id != second.id
    assert first.binding != second.binding


@pytest.mark.parametrize("name", ["accept-encoding", "content-length", "keep-alive"])
def test_what_never_goes_out_as_sent_does_not_part_twins(name: str) -> None:
    queue = Approvals(KEY)
    held(queue, an_action(headers=((name, "1"),)), token="a")
    pending, _ = held(queue, an_action(headers=((name, "2"),)), token="b")
    assert pending.twins == 2
    ((_, settled),) = queue.answer(pending.id, Answer(AnswerWord.DENY)).groups
    assert {s.token for s in settled} == {"a", "b"}


def test_another_policy_is_another_payload() -> None:
    queue = Approvals(KEY)
    first, _ = held(queue, an_action())
    second, _ = held(queue, an_action(), policy="p2")
    assert first.id != second.id


def test_a_binding_that_is_not_the_shown_one_answers_nothing() -> None:
    queue = Approvals(KEY)
    pending, _ = held(queue, an_action())
    with pytest.raises(StaleAnswerError, match="look again"):
        queue.answer(pending.id, Answer(AnswerWord.ALLOW), "00" * 32)
    assert len(queue) == 1


def test_once_is_once_and_session_is_for_the_session_and_this_payload() -> None:
    queue = Approvals(KEY)
    pending, _ = held(queue, an_action())
    queue.answer(pending.id, Answer(AnswerWord.ALLOW))
    assert not granted(queue, an_action(), "p1")
    pending, _ = held(queue, an_action())
    queue.answer(pending.id, Answer(AnswerWord.ALLOW, lifetime=Lifetime.SESSION))
    assert granted(queue, an_action(), "p1")
    assert not granted(queue, an_action(body=b"more"), "p1")
    assert not granted(queue, an_action(session="other"), "p1")
    assert not granted(queue, an_action(), "p2")


def test_grants_are_bounded() -> None:
    queue = Approvals(KEY)
    for number in range(MAX_GRANTS + 1):
        pending, _ = held(queue, an_action(url=f"http://h/{number}"))
        queue.answer(pending.id, Answer(AnswerWord.ALLOW, lifetime=Lifetime.SESSION))
    assert not granted(queue, an_action(url="http://h/0"), "p1")
    assert granted(queue, an_action(url=f"http://h/{MAX_GRANTS}"), "p1")


def test_the_deadline_denies_once_and_twins_keep_the_first_ones_deadline() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=60))
    held(queue, an_action(), now=100.0, token="a")
    pending, _ = held(queue, an_action(), now=150.0, token="b")
    assert pending.expires_at == 160.0
    assert queue.next_change() == 160.0
    assert queue.expire(159.9) == ()
    assert [(s.token, s.outcome) for s in queue.expire(160.0)] == [("a", Outcome.EXPIRED), ("b", Outcome.EXPIRED)]
    assert queue.next_change() is None
    assert not granted(queue, an_action(), "p1")


def test_a_timeout_of_zero_waits_and_responses_have_their_own() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=0, response_timeout_seconds=30))
    pending, _ = held(queue, an_action())
    assert pending.expires_at == 0
    assert queue.expire(1e12) == ()
    response, _ = held(queue, a_response())
    assert response.expires_at == 130.0


def test_unattended_denies_at_once_unless_told_to_hold() -> None:
    refused = hold(Approvals(KEY), an_action(), attended=False)
    assert isinstance(refused, ApprovalRefused)
    assert refused.outcome is Outcome.UNATTENDED
    assert "no dashboard" in refused.reason
    held(Approvals(KEY, ApprovalLimits(hold_unattended=True)), an_action(), attended=False)


def test_limits_in_all_and_per_session_count_twins_too() -> None:
    queue = Approvals(KEY, ApprovalLimits(max_pending=3, max_pending_per_session=2))
    held(queue, an_action())
    held(queue, an_action())
    refused = hold(queue, an_action())
    assert isinstance(refused, ApprovalRefused)
    assert refused.outcome is Outcome.QUEUE_FULL
    held(queue, of_process("b"))
    assert isinstance(hold(queue, of_process("c")), ApprovalRefused)
    assert len(queue) == 3


def of_process(session: str, *, shared: bool = False) -> Action:
    identity = Identity("ann", session, Evidence.PROCESS, processes=(Process(7, 1, "curl"),), shared=shared)
    return an_action(session=session, identity=identity)


@pytest.mark.parametrize(
    "another",
    [
        pytest.param(lambda number: an_action(session=f"name-{number}"), id="another name"),
        pytest.param(lambda number: of_process(f"curl@{number}", shared=True), id="another process, tied to nothing"),
    ],
)
def test_whoever_can_choose_a_session_gets_no_more_room_with_it(another: Callable[[int], Action]) -> None:
    queue = Approvals(KEY, ApprovalLimits(max_pending=9, max_pending_per_session=3))
    waiting = [held(queue, another(number)) for number in range(3)]
    assert isinstance(hold(queue, another(3)), ApprovalRefused)
    held(queue, of_process("mine"))
    queue.abandon(waiting[0][0].id, waiting[0][1])
    held(queue, another(4))


def test_what_has_only_begun_has_no_twins_and_nothing_rides_on_its_approval() -> None:
    queue = Approvals(KEY)
    begun = [an_action(id=f"t-{number}", method="POST", body=b"x", partial=True) for number in range(2)]
    (first, _), (second, _) = (held(queue, action) for action in begun)
    assert first.id != second.id
    assert first.offers[0].lifetimes == (Lifetime.ONCE,)
    queue.answer(first.id, Answer(AnswerWord.ALLOW), first.binding)
    assert [item.id for item in queue.waiting()] == [second.id]
    (part, _), (same, _) = (held(queue, a_response(id=f"r-{number}", partial=True)) for number in range(2))
    assert (part.id, same.twins) == (same.id, 2)  # of an answer each part is judged, and asked about, by itself


def test_a_client_that_leaves_takes_only_itself_along() -> None:
    queue = Approvals(KEY)
    first, one = held(queue, an_action(), token="a")
    _, two = held(queue, an_action(), token="b")
    settled, rest = queue.abandon(first.id, one)
    assert settled is not None
    assert (settled.token, settled.outcome) == ("a", Outcome.ABANDONED)
    assert rest is not None
    assert rest.twins == 1
    assert queue.abandon(first.id, one) == (None, None)
    settled, rest = queue.abandon(first.id, two)
    assert settled is not None
    assert rest is None
    with pytest.raises(StaleAnswerError):
        queue.answer(first.id, Answer(AnswerWord.ALLOW))


def test_withdrawing_empties_the_queue() -> None:
    queue = Approvals(KEY)
    held(queue, an_action(), token="a")
    held(queue, an_action(url="http://h/2"), token="b")
    settled = [s for pending in queue.waiting() for s in queue.withdraw(pending.id)]
    assert {(s.token, s.outcome) for s in settled} == {("a", Outcome.WITHDRAWN), ("b", Outcome.WITHDRAWN)}
    assert len(queue) == 0
    assert queue.withdraw("1") == ()
    assert queue.waiting() == ()


def test_what_was_judged_again_keeps_the_deadline_it_had() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=60))
    action = an_action()
    decision = a_decision()
    result = queue.hold(action, summarise(action, decision), decision, "t", 150.0, attended=True, since=100.0)
    assert not isinstance(result, ApprovalRefused)
    assert (result[0].held_at, result[0].expires_at) == (100.0, 160.0)


def test_the_tokens_of_a_group_can_be_looked_at() -> None:
    queue = Approvals(KEY)
    pending, _ = held(queue, an_action(), token="a")
    held(queue, an_action(), token="b")
    assert queue.tokens(pending.id) == ("a", "b")
    assert queue.tokens("99") == ()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "answer", "abandon", "expire", "withdraw", "look"]),
        st.integers(0, 5),
        st.sampled_from([Scope.PAYLOAD, Scope.URL, Scope.HOST, Scope.DOMAIN]),
        st.sampled_from([Lifetime.ONCE, Lifetime.SESSION, Lifetime.M5]),
    ),
    max_size=60,
)


def answer_with(queue: Approvals, item: Pending, answer: Answer) -> list[Settled]:
    """What an answer settled, which is as much as it said."""
    offer = next((offer for offer in item.offers if offer.scope is answer.scope), None)
    if offer is None:
        with pytest.raises(BadAnswerError):
            queue.answer(item.id, answer)
        return []
    answered = queue.answer(item.id, answer, item.binding)
    settled = [one for _, group in answered.groups for one in group]
    assert answered.count == len(settled)
    assert answer.lifetime is Lifetime.SESSION or answered.count == item.twins + offer.covers
    return settled


def hold_one(queue: Approvals, choice: int, now: int) -> tuple[Pending, int] | ApprovalRefused:
    """Hold one of six: of two sessions, to two hosts, three bodies; the last is flagged."""
    host = f"{'ab'[choice % 2]}.example.com"
    action = an_action(session=f"s{choice % 2}", body=b"%d" % (choice % 3), url=f"http://{host}/x", host=host)
    return hold(
        queue, action, now, token=now, findings=(a_finding(scanner="body_dlp", place="body"),) if choice == 5 else ()
    )


def do(queue: Approvals, step: str, item: Pending, answer: Answer, now: int) -> list[Settled]:
    """What came of answering an item, withdrawing it, or looking at it."""
    if step == "answer":
        return answer_with(queue, item, answer)
    if step == "withdraw":
        return [*queue.withdraw(item.id)]
    queue.look_at(item.id, now)
    return []


@given(STEPS)
def test_whatever_happens_each_action_is_settled_once_and_the_limits_hold(
    steps: list[tuple[str, int, Scope, Lifetime]],
) -> None:
    limits = ApprovalLimits(timeout_seconds=5, max_pending=6, max_pending_per_session=4)
    queue = Approvals(KEY, limits)
    waiting: dict[int, tuple[str, int]] = {}
    ended: Counter[object] = Counter()
    for now, (step, choice, scope, lifetime) in enumerate(steps):
        known = queue.waiting()
        chosen = known[choice % len(known)] if known else None
        settled: list[Settled] = []
        if step == "hold":
            result = hold_one(queue, choice, now)
            if not isinstance(result, ApprovalRefused):
                waiting[now] = (result[0].id, result[1])
        elif step == "expire":
            settled = [*queue.expire(now)]
        elif step == "abandon" and waiting:
            settled = [queue.abandon(*list(waiting.values())[choice % len(waiting)])[0]]
        elif chosen:
            answer = Answer([AnswerWord.ALLOW, AnswerWord.DENY][choice % 2], scope, lifetime)
            settled = do(queue, step, chosen, answer, now)
        for one in settled:
            ended[one.token] += 1
            del waiting[one.token]
        by_session = Counter(pending.action.session for pending in queue.waiting() for _ in range(pending.twins))
        assert len(queue) == len(waiting) == by_session.total() <= limits.max_pending
        assert max(by_session.values(), default=0) <= limits.max_pending_per_session
        assert queue.ids() == tuple(pending.id for pending in queue.waiting())
    assert set(ended.values()) <= {1}
    for pending_id in queue.ids():
        queue.withdraw(pending_id)
    assert not queue._waiting_for, "what is counted for offers is counted down again"


# -- answers that reach further ----------------------------------------------------------------------------------------


def asking(queue: Approvals, path: str = "/a/1", host: str = "api.example.com", token: object = "t", **kw) -> Pending:
    """Hold a request that an egress rule asks about."""
    changes = {name: kw.pop(name) for name in ("session", "agent", "method", "body") if name in kw}
    action = an_action(url=f"http://{host}{path}", host=host, **changes)
    return held(queue, action, token=token, **{"layer": "egress_rules", **kw})[0]


def offer_of(pending: Pending, scope: Scope) -> Offer:
    return next(offer for offer in pending.offers if offer.scope is scope)


def test_a_wider_answer_settles_what_else_it_covers_and_leaves_the_rest() -> None:
    queue = Approvals(KEY)
    first = asking(queue, token="shown")
    asking(queue, "/b/2", token="same host", method="POST")
    asking(queue, host="www.example.com", token="other host")
    asking(queue, "/c", token="other rule", rule="uploads")
    asking(queue, "/d", token="other agent", agent="bob", session="bob|1")
    asking(queue, "/e", token="flagged", findings=(a_finding(scanner="body_dlp", place="body"),))
    answered = queue.answer(first.id, Answer(AnswerWord.ALLOW, Scope.HOST))
    assert [one.token for _, settled in answered.groups for one in settled] == ["shown", "same host"]
    assert (answered.count, answered.grant) == (2, None)
    assert len(queue) == 4


def test_what_an_answer_would_settle_is_counted_before_it_is_given() -> None:
    queue = Approvals(KEY)
    asking(queue)
    asking(queue)
    asking(queue, "/a/2")
    asking(queue, "/b")
    asking(queue, "/x", host="www.example.com")
    asking(queue, "/a/3", findings=(a_finding(scanner="body_dlp", place="body"),))
    shown = queue.waiting()[0]
    counts = {offer.scope: offer.covers for offer in shown.offers}
    assert counts == {Scope.PAYLOAD: 0, Scope.URL: 0, Scope.PATH: 1, Scope.HOST: 2, Scope.DOMAIN: 3}
    for scope, covers in counts.items():
        other = Approvals(KEY)
        for path, host in (("/a/1", "api"), ("/a/1", "api"), ("/a/2", "api"), ("/b", "api"), ("/x", "www")):
            asking(other, path, host=f"{host}.example.com")
        assert other.answer("1", Answer(AnswerWord.ALLOW, scope)).count == 2 + covers


def test_an_answer_for_a_session_settles_nothing_of_others() -> None:
    queue = Approvals(KEY)
    first = asking(queue, session="a|1")
    asking(queue, "/b", session="a|2")
    answered = queue.answer(first.id, Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.SESSION))
    assert answered.count == 1
    assert answered.grant is not None
    assert answered.grant.session == "a|1"
    assert not covers(queue, "/c", session="a|2")
    assert covers(queue, "/c", session="a|1")


def covers(queue: Approvals, path: str = "/z", host: str = "api.example.com", steady: float = 0.0, **kw) -> bool:
    changes = {name: kw.pop(name) for name in ("session", "agent", "method", "body") if name in kw}
    action = an_action(url=f"http://{host}{path}", host=host, **changes)
    return queue.covering(action, a_decision(**{"layer": "egress_rules", **kw}), 5.0, steady) is not None


def test_a_flagged_item_is_answered_by_itself_and_its_grant_needs_the_same_findings() -> None:
    queue = Approvals(KEY)
    found = (a_finding(scanner="body_dlp", place="body", rule="One"),)
    first = asking(queue, findings=found, body=b"1")
    asking(queue, findings=found, body=b"2")
    assert [offer.scope for offer in first.offers] == [Scope.PAYLOAD, Scope.URL]
    assert queue.answer(first.id, Answer(AnswerWord.ALLOW, Scope.URL, Lifetime.H1)).count == 1
    assert covers(queue, "/a/1", findings=found, body=b"3")
    assert not covers(queue, "/a/1")
    assert not covers(queue, "/a/1", findings=(a_finding(scanner="body_dlp", place="body", rule="Two"),))
    assert not covers(queue, "/a/1", findings=(*found, a_finding(scanner="body_dlp", place="body", rule="Two")))
    assert not covers(queue, "/a/1", findings=found, layer="body_dlp")


def test_grants_end_with_their_time_and_tell_how_often_they_decided() -> None:
    queue = Approvals(KEY)
    grant = queue.answer(asking(queue).id, Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.M5, by="ann"), "", 100.0, 7.0)
    assert grant.grant is not None
    assert (grant.grant.created_at, grant.grant.expires_at, grant.grant.by) == (100.0, 400.0, "ann")
    assert grant.grant.words.endswith("for 5 minutes")
    assert covers(queue, steady=306.9)
    (known,) = queue.grants.all(306.9)
    assert (known.hits, known.last_hit_at) == (1, 5.0)
    assert not covers(queue, steady=307.0)
    assert queue.grants.all(307.0) == ()


def test_a_denial_may_hold_on_and_wins_over_what_was_allowed() -> None:
    queue = Approvals(KEY)
    first, second = asking(queue), asking(queue, "/b/1", method="POST")
    queue.answer(first.id, Answer(AnswerWord.DENY, Scope.PATH, Lifetime.H1, note="not this"))
    queue.answer(second.id, Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1))
    action = an_action(url="http://api.example.com/a/2", host="api.example.com")
    found = queue.covering(action, a_decision(layer="egress_rules"), 0.0, 0.0)
    assert found is not None
    assert (found.allow, found.note) == (False, "not this")
    assert covers(queue, "/c/1")


NOT_OFFERED = [
    (Answer(AnswerWord.ALLOW, Scope.PROCESS, Lifetime.H1), {}, "scope process is not offered"),
    (Answer(AnswerWord.ALLOW, Scope.PAYLOAD, Lifetime.FOREVER), {}, "forever is not offered"),
    (Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.FOREVER), {}, "forever is not offered"),
    (
        Answer(AnswerWord.ALLOW, Scope.HOST),
        {"findings": (a_finding(scanner="body_dlp", place="body"),)},
        "scope host is not offered",
    ),
    (Answer(AnswerWord.REDACT), {}, "can't be taken out"),
    (Answer(AnswerWord.EDIT, body=b"x"), {}, "no text that can be changed"),
    (Answer(AnswerWord.EDIT), {"body": b"text"}, "another body is needed"),
    (Answer(AnswerWord.EDIT, body=b"x" * (MAX_EDIT + 1)), {"body": b"text"}, "another body is needed"),
    (Answer(AnswerWord.EDIT, body=b"\xff"), {"body": b"text"}, "UTF-8"),
    (Answer(AnswerWord.EDIT, Scope.HOST, body=b"x"), {"body": b"text"}, "exactly this, once"),
    (Answer(AnswerWord.EDIT, lifetime=Lifetime.H1, body=b"x"), {"body": b"text"}, "exactly this, once"),
]


@pytest.mark.parametrize(("answer", "held_as", "why"), NOT_OFFERED)
def test_what_was_not_offered_settles_nothing(answer: Answer, held_as: dict, why: str) -> None:
    queue = Approvals(KEY)
    pending = asking(queue, **held_as)
    with pytest.raises(BadAnswerError, match=why):
        queue.answer(pending.id, answer)
    assert len(queue) == 1
    assert len(queue.grants) == 0


def test_what_is_to_hold_for_good_is_written_before_anything_passes() -> None:
    queue = Approvals(KEY)
    written: list[tuple[Grant, ...]] = []
    queue.keep = written.append
    grants = []
    for path in ("/a/1", "/b/1"):
        pending = asking(queue, path)
        grants.append(queue.answer(pending.id, Answer(AnswerWord.ALLOW, Scope.PATH, Lifetime.FOREVER)).grant)
    assert written == [(grants[0],), tuple(grants)]

    def full(_grants: tuple[Grant, ...]) -> None:
        raise BadAnswerError("the disk is full")

    queue.keep = full
    pending = asking(queue, "/c/1")
    with pytest.raises(BadAnswerError, match="disk"):
        queue.answer(pending.id, Answer(AnswerWord.ALLOW, Scope.PATH, Lifetime.FOREVER))
    assert (len(queue), len(queue.grants)) == (1, 2)


def test_another_answer_to_the_very_same_takes_the_place_of_the_first() -> None:
    queue = Approvals(KEY)
    pending = [asking(queue, path) for path in ("/a/1", "/a/2")]
    queue.answer(pending[0].id, Answer(AnswerWord.ALLOW, Scope.PATH, Lifetime.H1), "", 0.0, 0.0)
    pending.append(asking(queue, "/a/3", session="other"))
    queue.answer(pending[2].id, Answer(AnswerWord.DENY, Scope.PATH, Lifetime.H1), "", 0.0, 0.0)
    assert [grant.allow for grant in queue.grants.all(0.0)] == [False]


def test_an_exact_payload_holds_in_other_sessions_of_the_agent_but_for_the_session() -> None:
    queue = Approvals(KEY)
    queue.answer(asking(queue, session="a|1").id, Answer(AnswerWord.ALLOW, lifetime=Lifetime.H1))
    assert covers(queue, "/a/1", session="a|2")
    assert not covers(queue, "/a/1", session="a|2", policy="p2")
    assert not covers(queue, "/a/1", session="a|2", agent="bob")
    assert not covers(queue, "/a/1", session="a|2", body=b"x")


# -- countdowns --------------------------------------------------------------------------------------------------------


def test_the_countdown_stands_still_while_somebody_looks() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=60))
    pending, _ = held(queue, an_action(), now=100.0)
    seen = queue.look_at(pending.id, 110.0)
    assert (seen.expires_at, seen.paused, seen.binding) == (160.0 + LEASE_SECONDS, True, pending.binding)
    assert queue.look_at(pending.id, 115.0).expires_at == 160.0 + LEASE_SECONDS + 5
    assert queue.next_change() == 125.0
    assert queue.unpaused(124.9) == ()
    assert [(one.paused, one.expires_at) for one in queue.unpaused(125.0)] == [(False, 175.0)]
    assert queue.unpaused(125.0) == ()
    assert queue.expire(174.9) == ()
    assert len(queue.expire(175.0)) == 1


def test_it_does_not_stand_still_for_ever() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=60))
    pending, _ = held(queue, an_action(), now=0.0)
    for now in range(0, 2000, 5):
        if not queue.waiting():
            break
        queue.look_at(pending.id, float(now))
        queue.unpaused(float(now))
        queue.expire(float(now))
    assert queue.waiting() == ()
    assert now - 5 == 60 + MAX_LEASE_SECONDS


def test_what_waits_without_a_deadline_has_no_countdown_to_stop() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=0))
    pending, _ = held(queue, an_action())
    seen = queue.look_at(pending.id, 5.0)
    assert (seen.expires_at, seen.paused) == (0.0, False)
    with pytest.raises(StaleAnswerError):
        queue.look_at("99", 5.0)


def test_what_is_judged_again_keeps_the_time_it_was_given() -> None:
    queue = Approvals(KEY, ApprovalLimits(timeout_seconds=60))
    action, decision = an_action(), a_decision()
    pending, _ = held(queue, action, now=100.0)
    queue.look_at(pending.id, 110.0)
    assert queue.leased(pending.id) == LEASE_SECONDS
    again = queue.hold(action, summarise(action, decision), a_decision(policy="p2"), "t", 120.0, attended=True,
                       since=100.0, leased=queue.leased(pending.id))  # fmt: skip
    assert not isinstance(again, ApprovalRefused)
    assert again[0].expires_at == 160.0 + LEASE_SECONDS
    assert queue.leased("99") == 0.0
