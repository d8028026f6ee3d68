from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from pipelock.control.frames import Gap
from pipelock.model import (
    ActionSummary,
    ConfigReloaded,
    Contained,
    ContainmentChanged,
    ContainmentStep,
    Decided,
    Decision,
    Denial,
    Event,
    Finding,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Kind,
    Notice,
    Outcome,
    Pending,
    Record,
    Released,
    Severity,
    Transport,
    TunnelClosed,
    Verdict,
    WallName,
    WallRefused,
)
from pipelock_tui import testing
from pipelock_tui.text import line
from pipelock_tui.widgets.paint import Page

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage

HOSTILE = st.text(
    st.one_of(
        st.sampled_from(
            "\x00\x07\x08\x1b\x7f\x9b\x9d\n\r\t\u200b\u200d\u202e\u2066\ufeff\u2028\U000e0041\ufe0f\u3164[]/"
        ),
        st.characters(),
    ),
    max_size=24,
)
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@st.composite
def hostile_events(draw: st.DrawFn) -> list[Event]:
    """One event of every kind, each text in it drawn from the hostile alphabet."""
    action = ActionSummary(
        id=draw(HOSTILE),
        kind=draw(st.sampled_from(Kind)),
        transport=Transport.FORWARD,
        session=draw(HOSTILE),
        agent=draw(HOSTILE),
        client=draw(HOSTILE),
        method=draw(HOSTILE),
        url="https://" + draw(HOSTILE),
        host=draw(HOSTILE),
        content_type=draw(HOSTILE),
        headers=((draw(HOSTILE), draw(HOSTILE)),),
        preview=draw(HOSTILE),
    )
    finding = Finding(
        draw(HOSTILE), draw(HOSTILE), Severity.HIGH, draw(HOSTILE), draw(HOSTILE), None, (draw(HOSTILE),), draw(HOSTILE)
    )
    decision = Decision(
        action_id=draw(HOSTILE),
        verdict=draw(st.sampled_from(Verdict)),
        reason=draw(HOSTILE),
        layer=draw(HOSTILE),
        hint=draw(HOSTILE),
        rule=draw(HOSTILE),
        policy=draw(HOSTILE),
        note=draw(HOSTILE),
        addresses=(draw(HOSTILE),),
        findings=(finding,),
    )
    pending = Pending(
        id="7",
        group="g",
        action=action,
        reason=draw(HOSTILE),
        held_at=testing.NOON,
        expires_at=testing.NOON + 60,
        rule=draw(HOSTILE),
        findings=(finding,),
        binding=draw(HOSTILE),
    )
    payloads = [
        Decided(Record(at=testing.NOON, action=action, decision=decision)),
        Held(pending),
        Released("6", Outcome.APPROVED, draw(HOSTILE)),
        KillSwitchChanged(
            KillSwitchState(active=True, sources={draw(HOSTILE): True}, message=draw(HOSTILE)), draw(HOSTILE)
        ),
        ConfigReloaded(ok=True, detail=draw(HOSTILE), weaker=(draw(HOSTILE),)),
        TunnelClosed(draw(HOSTILE), draw(HOSTILE), 1, 2, 3, draw(HOSTILE)),
        Notice("error", draw(HOSTILE)),
        ContainmentChanged(
            draw(HOSTILE), Contained(id=draw(HOSTILE), agent=draw(HOSTILE)), ContainmentStep.STARTED, draw(HOSTILE)
        ),
        WallRefused(draw(HOSTILE), draw(HOSTILE), Denial(WallName.FILES, *[draw(HOSTILE) for _ in range(4)])),
    ]
    return [Event(seq, testing.NOON, payload) for seq, payload in enumerate(payloads, 1)]


def assert_harmless(stage: Stage) -> None:
    for text in stage.lines:
        bad = [f"U+{ord(char):04X}" for char in text if unicodedata.category(char) in HIDDEN]
        assert not bad, f"{bad} in {text!r}"


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile_events(), HOSTILE)
async def test_nothing_from_the_network_draws_on_the_terminal(stage: Open, events: list[Event], said: str) -> None:
    async with stage((120, 40)) as show:
        await show.feed(testing.connected(may_decide=False, why=said, version=said), Gap(1, 4), *events)
        assert_harmless(show)
        await show.press("v")
        assert_harmless(show)
        await show.press("escape", "g", "enter", *["j"] * 6)
        assert_harmless(show)
        await show.press("k", "k", "k", "k")
        assert_harmless(show)


async def test_square_brackets_are_not_markup(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected())
        made = testing.record(testing.summary("a.example", "/[bold]x[/bold][@click=q]"))
        await show.feed(testing.decided(1, made))
        assert "/[bold]x[/bold][@click=q]" in show.text
        await show.feed(testing.event(2, Notice("error", "[blink]look[/blink] [/]")))
        assert await show.until(lambda: show.text.count("[blink]look[/blink] [/]") == 2), "a row and a toast"


async def test_a_page_wraps_again_when_it_is_resized(stage: Open) -> None:
    async with stage((120, 40)) as show:
        await show.connect(testing.pending())
        await show.press("v")
        page = show.app.query_one("#pending-page", Page)
        page.show([line("word " * 60)])
        await show.pilot.pause()
        before = page.virtual_size.height
        await show.pilot.resize_terminal(60, 40)
        await show.settle()
        assert page.virtual_size.height > before


async def test_a_page_that_was_not_told_of_its_size_is_seen_the_next_time_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pages(App[None]):
        def compose(self) -> ComposeResult:
            page = Page()
            page.display = False
            yield page

    monkeypatch.setattr(Page, "on_resize", lambda _page: None)
    async with Pages().run_test(size=(40, 4)) as pilot:
        page, text = pilot.app.query_one(Page), [line("early")]
        page.show(text)
        page.display = True
        await pilot.pause()
        page.show(text)
        await pilot.pause()
        assert page.virtual_size.height == 1
        assert page.render_line(0).text.rstrip() == "early"


async def test_another_theme_is_seen_at_once(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())

        def looks() -> set[str]:
            strips = show.app.screen._compositor.render_strips()
            return {str(segment.style.color) for strip in strips for segment in strip if "block" in segment.text}

        dark = looks()
        await show.press("ctrl+t")
        light = looks()
        assert dark
        assert light
        assert dark.isdisjoint(light)
