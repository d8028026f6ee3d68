"""What a check says."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from pipelock.cli.output import mark
from pipelock.model import escape

__all__ = ["MARKS", "Result", "Status", "counted", "failed", "passed", "print_results", "skipped"]


class Status(StrEnum):
    """How it went."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"
    """There is nothing to check here; the detail says why."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check. `detail` is a sentence, not escaped."""

    name: str
    status: Status
    detail: str = ""


MARKS = {Status.PASS: ("✓", "green"), Status.FAIL: ("✗", "red"), Status.SKIP: ("-", "yellow")}


def passed(name: str, detail: str = "") -> Result:
    """It is as it should be."""
    return Result(name, Status.PASS, detail)


def failed(name: str, detail: str) -> Result:
    """It is not."""
    return Result(name, Status.FAIL, detail)


def skipped(name: str, detail: str) -> Result:
    """There is nothing to check."""
    return Result(name, Status.SKIP, detail)


def counted(results: Sequence[Result], status: Status) -> int:
    """How many went so."""
    return sum(result.status is status for result in results)


def print_results(results: Sequence[Result]) -> None:
    """One line for each."""
    width = max((len(result.name) for result in results), default=0)
    for result in results:
        sign, colour = MARKS[result.status]
        state = mark(f"{sign} {result.status.value:<4}", colour)
        print(f"{state} {result.name:<{width}}  {escape(result.detail, 400)}".rstrip())
