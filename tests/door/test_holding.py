"""What persons answer, and how it reaches further than what they were shown."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipelock.engine import ApprovalLimits, BadAnswerError, StaleAnswerError
from pipelock.engine.approvals import LEASE_SECONDS, MAX_PROMPTS
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import (
    Answer,
    AnswerWord,
    BlockReason,
    Evidence,
    GrantsChanged,
    Held,
    Identity,
    Lifetime,
    Notice,
    Outcome,
    Process,
    Released,
    Scope,
    Severity,
    Verdict,
)
from tests.door.house import ASK_POSTS, DENY, ONCE, House, settled
from tests.factories import FAKE_KEY, FAKE_ORDER, FakeSecrets, a_policy, a_response

HOUR = Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1, by="ann")
REDACT = Answer(AnswerWord.REDACT, by="ann")
WARNED = a_policy(egress=ASK_POSTS, secrets=FakeSecrets(Severity.HIGH))
KEY = FAKE_KEY.encode()
ORDER = FAKE_ORDER.encode()


def edit(body: bytes) -> Answer:
    return Answer(AnswerWord.EDIT, body=body, by="ann")


# -- answers that hold -------------------------------------------------------------------------------------------------


def test_a_grant_decides_the_next_one_at_once_and_says_so() -> None:
    house = House()
    house.post()
    answered = house.door.answer(house.pending(), HOUR)
    assert answered.grant is not None
    assert house.events(GrantsChanged) == [GrantsChanged(answered.grant.words, "ann")]
    house.door.dashboards = 0
    decision = settled(house.post(url="http://example.com/other", body=b"new")[1])
    assert (decision.verdict, decision.outcome, decision.grant) == (Verdict.ALLOW, Outcome.GRANTED, answered.grant.id)
    assert decision.reason.endswith(f"the operator allowed it before ({answered.grant.id})")
    assert house.records[-1].decision.grant == answered.grant.id
    assert house.records[0].decision.grant == answered.grant.id
    assert settled(house.post(url="http://example.org/")[1]).outcome is Outcome.UNATTENDED


def test_a_grant_ends_with_its_time_whatever_the_wall_clock_says() -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), HOUR)
    house.wall_is_ahead = -86_400.0
    house.clock.advance(3599)
    assert settled(house.post()[1]).outcome is Outcome.GRANTED
    house.clock.advance(1)
    assert house.post()[1] == []


def test_a_denial_that_holds_refuses_at_once_with_the_note() -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), replace(HOUR, word=AnswerWord.DENY, note="use the mirror"))
    decision = settled(house.post(body=b"again")[1])
    assert (decision.verdict, decision.outcome, decision.code, decision.status, decision.note) == (
        Verdict.BLOCK, Outcome.DENIED_BEFORE, BlockReason.REQUEST_POLICY_DENY, 403, "use the mirror",
    )  # fmt: skip
    assert decision.reason == "the operator denied this before: use the mirror"


def test_a_wider_answer_releases_everything_it_covers() -> None:
    house = House()
    answers = [house.post(url=f"http://example.com/{number}")[1] for number in range(3)]
    _, other = house.post(url="http://example.org/")
    shown = house.approvals.waiting()[0]
    assert [offer.covers for offer in shown.offers if offer.scope is Scope.HOST] == [2]
    assert house.door.answer(shown.id, replace(ONCE, scope=Scope.HOST)).count == 3
    assert [settled(one).outcome for one in answers] == [Outcome.APPROVED] * 3
    assert [released.id for released in house.events(Released)] == ["1", "2", "3"]
    assert other == []


@pytest.mark.parametrize("stronger", ["kill switch", "finding", "rule"])
def test_what_is_stronger_than_a_person_is_stronger_than_a_grant(stronger: str) -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), HOUR)
    body = b"x"
    if stronger == "kill switch":
        house.kill.set_api(True)
    elif stronger == "finding":
        body = KEY
    else:
        house.reload(hash="p2", egress=EgressRules([EgressRule(name="none", action=Verdict.BLOCK)], Verdict.ALLOW))
    assert settled(house.post(body=body)[1]).verdict is Verdict.BLOCK


def test_a_policy_that_asks_for_another_reason_asks_again_and_the_same_reason_does_not() -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), HOUR)
    house.reload(hash="p2")
    assert settled(house.post()[1]).outcome is Outcome.GRANTED
    renamed = EgressRule(name="uploads", action=Verdict.ASK, methods=frozenset({"POST"}))
    house.reload(hash="p3", egress=EgressRules([renamed], default=Verdict.ALLOW))
    assert house.post()[1] == []


def test_an_exact_payload_is_asked_about_again_under_another_policy() -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), replace(ONCE, lifetime=Lifetime.H1))
    assert settled(house.post()[1]).outcome is Outcome.GRANTED
    house.reload(hash="p2")
    assert "no longer hold" in house.events(GrantsChanged)[-1].detail
    assert house.post()[1] == []


def test_what_was_not_offered_is_refused_and_waits_on() -> None:
    house = House()
    _, answers = house.post()
    with pytest.raises(BadAnswerError):
        house.door.answer(house.pending(), replace(ONCE, scope=Scope.PROCESS))
    assert answers == house.events(Released) == []


# -- changed before it is sent -----------------------------------------------------------------------------------------


def test_a_request_goes_without_what_was_found() -> None:
    house = House(WARNED)
    _, answers = house.post(body=b"a " + KEY + b" b")
    (pending,) = house.approvals.waiting()
    assert (pending.redactable, pending.editable) == (True, True)
    assert house.door.answer(pending.id, REDACT, pending.binding).count == 1
    decision = settled(answers)
    assert (decision.verdict, decision.outcome) == (Verdict.REDACT, Outcome.REDACTED)
    assert decision.body == b"a [removed by pipelock: Fake Key] b"
    assert decision.addresses == ("93.184.215.14",)
    assert decision.reason == "the operator sent it without what was found"
    assert house.outcomes() == [Outcome.REDACTED]
    assert house.records[0].decision.body is None
    assert house.events(Released) == [Released(pending.id, Outcome.REDACTED, "ann")]


def test_an_answer_is_read_without_what_was_found() -> None:
    house = House(a_policy(response_action=Verdict.ASK))
    _, answers = house.judge(a_response(body=b"a " + ORDER + b" b"))
    house.door.answer(house.pending(), REDACT)
    decision = settled(answers)
    assert (decision.verdict, decision.body) == (Verdict.STRIP, b"a [removed by pipelock: Fake Order] b")


def test_what_is_left_is_judged_and_refused_where_it_still_holds_it() -> None:
    house = House(a_policy(response_action=Verdict.ASK))
    # What stands between two halves is found first; without it the halves are whole.
    _, answers = house.judge(a_response(body=ORDER[:6] + ORDER + ORDER[6:]))
    house.engine.policy.injection.scan = _whole_again(house.engine.policy.injection.scan)  # type: ignore[method-assign]
    house.door.answer(house.pending(), REDACT)
    decision = settled(answers)
    assert (decision.verdict, decision.outcome) == (Verdict.BLOCK, Outcome.REDACTED)
    assert "what is left still holds it" in decision.reason


def _whole_again(scan: Any) -> Any:
    """A scanner that reads what pipelock put there as nothing."""

    def read(data: Any, place: str, content_type: str = "", **rest: Any) -> Any:
        return scan(data.replace(b"[removed by pipelock: Fake Order]", b"") if isinstance(data, bytes) else data,
                    place, content_type, **rest)  # fmt: skip

    return read


def test_another_body_is_sent_instead() -> None:
    house = House()
    _, answers = house.post(body=b"delete everything")
    (pending,) = house.approvals.waiting()
    assert house.door.holding.body(pending.id, pending.binding) == (b"delete everything", "")
    house.door.answer(pending.id, edit(b"delete nothing"), pending.binding)
    decision = settled(answers)
    assert (decision.verdict, decision.body, decision.outcome) == (
        Verdict.REDACT, b"delete nothing", Outcome.REDACTED,
    )  # fmt: skip
    assert house.records[0].action.size == len(b"delete nothing")
    assert len(house.records) == 1


def test_another_body_is_judged_like_any_other() -> None:
    house = House()
    _, answers = house.post()
    house.door.answer(house.pending(), edit(b"now with " + KEY))
    decision = settled(answers)
    assert (decision.verdict, decision.layer, decision.outcome) == (Verdict.BLOCK, "body_dlp", Outcome.REDACTED)
    assert decision.reason.startswith("the operator sent it with another body, and that was refused: ")


def test_another_body_that_raises_a_question_is_asked_about_with_all_the_time_for_it() -> None:
    house = House(a_policy(response_action=Verdict.ASK), limits=ApprovalLimits(response_timeout_seconds=30))
    _, answers = house.judge(a_response(body=ORDER))
    house.clock.advance(29)
    house.door.answer(house.pending(), edit(b"still " + ORDER))
    assert answers == []
    (pending,) = house.approvals.waiting()
    assert pending.action.preview.startswith("still ")
    house.clock.advance(29)
    house.door.answer(pending.id, ONCE)
    assert settled(answers).outcome is Outcome.APPROVED
    assert house.outcomes() == [Outcome.APPROVED]


def test_the_kill_switch_stops_what_a_person_changed() -> None:
    house = House()
    house.slow_names = True
    _, answers = house.post()
    house.names.pop()()
    house.clock.advance(20)  # what the name stands for is forgotten by now
    house.door.answer(house.pending(), edit(b"y"))
    assert answers == []
    house.kill.set_api(True)
    house.names.pop()()
    assert settled(answers).code is BlockReason.KILL_SWITCH_ACTIVE


def test_twins_are_all_changed() -> None:
    house = House()
    answers = [house.post()[1] for _ in range(2)]
    assert house.door.answer(house.pending(), edit(b"y")).count == 2
    assert [settled(one).body for one in answers] == [b"y", b"y"]


def test_a_body_is_shown_to_whoever_saw_the_item_only() -> None:
    house = House()
    house.post(body=b"\xff\xfe")
    (pending,) = house.approvals.waiting()
    assert house.door.holding.body(pending.id, pending.binding) is None
    for pending_id, binding in ((pending.id, "00"), ("99", "")):
        with pytest.raises(StaleAnswerError):
            house.door.holding.body(pending_id, binding)


# -- countdowns and floods ---------------------------------------------------------------------------------------------


def test_looking_stops_the_countdown_for_a_while() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    house.clock.advance(59)
    house.door.holding.look_at(house.pending())
    assert house.events(Held)[-1].pending.paused
    house.clock.advance(LEASE_SECONDS)
    assert not house.events(Held)[-1].pending.paused
    assert answers == []
    house.clock.advance(1)
    assert settled(answers).outcome is Outcome.EXPIRED
    with pytest.raises(StaleAnswerError):
        house.door.holding.look_at("1")
    assert house.clock.getDelayedCalls() == []


def test_who_leaves_early_takes_no_other_deadline_along() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    first, _ = house.post(url="http://example.com/1")
    house.clock.advance(10)
    _, second = house.post(url="http://example.com/2")
    first.abandon()
    house.clock.advance(59)
    assert second == []
    house.clock.advance(1)
    assert settled(second).outcome is Outcome.EXPIRED
    assert house.clock.getDelayedCalls() == []


def test_what_comes_after_the_queue_was_empty_has_all_its_time() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    house.post()[0].abandon()
    house.wall_is_ahead = -3600
    house.clock.advance(30)
    _, answers = house.post()
    house.clock.advance(59)
    assert answers == []
    house.clock.advance(1)
    assert settled(answers).outcome is Outcome.EXPIRED


def test_a_reload_does_not_take_back_the_time_that_was_given() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    house.clock.advance(55)
    house.door.holding.look_at(house.pending())
    house.reload(hash="p2")
    house.clock.advance(LEASE_SECONDS + 4)
    assert answers == []
    house.clock.advance(1)
    assert settled(answers).outcome is Outcome.EXPIRED


def test_a_flood_of_prompts_is_told_once_denied_beyond_the_limit_and_leaves_others_their_room() -> None:
    house = House(limits=ApprovalLimits(max_pending_per_session=MAX_PROMPTS + 5))
    answers = [house.post(url=f"http://example.com/{number}", session="loud")[1] for number in range(40)]
    assert sum(map(len, answers)) == 40 - MAX_PROMPTS - 5
    assert {settled(one).outcome for one in answers if one} == {Outcome.QUEUE_FULL}
    (notice,) = house.events(Notice)
    assert "more than 10 times a minute" in notice.text
    quiet = Identity("ann", "curl@7|127.0.0.1", Evidence.PROCESS, processes=(Process(7, 1, "curl"),))
    assert house.post(url="http://example.com/0", session=quiet.session, identity=quiet)[1] == []


def test_the_session_of_what_waits_is_listed_before_anything_is_decided() -> None:
    house = House()
    house.post(session="new")
    (session,) = house.engine.sessions.known()
    assert (session.key, session.requests) == ("new", 0)
    house.door.answer(house.pending(), ONCE)
    (session,) = house.engine.sessions.known()
    assert (session.key, session.requests) == ("new", 1)


def test_what_finds_no_room_is_told_once() -> None:
    house = House(limits=ApprovalLimits(max_pending_per_session=2))
    for number in range(6):
        house.post(url=f"http://example.com/{number}")
    (notice,) = house.events(Notice)
    assert notice.text == ("many prompts from anonymous: this session already has 2 requests waiting; denied this once")


def test_a_denial_of_one_denies_no_other_traffic_while_it_waits() -> None:
    house = House()
    _, asked = house.post()
    assert settled(house.judge()[1]).verdict is Verdict.ALLOW
    assert asked == []
    house.door.answer(house.pending(), DENY)
    assert settled(asked).verdict is Verdict.BLOCK
