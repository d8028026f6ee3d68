from __future__ import annotations

import pytest

from pipelock.model import Level, SessionActed, SessionVerb, Tier
from pipelock_tui import testing
from pipelock_tui.sessions.acts import acted_words, question_of
from pipelock_tui.text import plain

SESSION = testing.sessions()[0]


@pytest.mark.parametrize(
    ("verb", "tier", "title", "says"),
    [
        (SessionVerb.TERMINATE, Tier.NONE, " END claude? ", "it had 3 connections"),
        (SessionVerb.RESET, Tier.NONE, " RESET claude? ", "connections go on"),
        (SessionVerb.TASK, Tier.NONE, " NEW TASK FOR claude? ", "score, level and airlock stay"),
        (SessionVerb.TRUST, Tier.NONE, " TRUST claude? ", "claude@4711|127.0.0.1"),
        (SessionVerb.AIRLOCK, Tier.NONE, " RELEASE claude? ", "like any other again"),
        (SessionVerb.AIRLOCK, Tier.SOFT, " RELEASE claude, AND OBSERVE IT? ", "recorded in full"),
        (SessionVerb.AIRLOCK, Tier.HARD, " CLOSE claude IN? ", "it has 3 connections now"),
        (SessionVerb.AIRLOCK, Tier.DRAIN, " DRAIN claude? ", "Nothing new begins"),
    ],
)
def test_questions_say_what_will_happen(verb: SessionVerb, tier: Tier, title: str, says: str) -> None:
    asked, body, offer = question_of(SESSION, verb, tier)
    assert asked == title
    assert says in "\n".join(plain(line) for line in body)
    assert offer


@pytest.mark.parametrize(
    ("acted", "says"),
    [
        (SessionActed(key="k", verb=SessionVerb.TERMINATE, ended=1), "claude was ended: 1 connection closed."),
        (
            SessionActed(key="k", verb=SessionVerb.RESET, previous_level=Level.HIGH, previous_score=12.5),
            "claude was reset: it was high with 12.5 points.",
        ),
        (
            SessionActed(key="k", verb=SessionVerb.AIRLOCK, previous_tier=Tier.HARD, new_tier=Tier.SOFT),
            "claude is observed now; it was read only.",
        ),
        (
            SessionActed(key="k", verb=SessionVerb.TASK, current_task_label="docs", taint_cleared=True),
            "claude begins a new task (docs); taint is forgotten.",
        ),
        (SessionActed(key="k", verb=SessionVerb.TRUST), "claude is trusted for the time that you chose."),
        (SessionActed(key="k", verb=SessionVerb.RESET, changed=False), "claude: nothing had to be changed."),
    ],
)
def test_what_came_of_it(acted: SessionActed, says: str) -> None:
    assert acted_words(SESSION, acted) == says
