from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine import ApprovalLimits, ApprovalRefused, Approvals, StaleAnswerError, summarise
from pipelock.engine.approvals import MAX_GRANTS
from pipelock.model import Action, Answer, AnswerWord, Lifetime, Outcome, Pending
from tests.factories import a_decision, a_response, an_action

KEY = b"k" * 32


def hold(queue: Approvals, action: Action, now: float = 100.0, *, attended: bool = True, token: object = "t", **kw):
    decision = a_decision(**kw)
    return queue.hold(action, summarise(action, decision), decision, token, now, attended=attended)


def held(queue: Approvals, action: Action, now: float = 100.0, **kw) -> tuple[Pending, int]:
    result = hold(queue, action, now, **kw)
    assert not isinstance(result, ApprovalRefused)
    return result


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
    held(queue, an_action(session="b"))
    assert isinstance(hold(queue, an_action(session="c")), ApprovalRefused)
    assert len(queue) == 3


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
    st.tuples(st.sampled_from(["hold", "hold", "answer", "abandon", "expire", "withdraw"]), st.integers(0, 5)),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_each_action_is_settled_once_and_the_limits_hold(steps: list[tuple[str, int]]) -> None:
    limits = ApprovalLimits(timeout_seconds=5, max_pending=6, max_pending_per_session=4)
    queue = Approvals(KEY, limits)
    waiting: dict[int, tuple[str, int]] = {}
    ended: Counter[object] = Counter()
    for now, (step, choice) in enumerate(steps):
        ids = [pending.id for pending in queue.waiting()]
        chosen = ids[choice % len(ids)] if ids else "none"
        settled: tuple[object, ...] = ()
        if step == "hold":
            result = hold(queue, an_action(session=f"s{choice % 2}", body=b"%d" % (choice % 3)), now, token=now)
            if not isinstance(result, ApprovalRefused):
                waiting[now] = (result[0].id, result[1])
        elif step == "answer" and ids:
            ((_, settled),) = queue.answer(chosen, Answer([AnswerWord.ALLOW, AnswerWord.DENY][choice % 2])).groups
        elif step == "abandon" and waiting:
            one, _ = queue.abandon(*list(waiting.values())[choice % len(waiting)])
            settled = (one,)
        elif step == "expire":
            settled = queue.expire(now)
        elif step == "withdraw":
            settled = queue.withdraw(chosen)
        for one in settled:
            ended[one.token] += 1
            del waiting[one.token]
        by_session = Counter(pending.action.session for pending in queue.waiting() for _ in range(pending.twins))
        assert len(queue) == len(waiting) == by_session.total() <= limits.max_pending
        assert max(by_session.values(), default=0) <= limits.max_pending_per_session
    assert set(ended.values()) <= {1}
