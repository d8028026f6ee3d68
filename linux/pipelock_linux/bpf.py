"""An assembler for classic BPF, the language that seccomp filters are written in.

Programs run forwards only: every jump goes ahead. A conditional jump reaches 255 instructions; farther ones become a
short one over unconditional jumps, which reach everywhere.

Sources: `linux/bpf_common.h`, `linux/filter.h`, and `Documentation/networking/filter.rst` of the kernel.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

__all__ = ["MAX_INSTRUCTIONS", "Assembler", "Condition", "Instruction", "disassemble"]

MAX_INSTRUCTIONS: Final = 4096
"""The kernel's bound on a program (`BPF_MAXINSNS`)."""

_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_JUMP: Final = 0x05
_RETURN: Final = 0x06
_REACH: Final = 255
_LAYOUT: Final = struct.Struct("=HBBI")


class Condition(IntEnum):
    """How the accumulator is compared with a constant (the operation's code)."""

    EQUAL = 0x15
    GREATER = 0x25
    AT_LEAST = 0x35
    ANY_BIT = 0x45


_BRANCHES: Final = frozenset(map(int, Condition))


class Instruction(NamedTuple):
    """One instruction as the kernel reads it (`struct sock_filter`)."""

    code: int
    jump_true: int
    jump_false: int
    k: int


class _Line(msgspec.Struct, frozen=True):
    """An instruction whose jumps are labels; an empty label is the next line."""

    code: int
    k: int = 0
    then: str = ""
    otherwise: str = ""


class Assembler:
    """Collects lines and labels; `assemble` makes the program of them."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        """Name the next instruction.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._labels or not name:
            raise ValueError(f"label {name!r} is there already")
        self._labels[name] = len(self._lines)

    def load(self, offset: int) -> None:
        """Load the 32-bit word at `offset` bytes."""
        self._lines.append(_Line(_LOAD_WORD, offset))

    def keep(self, mask: int) -> None:
        """Clear all bits but those of `mask`."""
        self._lines.append(_Line(_AND, mask))

    def branch(self, condition: Condition, k: int, then: str = "", otherwise: str = "") -> None:
        """Go to label `then` or `otherwise`; an empty one is the next instruction."""
        self._lines.append(_Line(int(condition), k, then, otherwise))

    def go(self, label: str) -> None:
        """Go to `label`."""
        self._lines.append(_Line(_JUMP, then=label))

    def give(self, value: int) -> None:
        """End with `value`."""
        self._lines.append(_Line(_RETURN, value))

    def assemble(self) -> bytes:
        """The program, as an array of `struct sock_filter`.

        Raises:
            ValueError: a label is missing or lies behind its jump, the last line would run over the end, or the program
                is longer than the kernel takes.
        """
        if not self._lines or self._lines[-1].code not in {_RETURN, _JUMP}:
            raise ValueError("a program ends with a result")
        places = self._places()
        out: list[Instruction] = []
        for line, place, after in zip(self._lines, places, places[1:], strict=False):
            out += self._encode(line, place, after, places)
        if len(out) > MAX_INSTRUCTIONS:
            raise ValueError(f"{len(out)} instructions are more than the kernel takes ({MAX_INSTRUCTIONS})")
        return b"".join(_LAYOUT.pack(*one) for one in out)

    def _places(self) -> list[int]:
        """Where each line starts, and where the last ends. Branches that don't reach are made long until all do."""
        long: set[int] = set()
        while True:
            places = [0]
            for index in range(len(self._lines)):
                places.append(places[-1] + (3 if index in long else 1))
            more = {
                index
                for index, line in enumerate(self._lines)
                if line.code in _BRANCHES
                and index not in long
                and any(
                    self._distance(target, places[index], places) > _REACH for target in (line.then, line.otherwise)
                )
            }
            if not more:
                return places
            long |= more

    def _distance(self, label: str, place: int, places: list[int]) -> int:
        """Instructions between the one at `place` and `label`."""
        if not label:
            return 0
        if label not in self._labels:
            raise ValueError(f"label {label!r} is nowhere")
        distance = places[self._labels[label]] - place - 1
        if distance < 0:
            raise ValueError(f"label {label!r} lies behind its jump")
        return distance

    def _encode(self, line: _Line, place: int, after: int, places: list[int]) -> list[Instruction]:
        if line.code == _JUMP:
            return [Instruction(_JUMP, 0, 0, self._distance(line.then, place, places))]
        if line.code not in _BRANCHES:
            return [Instruction(line.code, 0, 0, line.k)]
        if after - place == 1:
            then, otherwise = (self._distance(label, place, places) for label in (line.then, line.otherwise))
            return [Instruction(line.code, then, otherwise, line.k)]
        far = [
            self._distance(label, place + 1 + way, places) if label else after - (place + 1 + way) - 1
            for way, label in enumerate((line.then, line.otherwise))
        ]
        return [Instruction(line.code, 0, 1, line.k), *(Instruction(_JUMP, 0, 0, steps) for steps in far)]

    def search(self, classes: Mapping[int, str], default: str) -> None:
        """Branch on the accumulator: to the label of its class, or to `default` for what `classes` has not.

        Neighbours of one class are one range, and ranges are found by halving, so that one of several hundred numbers
        costs seven comparisons or so.
        """
        starts = [(0, default)] if 0 not in classes else []
        for number in sorted(classes):
            starts.append((number, classes[number]))
            if number + 1 not in classes:
                starts.append((number + 1, default))
        ranges = [start for index, start in enumerate(starts) if index == 0 or starts[index - 1][1] != start[1]]
        if len(ranges) == 1:
            self.go(ranges[0][1])
        else:
            self._halve(ranges)

    def _halve(self, ranges: list[tuple[int, str]]) -> None:
        middle = len(ranges) // 2
        low, high = ranges[:middle], ranges[middle:]
        upper = f"from {high[0][0]} in {len(self._lines)}"
        self.branch(
            Condition.AT_LEAST,
            high[0][0],
            high[0][1] if len(high) == 1 else upper,
            low[0][1] if len(low) == 1 else "",
        )
        if len(low) > 1:
            self._halve(low)
        if len(high) > 1:
            self.label(upper)
            self._halve(high)


def disassemble(program: bytes) -> list[Instruction]:
    """The instructions of an assembled program."""
    return [Instruction(*fields) for fields in _LAYOUT.iter_unpack(program)]
