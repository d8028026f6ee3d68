from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.control import frames
from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.model import GrantsChanged
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage


async def at_rules(show: Stage) -> None:
    await show.connect()
    await show.press("5")


async def test_lists_go_round_and_words_narrow_them(stage: Open) -> None:
    async with stage() as show:
        await at_rules(show)
        assert "[All 7]" in show.text
        await show.press("left")
        assert "[Grants 2]" in show.text
        assert "AWS Access ID" not in show.text
        await show.press("right", "slash", *"aws", "enter")
        assert 'with "aws"' in show.text
        assert "Hidden instruction" not in show.text
        await show.press("slash", "ctrl+u", "enter")
        assert "Hidden instruction" in show.text


async def test_a_grant_and_a_suppression_are_taken_back_after_a_question(stage: Open) -> None:
    async with stage() as show:
        await at_rules(show)
        await show.press("left", "x")
        assert "TAKE THIS ANSWER BACK?" in show.text
        show.clock.advance(1)
        await show.press("y")
        assert [frame.grant for frame in show.link.told(frames.RevokeGrant)] == ["g3"]
        assert "revoked" in show.told
        await show.press("left", "x")
        assert "REMOVE THIS SUPPRESSION?" in show.text
        await show.press("y")
        assert show.link.told(frames.RemoveSuppression) == [], "a key typed ahead does not count"
        show.clock.advance(1)
        await show.press("y")
        assert [frame.entry for frame in show.link.told(frames.RemoveSuppression)] == ["s1"]


async def test_what_is_built_in_stays(stage: Open) -> None:
    async with stage() as show:
        await at_rules(show)
        await show.press("x")
        assert "It comes from built-in" in show.told
        await show.press("V")
        assert "there is nothing to review" in show.told


async def test_what_somebody_else_wrote_is_shown_and_taken_over_only_when_told(stage: Open) -> None:
    async with stage() as show:
        show.link.replies[frames.ListGrants] = frames.GrantsReply((), unreviewed=("+ allow: evil.test",))
        await at_rules(show)
        assert "approvals.yaml WAS CHANGED" in show.text
        assert "+ allow: evil.test" in show.text
        await show.press("V")
        assert show.link.told(frames.ReviewGrants) == []
        show.clock.advance(1)
        await show.press("y")
        assert len(show.link.told(frames.ReviewGrants)) == 1


async def test_pages_of_a_long_list_are_put_together(stage: Open) -> None:
    async with stage() as show:
        rows = testing.rules()

        def page(frame: frames.ClientFrame) -> frames.Result:
            start = frame.offset if isinstance(frame, frames.ListRules) else 0
            return frames.RulesReply(rows[start : start + 3], more=start + 3 < len(rows))

        show.link.replies[frames.ListRules] = page
        await at_rules(show)
        assert "[All 7]" in show.text


async def test_changed_grants_are_asked_for_at_once_and_errors_are_told(stage: Open) -> None:
    async with stage() as show:
        await at_rules(show)
        asked = len(show.link.told(frames.ListGrants))
        await show.feed(testing.event(3, GrantsChanged("one more"), show.clock.now))
        assert len(show.link.told(frames.ListGrants)) == asked + 1
        show.link.replies[frames.ListRules] = ControlError("unavailable", "too busy")
        show.app.poll()
        await show.settle()
        assert "✗ not told: too busy" in show.text
        assert "AWS Access ID" in show.text, "what was known stays"


async def test_before_the_daemon_has_told_anything(stage: Open) -> None:
    async with stage() as show:
        await show.press("5")
        assert "which rules there are: the daemon is being asked" in show.text
        await show.feed(Disconnected("it is not running"))
        assert "It is not known which rules there are" in show.text


async def test_detail_on_a_short_screen(stage: Open) -> None:
    async with stage((80, 24)) as show:
        await at_rules(show)
        await show.press("enter")
        assert "8 since the daemon started" in show.text
        await show.press("escape")
        assert "[All 7]" in show.text
