"""Sessions as the engine uses them: conversations on a clock that a test moves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.hosts import HostSet
from pipelock.engine.sessions import SessionPolicy
from pipelock.engine.sessions.policy import Adaptive, AirlockSettings, Budget, LevelRule, Profiling
from pipelock.model import (
    Action,
    BlockReason,
    BudgetUse,
    Category,
    Decision,
    Direction,
    Evidence,
    Kind,
    Level,
    Outcome,
    ScanKind,
    SessionVerb,
    Severity,
    Tier,
    Transport,
    Verdict,
)
from tests.engine.sessions.scene import ALLOWED, EVERYTHING, Scene, a_name, a_process, blocked, warned
from tests.factories import a_finding, an_action

CLAUDE = "claude@7|127.0.0.1"


def at_level(level: Level, scene: Scene | None = None, action: Action | None = None) -> Scene:
    scene = scene or Scene()
    asked = action or a_process()
    while scene.sessions.known() == () or scene.session(asked.session).level.rank < level.rank:
        scene.happens(asked, blocked())
    return scene


# -- the list ----------------------------------------------------------------------------------------------------------


def test_sessions_are_counted_and_listed_most_recent_first() -> None:
    scene = Scene(SessionPolicy())
    scene.happens(a_name("ann", body=b"123"), ALLOWED)
    scene.now += 1
    scene.happens(a_name("bob"), blocked())
    scene.now += 1
    scene.happens(a_name("ann", host="other.test"), ALLOWED)
    scene.happens(a_name("ann", kind=Kind.RESPONSE, direction=Direction.INBOUND, size=100), ALLOWED)
    ann, bob = scene.sessions.known()
    assert (ann.key, ann.agent, ann.client) == ("ann|10.1.1.1", "ann", "10.1.1.1")
    assert (ann.requests, ann.blocked, ann.bytes, ann.domains) == (2, 0, 103, 2)
    assert ann.last_seen_at - ann.started_at == 2.0
    assert (bob.requests, bob.blocked, bob.bytes, bob.domains) == (1, 1, 0, 0)
    assert len(scene.sessions) == 2


def test_with_all_sections_off_nothing_is_held_against_anybody() -> None:
    scene = Scene(SessionPolicy())
    scene.happens(a_process(), blocked(), times=50)
    session = scene.session(CLAUDE)
    assert (session.level, session.score, session.tier) == (Level.NORMAL, 0.0, Tier.NONE)
    assert scene.gate(a_process()) is None
    assert scene.upgraded(a_process(), warned()) == warned()
    assert scene.changes == []


def test_parts_that_pass_are_counted_by_their_bytes() -> None:
    scene = Scene(SessionPolicy())
    scene.happens(a_process(), ALLOWED)
    piece = a_process(kind=Kind.PIECE, size=500)
    scene.gate(piece)
    scene.gate(piece, again=True)
    assert scene.session(CLAUDE).bytes == 500


def test_a_question_about_a_text_is_nobodys_session() -> None:
    scene = Scene()
    scene.happens(an_action(kind=Kind.SCAN, scan=ScanKind.DLP), blocked())
    assert scene.sessions.known() == ()


def test_the_list_is_bounded_and_the_bad_ones_stay() -> None:
    scene = at_level(Level.HIGH, Scene(msgspec.structs.replace(EVERYTHING, max_sessions=10)))
    for number in range(100, 150):
        scene.happens(a_process(number), ALLOWED)
    keys = {session.key for session in scene.sessions.known()}
    assert len(keys) == 10
    assert CLAUDE in keys
    assert ("evicted", 1, "full") in scene.told("count", "trigger")


def test_silent_sessions_are_forgotten() -> None:
    scene = Scene()
    scene.happens(a_process(), ALLOWED)
    scene.passes(1799)
    assert len(scene.sessions) == 1
    scene.passes(61)
    assert len(scene.sessions) == 0


def test_a_session_to_which_everything_is_refused_grows_old_for_all_its_trying() -> None:
    scene = at_level(Level.CRITICAL)
    for _ in range(4):
        scene.now += 60
        scene.happens(a_process(), ALLOWED)
    assert scene.session(CLAUDE).last_seen_at == 1_700_001_000.0


def test_what_is_known_of_a_session_is_shown() -> None:
    scene = at_level(Level.CRITICAL)
    session = scene.session(CLAUDE)
    assert (session.level, session.block_all, session.threshold) == (Level.CRITICAL, True, 0.0)
    assert (session.level_since, session.recovers_at) == (1_700_001_000.0, 1_700_001_300.0)
    assert (session.tier, session.tier_until) == (Tier.HARD, 1_700_001_300.0)
    assert session.evidence is Evidence.PROCESS
    detail = scene.sessions.inspect(CLAUDE, scene.facts)
    assert detail is not None
    assert detail.why.startswith("level critical (21 points), last for hard block at example.com")
    assert [note.kind for note in detail.notes][:4] == ["signal", "signal", "escalation", "signal"]
    assert scene.sessions.inspect("nobody", scene.facts) is None


def test_how_many_there_are_of_each() -> None:
    scene = at_level(Level.CRITICAL)
    scene.happens(a_process(8), ALLOWED)
    assert scene.sessions.counts() == ({"critical": 1, "normal": 1}, {"hard": 1, "none": 1})


# -- levels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "warn", "ask", "clean"),
    [
        (Level.NORMAL, Verdict.WARN, Verdict.ASK, True),
        (Level.ELEVATED, Verdict.BLOCK, Verdict.ASK, True),
        (Level.HIGH, Verdict.BLOCK, Verdict.BLOCK, True),
        (Level.CRITICAL, Verdict.BLOCK, Verdict.BLOCK, False),
    ],
)
def test_what_a_level_makes_stricter(level: Level, warn: Verdict, ask: Verdict, *, clean: bool) -> None:
    scene = at_level(level, Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive())))
    assert scene.upgraded(a_process(), warned()).verdict is warn
    assert scene.upgraded(a_process(), warned(verdict=Verdict.ASK)).verdict is ask
    assert (scene.gate(a_process()) is None) is clean


def test_an_upgrade_says_what_it_was_and_why() -> None:
    scene = at_level(Level.ELEVATED)
    decision = scene.upgraded(a_process(), warned(reason="a credential", addresses=("1.2.3.4",)))
    assert decision.reason == "a credential; the session is at level elevated"
    assert (decision.upgraded, decision.code, decision.status) == (Verdict.WARN, BlockReason.ESCALATION_LEVEL, 403)
    assert (decision.layer, decision.addresses, decision.hard) == ("dlp", (), False)
    scene.note(a_process(), decision)
    assert ("upgrade", "warn", "block", "dlp", "elevated") in scene.told("before", "after", "trigger", "level")


def test_everything_refused_is_said_so_and_feeds_nothing() -> None:
    scene = at_level(Level.CRITICAL, Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive())))
    score = scene.session(CLAUDE).score
    refused = scene.gate(a_process())
    assert refused is not None
    assert (refused.layer, refused.code, refused.hard) == ("escalation", BlockReason.ESCALATION_LEVEL, True)
    scene.happens(a_process(), ALLOWED, times=100)
    assert scene.session(CLAUDE).score == score
    scene.passes(900)
    assert scene.session(CLAUDE).level is Level.NORMAL


@pytest.mark.parametrize(
    ("action", "passes"),
    [
        (a_process(kind=Kind.RESPONSE), True),
        (a_process(kind=Kind.PIECE, direction=Direction.INBOUND), True),
        (a_process(kind=Kind.EVENT, direction=Direction.INBOUND), False),
        (a_process(kind=Kind.MESSAGE, direction=Direction.INBOUND), False),
        (a_process(kind=Kind.PIECE), False),
        (a_process(kind=Kind.CONNECT), False),
        (a_process(kind=Kind.SCAN, scan=ScanKind.DLP), True),
    ],
)
def test_answers_to_what_was_let_through_come_to_their_end(action: Action, *, passes: bool) -> None:
    scene = at_level(Level.CRITICAL, Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive())))
    assert (scene.gate(action) is None) is passes


def test_recovery_on_entry_needs_no_sweep() -> None:
    scene = at_level(Level.CRITICAL, Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive())))
    scene.now += 300
    assert scene.gate(a_process()) is None
    assert ("recovery", "critical", "high", "timer") in scene.told("before", "after", "trigger")


def test_hosts_that_adaptive_enforcement_does_not_look_at() -> None:
    exempt = Adaptive(exempt=HostSet(["*.mine.test"]))
    scene = Scene(SessionPolicy(profiling=Profiling(), adaptive=exempt))
    mine = a_process(host="API.mine.test", url="http://api.mine.test/")
    scene.happens(mine, blocked(), times=20)
    assert scene.session(CLAUDE).score == 0.0
    at_level(Level.CRITICAL, scene)
    assert scene.gate(mine) is None
    assert scene.upgraded(mine, warned()).verdict is Verdict.WARN
    assert scene.gate(a_process()) is not None


def test_nothing_is_enforced_where_nothing_is_but_it_is_shown() -> None:
    scene = at_level(Level.CRITICAL, Scene(enforce=False))
    assert scene.gate(a_process(method="POST")) is None
    assert scene.upgraded(a_process(), warned()).verdict is Verdict.WARN
    assert scene.session(CLAUDE).tier is Tier.HARD
    scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.HARD)
    assert scene.gate(a_process(method="POST")) is not None


def test_an_action_that_waits_is_overtaken() -> None:
    scene = Scene()
    held = warned(verdict=Verdict.ASK)
    scene.happens(a_process(), ALLOWED)
    assert not scene.sessions.overtakes(a_process(), held, scene.policy)
    at_level(Level.ELEVATED, scene)
    assert not scene.sessions.overtakes(a_process(), held, scene.policy)
    at_level(Level.HIGH, scene)
    assert scene.sessions.overtakes(a_process(), held, scene.policy)


RULES = st.builds(LevelRule, blocks_warn=st.booleans(), blocks_ask=st.booleans(), block_all=st.booleans())


def _stricter_than(below: LevelRule, rule: LevelRule) -> LevelRule:
    return LevelRule(
        rule.blocks_warn or below.blocks_warn, rule.blocks_ask or below.blocks_ask, rule.block_all or below.block_all
    )


@settings(max_examples=60)
@given(st.tuples(RULES, RULES, RULES), st.sampled_from(Verdict), st.sampled_from(Kind), st.booleans())
def test_a_stricter_level_never_yields_a_weaker_verdict(
    drawn: tuple[LevelRule, LevelRule, LevelRule],
    verdict: Verdict,
    kind: Kind,
    inbound: bool,
) -> None:
    elevated = drawn[0]
    high = _stricter_than(elevated, drawn[1])
    rules = (LevelRule(), elevated, high, _stricter_than(high, drawn[2]))
    policy = SessionPolicy(profiling=Profiling(), adaptive=Adaptive(rules=rules))
    action = a_process(kind=kind, direction=Direction.INBOUND if inbound else Direction.OUTBOUND)
    ranks = []
    for level in Level:
        scene = Scene(policy)
        account = scene.sessions.accounts.use(CLAUDE)
        account.level, account.level_since = level, scene.now
        scene.sessions.accounts.settle(account)
        decided = scene.gate(action) or scene.upgraded(action, warned(verdict=verdict))
        assert decided.verdict.rank >= verdict.rank
        ranks.append(decided.verdict.rank)
    assert ranks == sorted(ranks)


# -- who is who --------------------------------------------------------------------------------------------------------


def test_another_name_is_the_same_client() -> None:
    scene = at_level(Level.HIGH, action=a_name("ann"))
    scene.happens(a_name("bob"), ALLOWED)
    assert scene.session("bob|10.1.1.1").level is Level.HIGH
    assert scene.upgraded(a_name("somebody-new"), warned()).verdict is Verdict.BLOCK


def test_no_name_is_the_same_client_too() -> None:
    scene = at_level(Level.HIGH, action=a_name("ann"))
    assert scene.upgraded(an_action(), warned()).verdict is Verdict.BLOCK


def test_processes_don_t_answer_for_each_other() -> None:
    scene = at_level(Level.HIGH)
    scene.happens(a_process(8), ALLOWED)
    assert scene.session("claude@8|127.0.0.1").level is Level.NORMAL
    assert scene.upgraded(a_process(8), warned()).verdict is Verdict.WARN


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["hit", "near", "clean", "gone"]), st.integers(0, 5)), max_size=40))
def test_neither_names_nor_disconnecting_nor_clean_requests_wash_a_level_away(steps: list[tuple[str, int]]) -> None:
    scene, highest = Scene(accounts=4), 0
    abandoned = blocked(outcome=Outcome.ABANDONED)
    decisions = {"hit": blocked(), "near": warned(), "clean": ALLOWED, "gone": abandoned}
    for word, name in steps:
        scene.happens(a_name(f"name-{name}"), decisions[word])
        rank = scene.session(f"name-{name}|10.1.1.1").level.rank
        assert rank >= highest
        highest = rank


def test_a_flood_of_other_clients_washes_nothing_away() -> None:
    scene = at_level(Level.HIGH, Scene(msgspec.structs.replace(EVERYTHING, max_sessions=3), accounts=8))
    for number in range(100, 200):
        scene.happens(a_process(number), ALLOWED)
        scene.happens(a_process(number), warned())
    assert scene.session(CLAUDE).level is Level.HIGH


# -- points ------------------------------------------------------------------------------------------------------------


def test_a_body_counts_once_in_however_many_parts_it_comes() -> None:
    scene = Scene()
    for kind in (Kind.REQUEST, Kind.PIECE, Kind.PIECE):
        scene.note(a_process(kind=kind, id="one"), warned())
    assert scene.session(CLAUDE).score == 1.0
    scene.note(a_process(kind=Kind.PIECE, id="one"), blocked())
    assert scene.session(CLAUDE).score == 3.0
    scene.note(a_process(kind=Kind.RESPONSE, direction=Direction.INBOUND, id="one"), warned())
    assert scene.session(CLAUDE).score == 4.0


def test_a_host_that_a_setting_forbids_counts_once_in_a_while() -> None:
    scene = Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive(decay=0.0001)))
    refused = blocked(layer="egress_rules", findings=())
    telemetry = a_process(host="telemetry.test")
    scene.happens(telemetry, refused, times=50)
    assert scene.session(CLAUDE).score == 1.0
    scene.happens(a_process(host="other.test"), refused, times=50)
    assert scene.session(CLAUDE).score == 2.0
    scene.now += 300
    scene.happens(telemetry, refused, times=50)
    assert scene.session(CLAUDE).score == 3.0
    for number in range(1000):
        scene.happens(a_process(host=f"h{number}.test"), refused)
    assert scene.session(CLAUDE).level is Level.CRITICAL


def test_each_message_counts() -> None:
    scene = Scene()
    for _ in range(3):
        scene.note(a_process(kind=Kind.MESSAGE, id="one"), warned())
    assert scene.session(CLAUDE).score == 3.0


@pytest.mark.parametrize(("downweight", "score"), [(True, 0.5), (False, 1.0)])
def test_near_misses_of_tools_count_half(score: float, *, downweight: bool) -> None:
    scene = Scene(SessionPolicy(profiling=Profiling(), adaptive=Adaptive(downweight=downweight)))
    tool = a_process(headers=(("user-agent", "pip/24.0"),))
    scene.happens(tool, warned())
    assert scene.session(CLAUDE).score == score
    scene.happens(tool, blocked())
    assert scene.session(CLAUDE).score == score + 3.0


def test_a_storm_of_names_without_addresses_is_nobodys_fault() -> None:
    scene = Scene()
    storm = blocked(a_finding(scanner="ssrf", category=Category.INFRASTRUCTURE))
    scene.happens(a_process(), storm, times=100)
    assert scene.session(CLAUDE).score == 0.0


def test_clean_requests_take_points_off() -> None:
    scene = Scene()
    scene.happens(a_process(), warned(), times=2)
    scene.happens(a_process(), ALLOWED)
    assert scene.session(CLAUDE).score == 1.5


def test_a_burst_of_new_domains_counts_once_in_a_window() -> None:
    scene = Scene(SessionPolicy(profiling=Profiling(burst=5), adaptive=Adaptive()))
    for number in range(12):
        scene.happens(a_process(host=f"d{number}.test"), ALLOWED)
    assert ("anomaly", "domain_burst", 2.0) in scene.told("after", "score")
    assert [told[0] for told in scene.told()].count("anomaly") == 1


def test_refused_requests_are_no_burst() -> None:
    scene = Scene(SessionPolicy(profiling=Profiling(burst=5), adaptive=Adaptive()))
    for number in range(12):
        scene.happens(a_process(host=f"d{number}.test"), blocked(outcome=Outcome.DENIED))
    assert scene.changes == []


def test_more_new_domains_are_refused_where_config_says_so() -> None:
    scene = Scene(SessionPolicy(profiling=Profiling(blocks=True, burst=5)))
    for number in range(6):
        scene.happens(a_process(host=f"d{number}.test"), ALLOWED)
    refused = scene.gate(a_process(host="another.test"))
    assert refused is not None
    assert (refused.layer, refused.code, refused.status) == ("session", BlockReason.SESSION_ANOMALY, 429)
    assert scene.gate(a_process(host="www.d3.test")) is None
    scene.now += 301
    assert scene.gate(a_process(host="another.test")) is None


# -- the airlock -------------------------------------------------------------------------------------------------------


def test_levels_bring_tiers() -> None:
    scene = at_level(Level.HIGH)
    assert scene.session(CLAUDE).tier is Tier.SOFT
    at_level(Level.CRITICAL, scene)
    assert scene.session(CLAUDE).tier is Tier.HARD
    assert ("airlock", "soft", "hard", "level") in scene.told("before", "after", "trigger")


def triggered(**triggers: Any) -> Scene:
    return Scene(SessionPolicy(profiling=Profiling(), airlock=AirlockSettings(**triggers)))


@pytest.mark.parametrize(
    ("decision", "tier"),
    [
        (blocked(), Tier.HARD),
        (blocked(a_finding(severity=Severity.HIGH)), Tier.NONE),
        (warned(), Tier.NONE),
        (blocked(outcome=Outcome.DENIED), Tier.NONE),
    ],
)
def test_a_severity_brings_hard(decision: Decision, tier: Tier) -> None:
    scene = triggered(on_severity=Severity.CRITICAL)
    scene.happens(a_process(), decision)
    assert scene.session(CLAUDE).tier is tier


def test_so_many_anomalies_bring_hard() -> None:
    scene = triggered(anomaly_count=3, anomaly_window=60.0)
    scene.happens(a_process(), warned(), times=5)
    scene.happens(a_process(), blocked(), times=2)
    scene.now += 61
    scene.happens(a_process(), blocked(), times=2)
    assert scene.session(CLAUDE).tier is Tier.NONE
    scene.happens(a_process(), blocked())
    assert scene.session(CLAUDE).tier is Tier.HARD


def test_the_airlock_refuses_says_so_and_is_counted() -> None:
    scene = at_level(
        Level.CRITICAL, Scene(msgspec.structs.replace(EVERYTHING, adaptive=Adaptive(rules=(LevelRule(),) * 4)))
    )
    assert scene.gate(a_process()) is None
    refused = scene.gate(a_process(method="POST"))
    assert refused is not None
    assert (refused.layer, refused.code, refused.status) == ("airlock", BlockReason.AIRLOCK_ACTIVE, 403)
    scene.happens(a_process(method="POST"), ALLOWED)
    assert ("denied", "hard", "forward", "write") in scene.told("before", "transport", "action_class")


def test_entering_hard_ends_what_nobody_reads() -> None:
    scene = Scene()
    closed: list[str] = []
    scene.sessions.closed_in = lambda key: closed.append(key) or 1  # type: ignore[func-returns-value]
    at_level(Level.CRITICAL, scene)
    assert closed == []  # the decision that brought it is still to be delivered
    scene.passes(0)
    scene.passes(0)
    assert closed == [CLAUDE]


def test_nothing_is_ended_where_nothing_is_enforced() -> None:
    scene = Scene(enforce=False)
    closed: list[str] = []
    scene.sessions.closed_in = lambda key: closed.append(key) or 1  # type: ignore[func-returns-value]
    at_level(Level.CRITICAL, scene)
    scene.passes(0)
    assert closed == []


def test_drain_ends_what_is_open_when_its_time_is_over() -> None:
    scene = Scene()
    ended: list[str] = []
    scene.sessions.ended = lambda key: ended.append(key) or 2  # type: ignore[func-returns-value]
    scene.happens(a_process(), ALLOWED)
    scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.DRAIN)
    scene.passes(29)
    assert ended == []
    scene.passes(1)
    assert ended == [CLAUDE]
    assert ("drained", "timeout") in scene.told("after")
    assert scene.session(CLAUDE).tier is Tier.DRAIN


@pytest.mark.parametrize(("enforce", "ended"), [(True, [CLAUDE]), (False, [])])
def test_a_level_that_drains_ends_things_only_where_it_is_enforced(ended: list[str], *, enforce: bool) -> None:
    drains = AirlockSettings(on_level=(Tier.NONE, Tier.DRAIN, Tier.DRAIN, Tier.DRAIN), drain_timeout=30.0)
    scene = Scene(msgspec.structs.replace(EVERYTHING, airlock=drains), enforce=enforce)
    seen: list[str] = []
    scene.sessions.ended = lambda key: seen.append(key) or 1  # type: ignore[func-returns-value]
    at_level(Level.ELEVATED, scene)
    scene.now += 31
    scene.gate(a_process())
    assert seen == []  # never in the middle of a judgement
    scene.passes(0)
    assert seen == ended
    assert scene.session(CLAUDE).tier is Tier.HARD


def test_a_closed_tunnel_is_told_to_stop() -> None:
    scene = at_level(Level.CRITICAL)
    tunnel = a_process(kind=Kind.CONNECT, transport=Transport.CONNECT)
    assert "airlock" in scene.sessions.carried(tunnel, 10, scene.facts, scene.policy)
    other = a_process(8, kind=Kind.CONNECT)
    assert scene.sessions.carried(other, 10, scene.facts, scene.policy) == ""


# -- budgets -----------------------------------------------------------------------------------------------------------


def budgeted(**budget: Any) -> Scene:
    return Scene(SessionPolicy(budgets={"_default": Budget(**budget)}))


def test_a_budget_is_refused_with_429_and_told_once() -> None:
    scene = budgeted(requests=2, window=3600.0)
    scene.happens(a_process(), ALLOWED, times=2)
    refused = scene.gate(a_process())
    assert refused is not None
    assert (refused.layer, refused.code, refused.status) == ("budget", BlockReason.RATE_LIMIT, 429)
    scene.happens(a_process(), ALLOWED, times=5)
    assert scene.told("after") == [("budget", "requests")]
    assert scene.session(CLAUDE).budgets == (BudgetUse("requests", 2, 2),)
    scene.now += 3600
    assert scene.gate(a_process()) is None


def test_what_is_judged_again_is_not_counted_again() -> None:
    scene = budgeted(requests=1)
    assert scene.gate(a_process()) is None
    assert scene.gate(a_process(), again=True) is None
    assert scene.gate(a_process()) is not None


def test_a_body_in_flight_is_cut() -> None:
    scene = budgeted(bytes=100)
    assert scene.gate(a_process(body=b"x" * 60)) is None
    assert scene.gate(a_process(kind=Kind.PIECE, size=40)) is None
    assert scene.gate(a_process(kind=Kind.PIECE, size=1)) is not None
    assert scene.sessions.carried(a_process(kind=Kind.CONNECT), 1, scene.facts, scene.policy).startswith("this session")


def test_other_names_have_no_budget_of_their_own() -> None:
    scene = budgeted(requests=3)
    verdicts = [scene.gate(a_name(f"n{number}")) is None for number in range(5)]
    assert verdicts == [True, True, True, False, False]


def test_domains_are_the_registered_ones() -> None:
    scene = budgeted(domains=1)
    hosts = ("a.one.test", "b.one.test", "two.test")
    assert [scene.gate(a_process(host=host)) is None for host in hosts] == [True, True, False]
