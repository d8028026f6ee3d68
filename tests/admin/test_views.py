"""Sessions in the admin API's words."""

from __future__ import annotations

import msgspec
import pytest

from pipelock.admin import views
from pipelock.model import Level, Session, SessionDetail, SessionNote, TaintLevel, Tier

BASE = Session(key="a|10.0.0.1", agent="a", client="10.0.0.1", started_at=0, last_seen_at=1_700_000_000.25)


def but(**changes: object) -> Session:
    return msgspec.structs.replace(BASE, **changes)


@pytest.mark.parametrize(
    ("at", "text"),
    [(0.0, ""), (1_700_000_000.25, "2023-11-14T22:13:20.250Z"), (4_102_444_800.0, "2100-01-01T00:00:00.000Z")],
)
def test_times(at: float, text: str) -> None:
    assert views.stamp(at) == text


@pytest.mark.parametrize("taint", TaintLevel)
def test_contaminated_is_what_has_read_something_untrusted(taint: TaintLevel) -> None:
    is_worse = taint in (TaintLevel.UNTRUSTED, TaintLevel.HOSTILE)
    assert views.snapshot(but(taint=taint)).contaminated is is_worse


@pytest.mark.parametrize(
    ("key", "is_one"),
    [("mcp-stdio-1", True), ("mcp-http-1", True), ("mcp-ws-1", True), ("mcp-other-1", False), ("a|1", False)],
)
def test_invocations(key: str, is_one: bool) -> None:
    assert views.is_invocation(key) is is_one
    assert views.snapshot(but(key=key)).kind == ("invocation" if is_one else "identity")


@pytest.mark.parametrize("trigger", ["operator", "timer", "level high"])
def test_who_closed_a_session_in(trigger: str) -> None:
    note = SessionNote(5.0, "airlock", "soft", trigger)
    said = views.explanation(SessionDetail(but(tier=Tier.SOFT, tier_since=5.0), (note,)), 8.0)
    assert (said.trigger, said.elapsed_in_tier_ns) == (trigger, 3_000_000_000)
    assert said.trigger_source == (trigger if trigger in ("operator", "timer") else "adaptive")
    assert said.next_deescalation_tier is msgspec.UNSET  # it has no end of its own


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    said = views.explanation(SessionDetail(but(tier=Tier.SOFT, tier_since=5.0)), 1.0)
    assert said.elapsed_in_tier_ns == 0


@pytest.mark.parametrize(("tier", "below"), [(Tier.DRAIN, "hard"), (Tier.HARD, "soft"), (Tier.SOFT, "none")])
def test_the_tier_that_follows(tier: Tier, below: str) -> None:
    session = but(tier=tier, tier_since=5.0, tier_until=9.0)
    assert views.explanation(SessionDetail(session), 6.0).next_deescalation_tier == below


def test_nobody_in_numbers() -> None:
    status = views.adaptive_status((), 1800.0, listed=True)
    assert (status.active_sessions, status.max_escalation_level, status.sessions) == (0, "normal", msgspec.UNSET)
    high = SessionDetail(but(level=Level.HIGH))
    assert views.adaptive_status((high,), 1800.0, listed=False).sessions is msgspec.UNSET
