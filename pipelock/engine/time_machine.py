"""What another policy would have changed about the decisions of the past, counted and grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from pipelock.engine.rejudge import Judge, Rejudged, verdict_then
from pipelock.model import Record, Verdict

__all__ = ["MAX_EXAMPLES", "MAX_GROUPS", "Changes", "Example", "Group", "compare", "direction"]

MAX_GROUPS = 1_000
"""Most groups that are told apart; what comes then is counted together."""
MAX_EXAMPLES = 3
"""Examples of each group."""

Direction = Literal["weaker", "stricter"]


class Example(msgspec.Struct, frozen=True):
    """One decision of a group. `why` says on what the new verdict depends."""

    at: float
    id: str
    method: str
    url: str
    why: str = ""


class Group(msgspec.Struct):
    """Decisions that would change in the same way. The newest are the examples.

    Attributes:
        then: The verdict that was. now: The one that would be.
        rule: What decides: of what is refused in either case, the rule that refuses.
        layer: Its layer.
        host: Where it was going.
    """

    then: Verdict
    now: Verdict
    rule: str
    layer: str
    host: str
    count: int = 0
    examples: list[Example] = []

    @property
    def direction(self) -> Direction:
        """Whether more would pass, or less."""
        return direction(self.then, self.now)


class Changes(msgspec.Struct):
    """The outcome. `unknown` counts what could not be judged again, by the reason.

    `others` are changed decisions beyond `MAX_GROUPS` groups; `first_at` and `last_at` say when the oldest and the
    newest decision was made that was looked at.
    """

    looked_at: int = 0
    same: int = 0
    weaker: int = 0
    stricter: int = 0
    others: int = 0
    unknown: Counter[str] = msgspec.field(default_factory=Counter)
    groups: list[Group] = []
    first_at: float = 0.0
    last_at: float = 0.0

    @property
    def changed(self) -> int:
        """How many decisions would be others."""
        return self.weaker + self.stricter


def direction(then: Verdict, now: Verdict) -> Direction:
    """Whether `now` lets more pass than `then`."""
    return "weaker" if now.rank < then.rank else "stricter"


def compare(records: Iterable[Record], judge: Judge) -> Changes:
    """Judge all `records` (newest first) again and count what changes."""
    for changes in compared(records, judge):
        last = changes
    return last


def compared(records: Iterable[Record], judge: Judge) -> Iterator[Changes]:
    """Like `compare`, telling how far it is: yields before the first record and after each, the same object."""
    changes = Changes()
    groups: dict[tuple[str, ...], Group] = {}
    yield changes
    for record in records:
        changes.looked_at += 1
        changes.last_at = changes.last_at or record.at
        changes.first_at = record.at
        said = judge.judge(record)
        then = verdict_then(record)
        if said.verdict is None:
            changes.unknown[said.why] += 1
        elif said.verdict is then:
            changes.same += 1
        else:
            _count(changes, groups, record, said)
        yield changes
    changes.groups.sort(key=lambda group: (group.direction, -group.count, group.rule, group.host))


def _count(changes: Changes, groups: dict[tuple[str, ...], Group], record: Record, said: Rejudged) -> None:
    decision, then, now = record.decision, verdict_then(record), said.verdict or Verdict.BLOCK
    if direction(then, now) == "weaker":
        changes.weaker += 1
        rule = decision.rule or (decision.findings[0].rule if decision.findings else "")
        layer = decision.layer
    else:
        changes.stricter += 1
        rule, layer = said.rule, said.layer
    key = (then.value, now.value, rule, layer, record.action.host)
    group = groups.get(key)
    if group is None:
        if len(groups) >= MAX_GROUPS:
            changes.others += 1
            return
        group = groups[key] = Group(then, now, rule, layer, record.action.host, 0, [])
        changes.groups.append(group)
    group.count += 1
    if len(group.examples) < MAX_EXAMPLES:
        action = record.action
        group.examples.append(Example(record.at, action.id, action.method, action.url or action.host, said.why))
