"""Finds the session's root process of each new connection, off the caller's thread and within a second.

A process that connected a moment ago is recognised at once. Other look-ups are done one after the other, in batches
that `offload` carries to a thread, so that many connections at once cost few switches between threads. A process that
was found before is not examined again: what it belongs to when it is first met, it belongs to until it ends, whatever
becomes of its ancestors.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

import msgspec

from pipelock.identity.moorings import is_adrift, owner
from pipelock.identity.process import (
    PROC,
    ProcessFacts,
    ProcessId,
    Relative,
    UnreadableProcessError,
    describe,
    relatives,
)
from pipelock.identity.programs import Known, ProgramKind, Programs, known_programs
from pipelock.identity.quick import Quick, Sighting
from pipelock.identity.root import Family, Root, RootKind, find_root
from pipelock.identity.sockets import Ends, SocketOwners

__all__ = ["BATCH", "MAX_KNOWN", "MAX_WAITING", "SECONDS", "Identify", "Lookup", "Offload", "Timer"]

SECONDS = 1.0
"""How long a look-up may take; then the connection is served on weaker evidence."""
MAX_WAITING = 1024
"""Connections that wait for a look-up; more are served without one."""
BATCH = 16
"""Look-ups that are carried to the thread at once."""
MAX_KNOWN = 1024
"""Processes, and agents, that are remembered."""

_ATTEMPTS = 3

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Call(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Have it not come."""


class Timer(Protocol):
    """The part of a reactor that is used."""

    def seconds(self) -> float:
        """The time."""

    def callLater(self, delay: float, callable: Callable[..., object], /) -> Call:  # noqa: A002 - Twisted's signature
        """Call `callable` in `delay` seconds."""


class Offload(Protocol):
    """Runs something in a thread."""

    def __call__(self, call: Callable[[], list[Sighting | None]], then: Callable[[object], None], /) -> None:
        """Run `call` there and `then` here, with what it returned, or with anything else if it failed."""


class Lookup:
    """One connection that waits. `then` is called once, unless `cancel` comes first."""

    def __init__(self, ends: Ends, then: Callable[[Root | None], None], deadline: float) -> None:
        self.ends = ends
        self.deadline = deadline
        self._then: Callable[[Root | None], None] | None = then

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits."""
        return self._then is not None

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._then = None

    def tell(self, root: Root | None) -> None:
        """This is it; a second time nothing happens."""
        then, self._then = self._then, None
        if then is not None:
            then(root)


class Identify:
    """Whose connections are whose. All but the look-ups themselves happens on the caller's thread.

    Args:
        offload: Carries work to a thread.
        timer: Time.
        daemon: This very process.
        owners: Finds processes by their sockets.
        mask: Applied to command lines before they are kept.
        proc: Where processes are read.
    """

    def __init__(
        self,
        offload: Offload,
        timer: Timer,
        *,
        daemon: ProcessId | None = None,
        owners: SocketOwners | None = None,
        mask: Callable[[str], str] | None = None,
        proc: Path = PROC,
    ) -> None:
        self._offload = offload
        self._timer = timer
        self._daemon = daemon
        self._owners = owners if owners is not None else SocketOwners(proc)
        self._quick = Quick(proc)
        self._mask = mask
        self._proc = proc
        self._programs = known_programs()
        self._launched: ProcessFacts | None = None
        self._queue: deque[Lookup] = deque()
        self._waiting: OrderedDict[Lookup, None] = OrderedDict()
        self._busy = False
        self._is_closed = False
        self._alarm: Call | None = None
        # Shared with the thread.
        self._lock = Lock()
        self._roots: OrderedDict[ProcessId, Root] = OrderedDict()
        self._seen: OrderedDict[ProcessId, Known] = OrderedDict()

    # -- configuration ---------------------------------------------------------------------------------------------

    def configure(self, programs: Programs) -> None:
        """Go by other programs from now on. Processes that were known agents of the data file stay that."""
        self._quick.forget()
        with self._lock:
            self._programs = programs
            self._roots.clear()
            for process in [process for process, known in self._seen.items() if known.profile]:
                del self._seen[process]

    def launch(self, pid: int) -> None:
        """The daemon has started process `pid`: it is a root, whatever it is called."""
        try:
            (relative, *_) = relatives(pid, self._proc)
        except UnreadableProcessError:
            return
        self._quick.forget()
        with self._lock:
            self._launched = describe(relative, self._proc)
            self._roots.clear()

    def agents(self) -> frozenset[tuple[int, int]]:
        """Processes, as (pid, start time), that were recognised as agents; the latest 1024 of them."""
        with self._lock:
            return frozenset(self._seen)

    def seen(self) -> dict[ProcessId, Known]:
        """The same, and as what they were recognised."""
        with self._lock:
            return dict(self._seen)

    # -- asking ----------------------------------------------------------------------------------------------------

    def __call__(self, ends: Ends, then: Callable[[Root | None], None]) -> Lookup:
        """Find the root for the client's end of `ends`; `then` is called with it, or with `None` where it isn't found.

        It is called at once where the process was just seen, and where too many wait already.
        """
        lookup = Lookup(ends, then, self._timer.seconds() + SECONDS)
        root = self._quick.find(ends)
        if root is not None or len(self._queue) >= MAX_WAITING:
            lookup.tell(root)
            return lookup
        self._waiting[lookup] = None
        self._queue.append(lookup)
        if self._alarm is None:
            self._alarm = self._timer.callLater(SECONDS, self._late)
        self._go_on()
        return lookup

    def _go_on(self) -> None:
        if self._busy:
            return
        batch: list[Lookup] = []
        while self._queue and len(batch) < BATCH:
            lookup = self._queue.popleft()
            if lookup.is_wanted:
                batch.append(lookup)
            else:
                self._waiting.pop(lookup, None)
        if not batch:
            return
        self._busy = True
        ends = [lookup.ends for lookup in batch]
        self._offload(lambda: [self._look_up(one) for one in ends], lambda seen: self._found(batch, seen))

    def _found(self, batch: list[Lookup], seen: object) -> None:
        if self._is_closed:
            return
        self._busy = False
        sightings: list[Sighting | None] = seen if isinstance(seen, list) else [None] * len(batch)
        for lookup, sighting in zip(batch, sightings, strict=True):
            self._waiting.pop(lookup, None)
            if sighting is not None:
                self._quick.remember(sighting)
            lookup.tell(sighting.root if sighting is not None else None)
        if not self._waiting and self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._go_on()

    def _late(self) -> None:
        """Serve those who have waited for long enough."""
        self._alarm = None
        now = self._timer.seconds()
        while self._waiting:
            lookup = next(iter(self._waiting))
            if lookup.deadline > now:
                self._alarm = self._timer.callLater(lookup.deadline - now, self._late)
                return
            del self._waiting[lookup]
            lookup.tell(None)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _look_up(self, ends: Ends) -> Sighting | None:
        held = self._owners.find(ends)
        root = self._root_of(held.process) if held is not None else None
        return Sighting(held, root) if held is not None and root is not None else None

    def _root_of(self, process: ProcessId) -> Root | None:
        with self._lock:
            root = self._roots.get(process)
            if root is not None:
                self._roots.move_to_end(process)
                return root
            family = Family(self._programs, self._daemon, self._launched, dict(self._seen))
        chain = self._chain(process)
        root = find_root([describe(relative, self._proc) for relative in chain], family, self._mask)
        if root is not None:
            if root.kind is RootKind.OTHER and is_adrift(chain, owner(process.pid, self._proc), self._proc):
                root = msgspec.structs.replace(root, adrift=True)
            self._keep(process, root)
        return root

    def _keep(self, process: ProcessId, root: Root) -> None:
        with self._lock:
            _remember(self._roots, process, root)
            if root.leader is not None:
                _remember(self._seen, root.leader, Known(root.agent, ProgramKind.AGENT, root.profile))

    def _chain(self, process: ProcessId) -> list[Relative]:
        """The process and its ancestors below the daemon; empty where it is another process by now."""
        chain: tuple[Relative, ...] = ()
        for attempt in range(_ATTEMPTS):
            try:
                # An ancestor may end while it is read. Some systems hide the processes of others: what can be seen
                # has to do, if it has to.
                chain = relatives(process.pid, self._proc, whole=attempt < _ATTEMPTS - 1)
                break
            except UnreadableProcessError:
                continue
        return list(chain) if chain and chain[0].process == process else []

    def close(self) -> None:
        """Give up what waits, and the descriptors. The thread must have ended."""
        self._is_closed = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._waiting.clear()
        self._queue.clear()
        self._owners.close()
        self._quick.close()


def _remember(table: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MAX_KNOWN:
        table.popitem(last=False)
