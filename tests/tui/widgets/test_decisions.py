from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelock_tui import testing
from pipelock_tui.widgets.decisions import Decisions

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage


def cursor_row(stage: Stage) -> str:
    return next(text for text in stage.lines if text.startswith("▶"))


async def filled(stage: Stage) -> Decisions:
    await stage.press("3")
    await stage.feed(testing.connected(), *testing.busy_day())
    return stage.app.query_one(Decisions)


async def test_it_follows_the_newest(stage: Open) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        assert "FOLLOWING  [40/40]" in show.text
        assert "git.example.com" in cursor_row(show)
        await show.feed(testing.decided(41, testing.record(testing.summary("new.example.com"))))
        assert "new.example.com" in cursor_row(show)
        assert decisions.following


async def test_keys_move_and_pause(stage: Open) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        for keys, place in [
            (["k"], 39),
            (["up"], 38),
            (["j"], 39),
            (["down", "down", "down"], 40),
            (["g"], 1),
            (["pagedown"], 19),
            (["pageup"], 1),
            (["end"], 40),
            (["home"], 1),
        ]:
            await show.press(*keys)
            assert decisions.cursor + 1 == place, keys
            badge = "FOLLOWING" if keys == ["end"] else "PAUSED"
            assert f"{badge}  [{place}/40]" in show.text, keys


async def test_a_step_draws_two_rows_and_a_step_that_scrolls_draws_all(stage: Open, monkeypatch: Any) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        await show.press("g", "j")
        drawn: list[int] = []
        draw = decisions.render_line
        monkeypatch.setattr(decisions, "render_line", lambda y: drawn.append(y) or draw(y))
        await show.press("j")
        assert sorted(set(drawn)) == [1, 2]
        assert [text.startswith("▶") for text in show.lines].count(True) == 1
        drawn.clear()
        await show.press("pagedown")
        assert len(set(drawn)) > 2


async def test_while_paused_the_row_stays_where_it_is(stage: Open) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        await show.press("g", "j", "j")
        row = decisions.selected
        before = [text[:90] for text in show.lines]
        await show.feed(*[testing.decided(number) for number in range(41, 141)])
        assert decisions.selected is row
        assert [text[:90] for text in show.lines] == before
        assert "[3/140]" in show.text
        await show.press("G")
        assert "FOLLOWING  [140/140]" in show.text


async def test_rows_that_fall_out_take_the_view_along(stage: Open) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        await show.feed(*[testing.decided(number) for number in range(41, 10_001)])
        await show.press("g", *["pagedown"] * 3)
        row = decisions.selected
        top = decisions.scroll_offset.y
        await show.feed(*[testing.decided(number) for number in range(10_001, 10_011)])
        assert decisions.selected is row
        assert decisions.scroll_offset.y == top - 10
        assert len(decisions.journal) == 10_000


async def test_a_key_pauses_and_follows(stage: Open) -> None:
    async with stage() as show:
        await filled(show)
        await show.press("full_stop")
        assert "PAUSED" in show.text
        await show.press("full_stop")
        assert "FOLLOWING" in show.text


async def test_a_click_selects(stage: Open) -> None:
    async with stage((120, 24)) as show:
        decisions = await filled(show)
        await show.pilot.click(Decisions, offset=(20, 4))
        await show.settle()
        assert not decisions.following
        assert decisions.cursor == decisions.scroll_offset.y + 4


async def test_keys_on_an_empty_list_do_nothing(stage: Open) -> None:
    async with stage() as show:
        await show.press("j", "k", "g", "G", "enter", "pagedown", "f", "f")
        assert "[0/0]" in show.text


async def test_narrow_screens_lose_columns_not_meaning(stage: Open) -> None:
    async with stage((60, 20)) as show:
        await filled(show)
        assert all(len(text.rstrip()) <= 60 for text in show.lines)
        row = next(text for text in show.lines if "✗ block" in text)
        assert "…ctor.example.net" in row, "of a host the end stays"


async def test_rows_that_were_drawn_follow_the_theme_the_width_and_the_cursor(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), *testing.busy_day())
        listing = show.app.query_one(Decisions)

        def row(y: int) -> list[object]:
            return [(segment.text, segment.style) for segment in listing.render_line(y)]

        before = row(3)
        assert row(3) == before
        await show.press("ctrl+t")
        assert row(3) != before, "the theme"
        assert [text for text, _ in row(3)] == [text for text, _ in before]  # type: ignore[misc]
        dark = row(3)
        await show.press("g", "j", "j", "j")
        assert row(3) != dark, "the cursor"
        await show.pilot.resize_terminal(80, 40)
        await show.settle()
        assert (
            "".join(segment.text for segment in listing.render_line(3))[:80] != "".join(text for text, _ in dark)[:80]
        )  # type: ignore[misc]
