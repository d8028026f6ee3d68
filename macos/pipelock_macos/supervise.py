"""While the agent lives: its terminal, signals for it, what the daemon orders, and what the system's log tells.

One loop over select(2), which unlike poll(2) of macOS also waits for terminals.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from pipelock.contain.launching import GRACE, MAX_LATER, SECOND_THOUGHT, Denials
from pipelock.control.lease import Lease
from pipelock.model import Denial, Order, OrderVerb, escape
from pipelock_macos.denials import LogLines
from pipelock_macos.processes import Processes
from pipelock_macos.relay import Relay

__all__ = ["PASSED_ON", "Outcome", "Supervisor"]

_LAST_WORDS = 0.3
"""Seconds that the log has after the end: its lines come a little late."""
PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are the agent's."""
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_ENDING_KEYS = frozenset(b"\x03\x1c")
"""Ctrl-C and Ctrl-\\, which end an agent that is stopped."""
_HEARD = (*PASSED_ON, signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT)


class Outcome(msgspec.Struct, frozen=True):
    """How it ended.

    Attributes:
        status: As waitpid(2) gives it.
        not_run: Number of the error and program, where the command could not be started.
        ended_by: Why the daemon had it ended; empty if it did not.
        denials: What was refused, in the order in which it was first tried.
        left_out: Denials that found no room in the list.
    """

    status: int
    not_run: tuple[int, str] | None = None
    ended_by: str = ""
    denials: tuple[Denial, ...] = ()
    left_out: int = 0


class Supervisor:
    """Watches over one agent until it ends.

    Args:
        first: Its first process, a child of ours and leader of its session.
        relay: Its terminal; `None` where it has none.
        log: What prints refusals; `None` where nothing does.
        hear: Makes a denial of a message of the log.
        ps: Path of ps(1).
        say: Shows a line to the person at the terminal; text is escaped before.
    """

    def __init__(
        self,
        *,
        first: int,
        lease: Lease,
        relay: Relay | None,
        log: subprocess.Popen[bytes] | None,
        hear: Callable[[str], Denial | None],
        ps: str,
        say: Callable[[str], None],
    ) -> None:
        self._first = first
        self._lease = lease
        self._relay = relay
        self._log = log.stdout.fileno() if log is not None and log.stdout is not None else -1
        self._lines = LogLines()
        self._hear = hear
        self._say = say
        self._processes = Processes(first, relay.name if relay is not None else "", ps)
        self._later: deque[str] = deque(maxlen=MAX_LATER)
        self._status: int | None = None
        self._ended_by = ""
        self._frozen = False
        self._asked_to_end = 0.0
        self._kill_at = 0.0
        self._was_held = True
        self._denials = Denials()

    def run(self) -> Outcome:
        """Until the agent's first process has ended; the others of it are ended then."""
        with _signals() as wake:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            if self._relay is not None:
                self._relay.resume()
            try:
                # It may have ended before anybody listened for that.
                self._look()
                for order in self._lease.read():
                    self._obey(order)
                while self._status is None:
                    self._turn(wake, self._patience())
            except BaseException:
                self._processes.kill()
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self._first, 0)
                raise
            self._processes.kill()
            self._last_words()
        if self._relay is not None:
            self._relay.end()
        self._report()
        for line in self._later:
            self._say(line)
        return Outcome(self._status, None, self._ended_by, self._denials.every(), self._denials.left_out)

    def _turn(self, wake: int, patience: float | None) -> None:
        lease = self._lease.fileno()
        relay = self._relay
        readers = [wake, *(relay.readers() if relay is not None else [])]
        readers += [descriptor for descriptor in (lease, self._log) if descriptor >= 0]
        writers = relay.writers() if relay is not None else []
        readable, writable, _ = select.select(readers, writers, [], patience)
        typed = relay.serve(readable, writable) if relay is not None else b""
        if self._frozen and not _ENDING_KEYS.isdisjoint(typed):
            # What is stopped does not hear its terminal.
            self._processes.kill()
        for order in self._lease.read() if lease in readable else ():
            self._obey(order)
        if self._log in readable:
            self._read_log()
        if wake in readable:
            for number in os.read(wake, 256):
                self._heed(number)
        self._tick()

    def _patience(self) -> float | None:
        """Seconds until something is due."""
        now = time.monotonic()
        due = [self._lease.wait(), self._denials.wait(), self._kill_at - now if self._kill_at else None]
        known = [one for one in due if one is not None]
        return max(min(known), 0.0) if known else None

    def _tick(self) -> None:
        now = time.monotonic()
        self._lease.tick()
        if self._lease.is_held != self._was_held:
            self._was_held = self._lease.is_held
            back, gone = (
                "the daemon is back; the agent's network goes on",
                "the daemon is gone: the agent has no network",
            )
            self._tell(back if self._was_held else f"{gone} until it is back")
        if self._kill_at and now >= self._kill_at:
            self._kill_at = 0.0
            self._processes.kill()
        if (left := self._denials.wait()) is not None and left <= 0:
            self._report()

    def _tell(self, line: str) -> None:
        """Show a line now, or at the end where a program of the agent's draws on the screen."""
        if self._relay is None or not self._relay.is_terminal[2]:
            self._say(line)
        elif not self._relay.show(line):
            self._later.append(line)

    # -- what it and others want ---------------------------------------------------------------------------------------

    def _look(self) -> None:
        pid, status = os.waitpid(self._first, os.WNOHANG)
        if pid:
            self._status = status

    def _heed(self, number: int) -> None:
        if number == signal.SIGCHLD:
            if self._status is None:
                self._look()
        elif number == signal.SIGWINCH and self._relay is not None:
            self._relay.resize()
        elif number == signal.SIGCONT and self._relay is not None:
            self._relay.resume()
        elif number in PASSED_ON:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        now = time.monotonic()
        is_repeated = number in _ENDING and self._asked_to_end and now - self._asked_to_end > SECOND_THOUGHT
        if is_repeated or (self._frozen and number in (*_ENDING, signal.SIGQUIT)):
            self._processes.kill()
            return
        if number in _ENDING:
            self._asked_to_end = self._asked_to_end or now
        self._signal(number)

    def _signal(self, number: int) -> None:
        """To the group of its first process, as a terminal would."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._first, number)

    def _obey(self, order: Order) -> None:
        reason = f": {escape(order.reason, 300)}" if order.reason else ""
        if order.verb is OrderVerb.END:
            self._tell(f"the daemon ends the agent{reason}")
            self._ended_by = order.reason or "the daemon"
            self._freeze(on=False)
            self._signal(signal.SIGTERM)
            self._kill_at = time.monotonic() + GRACE
        elif order.verb is OrderVerb.FREEZE:
            self._tell(f"the agent is stopped{reason} (Ctrl-C ends it)")
            self._freeze(on=True)
        elif self._frozen:  # a daemon that has come back says so whatever another one ordered
            self._tell(f"the agent goes on{reason}")
            self._freeze(on=False)

    def _freeze(self, *, on: bool) -> None:
        if on == self._frozen:
            return
        self._frozen = on
        if on:
            self._processes.freeze()
        else:
            self._processes.thaw()

    # -- what was refused ----------------------------------------------------------------------------------------------

    def _read_log(self) -> None:
        data = os.read(self._log, 65_536)
        if not data:
            self._log = -1
        for message in self._lines.feed(data):
            denial = self._hear(message)
            if denial is not None:
                self._denials.note(denial)

    def _report(self) -> None:
        for denial in self._denials.take():
            self._lease.report(denial)

    def _last_words(self) -> None:
        deadline = time.monotonic() + _LAST_WORDS
        while self._log >= 0 and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self._log], [], [], left)
            if readable:
                self._read_log()


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """Signals as something to read: their numbers. Those that are ignored stay ignored."""
    wake, told = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(told, False)
    before = {number: signal.getsignal(number) for number in _HEARD}
    heard = [number for number, what in before.items() if what is not signal.SIG_IGN or number not in PASSED_ON]
    previous = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        for number in heard:
            signal.signal(number, lambda *_: None)
        yield wake
    finally:
        for number in heard:
            signal.signal(number, before[number] if before[number] is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(previous)
        os.close(wake)
        os.close(told)
