from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pipelock.control import frames
from pipelock.model import SessionVerb, Tier
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.plain.conftest import Talk

CLAUDE = "claude@4711|127.0.0.1"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("sessions", f"1. {CLAUDE} agent=claude level=elevated score=6.5 airlock=none taint=external_untrusted"),
        ("sessions", "lit=untrusted+private"),
        (f"session {CLAUDE}", "release 2.4.1"),
        ("rules", "suppression High Entropy: suppress hits=41"),
        ("rules publishing", "egress publishing: ask hits=2"),
        ("grants", "g3 allow: claude may send anything to api.example.com, for this session by=dev hits=12"),
        ("revoke g3", "✓ revoked"),
        ("unsuppress s1", "✓ taken out"),
        ("review", "✓ approvals.yaml taken over"),
        ("search verdict:block", "3 decisions, 9004 looked at; nothing older"),
        ("fix a1", "apply f1 writes it"),
        ("fix a1 7", "would also un-block 2 of 9 others"),
        ("fix a1 7 1", "for       7 days"),
        ("apply f1", "✓ written to suppressions.yaml"),
        ("config", "mode is audit: nothing is refused"),
        ("audit", "line 812 is no JSON object"),
        ("doctor", "→ eval $(pipelock env)"),
    ],
)
async def test_what_is_looked_up(talk: Talk, typed: str, says: str) -> None:
    await talk.connect()
    assert says in await talk.obey(typed)


@pytest.mark.parametrize(
    ("typed", "verb", "tier"),
    [
        ("airlock 1 hard yes", SessionVerb.AIRLOCK, Tier.HARD),
        (f"airlock {CLAUDE} none yes", SessionVerb.AIRLOCK, Tier.NONE),
        ("reset 1 yes", SessionVerb.RESET, Tier.NONE),
        ("terminate 1 yes", SessionVerb.TERMINATE, Tier.NONE),
        ("task 1 release 2.5", SessionVerb.TASK, Tier.NONE),
        ("trust 1 https://docs.example.org/* *", SessionVerb.TRUST, Tier.NONE),
    ],
)
async def test_sessions_are_acted_on_by_number_or_key(talk: Talk, typed: str, verb: SessionVerb, tier: Tier) -> None:
    await talk.connect()
    await talk.obey("sessions")
    said = await talk.obey(typed)
    (told,) = talk.link.told(frames.ActOnSession)
    assert (told.key, told.verb, told.tier) == (CLAUDE, verb, tier)
    assert said.startswith("✓ ")
    if verb is SessionVerb.TASK:
        assert told.label == "release 2.5"
    if verb is SessionVerb.TRUST:
        assert (told.source_match, told.action_match) == ("https://docs.example.org/*", "*")
        assert told.expires_at == testing.NOON + 3600


@pytest.mark.parametrize("typed", ["terminate 1", "airlock 1 drain", "reset 1"])
async def test_what_ends_or_forgets_is_asked_about(talk: Talk, typed: str) -> None:
    await talk.connect()
    await talk.obey("sessions")
    assert "put `yes` behind the command" in await talk.obey(typed)
    assert talk.link.told(frames.ActOnSession) == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("airlock 1 shut", "the airlock is one of none, soft, hard, drain"),
        ("session", "say which session"),
        ("revoke", "say which one"),
        ("revoke g1 g2", "at most 1 words"),
        ("trust 1 x", "trust takes a session"),
        ("fix a1 soon", "days are a number"),
        ("fix a1 400", "days are a number"),
        ("fix a1 7 first", "a finding is told by its number"),
        ("fix a1 7 1 2", "at most 3 words"),
        ("more", "there is nothing older"),
        ("doctor please", "nothing comes after"),
    ],
)
async def test_what_is_typed_wrongly_does_nothing(talk: Talk, typed: str, says: str) -> None:
    await talk.connect()
    assert says in await talk.obey(typed)
    assert talk.link.asked == []


async def test_a_search_goes_on_page_by_page(talk: Talk) -> None:
    first = msgspec.structs.replace(testing.history_page(), before=9_001)
    talk.link.replies[frames.SearchHistory] = frames.HistoryReply(first)
    await talk.connect()
    assert "`more` goes on" in await talk.obey("search host:example.net")
    talk.link.replies[frames.SearchHistory] = frames.HistoryReply(testing.history_page())
    assert "nothing older" in await talk.obey("more")
    told = [(frame.query, frame.before) for frame in talk.link.told(frames.SearchHistory)]
    assert told == [("host:example.net", 0), ("host:example.net", 9_001)]


async def test_a_fix_for_another_finding(talk: Talk) -> None:
    await talk.connect()
    await talk.obey("fix a1")
    await talk.obey("fix a1 7 2")
    assert [(frame.finding, frame.days) for frame in talk.link.told(frames.ProposeFix)] == [(0, 30), (2, 7)]


async def test_a_fix_that_is_not_possible_offers_nothing(talk: Talk) -> None:
    fix = msgspec.structs.replace(testing.fix(), possible=False, words="A hard refusal.")
    talk.link.replies[frames.ProposeFix] = frames.FixReply(fix)
    await talk.connect()
    said = await talk.obey("fix a1")
    assert "A hard refusal." in said
    assert "writes it" not in said


async def test_nothing_known_says_so(talk: Talk) -> None:
    talk.link.now_sessions = ()
    talk.link.replies |= {
        frames.ListRules: frames.RulesReply((), more=True),
        frames.ListGrants: frames.GrantsReply((), unreviewed=("+ - id: x",)),
    }
    await talk.connect()
    assert await talk.obey("sessions") == "no sessions"
    assert await talk.obey("rules") == "no rules\nand more: pipelock rules"
    assert "+ - id: x" in await talk.obey("grants")
