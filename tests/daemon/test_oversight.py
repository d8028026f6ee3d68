"""Sessions between the door and the operator: what is told, written and ended."""

from __future__ import annotations

import pytest

from pipelock.control.backend import BackendError, SessionWish
from pipelock.daemon.oversight import Oversight
from pipelock.engine.sessions import SessionPolicy
from pipelock.engine.sessions.policy import Adaptive, AirlockSettings, Budget, Profiling
from pipelock.evidence.session_line import SessionEntry
from pipelock.model import (
    Answer,
    AnswerWord,
    Contained,
    Evidence,
    GrantsChanged,
    Level,
    Lifetime,
    Notice,
    Sandboxed,
    Scope,
    SessionChanged,
    SessionVerb,
    Tier,
    Verdict,
    WallState,
)
from tests.door.house import ASK_POSTS, House
from tests.factories import FAKE_KEY, a_policy

KEY = "10.1.1.1"
WATCHED = SessionPolicy(profiling=Profiling(burst=1000), adaptive=Adaptive(), airlock=AirlockSettings())


class Lines:
    """Connections that only remember what became of them, and a log that may be full."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.entries: list[SessionEntry] = []
        self.full = False

    def end_session(self, key: str) -> int:
        self.ended.append(key)
        return 2

    def end_long_lived(self, key: str) -> int:
        self.ended.append(f"long-lived {key}")
        return 1

    def in_flight(self, key: str) -> int:
        return len(key)

    def write(self, entry: SessionEntry, at: float) -> None:
        if self.full:
            raise OSError("no space left")
        self.entries.append(entry)

    def events(self) -> list[str]:
        return [entry.event for entry in self.entries]


def a_house(settings: SessionPolicy = WATCHED) -> tuple[House, Oversight, Lines]:
    house, lines = House(a_policy(egress=ASK_POSTS, sessions=settings)), Lines()
    oversight = Oversight(house.door, house.clock, lines.write)
    oversight.connect(lines)
    return house, oversight, lines


def leak(house: House, times: int = 1) -> None:
    for number in range(times):
        house.judge(id=f"leak-{len(house.records)}-{number}", url=f"http://example.com/?k={FAKE_KEY}")


def wish(verb: SessionVerb, **more: object) -> SessionWish:
    return SessionWish(key=KEY, verb=verb, by="ann", **more)  # type: ignore[arg-type]


def test_a_session_rises_and_everybody_is_told() -> None:
    house, oversight, lines = a_house()
    leak(house, 2)
    (changed,) = (one for one in house.events(SessionChanged) if one.what != "taint")
    assert (changed.what, changed.session.key, changed.session.level) == ("escalation", KEY, Level.ELEVATED)
    assert changed.detail == "level normal became elevated: hard block brought the score to 6"
    assert lines.events() == ["session_anomaly", "session_anomaly", "adaptive_escalation"]
    assert dict(lines.entries[2].more) == {
        "detail": changed.detail,
        "from": "normal",
        "to": "elevated",
        "trigger": "hard_block",
        "score": 6.0,
    }
    assert (house.stats.sessions.anomalies, house.stats.sessions.escalations) == (2, 1)
    assert oversight.counts() == ({"elevated": 1}, {"none": 1})
    assert oversight.sessions()[0].in_flight == len(KEY)


def test_a_session_closed_in_loses_what_nobody_reads_and_may_not_write() -> None:
    house, _, lines = a_house()
    leak(house, 7)
    assert lines.ended == []
    house.clock.advance(0)
    assert lines.ended == [f"long-lived {KEY}"]
    _, answers = house.post()
    assert answers[0].layer == "airlock"
    assert lines.entries[-1].event == "airlock_deny"
    assert lines.entries[-1].more["tier"] == "hard"
    text = house.stats.exposition().decode()
    assert 'pipelock_airlock_denials_total{action_class="write",tier="hard",transport="forward"} 1.0' in text


def test_timers_run_without_traffic() -> None:
    house, oversight, lines = a_house()
    leak(house, 2)
    house.clock.advance(299)
    oversight.sweep()
    assert oversight.sessions()[0].level is Level.ELEVATED
    house.clock.advance(1)
    oversight.sweep()
    assert house.events(SessionChanged)[-1].what == "recovery"
    assert lines.events()[-1] == "adaptive_deescalate"


def test_what_waits_is_refused_when_its_session_gets_where_nobody_is_asked() -> None:
    house, _, _ = a_house()
    _, answers = house.post()
    assert answers == []
    leak(house, 4)
    assert answers == []
    house.clock.advance(0)
    assert answers[0].verdict is Verdict.BLOCK
    assert answers[0].upgraded is Verdict.ASK
    assert answers[0].reason.endswith("the session is at level high")
    assert house.approvals.waiting() == ()


def test_an_operators_acts_are_done_told_and_written() -> None:
    house, oversight, lines = a_house(SessionPolicy())
    house.judge()
    acted = oversight.act(wish(SessionVerb.AIRLOCK, tier=Tier.HARD, reason="odd"))
    assert (acted.new_tier, acted.ended) == (Tier.HARD, 1)
    changed = house.events(SessionChanged)
    assert [one.what for one in changed] == ["airlock"]
    assert (changed[-1].by, changed[-1].detail) == ("ann", "airlock tier none became hard: odd")
    assert lines.events() == ["airlock_enter", "session_act"]
    assert oversight.act(wish(SessionVerb.TERMINATE)).ended == 2
    assert lines.ended[-1] == KEY
    assert oversight.inspect(KEY).session.ended
    assert oversight.act(wish(SessionVerb.RESET)).previous_tier is Tier.NONE
    assert [one.what for one in house.events(SessionChanged)] == ["airlock", "terminate", "reset"]


def test_what_was_answered_for_a_session_ends_with_it_at_once_and_other_answers_hold() -> None:
    house, oversight, _ = a_house()
    for number, lifetime in enumerate((Lifetime.SESSION, Lifetime.H1)):
        house.post(url=f"http://example.com/{number}")
        house.door.answer(house.pending(), Answer(AnswerWord.ALLOW, Scope.URL, lifetime))
    assert len(house.approvals.grants) == 2
    oversight.act(wish(SessionVerb.TERMINATE))
    assert [grant.lifetime for grant in house.approvals.grants.all(0.0)] == [Lifetime.H1]
    assert house.events(GrantsChanged)[-1].detail == "answers that ended with their session: 1"
    _, asked = house.post(url="http://example.com/0")
    assert asked == []  # it waits


def test_what_cannot_be_done() -> None:
    _, oversight, _ = a_house()
    for call in (lambda: oversight.inspect(KEY), lambda: oversight.act(wish(SessionVerb.RESET))):
        with pytest.raises(BackendError) as caught:
            call()
        assert caught.value.code == "not_found"


def test_an_override_that_cannot_be_is_a_bad_request() -> None:
    house, oversight, _ = a_house()
    house.judge()
    with pytest.raises(BackendError) as caught:
        oversight.act(wish(SessionVerb.TRUST))
    assert caught.value.code == "bad_request"


def test_a_budget_is_told_once() -> None:
    house, _, lines = a_house(SessionPolicy(budgets={"_default": Budget(requests=1)}))
    for number in range(4):
        house.judge(id=f"n-{number}")
    assert [record.decision.status for record in house.records] == [0, 429, 429, 429]
    assert [changed.what for changed in house.events(SessionChanged) if changed.what != "taint"] == ["budget"]
    assert lines.events() == ["session_budget"]


def test_a_log_that_cannot_be_written_stops_nothing_and_is_complained_of_once_a_minute() -> None:
    house, _, lines = a_house()
    lines.full = True
    leak(house, 4)
    assert [notice.level for notice in house.events(Notice)] == ["error"]
    assert [record.decision.verdict for record in house.records] == [Verdict.BLOCK] * 4


class Boxes:
    """Two sandboxes: the one of `KEY` has ended, the other one lives and has sent nothing."""

    SILENT = "codex@sandbox-0123456789ab|127.0.0.1"

    def __init__(self) -> None:
        self.terminated: list[tuple[str, str]] = []
        self.box = Contained(id="0123456789ab", agent="codex", profile="coder", started_at=7.0)

    def of(self, key: str) -> Sandboxed | None:
        ended = {KEY: 9.0, self.SILENT: 0.0}.get(key)
        return None if ended is None else Sandboxed(contained=self.box, ended_at=ended)

    def walls(self, key: str) -> tuple[WallState, bool] | None:
        return {KEY: (WallState.UP, True), self.SILENT: (WallState.PARTLY, False)}.get(key)

    def living(self) -> list[tuple[str, Contained]]:
        return [(self.SILENT, self.box)]

    def terminate(self, key: str, reason: str) -> bool:
        self.terminated.append((key, reason))
        return key == self.SILENT


def test_sessions_show_their_walls_and_launched_agents_that_have_sent_nothing() -> None:
    house, oversight, lines = a_house()
    oversight.connect(lines, Boxes())
    leak(house)
    spoken, silent = oversight.sessions()
    assert (spoken.key, spoken.walls, spoken.ended) == (KEY, WallState.UP, True)
    assert (silent.key, silent.agent, silent.profile, silent.evidence) == (
        Boxes.SILENT,
        "codex",
        "coder",
        Evidence.LISTENER,
    )
    assert (silent.walls, silent.ended, silent.started_at) == (WallState.PARTLY, False, 7.0)
    assert house.stats.sessions.sandboxes() == 1
    detail = oversight.inspect(Boxes.SILENT)
    assert detail.sandbox == Boxes().of(Boxes.SILENT)
    assert detail.session == silent
    assert oversight.inspect(KEY).sandbox is not None
    changed = house.events(SessionChanged)
    assert [one.session.walls for one in changed] == [WallState.UP] * len(changed)


def test_to_terminate_a_session_ends_its_agent() -> None:
    house, oversight, lines = a_house()
    boxes = Boxes()
    oversight.connect(lines, boxes)
    leak(house)
    oversight.act(wish(SessionVerb.RESET))
    assert not boxes.terminated
    oversight.act(wish(SessionVerb.TERMINATE, reason="enough"))
    acted = oversight.act(SessionWish(key=Boxes.SILENT, verb=SessionVerb.TERMINATE, reason="now", by="ann"))
    assert (acted.key, acted.ended) == (Boxes.SILENT, 0)
    assert boxes.terminated == [(KEY, "enough"), (Boxes.SILENT, "now")]
    assert lines.entries[-1].session == Boxes.SILENT
    with pytest.raises(BackendError, match="not found"):
        oversight.act(SessionWish(key="nobody", verb=SessionVerb.TERMINATE, by="ann"))
