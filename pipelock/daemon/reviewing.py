"""Looking back: history, rules and their hits, proposals, checks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from pipelock.config import ConfigError, Loaded
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import entry_id
from pipelock.control.backend import BackendError, Then
from pipelock.daemon.audit_review import read_audit
from pipelock.daemon.checks import Facts, run_checks
from pipelock.daemon.config_review import review
from pipelock.daemon.fixes import Fixes
from pipelock.daemon.rule_rows import rule_rows
from pipelock.daemon.suppressions import SuppressionsFile
from pipelock.daemon.watch import FileWatch
from pipelock.door.bus import EventBus
from pipelock.door.edges import Reactor
from pipelock.door.rule_stats import RuleStats
from pipelock.engine import Policy
from pipelock.evidence.history import FILE, History, HistoryLimits
from pipelock.evidence.history_search import BrokenHistoryError, Reader
from pipelock.evidence.session_line import SessionEntry
from pipelock.model import (
    AuditState,
    Check,
    ConfigReview,
    Decided,
    Event,
    Fix,
    Grant,
    HistoryPage,
    Notice,
    Record,
    RuleRow,
)
from pipelock.query import Filter, FilterError, Term, parse

__all__ = ["ReviewParts", "Reviewing"]

THREADS = 2
MAX_WAITING = 16
"""Wishes that are under way or wait for a thread; what comes then is refused."""
FLUSH_SECONDS = 1.0
"""How long a question waits for what was decided a moment ago to be written."""
SEARCH_SECONDS = 2.0
REPLAY_DAYS = 30
_NO_HISTORY = "this daemon keeps no history; set history.enabled"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReviewParts:
    """What it needs of the daemon.

    `facts` is what the doctor starts from; `audit` where the audit log is. `write` writes a line of it; raises OSError
    where it can't. `reload` reads the files again and says when what stands in them is in force, or why it isn't.
    """

    reactor: Reactor
    bus: EventBus
    home: Path
    loaded: Callable[[], Loaded]
    policy: Callable[[], Policy]
    read: Callable[[], Loaded]
    reload: Callable[[Then[str]], None]
    grants: Callable[[], Sequence[Grant]]
    facts: Callable[[], Facts]
    audit: Callable[[], Path]
    write: Callable[[SessionEntry, float], None]


class _Written(msgspec.Struct, frozen=True):
    """What was done to suppressions.yaml: a sentence, and the line of the audit log where something changed."""

    said: str
    entry: SessionEntry | None = None


class Reviewing:
    """What the operator looks back at. On the reactor's thread; what takes long is done in threads of its own."""

    _log = Logger()

    def __init__(self, parts: ReviewParts) -> None:
        self._parts = parts
        self._pool = ThreadPool(0, THREADS, "review")
        self._waiting = 0
        self._fixes = Fixes()
        self._file = SuppressionsFile(parts.home)
        self._watch = FileWatch(self._file.path, parts.reactor, self._reload, may_go=True)
        self._own: frozenset[str] = frozenset()
        self._unsubscribe: Callable[[], None] | None = None
        self._wall, self._steady = time.time(), parts.reactor.seconds()
        self.stats = RuleStats()
        self.history: History | None = None

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to keep and to count."""
        self._pool.start()
        self.configure()
        self._unsubscribe = self._parts.bus.subscribe(self._happened)
        self._watch.start()

    def configure(self) -> None:
        """Take section `history` over, and see which entries of `suppress` stand in a file of their own."""
        with contextlib.suppress(ConfigError):
            self._own = frozenset(map(entry_id, self._file.read()))
        section = self._parts.loaded().config.history
        limits = HistoryLimits(max_bytes=section.max_mb * 1024 * 1024, days=section.days)
        if self.history is not None and section.enabled:
            self.history.limits = limits
        elif self.history is not None:
            self.history.stop()
            self.history = None
        elif section.enabled:
            history = History(self._parts.home / FILE, limits, self._warn)
            try:
                history.start()
            except OSError as error:
                self._parts.bus.publish(Notice("warn", f"there will be no history: {error}"))
            else:
                self.history = history

    def stop(self) -> None:
        """Write what waits, and let go."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._watch.stop()
            self._pool.stop()
        if self.history is not None:
            self.history.stop()
            self.history = None

    def _happened(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, Decided):
            if self.history is not None:
                self.history.add(payload.record)
            decision = payload.record.decision
            if decision.rule or decision.findings or decision.suppressed:
                self.stats.decided(payload.record, self._parts.policy().suppressions)

    def _warn(self, text: str) -> None:
        """Say something, from any thread."""
        self._parts.reactor.callFromThread(self._parts.bus.publish, Notice("warn", text))

    # -- what is asked -----------------------------------------------------------------------------------------------

    def rules(self) -> Sequence[RuleRow]:
        """Rules and their hits; those that met something first."""
        return rule_rows(self._parts.loaded().config, self.stats, self._parts.grants(), self._own)

    def search(self, query: str, before: int, limit: int, since: float, then: Then[HistoryPage]) -> Callable[[], None]:
        """Search kept decisions."""
        history = self.history
        if history is None:
            then(BackendError("unavailable", _NO_HISTORY))
            return _nothing
        try:
            wanted = parse(query)
        except FilterError as error:
            then(BackendError("bad_request", str(error)))
            return _nothing

        def look() -> HistoryPage:
            if not before:
                history.flush(FLUSH_SECONDS)  # so that what was seen a moment ago is found
            with _reader(history.path) as reader:
                return reader.search(wanted, before=before, limit=limit, since=since, seconds=SEARCH_SECONDS)

        return self._do(look, then)

    def propose(self, action_id: str, finding: int, days: int, then: Then[Fix]) -> Callable[[], None]:
        """Propose a suppression."""
        parts, history = self._parts, self.history
        recent = self._recent()
        config, policy = parts.loaded().config, parts.policy()

        def make() -> Fix:
            if history is not None:
                history.flush(FLUSH_SECONDS)  # what was refused a moment ago counts among the others
            record = _deciding([one for one in recent if one.action.id == action_id])
            if record is None and history is not None:
                with _reader(history.path) as reader:
                    record = _deciding(reader.find(action_id))
            if record is None:
                raise BackendError("not_found", f"no decision on {action_id} is kept")
            try:
                return self._fixes.make(
                    record, finding, days, time.time(),
                    config=config, policy=policy, others=lambda rule: _others(rule, history, recent),
                )  # fmt: skip
            except IndexError as error:
                raise BackendError("bad_request", f"it has {len(record.decision.findings)} findings") from error

        return self._do(make, then)

    def apply(self, fix_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Put a proposal in force."""
        proposed = self._fixes.get(fix_id)
        if proposed is None:
            then(BackendError("not_found", "that proposal is forgotten; propose it again"))
            return _nothing
        entry = msgspec.structs.replace(proposed, reason=f"{proposed.reason}, by {by}") if by else proposed

        def write() -> _Written:
            added = self._file.add(entry)
            self._fixes.applied(fix_id)
            said = f"{self._file.path}: {entry.rule} at {entry.path} {'added' if added else 'was there'}"
            return _Written(said, _line("suppression_added", entry, by) if added else None)

        return self._do(write, self._then_reload(then))

    def remove(self, name: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Take an entry of suppressions.yaml out again."""

        def write() -> _Written:
            gone = self._file.remove(name)
            if gone is None:
                if any(entry_id(entry) == name for entry in self._parts.loaded().config.suppress):
                    raise BackendError("forbidden", "that entry stands in the configuration; remove it there")
                raise BackendError("not_found", f"no entry is called {name}")
            said = f"{self._file.path}: {gone.rule} at {gone.path} removed"
            return _Written(said, _line("suppression_removed", gone, by))

        return self._do(write, self._then_reload(then))

    def config(self, then: Then[ConfigReview]) -> Callable[[], None]:
        """The file beside what is in force."""
        running = self._parts.loaded()

        def look() -> ConfigReview:
            try:
                return review(running, self._parts.read())
            except ConfigError as error:
                return review(running, error)

        return self._do(look, then)

    def doctor(self, then: Then[tuple[Check, ...]]) -> Callable[[], None]:
        """What is wrong."""
        history, moved = self.history, (time.time() - self._wall) - (self._parts.reactor.seconds() - self._steady)
        facts = msgspec.structs.replace(
            self._parts.facts(),
            history=history.total if history is not None else -1,
            lost=history.lost if history is not None else 0,
            wall_lag=moved,
        )
        return self._do(lambda: run_checks(facts), then)

    def audit(self, then: Then[AuditState]) -> Callable[[], None]:
        """The audit log, looked through."""
        path = self._parts.audit()
        return self._do(lambda: read_audit(path), then)

    # -- threads -----------------------------------------------------------------------------------------------------

    def _do(self, call: Callable[[], T], then: Then[T]) -> Callable[[], None]:
        """Do `call` in a thread and tell `then`, unless it is given up by what is returned."""
        if self._waiting >= MAX_WAITING:
            then(BackendError("unavailable", "too much is asked at once; try again in a moment"))
            return _nothing
        self._waiting += 1
        wanted = [then]

        def told(outcome: T | Failure) -> None:
            self._waiting -= 1
            if wanted:
                wanted.pop()(self._error(outcome) if isinstance(outcome, Failure) else outcome)

        deferred = deferToThreadPool(self._parts.reactor, self._pool, call)  # type: ignore[arg-type]  # an interface
        deferred.addBoth(told)
        return wanted.clear

    def _error(self, failure: Failure) -> BackendError:
        error = failure.value
        if isinstance(error, BackendError):
            return error
        if isinstance(error, ConfigError):
            return BackendError("failed", str(error.problems[0]))
        if isinstance(error, (BrokenHistoryError, OSError)):
            return BackendError("unavailable" if isinstance(error, BrokenHistoryError) else "failed", str(error))
        self._log.failure("a look back failed", failure=failure)
        return BackendError("failed", f"it failed: {type(error).__name__}")

    def _then_reload(self, then: Then[str]) -> Then[_Written]:
        def go_on(outcome: _Written | BackendError) -> None:
            if isinstance(outcome, BackendError):
                then(outcome)
                return
            self._watch.accept()
            self._record(outcome.entry)
            said = outcome.said
            # Answered when it is in force: the very next request is judged by it.
            self._parts.reload(lambda came: then(came if isinstance(came, BackendError) else f"{said}; {came}"))

        return go_on

    def _record(self, entry: SessionEntry | None) -> None:
        try:
            if entry is not None:
                self._parts.write(entry, time.time())
        except OSError as error:
            self._parts.bus.publish(Notice("error", f"the audit log cannot be written: {error}"))

    def _reload(self) -> None:
        """Somebody changed the file. What is wrong with it, or what it makes weaker, is published by the reload."""
        self._parts.reload(_ignore)

    def _recent(self) -> list[Record]:
        """The decisions in the bus's ring, newest first."""
        _, events = self._parts.bus.since(0, self._parts.bus.capacity)
        return [event.payload.record for event in reversed(events) if isinstance(event.payload, Decided)]


def _line(event: str, entry: Suppression, by: str) -> SessionEntry:
    name = {"suppression_added": "no longer counts", "suppression_removed": "counts again"}[event]
    parts = {part: getattr(entry, part) for part in entry.__struct_fields__}
    more = {**parts, "id": entry_id(entry), "answered_by": by}
    return SessionEntry(
        event=event, level="warn", message=f"{entry.rule} {name} at {entry.path}", session="", more=more
    )


def _ignore(outcome: str | BackendError) -> None:
    """The reload publishes what came of it, and nobody else has asked."""


def _nothing() -> None:
    """What was answered at once can't be given up."""


def _reader(path: Path) -> Reader:
    return Reader(path)


def _deciding(records: Iterable[Record]) -> Record | None:
    """Of the decisions on one action that one which found something; else the newest."""
    known = list(records)
    return next((record for record in known if record.decision.findings), known[0] if known else None)


def _others(rule: str, history: History | None, recent: list[Record]) -> Iterator[Record]:
    """Kept decisions in which a rule met something, newest first."""
    wanted = Filter(root=Term("rule", (rule.casefold(),)))
    if history is None:
        yield from (record for record in recent if wanted.matches(record))
        return
    with _reader(history.path) as reader:
        for record, _looked, _total in reader.every(wanted, since=time.time() - REPLAY_DAYS * 86_400):
            yield record
