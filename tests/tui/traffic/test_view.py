from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.model import HistoryPage, Kept, Kind
from pipelock_tui import testing
from pipelock_tui.traffic.fix import FixDialog
from pipelock_tui.traffic.view import TrafficView

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.conftest import Open, Stage


async def busy(show: Stage) -> None:
    await show.press("3")
    await show.feed(testing.connected(), *testing.busy_day())


async def test_pages_of_a_row_go_round(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        await show.press("k", "enter")
        assert "[Scan]" in show.text
        assert "A credential would leave this machine." in show.text
        await show.press("right")
        assert "TIMELINE  action 7f3a-39" in show.text
        assert "BEFORE IT, IN THIS SESSION" in show.text
        await show.press("right", "right")
        assert "POST https://collector.example.net/[redacted]" in show.text
        await show.press("left")
        assert "request_id 7f3a-39" in show.text
        await show.press("k")
        assert "request_id 7f3a-38" in show.text, "the page stays as the cursor moves"
        await show.press("escape")
        assert "[Receipt]" not in show.text


async def test_what_comes_for_an_open_row_is_shown_at_once(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        request = testing.renamed(testing.record(), "a1")
        await show.feed(testing.connected(), testing.decided(1, request))
        await show.press("enter", "left")
        assert "No answer is recorded" in show.text
        answer = testing.renamed(testing.record(testing.summary(status=418, kind=Kind.RESPONSE)), "a1")
        await show.feed(testing.decided(2, answer))
        assert "← 418" in show.text.split("Response]")[1]


async def test_on_a_short_screen_the_detail_takes_the_lists_place_and_its_keys(stage: Open) -> None:
    async with stage((80, 24)) as show:
        await busy(show)
        await show.press("k", "enter", "right")
        assert "TIMELINE" in show.text
        assert "DECISIONS" not in show.text
        await show.press("escape")
        assert "DECISIONS" in show.text
        await show.press("k", "enter")
        assert "TIMELINE  action 7f3a-38" in show.text


async def test_the_history_is_searched_with_the_filter_and_closed_again(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        await show.press("slash", *"host:files", "enter", "H")
        assert [frame.query for frame in show.link.told(frames.SearchHistory)] == ["host:files"]
        assert "── 2026-09-20 " in show.text
        assert "files.example.net/upload" in show.text
        await show.press("enter")
        assert "A credential would leave" in show.text
        await show.press("k")
        assert "registry.example.org" in show.text
        await show.press("full_stop")
        assert "The past does not move on" in show.text
        await show.press("escape", "escape")
        assert "DECISIONS" in show.text


async def test_older_pages_come_when_the_cursor_nears_the_end(stage: Open) -> None:
    async with stage() as show:
        await busy(show)

        def page(frame: frames.ClientFrame) -> frames.Result:
            assert isinstance(frame, frames.SearchHistory)
            newest = frame.before - 1 if frame.before else 60
            rows = tuple(Kept(row, testing.record(at=testing.NOON + row)) for row in range(newest, newest - 30, -1))
            return frames.HistoryReply(HistoryPage(rows, before=newest - 29 if newest > 30 else 0, total=60))

        show.link.replies[frames.SearchHistory] = page
        await show.press("H")
        assert "[30/30+]" in show.text
        await show.press("g")
        assert "[31/60]" in show.text, "the cursor stays on its row"
        assert [frame.before for frame in show.link.told(frames.SearchHistory)] == [0, 31]
        await show.press("g", "g")
        assert len(show.link.told(frames.SearchHistory)) == 2, "nothing older is left"


async def test_moving_beyond_the_oldest_row_goes_on_in_the_history(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        await show.press("g", "k")
        (frame,) = show.link.told(frames.SearchHistory)
        assert frame.query == "before:2026-09-21T14:06:40+00:00"


async def test_a_history_that_can_not_be_searched_says_why(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        show.link.replies[frames.SearchHistory] = ControlError("unavailable", "the history is switched off")
        await show.press("H")
        assert "✗ the history is switched off" in show.text


async def test_a_fix_is_proposed_shown_and_applied(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        await show.press("f")
        assert "It was not refused: there is nothing to fix." in show.text
        await show.press("k", "f")
        assert "would also un-block 2 of 9 others" in show.text
        await show.press("down", "right")
        asked = [(frame.action, frame.finding, frame.days) for frame in show.link.told(frames.ProposeFix)]
        assert asked == [("7f3a-39", 0, 30), ("7f3a-39", 0, 90)]
        await show.press("y")
        assert show.link.told(frames.ApplyFix) == [], "the proposal had only just appeared"
        show.clock.advance(1)
        await show.press("y")
        assert [frame.fix for frame in show.link.told(frames.ApplyFix)] == ["f1"]
        assert "written to suppressions.yaml and in force" in show.told


async def test_of_several_findings_the_operator_chooses_the_one_to_be_lifted(stage: Open) -> None:
    first, found = testing.blocked(), testing.FINDING
    other = msgspec.structs.replace(found, rule="House\x1b[2J", place="url:query:k")
    refused = msgspec.structs.replace(first.decision, findings=(found, found, other))
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), testing.decided(1, msgspec.structs.replace(first, decision=refused)))
        await show.press("f")
        assert f"[1 of 2] {found.rule} in {found.place}" in show.text
        await show.press("right", "right", "up")
        assert "[2 of 2] House\\x1b[2J in url:query:k" in show.text
        await show.press("left", "left")
        asked = [(frame.finding, frame.days) for frame in show.link.told(frames.ProposeFix)]
        assert asked == [(0, 30), (2, 30), (2, 7), (0, 7)]


async def test_a_fix_that_is_not_to_be_had(stage: Open) -> None:
    async with stage() as show:
        await busy(show)
        show.link.replies[frames.ProposeFix] = ControlError("not_found", "that decision is not kept any more")
        await show.press("k", "f")
        assert "✗ that decision is not kept any more" in show.text
        show.clock.advance(1)
        await show.press("y")
        assert show.link.told(frames.ApplyFix) == []
        await show.press("escape")
        assert "DECISIONS" in show.text


async def test_a_proposal_that_comes_after_its_window_was_closed_is_dropped(stage: Open) -> None:
    asked: list[tuple[int, int]] = []
    async with stage() as show:
        await busy(show)
        window = FixDialog(lambda finding, days: asked.append((finding, days)), (), show.clock.monotonic)
        show.app.cover(window)
        await show.settle()
        assert asked == [(0, 30)]
        assert "looking for the narrowest one" in show.text
        await show.press("escape")
        window.show(testing.fix())
        window.fail("too late")
        await show.settle()
        assert "DECISIONS" in show.text
        assert "too late" not in show.text


async def test_a_watcher_may_look_at_a_fix_and_not_apply_it(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(may_decide=False, why="it descends from an agent"), *testing.busy_day())
        await show.press("k", "f")
        show.clock.advance(1)
        await show.press("y")
        assert show.link.told(frames.ApplyFix) == []
        assert "it descends from an agent" in show.told


async def test_rows_are_copied_and_written_to_files_for_the_user_alone(
    stage: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path))
    async with stage() as show:
        await busy(show)
        await show.press("k", "y")
        assert show.app.clipboard.startswith("# 1240 bytes of body")
        await show.press("x")
        show.clock.advance(1)
        await show.press("2")
        (path,) = (tmp_path / "exports").iterdir()
        assert path.name == "20260921-141253-collector.example.net-7f3a39.har"
        assert path.stat().st_mode & 0o777 == 0o600
        assert "Written to" in show.told
        show.app.do("traffic.export", "pdf")
        await show.settle()
        assert 'no format is called "pdf"' in show.told
        await show.press("k")
        show.app.do("traffic.export", "curl")
        await show.settle()
        assert "Only requests can be" in show.told


async def test_empty_and_filtered_out_and_disconnected(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        assert "Not connected to the daemon" in show.text
        await show.feed(testing.connected())
        assert "Nothing was decided yet." in show.text
        await show.press("enter", "x")
        assert "No decision is chosen." in show.told
        await show.feed(*testing.busy_day())
        await show.press("slash", *"host:nowhere", "enter")
        assert "None of 40 rows is shown by the filter." in show.text
        assert isinstance(show.app.switcher.view, TrafficView)
