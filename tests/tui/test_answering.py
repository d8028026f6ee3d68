"""Every answer by its key, as the operator meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.control import frames
from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.model import Answer, AnswerWord, Lifetime, Offer, Outcome, Released, Scope
from pipelock_tui import testing
from pipelock_tui.answering import SAID
from pipelock_tui.pending.attention import LOOK
from pipelock_tui.pending.editor import EditError

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage

ALLOW, DENY = AnswerWord.ALLOW, AnswerWord.DENY
ALL = (Lifetime.ONCE, Lifetime.SESSION, Lifetime.M5, Lifetime.H1, Lifetime.H12, Lifetime.RESTART, Lifetime.FOREVER)
OFFERS = (
    Offer(Scope.PAYLOAD, "claude may send exactly this", "claude may not send exactly this", ALL[:-1]),
    Offer(Scope.HOST, "claude may send anything to x.test", "claude may send nothing to x.test", ALL, 3),
    Offer(
        Scope.DOMAIN, "claude may send anything to *.x.test", "claude may send nothing to *.x.test", ALL, 5, broad=True
    ),
)


async def at_prompt(show: Stage, *numbers: str, **changes: object) -> None:
    """The view of prompts, with these waiting and armed; what was there before is gone."""
    show.clock.advance(10)
    await show.connect(*(testing.pending(number, offers=OFFERS, left=600, **changes) for number in numbers))
    show.app.tick()
    await show.press("2")
    show.clock.advance(1)


def given(show: Stage) -> list[tuple[str, Answer]]:
    """The answers since this was asked last."""
    answers = [(number, answer) for number, answer, _ in show.link.answers]
    show.link.answers.clear()
    return answers


async def slowly(show: Stage, *keys: str) -> None:
    """Press keys one by one, each when the window before it counts."""
    for key in keys:
        await show.press(key)
        show.clock.advance(0.4)


KEYS = [
    ("a", Answer(ALLOW), "allowed once."),
    ("s", Answer(ALLOW, lifetime=Lifetime.SESSION), "allowed for this session (exactly this)."),
    ("right s", Answer(ALLOW, Scope.HOST, Lifetime.SESSION), "allowed for this session (this host)."),
    ("right right left F", Answer(ALLOW, Scope.HOST, Lifetime.FOREVER), "allowed for good (this host)."),
    ("d", Answer(DENY), "denied once."),
    ("right d", Answer(DENY, Scope.HOST), "denied once (this host)."),
]
MENUS = [
    ("t 2", Answer(ALLOW, Scope.PAYLOAD, Lifetime.H1)),
    ("t j j enter", Answer(ALLOW, Scope.PAYLOAD, Lifetime.H12)),
    ("right t 4", Answer(ALLOW, Scope.HOST, Lifetime.RESTART)),
    ("right D 6", Answer(DENY, Scope.HOST, Lifetime.FOREVER)),
    ("D enter", Answer(DENY, Scope.PAYLOAD, Lifetime.SESSION)),
]


async def test_one_key_answers_what_is_on_the_screen(stage: Open) -> None:
    async with stage() as show:
        for number, (keys, answer, says) in enumerate(KEYS, 7):
            await at_prompt(show, str(number))
            await show.press(*keys.split())
            assert show.link.answers[0][2] == testing.pending(str(number)).binding
            assert given(show) == [(str(number), answer)], keys
            assert f"#{number} {says}" in show.text


async def test_menus_ask_for_how_long(stage: Open) -> None:
    async with stage() as show:
        for number, (keys, answer) in enumerate(MENUS, 7):
            await at_prompt(show, str(number))
            await slowly(show, *keys.split())
            assert given(show) == [(str(number), answer)], keys


async def test_a_menu_that_is_left_answers_nothing_and_keys_typed_ahead_do_not_choose(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7")
        await show.press("t", "1")
        assert "this window had only just appeared" in show.text
        await show.press("escape")
        assert given(show) == []
        await show.press("a")
        assert given(show) == [], "the prompt is armed anew when a window closes"


async def test_a_broad_scope_is_asked_about_once_more(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7")
        await show.press("right", "right", "a")
        assert "ALLOW #7 SO WIDELY?" in show.text
        assert "Claude may send anything to *.x.test, this once." in show.text
        await show.press("n")
        assert given(show) == []
        await at_prompt(show, "7")
        await slowly(show, "F", "y")
        assert given(show) == [("7", Answer(ALLOW, Scope.DOMAIN, Lifetime.FOREVER))]
        await at_prompt(show, "8")
        await show.press("right", "right", "d")
        assert given(show) == [("8", Answer(DENY, Scope.DOMAIN))], "a wide denial is not asked about"


async def test_scopes_are_for_one_prompt_and_what_is_not_offered_is_refused_with_the_reason(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7", "8")
        await show.press("left")
        assert "There is no narrower scope." in show.text
        await show.press("right", "right", "right")
        assert "There is no wider scope." in show.text
        await slowly(show, "right_square_bracket", "a")
        assert given(show) == [("8", Answer(ALLOW))]
        await show.press("right", "3", "2")
        show.clock.advance(1)
        assert "[exactly this]" in show.text, "a wider scope is left behind with the view"
        await show.press("F")
        assert "#7: not offered for exactly this." in show.text
        await show.press("r")
        assert "#7: nothing in it can be replaced by a placeholder." in show.text
        assert given(show) == []


async def test_redact_and_notes_are_about_exactly_this_whatever_scope_is_chosen(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7", redactable=True, findings=(testing.FINDING,))
        await show.press("right", "r")
        assert given(show) == [("7", Answer(AnswerWord.REDACT))]
        assert "#7 sent without what was noticed." in show.text
        await at_prompt(show, "8")
        await show.press("right", "n", *"use staging", "enter")
        assert given(show) == [("8", Answer(DENY, note="use staging"))]


async def test_a_body_is_edited_and_sent_bound_to_what_was_read(stage: Open) -> None:
    async with stage() as show:
        read: list[tuple[bytes, str]] = []
        outcomes: list[bytes | EditError] = [b'{"release": "2.4.2"}']

        async def editor(body: bytes, content_type: str) -> bytes:
            read.append((body, content_type))
            outcome = outcomes.pop()
            if isinstance(outcome, EditError):
                raise outcome
            return outcome

        show.app.answering.editor = editor
        await at_prompt(show, "7")
        await show.press("e")
        assert read == [(b'{"release": "2.4.1"}', "application/json")]
        assert [frame.binding for frame in show.link.told(frames.ReadBody)] == [testing.pending("7").binding]
        assert given(show) == [("7", Answer(AnswerWord.EDIT, body=b'{"release": "2.4.2"}'))]
        await at_prompt(show, "8")
        for outcome, says in (
            (b'{"release": "2.4.1"}', "#8: the body is as it was; nothing was sent."),
            (EditError("vi ended with status 1; nothing was sent"), "#8: vi ended with status 1; nothing was sent."),
        ):
            outcomes.append(outcome)
            await slowly(show, "e")
            assert says in show.text
        show.link.replies[frames.ReadBody] = ControlError("stale", "that is not what you saw")
        await show.press("e")
        assert "#8 can't be edited: that is not what you saw" in show.text
        assert given(show) == []


async def test_all_that_is_harmless_is_allowed_at_once_after_a_question(stage: Open) -> None:
    async with stage() as show:
        flagged = testing.pending("9", findings=(testing.FINDING,), host="z.test")
        await show.connect(testing.pending("7"), testing.pending("8"), flagged)
        await show.press("A")
        assert "ALLOW ALL 2 ONCE?" in show.text
        assert "1 in which something was noticed" in show.text
        show.clock.advance(1)
        await show.press("y")
        assert given(show) == [("7", Answer(ALLOW)), ("8", Answer(ALLOW))]
        assert "2 of 2 allowed once." in show.text
        await show.press("A")
        assert "Nothing waits that may be allowed along with others." in show.text
        await at_prompt(show, "10", "11")
        await slowly(show, "A")
        show.link.failing = ControlError("stale", "it is gone")
        await show.press("y")
        assert "0 of 2 allowed once; 2 were not: it is gone." in show.text


async def test_undo_takes_back_the_grant_and_says_what_it_cannot_take_back(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7", "8", "9")
        await slowly(show, "a", "s", "u")
        assert [frame.grant for frame in show.link.told(frames.RevokeGrant)] == ["g9"]
        assert "#8 allowed for this session (exactly this): taken back." in show.text
        await show.press("u")
        assert "#7 allowed once: that happened already and can't be taken back." in show.text
        await show.press("u")
        assert "Nothing was answered here yet." in show.text
        show.link.replies[frames.RevokeGrant] = ControlError("not_found", "there is no such grant")
        await slowly(show, "s", "u")
        assert "not taken back: there is no such grant" in show.text


async def test_while_the_operator_works_on_a_prompt_its_countdown_waits(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7", "8")

        def looked() -> list[str]:
            return [frame.pending for frame in show.link.told(frames.LookAt)]

        before = len(looked())
        await show.press("right", "left", "right")
        assert looked()[before:] == ["7"], "at most once in a while"
        show.clock.advance(LOOK)
        await show.press("j")
        assert looked()[before + 1 :] == ["7", "8"], "the one that was left, and the one that was come to"
        done = len(looked())
        for _ in range(3):
            show.clock.advance(LOOK)
            show.app.tick()
            await show.settle()
        assert len(looked()) == done, "a prompt that is merely on the screen runs out"
        await show.press("n")
        for _ in range(3):
            show.clock.advance(LOOK)
            show.app.tick()
            await show.settle()
        assert looked()[done:] == ["8"] * 4, "an open window counts as work"
        await show.press("escape")
        show.clock.advance(LOOK)
        show.app.tick()
        await show.settle()
        assert len(looked()) == done + 4


async def test_the_other_dashboard_was_first_and_a_lost_daemon_takes_no_answer(stage: Open) -> None:
    async with stage() as show:
        await at_prompt(show, "7", "8")
        await show.feed(testing.event(1, Released("7", Outcome.APPROVED, "alice"), show.clock.now))
        await show.press("a")
        assert "#7 can't be answered: allowed by alice." in show.text
        await show.press("right_square_bracket")
        await show.feed(Disconnected("the daemon closed the connection"))
        show.clock.advance(1)
        await show.press("a", "A", "u", "e", "t")
        assert given(show) == []
        assert show.link.told(frames.ReadBody) == []
        assert "nothing can be decided until the connection is back" in show.text
        assert "#8" in show.text, "it stays readable"


async def test_what_was_said_about_a_key_does_not_stand_over_what_is_asked_later(stage: Open) -> None:
    async with stage(start="overview") as show:
        await show.connect()
        await show.press("a")
        assert "Nothing waits for an answer." in show.told
        await show.feed(testing.held(1, at=show.clock.now))
        assert "Nothing waits" not in show.app.answering.said
        await show.press("a")
        assert "only just appeared" in show.app.answering.said
        show.clock.advance(SAID)
        assert show.app.answering.said == ""
