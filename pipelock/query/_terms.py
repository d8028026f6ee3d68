"""The nodes of a filter's tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property

from pipelock.model import Kind, Outcome, Record, Transport, Verdict
from pipelock.query._fields import KEYS, NUMBERS, TEXTS, TIMES, WORDS, haystack
from pipelock.query._times import read_time

__all__ = ["All", "Any", "FilterError", "Node", "Not", "Subject", "Term", "make_term"]


class FilterError(ValueError):
    """The filter cannot be read; the message says why and what would do."""


class Subject:
    """What is held against a filter: a record, or a remark that has a time and a text alone."""

    def __init__(self, record: Record | None, at: float, text: str = "") -> None:
        self.record = record
        self.at = at
        self._text = text

    @cached_property
    def text(self) -> str:
        """Everything there is to read in it, folded."""
        return self._text.casefold() if self.record is None else haystack(self.record)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `values` are folded, any of them will do; `sign` and `number` belong to numbers and times."""

    key: str
    values: tuple[str, ...] = ()
    sign: str = ":"
    number: float = 0.0

    def matches(self, subject: Subject) -> bool:
        """Whether it meets the condition."""
        record, key = subject.record, self.key
        if key == "text":
            return any(value in subject.text for value in self.values)
        if key in TIMES:
            return subject.at >= self.number if key == "after" else subject.at < self.number
        if record is None:
            return False
        if key in NUMBERS:
            return any(self._compares(number) for number in NUMBERS[key](record))
        if key in WORDS:
            return WORDS[key](record).casefold() in self.values
        field = TEXTS[key](record).casefold()
        return any(value in field for value in self.values)

    def _compares(self, number: int) -> bool:
        match self.sign:
            case "<":
                return number < self.number and not self._is_unset(number)
            case "<=":
                return number <= self.number and not self._is_unset(number)
            case ">":
                return number > self.number
            case ">=":
                return number >= self.number
        return number == self.number

    def _is_unset(self, number: int) -> bool:
        return number == 0 and self.key != "size"


@dataclass(frozen=True, slots=True)
class Not:
    """What does not meet `node`."""

    node: Node

    def matches(self, subject: Subject) -> bool:
        """Whether it does not."""
        return not self.node.matches(subject)


@dataclass(frozen=True, slots=True)
class All:
    """What meets every one of `nodes`; without any, everything does."""

    nodes: tuple[Node, ...]

    def matches(self, subject: Subject) -> bool:
        """Whether it meets all."""
        return all(node.matches(subject) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Any:
    """What meets one of `nodes`."""

    nodes: tuple[Node, ...]

    def matches(self, subject: Subject) -> bool:
        """Whether it meets one."""
        return any(node.matches(subject) for node in self.nodes)


Node = Term | Not | All | Any

_KNOWN = {
    "kind": frozenset(kind.value for kind in Kind),
    "outcome": frozenset(outcome.value for outcome in Outcome),
    "transport": frozenset(transport.value for transport in Transport),
    "verdict": frozenset(verdict.value for verdict in Verdict),
}
_SIGNS = ("<=", ">=", "<", ">")
_SCALES = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def make_term(key: str, sign: str, value: str, now: float, zone: tzinfo | None) -> Term:
    """The condition that `key`, `sign` (`:`, `<`, `>`, `<=`, `>=`) and `value` make.

    Raises:
        FilterError: There is no such field, or the value isn't one of it.
    """
    if key not in KEYS:
        raise FilterError(f'no field is called "{key}"; there are {", ".join(KEYS)}')
    sign, value = _sign(key, sign, value)
    if not value:
        raise FilterError(f"{key}{sign} needs a value")
    if sign != ":" and key not in NUMBERS:
        raise FilterError(f"{key} is no number; write {key}:{value}")
    if key in TIMES:
        try:
            return Term(key, (), sign, read_time(value, now, zone))
        except ValueError as error:
            raise FilterError(f"{key}: {error}") from error
    if key in NUMBERS:
        return Term(key, (), sign, _number(key, value))
    folded = value.casefold()
    if key not in WORDS:
        return Term(key, (folded,))
    values = tuple(part for part in folded.split(",") if part)
    if not values:
        raise FilterError(f"{key}: needs a value")
    known = _KNOWN.get(key)
    for unknown in [part for part in values if known is not None and part not in known]:
        raise FilterError(f'no {key} is called "{unknown}"; there are {", ".join(sorted(known or ()))}')
    return Term(key, values)


def _sign(key: str, sign: str, value: str) -> tuple[str, str]:
    """`size:>10k` is `size>10k`."""
    if key not in NUMBERS or sign != ":":
        return sign, value
    sign = next((mark for mark in _SIGNS if value.startswith(mark)), ":")
    return sign, value.removeprefix(sign)


def _number(key: str, value: str) -> float:
    digits, scale = (value[:-1], _SCALES[value[-1].lower()]) if value[-1].lower() in _SCALES else (value, 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise FilterError(f"{key} is a number, such as 404, 10k or 2m")
    return float(int(digits) * scale)  # a database takes no whole number of any size
