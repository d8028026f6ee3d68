"""While the agent lives: its terminal, the signals for it, what the daemon orders, and what the walls refuse."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec

from pipelock.contain.launching import GRACE, MAX_LATER, SECOND_THOUGHT, Denials
from pipelock.control.lease import Lease
from pipelock.model import Denial, Order, OrderVerb, WallName, escape
from pipelock_linux import libc
from pipelock_linux.channel import (
    Channel,
    ChannelError,
    Ended,
    Message,
    NotRun,
    Refusals,
    Resume,
    Signal,
    Stop,
    Stopped,
    Unable,
    Uncovered,
)
from pipelock_linux.processes import children
from pipelock_linux.terminal import Terminal
from pipelock_linux.unanswered import refuse_waiting

__all__ = ["Freezer", "Outcome", "Refused", "Signals", "Supervisor", "Watcher"]

_SETTLED = 0.05
"""Seconds after which whoever a SIGCONT is for goes on."""
_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_FROM_KERNEL = 0x80  # SI_KERNEL of sigaction(2): a terminal sent it, and to the whole group in front
_SIGNAL_INFO = struct.Struct("<Iii")  # the start of struct signalfd_siginfo: number, errno, code
_SIGNAL_INFO_SIZE = 128
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC


class Refused(Protocol):
    """What tells which calls the kernel refused: `pipelock_linux.notifier.Notifier`."""

    def handle(self) -> Denial | None:
        """Answer one call that waits, after the descriptor has become readable."""


class Freezer(Protocol):
    """What stops all processes at once: a cgroup of the agent's own."""

    def freeze(self) -> None:
        """Stop."""

    def thaw(self) -> None:
        """Go on."""


Watcher = Callable[[int], Refused]
"""Makes a `Refused` of a descriptor that it owns from then on."""


class Outcome(msgspec.Struct, frozen=True):
    """How it ended.

    Attributes:
        status: As waitpid(2) gives it.
        not_run: Why the command could not be started, if it could not.
        unable: Which wall could not be raised at the last moment, if one could not.
        ended_by: Why the daemon had it ended; empty if it did not.
        denials: What was refused, in the order in which it was first tried.
        left_out: Denials that found no room in the list.
    """

    status: int
    not_run: NotRun | None = None
    unable: Unable | None = None
    ended_by: str = ""
    denials: tuple[Denial, ...] = ()
    left_out: int = 0


def _is_stopped(first: int) -> bool:
    """Whether the command, the eldest child of process `first`, stands still (proc_pid_stat(5), field 3)."""
    for command in children(first)[:1]:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{command}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
            return state.split()[0] == "T"
    return False


class Signals:
    """Signals as something to read, while the context lasts (signalfd(2)). Those that are ignored stay ignored."""

    def __init__(self) -> None:
        self._watched = {one for one in _FORWARDED if signal.getsignal(one) is not signal.SIG_IGN}
        self._descriptor = -1
        self._before: set[int] = set()

    def __enter__(self) -> Self:
        self._before = {int(one) for one in signal.pthread_sigmask(signal.SIG_BLOCK, self._watched)}
        mask = ctypes.create_string_buffer(sum(1 << one - 1 for one in self._watched).to_bytes(8, sys.byteorder), 8)
        self._descriptor = libc.call("signalfd4", -1, mask, 8, _NONBLOCK_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What came too late for the agent is not meant for us either.
        self.read()
        os.close(self._descriptor)
        self._descriptor = -1
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def fileno(self) -> int:
        """For waiting."""
        return self._descriptor

    def read(self) -> list[tuple[int, bool]]:
        """Those that came: number, and whether the terminal sent it, in which case the agent has it already."""
        found: list[tuple[int, bool]] = []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._descriptor, 16 * _SIGNAL_INFO_SIZE):
                for start in range(0, len(data), _SIGNAL_INFO_SIZE):
                    number, _, code = _SIGNAL_INFO.unpack_from(data, start)
                    found.append((number, code == _FROM_KERNEL))
        return found


class Supervisor:
    """Watches over one agent until it ends.

    Args:
        first: A pidfd of the agent's first process.
        pid: Its number.
        signals: Entered.
        watcher: Makes the one who answers refused calls.
        freezer: Stops the agent; `None`: its first process does.
        say: Shows a line to the person at the terminal; text is escaped before.
        names: UDP sockets that questions for names come to.
    """

    def __init__(
        self,
        *,
        first: int,
        pid: int,
        channel: Channel,
        lease: Lease,
        signals: Signals,
        terminal: Terminal | None,
        watcher: Watcher,
        freezer: Freezer | None,
        say: Callable[[str], None],
        names: Sequence[int] = (),
    ) -> None:
        self._first = first
        self._pid = pid
        self._channel: Channel | None = channel
        self._lease = lease
        self._signals = signals
        self._terminal = terminal
        self._watcher = watcher
        self._freezer = freezer
        self._say = say
        self._names = tuple(names)
        self._refused: tuple[int, Refused] | None = None
        self._later: deque[str] = deque(maxlen=MAX_LATER)
        self._status: int | None = None
        self._not_run: NotRun | None = None
        self._unable: Unable | None = None
        self._ended_by = ""
        self._frozen = False
        self._asked_to_end = 0.0
        self._kill_at = 0.0
        self._stop_at = 0.0
        self._was_held = True
        self._denials = Denials()
        self._poll = select.poll()

    def run(self) -> Outcome:
        """Until the agent's first process has ended, which the caller then waits for."""
        for descriptor in (self._first, self._signals.fileno(), self._inner()):
            self._poll.register(descriptor, select.POLLIN)
        for order in self._lease.read():
            self._obey(order)
        alive = True
        while alive:
            lease = self._lease.fileno()
            if lease >= 0:
                self._poll.register(lease, select.POLLIN)
            ready = {descriptor for descriptor, _ in self._poll.poll(self._patience())}
            if lease >= 0:
                # Its number may be another's after it is closed.
                self._poll.unregister(lease)
            for order in self._lease.read() if lease in ready else ():
                self._obey(order)
            self._serve(ready)
            if not self._lease.is_held:
                refuse_waiting(ready.intersection(self._names))
            alive = self._first not in ready
            self._tick()
        return self._outcome()

    def _serve(self, ready: set[int]) -> None:
        if self._refused is not None and self._refused[0] in ready:
            self._explain()
        if self._inner() in ready:
            self._listen()
        if self._signals.fileno() in ready:
            for number, by_terminal in self._signals.read():
                self._pass_on(number, by_terminal=by_terminal)

    def _outcome(self) -> Outcome:
        while self._channel is not None:
            # What the first process said last.
            self._listen(0)
        self._report()
        for line in self._later:
            self._say(line)
        status = self._status if self._status is not None else signal.SIGKILL
        denials = self._denials
        return Outcome(status, self._not_run, self._unable, self._ended_by, denials.every(), denials.left_out)

    def tell(self, line: str) -> None:
        """Show a line now, or at the end where a program draws on the screen."""
        if self._terminal is not None and self._terminal.is_raw() and sys.stderr.isatty():
            self._later.append(line)
        else:
            self._say(line)

    def _inner(self) -> int:
        return self._channel.fileno() if self._channel is not None else -1

    def _patience(self) -> int | None:
        """Milliseconds until something is due."""
        now = time.monotonic()
        due = [self._lease.wait(), self._denials.wait(), self._kill_at - now if self._kill_at else None]
        due.append(self._stop_at - now if self._stop_at else None)
        known = [one for one in due if one is not None]
        return int(max(min(known), 0) * 1000) + 1 if known else None

    def _tick(self) -> None:
        now = time.monotonic()
        self._lease.tick()
        if self._lease.is_held != self._was_held:
            self._was_held = self._lease.is_held
            self._watch_names()
            if self._was_held:
                self.tell("the daemon is back; the agent's network goes on")
            else:
                self.tell("the daemon is gone: the agent has no network until it is back")
        if self._kill_at and now >= self._kill_at:
            self._kill_at = 0.0
            self._kill()
        if (left := self._denials.wait()) is not None and left <= 0:
            self._report()
        if self._stop_at and now >= self._stop_at:
            self._stop_at = 0.0
            self._stop_too()

    def _watch_names(self) -> None:
        """Questions for names are ours to refuse while the daemon is away, and its to answer while it is there."""
        for descriptor in self._names:
            if self._lease.is_held:
                self._poll.unregister(descriptor)
            else:
                self._poll.register(descriptor, select.POLLIN)

    # -- what the agent's first process says -----------------------------------------------------------------------

    def _listen(self, timeout: float | None = None) -> None:
        if self._channel is None:
            return
        try:
            received = self._channel.receive(timeout)
        except (ChannelError, OSError):
            received = None
        if received is None:
            self._poll.unregister(self._channel.fileno())
            self._channel.close()
            self._channel = None
            return
        message, descriptors = received
        if isinstance(message, Refusals) and len(descriptors) == 1 and self._refused is None:
            self._refused = (descriptors[0], self._watcher(descriptors[0]))
            self._poll.register(descriptors[0], select.POLLIN)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        self._hear(message)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Ended):
            self._status = message.status
        elif isinstance(message, NotRun):
            self._not_run = message
        elif isinstance(message, Unable):
            self._unable = message
        elif isinstance(message, Uncovered):
            self._tell_uncovered(message.paths)
        elif isinstance(message, Stopped) and not self._frozen:
            # By Ctrl-Z, which stopped us as well: then this is read when somebody has let all of us go on.
            self._stop_at = time.monotonic() + _SETTLED

    def _tell_uncovered(self, paths: tuple[str, ...]) -> None:
        """Nobody can cover them again while the agent lives; whether it may go on is for whoever hid something."""
        why = "was replaced outside and is hidden or protected no longer: end the agent and start it again"
        for path in paths:
            self._lease.report(Denial(WallName.FILES, f"cover of {path}"[:300], f"it {why}"))
            self.tell(f"{escape(path)} {why}")

    def _stop_too(self) -> None:
        """The agent was stopped from inside: so that the shell that waits for us notices, stop as well."""
        if self._terminal is None or not self._terminal.was_ours or not _is_stopped(self._pid):
            return
        os.kill(os.getpid(), signal.SIGSTOP)
        # Somebody let us go on.
        self._tell_first(Signal(signal.SIGCONT))

    def _explain(self) -> None:
        if self._refused is None:
            return
        descriptor, refused = self._refused
        try:
            denial = refused.handle()
        except OSError:
            # Nobody is left behind the filter.
            self._poll.unregister(descriptor)
            self._refused = None
            return
        if denial is not None:
            self._denials.note(denial)

    def _report(self) -> None:
        for denial in self._denials.take():
            self._lease.report(denial)

    # -- what others want -------------------------------------------------------------------------------------------

    def _pass_on(self, number: int, *, by_terminal: bool) -> None:
        """Hand a signal to the command, unless it has it already."""
        now = time.monotonic()
        if number in _ENDING and self._asked_to_end and now - self._asked_to_end > SECOND_THOUGHT:
            self._kill()
            return
        if self._frozen and (number in _ENDING or number == signal.SIGQUIT):
            # It could not end by itself, and whoever froze it wants it to do nothing more.
            self._kill()
            return
        if number in _ENDING:
            self._asked_to_end = self._asked_to_end or now
        if not by_terminal:
            self._tell_first(Signal(number))

    def _obey(self, order: Order) -> None:
        reason = f": {escape(order.reason, 300)}" if order.reason else ""
        if order.verb is OrderVerb.END:
            self.tell(f"the daemon ends the agent{reason}")
            self._ended_by = order.reason or "the daemon"
            self._freeze(on=False)
            self._tell_first(Signal(signal.SIGTERM))
            self._kill_at = time.monotonic() + GRACE
        elif order.verb is OrderVerb.FREEZE:
            self.tell(f"the agent is stopped{reason} (Ctrl-\\ ends it)")
            self._freeze(on=True)
        elif self._frozen:  # a daemon that has come back says so whatever another one ordered
            self.tell(f"the agent goes on{reason}")
            self._freeze(on=False)

    def _freeze(self, *, on: bool) -> None:
        if on == self._frozen:
            return
        self._frozen = on
        if self._freezer is not None:
            with contextlib.suppress(OSError):
                if on:
                    self._freezer.freeze()
                else:
                    self._freezer.thaw()
                return
        self._tell_first(Stop() if on else Resume())

    def _tell_first(self, message: Signal | Stop | Resume) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.send(message)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
