from __future__ import annotations

from pipelock.engine.approvals.prompts import MAX_PROMPTS, PROMPT_SECONDS, PromptRate


def test_one_too_many_within_a_minute_is_told_once() -> None:
    rate = PromptRate()
    told = [rate.asked("s", now * 0.1) for now in range(MAX_PROMPTS * 3)]
    assert [number for number, one in enumerate(told, start=1) if one] == [MAX_PROMPTS + 1]
    assert rate.asked("s", PROMPT_SECONDS + 3) is False, "the ones before are long ago"
    assert [rate.asked("s", 200 + now * 0.1) for now in range(MAX_PROMPTS + 1)][-1]


def test_sessions_are_counted_apart_and_forgotten_in_turn() -> None:
    rate = PromptRate()
    for number in range(1100):
        assert not rate.asked(f"s{number}", 0.0)
    assert len(rate._sessions) == 1000


def test_what_had_no_room_is_told_once_a_minute() -> None:
    rate = PromptRate()
    assert [rate.refused("s", now) for now in (0.0, 1.0, 59.0, 60.0)] == [True, False, False, True]
