"""The agent's network is lent: while the control connection lives, the daemon serves the agent's listening sockets.

When the connection ends, the sockets are closed to new connections at once, and the daemon is looked for until it is
there again, for as long as the agent lives. Nothing here waits, but `take`.

On Linux a listening socket is closed by `shutdown`, which `listen` takes back. Other systems know neither; there it is
replaced by one of the same address that does not listen.
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipelock import __version__
from pipelock.control import frames
from pipelock.control._connect import RETRY_SECONDS, connect_error, try_connect
from pipelock.control._replies import expect, expect_welcome
from pipelock.control.errors import ControlError
from pipelock.control.protocol import ClientConnection, ProtocolError
from pipelock.model import Contained, Denial, HandedKind, HandedSocket, Order

__all__ = ["BACKLOG", "FIRST_RETRY", "LAST_RETRY", "Lease", "Lent", "listen_on_loopback"]

BACKLOG = 1024
"""Connections that may wait for the daemon, for each listener; the kernel's own bound (somaxconn) may be lower."""
FIRST_RETRY = 0.1
"""Seconds after which the daemon is looked for again; doubled each time."""
LAST_RETRY = 2.0
"""At most."""
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_ATTEMPTS = 10
_ANSWER_SECONDS = 5.0
_READ = 65_536
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # not on every macOS; Python ignores the signal anyway
_MAX_REPORTS = 64
"""Reports that wait for their answer at a time; more are left out, the launcher's own list has them."""


class Lent(msgspec.Struct, frozen=True):
    """What is handed over: the descriptors stay the launcher's, and open.

    Attributes:
        sockets: With their descriptors, the process's last.
        rules: One-line egress rules.
    """

    contained: Contained
    sockets: tuple[tuple[HandedSocket, int], ...]
    rules: tuple[str, ...] = ()


def listen_on_loopback() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1, for agents that have no loopback of their own.

    The number is asked for by name: one that the kernel chose it takes back while the socket does not listen.

    Raises:
        OSError: No port is free.
    """
    for attempt in range(_ATTEMPTS):
        with socket.socket() as chosen:
            chosen.bind((_LOOPBACK[4], 0))
            address = chosen.getsockname()
        listener = socket.socket()
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return listener
    raise OSError("no port of loopback is free")


class Lease:
    """The conversation with the daemon at `path`, of one launch.

    Args:
        replaces: Whether listening sockets are closed by replacing them.

    Attributes:
        session: The key of the agent's session; empty before the daemon has told it.
    """

    def __init__(self, path: Path, *, replaces: bool = sys.platform != "linux") -> None:
        self.session = ""
        self._path = path
        self._replaces = replaces
        self._lent: Lent | None = None
        self._link: socket.socket | None = None
        self._connection = ClientConnection(launches=True)
        self._asked = 0
        self._held = False
        self._is_open = True  # launchers hand over sockets that listen
        self._retry = FIRST_RETRY
        self._due = 0.0
        self._answer_due = 0.0
        self._reports: set[int] = set()
        self._orders: deque[Order] = deque()

    def take(self, lent: Lent, timeout: float = _ANSWER_SECONDS) -> str:
        """Hand everything over and wait for the daemon's word: the key of the session.

        Raises:
            ControlError: It is not there, or does not want to.
        """
        self._lent = lent
        deadline = time.monotonic() + timeout
        try:
            while not self._connect():
                if time.monotonic() >= deadline:
                    raise TimeoutError
                time.sleep(RETRY_SECONDS)
            while not self._held and self._link is not None:
                ready, _, _ = select.select([self._link], [], [], max(deadline - time.monotonic(), 0))
                if not ready:
                    raise TimeoutError
                self._read()
        except OSError as error:
            self.close()
            raise connect_error(error, self._path) from error
        except ProtocolError as error:
            self.close()
            raise ControlError("protocol", f"the daemon broke the protocol: {error}") from error
        except ControlError:
            self.close()
            raise
        return self.session

    @property
    def is_held(self) -> bool:
        """Whether the daemon serves the agent now."""
        return self._held

    def fileno(self) -> int:
        """What to wait for; -1 while there is no connection."""
        return -1 if self._link is None else self._link.fileno()

    def close(self) -> None:
        """Hang up for good: the agent's network ends."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self._held = False
        self._connection.close()

    def read(self) -> tuple[Order, ...]:
        """What the daemon orders, after its connection has become readable. Never waits.

        To be asked once after `take` in any case: orders may have come in the same breath as the daemon's word.
        """
        try:
            self._read()
        except (OSError, ProtocolError, ControlError):
            self._lose()
        orders = tuple(self._orders)
        self._orders.clear()
        return orders

    def wait(self) -> float | None:
        """Seconds until `tick` has something to do; `None` for never."""
        if self._held:
            return None
        due = self._due if self._link is None else self._answer_due
        return max(due - time.monotonic(), 0.0)

    def tick(self) -> None:
        """Look for the daemon where it is lost and the time has come."""
        now = time.monotonic()
        if self._held or self._lent is None:
            return
        if self._link is not None:
            if now >= self._answer_due:
                self._lose()
            return
        if now < self._due:
            return
        try:
            if not self._connect():
                self._due = now + RETRY_SECONDS
        except (OSError, ControlError, ProtocolError):
            self._lose()

    def report(self, denial: Denial) -> None:
        """Tell the daemon, if it is there and listens."""
        if self._held and len(self._reports) < _MAX_REPORTS:
            number = self._connection.next_id()
            with contextlib.suppress(OSError, ProtocolError):
                self._say(frames.ReportDenial(number, denial))
                self._reports.add(number)

    def _connect(self) -> bool:
        """Connect and say hello; `False` where the daemon's queue is full."""
        link = try_connect(self._path)
        if link is None:
            return False
        self._link, self._connection, self._asked = link, ClientConnection(launches=True), 0
        self._reports.clear()
        self._answer_due = time.monotonic() + _ANSWER_SECONDS
        self._say(frames.Hello(frames.PROTOCOL, __version__, "command"))
        return True

    def _read(self) -> None:
        if self._link is None:
            return
        try:
            data = self._link.recv(_READ)
        except BlockingIOError:
            return
        self._connection.receive(data)
        while (frame := self._connection.next_frame()) is not None:
            self._heed(frame)
        if not data:
            raise ControlError("disconnected", "the daemon closed the connection")

    def _heed(self, frame: frames.ServerFrame) -> None:
        if isinstance(frame, frames.Ordered):
            self._orders.append(frame.order)
        elif isinstance(frame, frames.Reply) and frame.id == self._asked:
            self.session = expect(frame.result, frames.ContainReply).session
            self._held, self._retry = True, FIRST_RETRY
        elif isinstance(frame, frames.Reply):
            self._reports.discard(frame.id)
        elif isinstance(frame, frames.Welcome | frames.Refused):
            expect_welcome(frame)
            self._hand_over()
        else:
            raise ControlError("protocol", f"the daemon sent {type(frame).__name__} unasked")

    def _hand_over(self) -> None:
        if self._lent is None or self._link is None:
            return
        if not self._is_open:
            self._open()
        self._asked = self._connection.next_id()
        sockets = tuple(handed for handed, _ in self._lent.sockets)
        data = self._connection.send(frames.Contain(self._asked, self._lent.contained, sockets, self._lent.rules))
        rights = array.array("i", [descriptor for _, descriptor in self._lent.sockets])
        sent = self._link.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], _NO_SIGNAL)
        self._send(memoryview(data)[sent:])

    def _say(self, frame: frames.ClientFrame) -> None:
        self._send(memoryview(self._connection.send(frame)))

    def _send(self, data: memoryview) -> None:
        """Send all of it. A daemon that doesn't read what little we say is as good as gone."""
        while data and self._link is not None:
            data = data[self._link.send(data, _NO_SIGNAL) :]

    def _lose(self) -> None:
        """Refuse what the agent tries from now on, and look for the daemon in a while."""
        self.close()
        self._shut()
        self._due = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, LAST_RETRY)

    def _shut(self) -> None:
        if not self._is_open:
            # Once more, and Linux would take all later connections for ones that were shut.
            return
        self._is_open = False
        for handed, listener in self._listeners():
            with contextlib.suppress(OSError):
                if self._replaces:
                    _replace(listener, handed)
                else:
                    # Who waits to be accepted is turned away, who comes is refused (tcp(7), LISTEN to CLOSE).
                    with socket.socket(fileno=os.dup(listener)) as copy:
                        copy.shutdown(socket.SHUT_RD)

    def _open(self) -> None:
        self._is_open = True
        for handed, listener in self._listeners():
            forgiven = contextlib.nullcontext() if self._replaces else contextlib.suppress(OSError)
            with forgiven, socket.socket(fileno=os.dup(listener)) as copy:
                if self._replaces and copy.getsockname()[1] != handed.port:
                    # Its number was still taken when it was shut. Without one it would listen anywhere.
                    copy.bind((_LOOPBACK[handed.family], handed.port))
                copy.listen(BACKLOG)

    def _listeners(self) -> Sequence[tuple[HandedSocket, int]]:
        sockets = self._lent.sockets if self._lent is not None else ()
        return [pair for pair in sockets if pair[0].kind not in (HandedKind.DNS, HandedKind.PROCESS)]


def _replace(listener: int, handed: HandedSocket) -> None:
    """Put a socket of the same loopback address, which does not listen, in the place of `listener`."""
    with socket.socket(socket.AF_INET6 if handed.family == 6 else socket.AF_INET) as fresh:
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fresh.setblocking(False)  # noqa: FBT003 - its one argument
        # The number is free only when the old one is closed, which this does.
        os.dup2(fresh.fileno(), listener, inheritable=False)
        fresh.bind((_LOOPBACK[handed.family], handed.port))
