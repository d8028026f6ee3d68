from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_linux.bpf import MAX_INSTRUCTIONS, Assembler, Condition, disassemble
from tests.linux.bpf_machine import data_of, run

_NUMBERS = st.integers(0, 0xFFFFFFFF)


def _asked(condition: Condition, k: int, between: int) -> bytes:
    """A program that answers 1 where the condition holds for the number, and 2 elsewhere, from afar."""
    asm = Assembler()
    asm.load(0)
    asm.branch(condition, k, "yes", "no")
    for _ in range(between):
        asm.give(9)
    asm.label("no")
    asm.give(2)
    for _ in range(between):
        asm.give(9)
    asm.label("yes")
    asm.give(1)
    return asm.assemble()


@given(
    condition=st.sampled_from(Condition), k=_NUMBERS, number=_NUMBERS, between=st.sampled_from([0, 1, 254, 255, 256])
)
def test_conditions_hold_as_they_say_however_far_they_lead(condition, k, number, between) -> None:
    holds = {
        Condition.EQUAL: number == k,
        Condition.GREATER: number > k,
        Condition.AT_LEAST: number >= k,
        Condition.ANY_BIT: bool(number & k),
    }[condition]

    assert run(_asked(condition, k, between), data_of(number))[0] == (1 if holds else 2)


def test_what_is_near_takes_one_instruction_and_what_is_far_three() -> None:
    # load, branch, 2 * between, two results
    assert len(disassemble(_asked(Condition.EQUAL, 1, 127))) == 1 + 1 + 254 + 2
    assert len(disassemble(_asked(Condition.EQUAL, 1, 128))) == 1 + 3 + 256 + 2


def test_a_branch_that_is_made_long_makes_others_long_that_lead_over_it() -> None:
    asm = Assembler()
    asm.load(0)
    # The first reaches its end, as long as those in between are short.
    asm.branch(Condition.EQUAL, 1, "end")
    for number in range(2, 12):
        asm.branch(Condition.EQUAL, number, "far")
    for _ in range(245):
        asm.give(9)
    asm.label("end")
    asm.give(1)
    asm.label("far")
    for _ in range(20):
        asm.give(2)

    program = asm.assemble()

    assert run(program, data_of(1))[0] == 1
    assert [run(program, data_of(number))[0] for number in range(2, 12)] == [2] * 10
    assert run(program, data_of(12))[0] == 9


@given(
    classes=st.dictionaries(st.integers(0, 500), st.sampled_from(["a", "b", "c"]), max_size=120),
    numbers=st.lists(_NUMBERS | st.integers(0, 502), max_size=40),
)
def test_a_search_finds_every_number_its_class(classes, numbers) -> None:
    results = {"a": 1, "b": 2, "c": 3, "none": 4}
    asm = Assembler()
    asm.load(0)
    asm.search(classes, "none")
    for label, value in results.items():
        asm.label(label)
        asm.give(value)
    program = asm.assemble()

    for number in [*numbers, *classes]:
        assert run(program, data_of(number))[0] == results[classes.get(number, "none")]


def test_a_search_of_five_hundred_numbers_takes_fewer_than_sixteen_steps() -> None:
    asm = Assembler()
    asm.load(0)
    asm.search({number: "even" if number % 2 else "odd" for number in range(500)}, "none")
    for label in ("even", "odd", "none"):
        asm.label(label)
        asm.give(1)

    program = asm.assemble()

    assert max(run(program, data_of(number))[1] for number in range(501)) < 16


def test_bits_are_kept() -> None:
    asm = Assembler()
    asm.load(0)
    asm.keep(0xF0)
    asm.branch(Condition.EQUAL, 0x30, "yes")
    asm.give(2)
    asm.label("yes")
    asm.give(1)

    assert run(asm.assemble(), data_of(0xF3F))[0] == 1


def test_programs_that_no_kernel_would_take_are_not_made() -> None:
    asm = Assembler()
    with pytest.raises(ValueError, match="ends with a result"):
        asm.assemble()
    asm.label("start")
    with pytest.raises(ValueError, match="is there already"):
        asm.label("start")
    asm.load(0)
    with pytest.raises(ValueError, match="ends with a result"):
        asm.assemble()
    asm.branch(Condition.EQUAL, 1, "nowhere")
    asm.give(0)
    with pytest.raises(ValueError, match="is nowhere"):
        asm.assemble()
    asm.label("nowhere")
    asm.go("start")
    with pytest.raises(ValueError, match="lies behind its jump"):
        asm.assemble()

    long = Assembler()
    for _ in range(MAX_INSTRUCTIONS + 1):
        long.give(0)
    with pytest.raises(ValueError, match="more than the kernel takes"):
        long.assemble()
