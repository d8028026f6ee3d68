"""The one table of taint: how bad what was read is, against what is about to be done.

A row speaks where the session has read something of its level or worse, the action is of one of its classes, the path
is at least as delicate, and nobody of its authority stands behind it. The strictest row that speaks decides; where none
does, the action is let through. What only reads always is. Each row gives an answer for each profile, and none is
softer in a stricter profile, so the table can't be weaker where more was asked for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from pipelock.engine.taint.classes import ActionClass, Authority, Sensitivity
from pipelock.model import TaintLevel, Verdict, strictest

__all__ = ["ROWS", "Profile", "Row", "answer"]


class Profile(StrEnum):
    """How much taint asks for, the mildest first."""

    PERMISSIVE = "permissive"
    BALANCED = "balanced"
    STRICT = "strict"


class Row(msgspec.Struct, frozen=True):
    """One row: the condition, then the answer for permissive, balanced and strict."""

    level: TaintLevel
    classes: frozenset[ActionClass]
    sensitivity: Sensitivity
    unless: Authority
    answers: tuple[Verdict, Verdict, Verdict]


def _row(
    level: TaintLevel, classes: str, sensitivity: Sensitivity, unless: Authority, answers: tuple[Verdict, ...]
) -> Row:
    permissive, balanced, strict = answers
    named = frozenset(ActionClass(word) for word in classes.split())
    return Row(level, named, sensitivity, unless, (permissive, balanced, strict))


_ALLOW, _ASK, _BLOCK = Verdict.ALLOW, Verdict.ASK, Verdict.BLOCK
_HOSTILE, _UNTRUSTED = TaintLevel.HOSTILE, TaintLevel.UNTRUSTED
_NORMAL, _ELEVATED, _PROTECTED = Sensitivity
_POLICY, _EXACT, _OVERRIDE = Authority.POLICY, Authority.USER_EXACT, Authority.OPERATOR_OVERRIDE

ROWS: Final = (
    # level      classes                      path         unless      permissive balanced strict
    _row(_HOSTILE, "write exec secret publish", _NORMAL, _OVERRIDE, (_ASK, _BLOCK, _BLOCK)),
    _row(_HOSTILE, "network", _ELEVATED, _OVERRIDE, (_ASK, _BLOCK, _BLOCK)),
    _row(_UNTRUSTED, "secret", _NORMAL, _EXACT, (_ASK, _ASK, _ASK)),
    _row(_UNTRUSTED, "exec", _NORMAL, _OVERRIDE, (_ASK, _ASK, _ASK)),
    _row(_UNTRUSTED, "write publish", _PROTECTED, _EXACT, (_ALLOW, _ASK, _ASK)),
    _row(_UNTRUSTED, "publish", _NORMAL, _POLICY, (_ALLOW, _ASK, _ASK)),
    _row(_UNTRUSTED, "publish", _NORMAL, _EXACT, (_ALLOW, _ALLOW, _ASK)),
    _row(_UNTRUSTED, "write", _ELEVATED, _EXACT, (_ALLOW, _ALLOW, _ASK)),
    _row(_UNTRUSTED, "network", _NORMAL, _POLICY, (_ALLOW, _ALLOW, _ASK)),
)
_COLUMNS = {profile: column for column, profile in enumerate(Profile)}


def answer(
    profile: Profile, level: TaintLevel, what: ActionClass, sensitivity: Sensitivity, authority: Authority
) -> Verdict:
    """`ALLOW`, `ASK` or `BLOCK`."""
    if what.is_read_like or level.rank < TaintLevel.UNTRUSTED.rank:
        return Verdict.ALLOW
    column = _COLUMNS[profile]
    return strictest(
        row.answers[column]
        for row in ROWS
        if what in row.classes
        and level.rank >= row.level.rank
        and sensitivity.rank >= row.sensitivity.rank
        and authority.rank < row.unless.rank
    )
