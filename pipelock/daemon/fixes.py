"""Proposals of suppressions: made from a record, tried on the history, kept until they are applied or ten minutes old.

Nothing here writes a file or touches the daemon; it runs in a thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from pipelock.config import Config
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import entry_text
from pipelock.engine import Policy
from pipelock.engine.compile import rule_book, suppressions_of
from pipelock.engine.narrow import propose
from pipelock.engine.rejudge import Judge, verdict_then
from pipelock.model import Fix, Record, Verdict

__all__ = ["FORGET_SECONDS", "MAX_PROPOSALS", "Fixes"]

FORGET_SECONDS = 600.0
MAX_PROPOSALS = 100
MAX_EXAMPLES = 5
REPLAY_SECONDS = 2.5
"""How long the history is looked through; what is older then is not counted, and `Fix.since` says so."""

_REFUSED = frozenset({Verdict.BLOCK, Verdict.ASK, Verdict.STRIP})


class Fixes:
    """Makes proposals and remembers the newest `MAX_PROPOSALS`. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Suppression]] = OrderedDict()

    def get(self, fix_id: str) -> Suppression | None:
        """The entry that was proposed under this id; `None` where it is forgotten or was applied."""
        with self._lock:
            made_at, entry = self._kept.get(fix_id, (float("-inf"), None))
        return entry if self._clock() - made_at < FORGET_SECONDS else None

    def applied(self, fix_id: str) -> None:
        """The proposal is in force, and nobody needs it any more."""
        with self._lock:
            self._kept.pop(fix_id, None)

    def make(
        self,
        record: Record,
        finding: int,
        days: int,
        now: float,
        *,
        config: Config,
        policy: Policy,
        others: Callable[[str], Iterable[Record]],
    ) -> Fix:
        """Propose the narrowest suppression for a finding of `record`, and try it on `others` (given the rule's name).

        Raises:
            IndexError: The record has no such finding.
        """
        made = propose(record, finding, days, now, policy)
        fix = Fix(
            id=secrets.token_hex(6), action_id=record.action.id, possible=made.entry is not None, words=made.words
        )
        if made.entry is None:
            return fix
        suppressed = suppressions_of(msgspec.structs.replace(config, suppress=(*config.suppress, made.entry)))
        book = rule_book(config)
        judge = Judge(msgspec.structs.replace(policy, suppressions=suppressed), book)
        said = judge.judge(record)
        verdict, words = said.verdict, made.words
        if verdict is None:
            words += (
                f" Whether this action would pass can't be told: {said.why}. If it does not, propose again for what "
            )
            words += "refuses it then."
        elif verdict is Verdict.ASK:
            words += f" This action is asked about all the same, by {said.rule or said.layer}."
        elif verdict in _REFUSED:
            words += f" This action is refused all the same, by {said.rule or said.layer}."
        elif said.why:
            words += f" This action would pass {said.why}."
        fix = msgspec.structs.replace(fix, words=words, entry=entry_text(made.entry), verdict=verdict)
        refused = self._still_refused(record.action.id, Judge(policy, book), others(made.entry.rule))
        fix = self._tried(msgspec.structs.replace(fix, since=record.at), judge, refused)
        self._keep(fix.id, made.entry)
        return fix

    def _still_refused(self, own: str, now: Judge, others: Iterable[Record]) -> Iterator[Record]:
        """Of `others` those that were refused and that today's policy would not let pass; for a while."""
        deadline = self._clock() + REPLAY_SECONDS
        for other in others:
            if self._clock() > deadline:
                return
            if other.action.id == own or verdict_then(other) not in _REFUSED:
                continue
            if now.judge(other).verdict in (None, *_REFUSED):
                yield other

    def _tried(self, fix: Fix, judge: Judge, refused: Iterable[Record]) -> Fix:
        count = unblocked = unknown = 0
        since = fix.since
        examples: list[str] = []
        for other in refused:
            since = other.at
            count += 1
            said = judge.judge(other)
            if said.verdict is None:
                unknown += 1
            elif said.verdict not in _REFUSED:
                unblocked += 1
                if len(examples) < MAX_EXAMPLES:
                    examples.append(_line(other))
        return msgspec.structs.replace(
            fix, others=count, unblocked=unblocked, unknown=unknown, examples=tuple(examples), since=since
        )

    def _keep(self, fix_id: str, entry: Suppression) -> None:
        with self._lock:
            self._kept[fix_id] = (self._clock(), entry)
            while len(self._kept) > MAX_PROPOSALS:
                self._kept.popitem(last=False)


def _line(record: Record) -> str:
    action = record.action
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.at))
    return f"{when}  {action.agent or action.client}  {action.method or action.kind.value} {action.url or action.host}"[
        :300
    ]
