"""Signals, and who sent them.

SIGTERM and SIGINT stop the reactor, once: a second one (timeout(1) signals its child and then the whole group) changes
nothing about how what is under way is finished.

SIGUSR1 toggles the kill switch, and an agent runs as the operator's own user: it may pull the switch, but must not be
able to release what the operator pulled. `signal.signal` does not tell the sender, sigwaitinfo(2) does; so where the
system has it, SIGUSR1 is blocked everywhere and awaited by a thread of its own. Elsewhere (macOS) the sender is
unknown, and then a signal only ever activates while an agent is being watched.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pipelock.door.edges import Reactor

__all__ = ["UNKNOWN_SENDER", "Stopping", "as_before", "await_usr1"]

UNKNOWN_SENDER = 0


class Stopping:
    """Stops a reactor once, however often that is asked for: Twisted's own handlers call `stop` for each signal."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._is_asked = False

    def heed(self) -> None:
        """Take SIGTERM and SIGINT over from the reactor, which must run already; what is ignored stays so."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.stop)

    def stop(self) -> None:
        """Stop, on the reactor's thread; nothing where it does not run, or is stopping."""
        if self._reactor.running and not self._is_asked:
            self._is_asked = True
            self._reactor.stop()


@contextmanager
def as_before() -> Iterator[None]:
    """Let SIGUSR1 through on this thread for a moment: a process started meanwhile does not inherit the block."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    try:
        yield
    finally:
        if hasattr(signal, "sigwaitinfo"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


def await_usr1(received: Callable[[int], object]) -> None:
    """Call `received` with the sender's pid (or `UNKNOWN_SENDER`) for each SIGUSR1, from whatever thread.

    Must be called on the main thread before other threads are started: they inherit the blocked signal.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        received(UNKNOWN_SENDER)

    signal.signal(signal.SIGUSR1, handle)
    if not hasattr(signal, "sigwaitinfo"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def wait() -> None:
        while True:
            received(signal.sigwaitinfo({signal.SIGUSR1}).si_pid)

    threading.Thread(target=wait, name="usr1", daemon=True).start()
