"""Taint and the three lamps of every session: what the engine and the session table ask and tell.

    decision made ─▶ weigh: may it go out?  ─▶ … ─▶ final decision ─▶ note: what was read, touched, let out

Everything is in memory and bounded (`table.py`); a restart forgets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelock.engine.taint import lamps
from pipelock.engine.taint.hosts import Standing
from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.policy import TaintPolicy
from pipelock.engine.taint.sources import Source, level_of, shown_source
from pipelock.engine.taint.table import MAX_OVERRIDES, MAX_ROWS, Row, Table
from pipelock.engine.taint.weighing import Weighing, standing_of, weigh_action
from pipelock.model import (
    Action,
    ActionSummary,
    Decision,
    Kind,
    Lamp,
    Lamps,
    SessionNote,
    Severity,
    TaintLevel,
    Verdict,
    escape,
)

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["HINT", "LAYER", "MAX_TRUST_SECONDS", "Taints", "TrustError"]

LAYER = "taint"
HINT = (
    "`pipelock session task` begins a new task, which forgets what was read; `pipelock session trust` makes an "
    "exception; section taint"
)
MAX_TRUST_SECONDS = 30 * 86_400.0
"""How far ahead a runtime override may end."""
_MAX_WORDS = 300

_WEIGHED = frozenset({Kind.REQUEST, Kind.CONNECT, Kind.MESSAGE})
_CLEAN = frozenset({TaintLevel.TRUSTED, TaintLevel.INTERNAL})
_DARK = Lamps()
_LIT = {"untrusted": "content from outside", "private": "private data", "egress": "a way out"}


class TrustError(ValueError):
    """An override that can't be: it matches nothing, has ended already, ends too late, or is one too many."""


class Taints:
    """Taint by account, which several sessions may share. Times are seconds since the epoch. Not for several threads.

    Whose account an action counts in is for the caller to say: one that a client can't choose.
    """

    def __init__(self, limit: int = MAX_ROWS) -> None:
        self._table = Table(limit)
        self._tasks = 0
        self._shown_sources = TaintPolicy().shown_sources

    def __len__(self) -> int:
        return len(self._table)

    # -- judging ---------------------------------------------------------------------------------------------------

    def weigh(self, key: str, action: Action, decision: Decision, policy: Policy, wall: float) -> Decision:
        """`decision`, or a stricter one because of what the session has read. Changes nothing here."""
        taint = policy.taint
        if not taint.acts or action.comes_in or action.kind not in _WEIGHED or decision.verdict is Verdict.BLOCK:
            return decision
        row = self._table.peek(key, wall)
        if row is None:
            return decision
        vouched = policy.egress.vouches(decision.rule)
        weighing = weigh_action(row, action, decision, taint, vouched=vouched, wall=wall)
        return decision if weighing is None else _raised(decision, weighing, action, policy)

    def note(
        self, key: str, action: Action, shown: ActionSummary, decision: Decision, *, policy: Policy, wall: float
    ) -> tuple[SessionNote, ...]:
        """Take a final decision into account; what it changed, in words, nearly always nothing.

        Args:
            key: The account it counts in.
            action: What was judged.
            shown: How it may be shown.
            decision: What was done with it in the end.
            policy: The policy in force.
            wall: Seconds since the epoch.
        """
        if action.kind is Kind.SCAN:
            return ()
        self._shown_sources = policy.taint.shown_sources
        standing = standing_of(action, policy.taint)
        row = self._table.peek(key, wall)
        if row is not None:
            row.seen = wall
        told: list[SessionNote] = []
        level = level_of(action, decision, standing)
        if level is not None and level not in _CLEAN:
            row = self._table.touch(key, wall)
            told += _read(row, action, shown, level, wall)
        if row is None or not (row.private.lit and row.egress.lit):
            found = _found(action, shown, decision, policy, standing=standing, row=row)
            if found:
                row = self._table.touch(key, wall)
                told += [_light(row, name, what, shown, wall) for name, what in found]
        if told:
            self._table.settle(key)
        if decision.layer == LAYER:
            told.append(_decided(shown, decision, wall))
        return tuple(told)

    # -- what is known ---------------------------------------------------------------------------------------------

    def level(self, key: str) -> TaintLevel:
        """The worst that was read."""
        row = self._table.known(key)
        return TaintLevel.TRUSTED if row is None else row.level

    def lamps(self, key: str) -> Lamps:
        """The three lights."""
        row = self._table.known(key)
        return _DARK if row is None else row.lamps

    def sources(self, key: str) -> tuple[str, ...]:
        """The latest sources, newest first, at most `taint.recent_sources`: URL without query, and level."""
        row = self._table.known(key)
        if row is None:
            return ()
        latest = list(reversed(row.sources.values()))[: self._shown_sources]
        return tuple(f"{one.url} ({one.level})" for one in latest)

    def task(self, key: str) -> tuple[str, str]:
        """Id and label of the present task; both empty where none was begun."""
        row = self._table.known(key)
        return ("", "") if row is None else (row.task_id, row.task)

    def trusted_until(self, key: str) -> float:
        """When the last runtime override ends, or ended; 0 where there is none."""
        row = self._table.known(key)
        return max((one.expires for one in row.overrides), default=0.0) if row is not None else 0.0

    # -- what an operator does -------------------------------------------------------------------------------------

    def begin_task(self, key: str, label: str, by: str, wall: float) -> int:
        """A new task, on the word of `by`: what was read, the lamps and the runtime overrides are forgotten.

        Returns how many overrides there were.
        """
        ended = len(self._table.touch(key, wall).overrides)
        fresh = self._table.afresh(key, wall)
        self._tasks += 1
        fresh.task_id, fresh.task = f"task-{self._tasks}", escape(label or f"begun by {by}")[:_MAX_WORDS]
        self._table.settle(key)
        return ended

    def trust(
        self, key: str, *, source_match: str, action_match: str, expires_at: float, by: str, reason: str, wall: float
    ) -> None:
        """Add an override for the present task.

        Raises:
            TrustError: with a sentence on what is wrong with it.
        """
        if not source_match and not action_match:
            raise TrustError("say what is trusted: source_match, action_match or both")
        if not wall < expires_at <= wall + MAX_TRUST_SECONDS:
            raise TrustError("expires_at must lie in the future, at most 30 days ahead")
        if max(map(len, (source_match, action_match, reason))) > _MAX_WORDS:
            raise TrustError(f"source_match, action_match and reason have at most {_MAX_WORDS} characters each")
        row = self._table.touch(key, wall)
        current = tuple(one for one in row.overrides if one.expires > wall)
        if len(current) >= MAX_OVERRIDES:
            raise TrustError(f"{MAX_OVERRIDES} overrides hold already; a new task forgets them")
        override = Override(source=source_match, action=action_match, expires=expires_at, by=by, reason=reason)
        row.overrides = (*current, override)
        self._table.settle(key)

    def forget(self, key: str) -> None:
        """Whoever it was is gone for good, and what he had read with him."""
        self._table.forget(key)


def _raised(decision: Decision, weighing: Weighing, action: Action, policy: Policy) -> Decision:
    """`decision` made as strict as `weighing` demands; where nothing is enforced, a warning."""
    demanded = weighing.told.verdict
    warned = not policy.enforce and decision.verdict is not Verdict.ALLOW  # it warns, or takes something out, already
    if warned or demanded.rank < decision.verdict.rank or demanded is Verdict.ALLOW:
        return msgspec.structs.replace(decision, taint=weighing.told)
    verdict = demanded if policy.enforce else Verdict.WARN
    blocks = verdict is Verdict.BLOCK
    reason = weighing.reason(escape(policy.layers.registrable_host(action.host)))
    if decision.verdict is verdict:
        # Asked for two reasons, it is taint's question: an earlier answer to the other one knew nothing of this.
        reason = f"{decision.reason}; besides, {reason}"
    return msgspec.structs.replace(
        decision,
        verdict=verdict,
        reason=reason,
        layer=LAYER,
        code=weighing.code if blocks else None,
        status=403 if blocks else 0,
        hint=HINT,
        enforced=policy.enforce,
        addresses=() if blocks else decision.addresses,
        body=None if blocks else decision.body,
        taint=weighing.told,
    )


def _read(row: Row, action: Action, shown: ActionSummary, level: TaintLevel, wall: float) -> list[SessionNote]:
    """Remember what was read; what that made worse, in words."""
    if shown.url == row.latest_url and level is row.latest_level:
        return []  # the same again: most of a session's answers come from few places
    row.latest_url, row.latest_level = shown.url, level
    source = Source(shown_source(shown), escape(shown.host), level, action.kind.value, wall)
    before = row.level
    if not row.read(source):
        return []
    if level.rank >= TaintLevel.UNTRUSTED.rank and not row.untrusted.lit:
        row.untrusted = Lamp(lit=True, at=wall, what=source.url)
    hostile = level is TaintLevel.HOSTILE
    return [
        SessionNote(
            at=wall,
            kind=LAYER,
            type=level.value,
            target=source.host,
            detail=f"{'orders to agents stood in' if hostile else 'read'} {source.url}: {before} became {level}",
            severity=(Severity.HIGH if hostile else Severity.INFO).value,
        )
    ]


def _found(
    action: Action,
    shown: ActionSummary,
    decision: Decision,
    policy: Policy,
    *,
    standing: Standing,
    row: Row | None,
) -> list[tuple[str, str]]:
    """Which of the two lamps that are about the agent's own doing it lights, and by what."""
    found: list[tuple[str, str]] = []
    if row is None or not row.private.lit:
        what = lamps.private(action, shown, decision, standing)
        if what:
            found.append(("private", what))
    if row is None or not row.egress.lit:
        what = lamps.egress(action, shown, decision, standing, vouched=policy.egress.vouches(decision.rule))
        if what:
            found.append(("egress", what))
    return found


def _light(row: Row, name: str, what: str, shown: ActionSummary, wall: float) -> SessionNote:
    lamp = Lamp(lit=True, at=wall, what=what)
    if name == "private":
        row.private = lamp
    else:
        row.egress = lamp
    return SessionNote(
        at=wall, kind=LAYER, type=f"lamp_{name}", target=escape(shown.host), detail=f"{_LIT[name]}: {what}"
    )


def _decided(shown: ActionSummary, decision: Decision, wall: float) -> SessionNote:
    return SessionNote(
        at=wall,
        kind=LAYER,
        type="decision",
        target=escape(shown.host),
        detail=decision.reason,
        severity=Severity.HIGH.value if decision.verdict is Verdict.BLOCK else Severity.MEDIUM.value,
    )
