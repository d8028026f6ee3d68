from __future__ import annotations

import pytest

from pipelock.model import AnswerWord, Outcome
from pipelock_tui import testing
from pipelock_tui.desk import ARM_DELAY, LINGER, MAX_PROMPTS, Desk

WALL = testing.NOON


def desk_with(*numbers: str) -> Desk:
    desk = Desk()
    for number in numbers:
        desk.hold(testing.pending(number), 0.0)
    return desk


def chosen(desk: Desk) -> str:
    assert desk.chosen is not None
    return desk.chosen.pending.id


def test_nothing_waits_nothing_can_be_answered() -> None:
    assert "Nothing waits" in Desk().objection(0, WALL)


def test_a_prompt_is_armed_only_after_a_moment() -> None:
    desk = desk_with("1")
    assert "only just appeared" in desk.objection(ARM_DELAY - 0.01, WALL)
    assert desk.objection(ARM_DELAY, WALL) == ""


def test_choosing_another_prompt_disarms() -> None:
    desk = desk_with("1", "2")
    desk.move(1, 10.0)
    assert chosen(desk) == "2"
    assert "only just" in desk.objection(10.1, WALL)
    assert desk.objection(10.4, WALL) == ""
    desk.move(5, 11.0)
    assert desk.objection(11.0, WALL) == "", "the choice did not change, so it stays armed"


def test_a_new_prompt_does_not_take_the_choice() -> None:
    desk = desk_with("1")
    desk.hold(testing.pending("2"), 5.0)
    assert chosen(desk) == "1"
    assert desk.objection(5.0, WALL) == ""


def test_what_an_answer_covers_must_not_change_under_the_finger() -> None:
    desk = desk_with("1")
    other = testing.pending("1")
    desk.hold(type(other)(**{f: getattr(other, f) for f in other.__struct_fields__} | {"binding": "ff"}), 5.0)
    assert "only just" in desk.objection(5.1, WALL)


def test_more_twins_do_not_disarm() -> None:
    desk = desk_with("1")
    desk.hold(testing.pending("1", twins=4), 5.0)
    assert desk.objection(5.0, WALL) == ""
    assert desk.chosen is not None
    assert desk.chosen.pending.twins == 4


@pytest.mark.parametrize(
    ("outcome", "by", "says"),
    [
        (Outcome.APPROVED, "alice", "allowed once by alice"),
        (Outcome.EXPIRED, "", "expired, denied once"),
        (Outcome.ABANDONED, "", "client gone"),
        (Outcome.WITHDRAWN, "", "withdrawn"),
    ],
)
def test_a_prompt_that_ended_elsewhere_stays_a_while_and_cannot_be_answered(
    outcome: Outcome, by: str, says: str
) -> None:
    desk = desk_with("1", "2")
    desk.release("1", outcome, by, 10.0)
    assert chosen(desk) == "1", "the choice must not jump to a prompt nobody looked at"
    assert says in desk.objection(20.0, WALL)
    assert desk.waiting == 1
    assert not desk.sweep(10.0 + LINGER - 0.1)
    assert desk.sweep(10.0 + LINGER)
    assert chosen(desk) == "2"
    assert "only just" in desk.objection(10.0 + LINGER, WALL)


def test_a_deadline_that_passed_here_is_enough() -> None:
    desk = desk_with("1")
    assert "expired" in desk.objection(5.0, WALL + 60)


def test_no_deadline_never_passes() -> None:
    desk = Desk()
    desk.hold(testing.pending("1", left=0), 0.0)
    assert desk.objection(5.0, WALL + 1e6) == ""


def test_an_answer_on_its_way_is_not_given_twice() -> None:
    desk = desk_with("1")
    desk.send("1", AnswerWord.ONCE)
    assert "answer sent" in desk.objection(5.0, WALL)
    desk.unsend("1")
    assert desk.objection(5.0, WALL) == ""


def test_our_answer_moves_on_to_the_next_prompt_unarmed() -> None:
    desk = desk_with("1", "2")
    desk.answered("1", AnswerWord.DENY, 10.0)
    assert chosen(desk) == "2"
    assert "only just" in desk.objection(10.1, WALL)
    assert desk.prompts[0].ended == "denied by you"
    desk.release("1", Outcome.DENIED, "uid 1000", 10.1)
    assert desk.prompts[0].ended == "denied by you"


def test_what_ended_does_not_come_back() -> None:
    desk = desk_with("1")
    desk.release("1", Outcome.EXPIRED, "", 1.0)
    desk.sweep(100.0)
    desk.hold(testing.pending("1"), 101.0)
    assert len(desk) == 0


def test_the_daemons_list_corrects_ours_except_what_is_newer() -> None:
    desk = desk_with("1", "2")
    asked = desk.revision
    desk.hold(testing.pending("3"), 1.0)
    desk.reconcile([testing.pending("2", twins=2), testing.pending("4")], asked, 2.0)
    states = {prompt.pending.id: prompt.ended for prompt in desk.prompts}
    assert states == {"1": "ended elsewhere", "2": "", "3": "", "4": ""}


def test_a_list_does_not_bring_back_what_ended_while_it_was_on_its_way() -> None:
    desk = desk_with("1")
    asked = desk.revision
    desk.release("1", Outcome.APPROVED, "alice", 1.0)
    desk.reconcile([testing.pending("1")], asked, 2.0)
    assert desk.waiting == 0


def test_another_daemon_starts_its_numbers_again() -> None:
    desk = desk_with("1")
    desk.restart(5.0)
    desk.hold(testing.pending("1", host="other.example.com"), 5.0)
    desk.reconcile([testing.pending("1")], desk.revision, 5.1)
    assert [bool(prompt.ended) for prompt in desk.prompts] == [True, False]
    assert "just appeared" in desk.objection(5.1, WALL), "the new one is chosen, and not armed yet"
    assert desk.objection(9.0, WALL) == ""
    desk.sweep(5.0 + LINGER)
    assert chosen(desk) == "1"
    assert desk.objection(5.0 + LINGER + ARM_DELAY, WALL) == ""


def test_it_is_bounded() -> None:
    desk = desk_with(*map(str, range(1, MAX_PROMPTS + 11)))
    assert len(desk) == MAX_PROMPTS
    assert desk.overflow == 10
