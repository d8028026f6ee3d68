"""The door as a conversation: what is judged, held, answered and recorded, on a clock that tests turn."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pipelock.door.door import THREAD_BYTES, Ticket
from pipelock.engine import ApprovalLimits, StaleAnswerError
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import (
    MAX_NOTE,
    Answer,
    AnswerWord,
    BlockReason,
    Decided,
    Decision,
    Held,
    KillSwitchChanged,
    Notice,
    Outcome,
    Released,
    TunnelClosed,
    Verdict,
)
from tests.door.house import ASK_POSTS, DENY, EPOCH, ONCE, SESSION, House, settled
from tests.factories import FAKE_KEY, FAKE_ORDER, FakeSecrets, a_policy, a_response, an_action

BIG = b"x" * THREAD_BYTES


# -- judging -----------------------------------------------------------------------------------------------------------


def test_a_clean_request_is_answered_at_once_recorded_and_published() -> None:
    house = House()
    ticket, answers = house.judge()
    assert settled(answers).verdict is Verdict.ALLOW
    assert ticket.then is None
    assert len(house.records) == 1
    assert house.events() == []
    assert house.events(Decided) == [Decided(house.records[0])]
    assert house.stats.requests == 1
    assert len(house.engine.sessions) == 1
    assert house.clock.getDelayedCalls() == []


def test_the_record_is_made_before_the_transport_is_told() -> None:
    house = House()
    seen: list[int] = []
    house.door.judge(an_action(), lambda _decision: seen.append(len(house.records)))
    assert seen == [1]


def test_a_slow_name_is_waited_for_and_other_traffic_flows() -> None:
    house = House()
    house.slow_names = True
    _, slow = house.judge()
    _, quick = house.judge(url="http://93.184.215.14/")
    assert (slow, len(quick)) == ([], 1)
    house.names[0]()
    assert settled(slow).addresses == ("93.184.215.14",)


def test_the_kill_switch_thrown_during_the_lookup_stops_it() -> None:
    house = House()
    house.slow_names = True
    _, answers = house.judge()
    house.kill.set_api(True)
    house.names[0]()
    assert settled(answers).code is BlockReason.KILL_SWITCH_ACTIVE


def test_a_policy_that_came_during_the_lookup_has_the_say_and_counts_nothing_twice() -> None:
    house = House(a_policy(max_requests_per_minute=2))
    house.slow_names = True
    _, answers = house.judge()
    house.reload(hash="p2", egress=EgressRules((), Verdict.BLOCK))
    house.names[0]()
    assert (settled(answers).verdict, settled(answers).policy) == (Verdict.BLOCK, "p2")
    house.reload(hash="p3", egress=EgressRules((), Verdict.ALLOW))
    house.slow_names = False
    # The refused one was counted once, under the first policy.
    assert settled(house.judge(url="http://a.example.com/")[1]).verdict is Verdict.ALLOW
    assert settled(house.judge(url="http://b.example.com/")[1]).layer == "ratelimit"


def test_big_bodies_are_scanned_elsewhere_and_small_ones_here() -> None:
    house = House()
    _, small = house.judge(body=BIG[:-1])
    _, big = house.judge(body=BIG)
    assert (len(small), big, len(house.threads)) == (1, [], 1)
    house.threads.pop()()
    assert settled(big).verdict is Verdict.ALLOW


def test_a_big_body_scanned_under_another_policy_is_scanned_again() -> None:
    house = House(a_policy(scan_bodies=False))
    _, answers = house.judge(body=BIG + FAKE_KEY.encode())
    run = house.threads.pop()
    # The thread has read the old policy's rules; the new one comes before it reports.
    scanned = house.engine.inspect(an_action(body=BIG))
    assert scanned.policy == "p1"
    house.door.engine.inspect = lambda _action: scanned  # type: ignore[method-assign]
    house.reload(hash="p2", scan_bodies=True)
    run()
    assert answers == []
    del house.door.engine.inspect
    house.threads.pop()()
    assert settled(answers).layer == "body_dlp"


@pytest.mark.parametrize("when", ["here", "in a thread", "after the lookup"])
def test_a_scanner_that_raises_blocks_and_says_so(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = FakeSecrets()
    house = House(a_policy(secrets=secrets))
    house.slow_names = when == "after the lookup"
    if when == "after the lookup":
        _, answers = house.judge()

        def broken(*_: object) -> None:
            raise RuntimeError("matcher")

        monkeypatch.setattr("pipelock.engine.engine.settle", broken)
        house.names[0]()
    else:
        secrets.error = RuntimeError("matcher")
        _, answers = house.judge(body=BIG if when == "in a thread" else b"x")
        for run in house.threads:
            run()
    decision = settled(answers)
    assert (decision.verdict, decision.status, decision.code, decision.hard) == (
        Verdict.BLOCK, 503, BlockReason.PATTERN_UNAVAILABLE, True,
    )  # fmt: skip
    assert len(house.records) == 1
    (notice,) = house.events(Notice)
    assert (notice.level, "RuntimeError" in notice.text) == ("error", True)


def test_a_transport_that_raises_takes_nobody_along() -> None:
    house = House()

    def broken(_decision: Decision) -> None:
        raise ValueError("transport")

    house.door.judge(an_action(method="POST"), broken)
    _, twin = house.judge(method="POST")
    assert house.door.answer(house.pending(), ONCE).count == 2
    assert settled(twin).verdict is Verdict.ALLOW
    assert house.outcomes() == [Outcome.APPROVED, Outcome.APPROVED]
    assert [notice.level for notice in house.events(Notice)] == ["error"]


# -- recording ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "error", "verdict"),
    [
        ("balanced", OSError("disk full"), Verdict.ALLOW),
        ("audit", OSError("disk full"), Verdict.ALLOW),
        ("strict", OSError("disk full"), Verdict.BLOCK),
        ("balanced", UnicodeError("no such text"), Verdict.BLOCK),
    ],
)
def test_a_log_that_cannot_be_written(mode: str, error: Exception, verdict: Verdict) -> None:
    house = House(a_policy(mode=mode))
    house.write_error = error
    decision = settled(house.judge()[1])
    assert decision.verdict is verdict
    if verdict is Verdict.BLOCK:
        assert (decision.layer, decision.status, decision.hard) == ("recorder", 503, True)
    assert [event.record.decision.verdict for event in house.events(Decided)] == [verdict]
    assert ["cannot be written" in notice.text for notice in house.events(Notice)] == [True]


def test_a_refusal_stays_what_it_was_when_it_cannot_be_written() -> None:
    house = House(a_policy(mode="strict"))
    house.write_error = OSError("disk full")
    assert settled(house.judge(body=FAKE_KEY.encode())[1]).layer == "body_dlp"


def test_the_complaint_is_made_once_a_minute() -> None:
    house = House()
    house.write_error = OSError("disk full")
    for _ in range(3):
        house.judge()
    house.door.failed(an_action(), "refused")
    house.door.tunnel_closed(TunnelClosed("t-1", "h:443", 1, 2, 3))
    texts = [notice.text for notice in house.events(Notice) if "audit log" in notice.text]
    assert len(texts) == 1
    house.clock.advance(60)
    house.judge()
    assert len([notice for notice in house.events(Notice) if "audit log" in notice.text]) == 2


def test_a_body_is_in_the_decision_and_not_in_the_record() -> None:
    house = House(a_policy(response_action=Verdict.STRIP))
    _, answers = house.judge(a_response(body=f"a {FAKE_ORDER} b".encode()))
    assert settled(answers).body
    assert house.records[0].decision.body is None
    assert house.records[0].decision.verdict is Verdict.STRIP


def test_tunnels_and_failures_are_told_and_written() -> None:
    house = House()
    house.stats.tunnel_opened()
    closed = TunnelClosed("t-9", "h:443", 1, 2, 3)
    house.door.tunnel_closed(closed)
    house.door.failed(an_action(), "connection refused")
    assert house.lines == ["tunnel t-9", "error t-1 connection refused"]
    assert house.events(TunnelClosed) == [closed]
    assert house.events(Notice) == [Notice("warn", "GET example.com:80: connection refused")]
    assert house.stats.tunnels == 0


# -- held --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "verdict", "outcome", "code", "words"),
    [
        (ONCE, Verdict.ALLOW, Outcome.APPROVED, None, "the operator allowed it once"),
        (SESSION, Verdict.ALLOW, Outcome.APPROVED, None, "the operator allowed it for this session"),
        (DENY, Verdict.BLOCK, Outcome.DENIED, BlockReason.REQUEST_POLICY_DENY, "the operator denied this"),
        (
            Answer(AnswerWord.DENY, note="use the test system", by="ann"), Verdict.BLOCK, Outcome.DENIED,
            BlockReason.REQUEST_POLICY_DENY, "the operator denied this: use the test system",
        ),
    ],
)  # fmt: skip
def test_a_person_answers(
    answer: Answer, verdict: Verdict, outcome: Outcome, code: BlockReason | None, words: str
) -> None:
    house = House()
    _, answers = house.post()
    assert answers == []
    assert house.records == []
    (held,) = house.events(Held)
    house.clock.advance(2.5)
    assert house.door.answer(held.pending.id, answer, held.pending.binding).count == 1
    decision = settled(answers)
    assert (decision.verdict, decision.outcome, decision.code, decision.held_ms, decision.note, decision.by) == (
        verdict, outcome, code, 2500, answer.note, "ann",
    )  # fmt: skip
    assert decision.reason.endswith(words)
    assert decision.status == (403 if code else 0)
    assert decision.addresses == ("93.184.215.14",)
    assert house.events(Released) == [Released(held.pending.id, outcome, "ann")]
    assert house.outcomes() == [outcome]
    assert house.clock.getDelayedCalls() == []
    with pytest.raises(StaleAnswerError):
        house.door.answer(held.pending.id, ONCE)


def test_once_is_asked_again_and_the_session_is_not() -> None:
    house = House()
    house.post()
    house.door.answer(house.pending(), ONCE)
    _, second = house.post()
    assert second == []
    house.door.answer(house.pending(), SESSION)
    _, third = house.post()
    assert (settled(third).verdict, settled(third).outcome) == (Verdict.ALLOW, Outcome.GRANTED)
    _, other = house.post(body=b"something else")
    assert other == []


def test_what_was_found_stays_a_warning_after_approval_and_gives_the_code_of_a_denial() -> None:
    house = House(a_policy(response_action=Verdict.ASK))
    body = f"x {FAKE_ORDER}".encode()
    _, allowed = house.judge(a_response(body=body))
    house.door.answer(house.pending(), ONCE)
    assert (settled(allowed).verdict, settled(allowed).body) == (Verdict.WARN, None)
    _, denied = house.judge(a_response(body=body))
    house.door.answer(house.pending(), DENY)
    assert settled(denied).code is BlockReason.PROMPT_INJECTION


def test_twins_wait_together_and_share_the_answer() -> None:
    house = House()
    answers = [house.post(id=f"t-{number}")[1] for number in range(3)]
    assert [held.pending.twins for held in house.events(Held)] == [1, 2, 3]
    assert house.door.answer(house.pending(), DENY).count == 3
    assert [settled(one).action_id for one in answers] == ["t-0", "t-1", "t-2"]
    assert house.outcomes() == [Outcome.DENIED] * 3
    assert len(house.events(Released)) == 1


def test_a_note_is_cut() -> None:
    house = House()
    _, answers = house.post()
    house.door.answer(house.pending(), Answer(AnswerWord.DENY, note="n" * 9999))
    assert settled(answers).note == "n" * MAX_NOTE


def test_the_deadline_denies_once_and_writes_no_rule() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    house.clock.advance(59.9)
    assert answers == []
    house.clock.advance(0.2)
    decision = settled(answers)
    assert (decision.outcome, decision.code, decision.status) == (Outcome.EXPIRED, BlockReason.TIMEOUT, 403)
    assert "nobody answered within 60 s" in decision.reason
    assert house.events(Released) == [Released("1", Outcome.EXPIRED)]
    assert house.post()[1] == []


def test_each_group_has_its_own_deadline_and_the_timer_follows_the_next() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60, response_timeout_seconds=10), policy=a_policy(
        egress=ASK_POSTS, response_action=Verdict.ASK
    ))  # fmt: skip
    _, request = house.post()
    _, response = house.judge(a_response(body=FAKE_ORDER.encode()))
    house.clock.advance(10)
    assert (request, len(response)) == ([], 1)
    assert len(house.clock.getDelayedCalls()) == 1
    house.clock.advance(50)
    assert settled(request).outcome is Outcome.EXPIRED
    assert house.clock.getDelayedCalls() == []


def test_an_answer_that_comes_after_the_deadline_is_too_late_though_the_timer_is_later() -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    pending = house.pending()
    house.clock.rightNow += 61  # the machine slept: time passed and no timer ran
    with pytest.raises(StaleAnswerError):
        house.door.answer(pending, ONCE)
    assert settled(answers).outcome is Outcome.EXPIRED


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_wall_clock_that_is_set_moves_no_deadline(jump: float) -> None:
    house = House(limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    house.wall_is_ahead = jump
    _, other = house.post(body=b"y")
    house.clock.advance(59.9)
    assert answers == other == []
    house.clock.advance(0.2)
    assert settled(answers).outcome is Outcome.EXPIRED
    assert settled(other).outcome is Outcome.EXPIRED
    assert [record.decision.held_ms // 1000 for record in house.records] == [60, 60]
    house.post(body=b"z")
    (pending,) = house.approvals.waiting()
    assert pending.held_at == house.wall(), "once nobody waits, the time of day counts again"


def test_without_a_dashboard_the_answer_is_no_at_once() -> None:
    house = House()
    house.door.dashboards = 0
    decision = settled(house.post()[1])
    assert (decision.outcome, decision.code, decision.status) == (
        Outcome.UNATTENDED, BlockReason.REQUEST_POLICY_DENY, 403,
    )  # fmt: skip
    assert "no dashboard" in decision.reason
    assert house.events(Held, Released) == []
    assert house.outcomes() == [Outcome.UNATTENDED]


def test_or_it_waits_for_the_command_line() -> None:
    house = House(limits=ApprovalLimits(hold_unattended=True))
    house.door.dashboards = 0
    _, answers = house.post()
    house.door.answer(house.pending(), ONCE)
    assert settled(answers).verdict is Verdict.ALLOW


def test_a_full_queue_denies_once() -> None:
    house = House(limits=ApprovalLimits(max_pending=1))
    _, first = house.post()
    decision = settled(house.post(body=b"y")[1])
    assert (decision.outcome, decision.code, decision.status) == (Outcome.QUEUE_FULL, BlockReason.RATE_LIMIT, 429)
    assert first == []
    assert house.outcomes() == [Outcome.QUEUE_FULL]


def test_a_wrong_binding_releases_nothing() -> None:
    house = House()
    _, answers = house.post()
    with pytest.raises(StaleAnswerError, match="look again"):
        house.door.answer(house.pending(), ONCE, "00")
    assert answers == []


# -- clients that leave ------------------------------------------------------------------------------------------------


def test_a_client_that_leaves_during_the_lookup_is_recorded_and_nobody_is_asked() -> None:
    house = House()
    house.slow_names = True
    ticket, answers = house.post()
    ticket.abandon()
    ticket.abandon()
    house.names[0]()
    assert answers == []
    assert house.outcomes() == [Outcome.ABANDONED]
    assert house.events(Held) == []


def test_a_client_that_leaves_during_the_scan_is_recorded() -> None:
    house = House()
    ticket, answers = house.judge(body=BIG)
    ticket.abandon()
    house.threads.pop()()
    assert answers == []
    assert [record.decision.verdict for record in house.records] == [Verdict.ALLOW]


@pytest.mark.parametrize("kind", ["request", "response"])
def test_a_client_that_leaves_while_a_person_is_asked(kind: str) -> None:
    house = House(a_policy(egress=ASK_POSTS, response_action=Verdict.ASK))
    action = an_action(method="POST") if kind == "request" else a_response(body=FAKE_ORDER.encode())
    ticket, answers = house.judge(action)
    pending = house.pending()
    house.clock.advance(1)
    ticket.abandon()
    assert answers == []
    assert house.outcomes() == [Outcome.ABANDONED]
    assert house.records[0].decision.held_ms == 1000
    assert house.events(Released, Decided) == [
        Released(pending, Outcome.ABANDONED), Decided(house.records[0]),
    ]  # fmt: skip
    assert house.clock.getDelayedCalls() == []


def test_a_twin_that_leaves_leaves_the_others_waiting() -> None:
    house = House()
    ticket, _ = house.post()
    _, other = house.post()
    ticket.abandon()
    assert house.events(Held)[-1].pending.twins == 1
    assert house.events(Released) == []
    house.door.answer(house.pending(), ONCE)
    assert settled(other).verdict is Verdict.ALLOW
    assert house.outcomes() == [Outcome.ABANDONED, Outcome.APPROVED]


def test_leaving_after_the_decision_is_harmless() -> None:
    house = House()
    ticket, answers = house.judge()
    ticket.abandon()
    assert len(answers) == len(house.records) == 1


def test_one_that_leaves_because_its_twin_was_answered_is_recorded_once() -> None:
    house = House()
    tickets: list[Ticket] = []
    house.door.judge(an_action(method="POST"), lambda _decision: tickets[0].abandon())
    second, answers = house.judge(method="POST")
    tickets.append(second)
    house.door.answer(house.pending(), ONCE)
    assert answers == []
    assert len(house.records) == 2


# -- what overtakes a person -------------------------------------------------------------------------------------------


def test_the_kill_switch_stops_what_waits() -> None:
    house = House()
    _, answers = house.post()
    house.kill.set_api(True)
    house.door.kill_switch_moved("api")
    assert settled(answers).code is BlockReason.KILL_SWITCH_ACTIVE
    assert [change.by for change in house.events(KillSwitchChanged)] == ["api"]
    assert house.events(Released) == [Released("1", Outcome.WITHDRAWN)]
    assert len(house.records) == 1
    house.kill.set_api(False)
    house.door.kill_switch_moved("api")
    assert [change.state.active for change in house.events(KillSwitchChanged)] == [True, False]


def test_an_approval_does_not_outrun_a_sentinel_file_that_nobody_looked_at_yet() -> None:
    house = House()
    _, answers = house.post()
    pending = house.pending()
    house.kill.configure(config=False, message="stop", exempt=(), probe=lambda: True)
    with pytest.raises(StaleAnswerError):
        house.door.answer(pending, ONCE)
    assert settled(answers).code is BlockReason.KILL_SWITCH_ACTIVE


def test_a_new_policy_may_let_it_go_refuse_it_or_ask_again() -> None:
    house = House()
    _, allowed = house.post()
    house.reload(hash="p2", egress=EgressRules((), Verdict.ALLOW))
    assert (settled(allowed).verdict, settled(allowed).policy) == (Verdict.ALLOW, "p2")
    house.reload(hash="p3", egress=ASK_POSTS)
    _, refused = house.post()
    house.reload(hash="p4", egress=EgressRules((), Verdict.BLOCK))
    assert settled(refused).code is BlockReason.REQUEST_POLICY_DENY
    assert house.events(Released) == [Released("1", Outcome.WITHDRAWN), Released("2", Outcome.WITHDRAWN)]
    assert len(house.records) == 2


def test_the_deadline_stays_where_it_was_however_often_the_policy_changes() -> None:
    house = House(a_policy(egress=ASK_POSTS, max_requests_per_minute=1), limits=ApprovalLimits(timeout_seconds=60))
    _, answers = house.post()
    for number in range(5):
        house.clock.advance(10)
        house.door.dashboards = 0  # somebody was there when it was first held
        house.reload(hash=f"p{number + 2}")
        (pending,) = house.approvals.waiting()
        assert (pending.id, pending.held_at, pending.expires_at) == (str(number + 2), EPOCH, EPOCH + 60)
    assert answers == []
    house.clock.advance(10)
    assert (settled(answers).outcome, settled(answers).held_ms) == (Outcome.EXPIRED, 60_000)


def test_a_reload_that_changes_nothing_leaves_what_waits_alone() -> None:
    house = House()
    _, answers = house.post()
    house.door.rejudge_held()
    assert house.pending() == "1"
    assert answers == house.events(Released) == []


def test_a_big_held_body_is_scanned_elsewhere_again() -> None:
    house = House()
    _, answers = house.post(body=BIG)
    house.threads.pop()()
    house.reload(hash="p2")
    assert len(house.approvals) == 0
    house.threads.pop()()
    house.door.answer(house.pending(), ONCE)
    assert settled(answers).verdict is Verdict.ALLOW


def test_a_switch_that_exempts_a_client_leaves_its_requests_waiting() -> None:
    house = House()
    house.kill.configure(config=True, message="stop", exempt=(ip_network("10.1.1.1/32"),), probe=None)
    _, exempt = house.post()
    house.door.kill_switch_moved("config")
    assert (exempt, house.pending()) == ([], "1")


def test_closing_denies_what_waits_and_what_would() -> None:
    house = House()
    house.slow_names = True
    _, late = house.post(body=b"late")
    house.names.clear()
    house.slow_names = False
    _, waiting = house.post(url="http://example.org/")
    house.door.close()
    decision = settled(waiting)
    assert (decision.outcome, decision.code, decision.status) == (Outcome.WITHDRAWN, BlockReason.TIMEOUT, 503)
    _, after = house.post(url="http://example.net/")
    assert settled(after).outcome is Outcome.WITHDRAWN
    assert settled(house.judge(url="http://example.net/")[1]).verdict is Verdict.ALLOW
    assert late == []
    house.clock.advance(5)  # the lookup's own deadline
    assert settled(late).verdict is Verdict.BLOCK
    assert len(house.approvals) == 0


def test_one_that_leaves_while_another_is_denied_at_closing_is_recorded_once() -> None:
    house = House()
    tickets: list[Ticket] = []
    house.door.judge(an_action(method="POST"), lambda _decision: tickets[0].abandon())
    tickets.append(house.post(url="http://example.org/")[0])
    house.door.close()
    assert house.outcomes() == [Outcome.WITHDRAWN, Outcome.ABANDONED]


def test_one_that_leaves_while_another_is_judged_again_is_recorded_once() -> None:
    house = House()
    tickets: list[Ticket] = []
    house.door.judge(an_action(method="POST"), lambda _decision: tickets[0].abandon())
    tickets.append(house.post(url="http://example.org/")[0])
    house.reload(hash="p2", egress=EgressRules([EgressRule(name="all", action=Verdict.BLOCK)], Verdict.ALLOW))
    assert [record.decision.verdict for record in house.records] == [Verdict.BLOCK] * 2
    assert len(house.approvals) == 0
