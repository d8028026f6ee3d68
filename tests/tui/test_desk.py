from __future__ import annotations

import msgspec
import pytest

from pipelock.model import Answer, AnswerWord, Grant, Lifetime, Outcome, Scope
from pipelock_tui import testing
from pipelock_tui.desk import ARM_DELAY, LINGER, MAX_PROMPTS, MAX_UNDO, Desk, group_of

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


def test_a_key_that_is_held_down_answers_one_prompt_and_none_that_comes_up_under_the_finger() -> None:
    desk = desk_with(*map(str, range(1, 9)))
    answered = []
    for tick in range(200):
        now = 1.0 + tick / 30
        if not desk.pressed(now, WALL):
            answered.append(chosen(desk))
            desk.answered(chosen(desk), Answer(AnswerWord.ALLOW), now)
    assert answered == ["1"]
    assert desk.pressed(1.0 + 200 / 30 + ARM_DELAY, WALL) == ""


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


@pytest.mark.parametrize("change", [{"binding": "ff"}, {"offers": ()}])
def test_what_an_answer_covers_must_not_change_under_the_finger(change: dict[str, object]) -> None:
    desk = desk_with("1")
    desk.widen(1)
    desk.hold(testing.pending("1", **change), 5.0)
    assert "only just" in desk.objection(5.1, WALL)
    assert desk.offer is not None
    assert desk.offer.scope is Scope.PAYLOAD


def test_how_many_others_an_offer_settles_may_change() -> None:
    desk = desk_with("1")
    desk.widen(1)
    item = testing.pending("1")
    more = tuple(msgspec.structs.replace(offer, covers=9) for offer in item.offers)
    desk.hold(msgspec.structs.replace(item, offers=more), 5.0)
    assert desk.objection(5.0, WALL) == ""
    assert desk.offer == more[1]


def test_prompts_stand_in_groups_by_host_and_program() -> None:
    desk = Desk()
    for number, host in (("1", "a.test"), ("2", "b.test"), ("3", "a.test")):
        desk.hold(testing.pending(number, host=host), 0.0)
    assert [prompt.key for prompt in desk.prompts] == ["1", "3", "2"]
    desk.move(1, 1.0)
    assert chosen(desk) == "3"
    assert group_of(testing.pending()) == ("deploy.example.com", "curl")
    assert group_of(testing.pending(processes=())) == ("deploy.example.com", "claude")


def test_the_choice_goes_on_to_the_next_in_the_order_of_the_screen() -> None:
    desk = desk_with("1", "2", "3")
    desk.choose("2", 1.0)
    desk.answered("2", Answer(AnswerWord.ALLOW), 2.0)
    assert chosen(desk) == "3"
    desk.answered("3", Answer(AnswerWord.ALLOW), 3.0)
    assert chosen(desk) == "1", "from the start again"
    desk.answered("1", Answer(AnswerWord.ALLOW), 4.0)
    assert chosen(desk) == "1", "nothing else waits"


def test_scopes_are_chosen_for_one_prompt_at_a_time() -> None:
    desk = desk_with("1", "2")
    assert desk.widen(1)
    assert not desk.widen(-5) or desk.offer == testing.pending().offers[0]
    assert not desk.widen(-1)
    desk.widen(1)
    desk.choose("2", 1.0)
    assert desk.offer == testing.pending().offers[0]
    assert not Desk().widen(1)


def test_what_may_be_allowed_along_with_others() -> None:
    desk = desk_with("1", "2", "3", "4")
    desk.hold(testing.pending("5", findings=(testing.FINDING,)), 0.0)
    desk.send("2", Answer(AnswerWord.ALLOW))
    desk.release("3", Outcome.EXPIRED, "", 1.0)
    assert [pending.id for pending in desk.harmless] == ["1", "4"]


def test_answers_are_remembered_for_undoing_and_forgotten_with_their_daemon() -> None:
    desk = desk_with("1", "2")
    grant = Grant(id="g", allow=True, scope=Scope.URL, lifetime=Lifetime.H1, words="w", created_at=0)
    desk.answered("1", Answer(AnswerWord.ALLOW, Scope.URL, Lifetime.H1), 1.0, grant=grant, count=3)
    desk.answered("2", Answer(AnswerWord.DENY), 2.0)
    assert desk.last is not None
    assert (desk.last.pending_id, desk.last.grant) == ("2", None)
    desk.undone()
    assert desk.last is not None
    assert (desk.last.words, desk.last.grant, desk.last.count) == ("allowed for 1 hour (this URL)", grant, 3)
    desk.restart(3.0)
    assert desk.last is None
    for number in range(MAX_UNDO + 5):
        desk.answered(str(number), Answer(AnswerWord.DENY), 4.0)
    for _ in range(MAX_UNDO):
        assert desk.last is not None
        desk.undone()
    assert desk.last is None


def test_more_twins_do_not_disarm() -> None:
    desk = desk_with("1")
    desk.hold(testing.pending("1", twins=4), 5.0)
    assert desk.objection(5.0, WALL) == ""
    assert desk.chosen is not None
    assert desk.chosen.pending.twins == 4


@pytest.mark.parametrize(
    ("outcome", "by", "says"),
    [
        (Outcome.APPROVED, "alice", "allowed by alice"),
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
    desk.send("1", Answer(AnswerWord.ALLOW))
    assert "answer sent" in desk.objection(5.0, WALL)
    desk.unsend("1")
    assert desk.objection(5.0, WALL) == ""


def test_our_answer_moves_on_to_the_next_prompt_unarmed() -> None:
    desk = desk_with("1", "2")
    desk.answered("1", Answer(AnswerWord.DENY), 10.0)
    assert chosen(desk) == "2"
    assert "only just" in desk.objection(10.1, WALL)
    assert desk.prompts[0].ended == "denied once by you"
    desk.release("1", Outcome.DENIED, "uid 1000", 10.1)
    assert desk.prompts[0].ended == "denied once by you"


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
