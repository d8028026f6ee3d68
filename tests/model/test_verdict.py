from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Verdict, strictest

LADDER = [
    {Verdict.ALLOW},
    {Verdict.WARN},
    {Verdict.STRIP, Verdict.REDACT},
    {Verdict.ASK},
    {Verdict.REDIRECT},
    {Verdict.BLOCK},
]


def test_the_order_of_strictness_names_every_verdict_once() -> None:
    assert [verdict for step in LADDER for verdict in sorted(step)] == sorted(Verdict, key=lambda v: (v.rank, v))


@pytest.mark.parametrize(("low", "high"), list(itertools.combinations(range(len(LADDER)), 2)))
def test_a_higher_step_wins_in_either_order(low: int, high: int) -> None:
    for weak, strong in itertools.product(LADDER[low], LADDER[high]):
        assert strictest([weak, strong]) is strong
        assert strictest([strong, weak]) is strong


def test_nothing_is_an_allow_and_the_first_of_equals_stays() -> None:
    assert strictest([]) is Verdict.ALLOW
    assert strictest([Verdict.STRIP, Verdict.REDACT]) is Verdict.STRIP
    assert strictest([Verdict.REDACT, Verdict.STRIP]) is Verdict.REDACT


@given(st.lists(st.sampled_from(list(Verdict))))
def test_the_strictest_is_one_of_them_and_no_other_is_stricter(verdicts: list[Verdict]) -> None:
    answer = strictest(verdicts)
    assert answer in verdicts or (not verdicts and answer is Verdict.ALLOW)
    assert all(verdict.rank <= answer.rank for verdict in verdicts)


@pytest.mark.parametrize("word", list(Verdict))
def test_known_words_are_read(word: Verdict) -> None:
    assert Verdict.parse(word.value) is word


@pytest.mark.parametrize("word", ["", "Allow", "ALLOW", "allow ", "forward", "defer", "none", "\u0430llow"])
def test_an_unknown_word_is_a_block(word: str) -> None:
    assert Verdict.parse(word) is Verdict.BLOCK
