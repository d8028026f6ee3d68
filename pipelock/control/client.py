"""The blocking client of the control socket: standard library and msgspec only, quick to import.

For the command line, hooks and relays. Not thread-safe: one client, one thread.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from pipelock import __version__
from pipelock.control import frames
from pipelock.control._connect import RETRY_SECONDS, connect_error, lost_error, try_connect
from pipelock.control._replies import MAX_PARTS, Cursor, endless_list, expect, expect_welcome
from pipelock.control.errors import ControlError, NotRunning
from pipelock.control.protocol import ClientConnection, ProtocolError
from pipelock.model import Answer, Event, KillSwitchState, Pending, Session, Status, escape

__all__ = ["MAX_UNREAD", "Client", "ControlError", "NotRunning"]

R = TypeVar("R", bound=msgspec.Struct)

MAX_UNREAD = 10_000
"""How many pushed events may wait while a verb waits for its reply."""
_READ = 65_536


class Client:
    """One connection to the daemon, made by entering the context.

    `role` is `command` or `dashboard` (counts as an approver who is present). `timeout` is seconds for connecting and
    for each verb; waiting for events has none. One that `launches` understands only the replies that launchers ask for.

    Every verb raises `ControlError`; entering also raises `NotRunning` where nobody answers. After a code of
    disconnected, timeout or protocol the connection is closed.

    Attributes:
        welcome: The daemon's half of the opening.
    """

    welcome: frames.Welcome

    def __init__(
        self, path: str | Path, role: str = "command", timeout: float = 5.0, *, launches: bool = False
    ) -> None:
        self._path = Path(path)
        self._role = role
        self._timeout = timeout
        self._limit = timeout  # of what is waited for now
        self._socket: socket.socket | None = None
        self._launches = launches
        self._connection = ClientConnection(launches=launches)
        self._unread: deque[frames.Push | frames.Gap] = deque()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect and introduce ourselves; what entering the context does."""
        deadline = time.monotonic() + self._timeout
        try:
            while (link := try_connect(self._path)) is None:
                if time.monotonic() >= deadline:
                    raise TimeoutError
                time.sleep(RETRY_SECONDS)
        except OSError as error:
            raise connect_error(error, self._path) from error
        self._connection, self._socket = ClientConnection(launches=self._launches), link
        self._unread.clear()
        try:
            self._say(frames.Hello(frames.PROTOCOL, __version__, self._role))
            self.welcome = expect_welcome(self._frame(deadline))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; harmless when done already."""
        self._connection.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def status(self) -> Status:
        """The daemon at a glance."""
        return expect(self._ask(frames.QueryStatus(self._id())), frames.StatusReply).status

    def pending(self) -> tuple[Pending, ...]:
        """What waits for a person, oldest first."""
        found: list[Pending] = []
        for _ in range(MAX_PARTS):
            after = found[-1].id if found else ""
            part = expect(self._ask(frames.ListPending(self._id(), after)), frames.PendingReply)
            found += part.items
            if not part.more:
                return tuple(found)
        raise endless_list()

    def sessions(self) -> tuple[Session, ...]:
        """The sessions the daemon knows, most recently seen first."""
        found: dict[str, Session] = {}
        offset = 0
        for _ in range(MAX_PARTS):
            part = expect(self._ask(frames.ListSessions(self._id(), offset)), frames.SessionsReply)
            # One that was active meanwhile moved to the front and pushed another into view a second time.
            for session in part.items:
                found.setdefault(session.key, session)
            offset += len(part.items)
            if not part.more:
                return tuple(found.values())
        raise endless_list()

    def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        """Answer a held action and its twins; `count` of the result says how many that were.

        The note (at most 500 characters) reaches the agent with a denial. `binding`, when given, makes sure that what
        is answered is what was shown. Codes: not_found, stale, forbidden, bad_request.
        """
        return self.ask(lambda number: frames.AnswerPending(number, pending_id, answer, binding), frames.AnsweredReply)

    def ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], timeout: float = 0.0) -> R:
        """Say the frame that `make` gives for a number, and wait for a reply of this `kind`.

        `timeout` in seconds; 0 is the client's own. Verbs that search or read files may take longer.
        """
        return expect(self._ask(make(self._id()), timeout), kind)

    def kill(self, active: bool) -> KillSwitchState:  # noqa: FBT001 - the verb's one argument, on or off
        """Set or clear the kill switch's own source; the state that results, other sources included."""
        return expect(self._ask(frames.SwitchKill(self._id(), active)), frames.KillReply).state

    def reload(self) -> frames.Ok:
        """Have the daemon read its configuration again; `detail` says what came of it."""
        return expect(self._ask(frames.Reload(self._id())), frames.Ok)

    def events(self, epoch: str = "", after: int = 0, backlog: int = 1000) -> Iterator[Event | frames.Gap]:
        """Events as they happen, without end, oldest first; a `Gap` names those that can't be had.

        Goes on after number `after` where the daemon's epoch is still `epoch` (`welcome.epoch` of the time), else
        begins with the newest `backlog`. Other verbs may be used meanwhile. Ends by closing the iterator, or with
        `ControlError` disconnected.
        """
        cursor = Cursor(epoch, after)
        cursor.begin(self.welcome.epoch)
        expect(self._ask(cursor.subscribe(self._id(), backlog)), frames.Ok)
        try:
            while True:
                frame = self._unread.popleft() if self._unread else self._frame(None)
                if isinstance(frame, frames.Refused):
                    raise self._failed("disconnected", f"the daemon hung up: {escape(frame.why, 500)}")
                if not isinstance(frame, frames.Push | frames.Gap):
                    raise self._failed("protocol", f"the daemon sent {type(frame).__name__} unasked")
                try:
                    item = cursor.accept(frame)
                except ProtocolError as error:
                    raise self._failed("protocol", str(error)) from error
                if item is not None:
                    yield item
        finally:
            if self._socket is not None:
                # Best effort: whoever stops watching may go on asking, or be on the way out.
                with contextlib.suppress(ControlError):
                    self._ask(frames.Unsubscribe(self._id()))
                self._unread.clear()

    def _id(self) -> int:
        return self._connection.next_id()

    def _ask(self, request: frames.ClientFrame, timeout: float = 0.0) -> frames.Result:
        """Say `request` and wait for its reply, keeping the events that come in between."""
        self._limit = timeout or self._timeout
        deadline = time.monotonic() + self._limit
        self._say(request)
        while True:
            frame = self._frame(deadline)
            if isinstance(frame, frames.Reply):
                # Requests are made one at a time and the connection has checked the number.
                return frame.result
            if isinstance(frame, frames.Refused):
                raise self._failed("disconnected", f"the daemon hung up: {escape(frame.why, 500)}")
            if not isinstance(frame, frames.Push | frames.Gap) or len(self._unread) >= MAX_UNREAD:
                raise self._failed("protocol", f"the daemon sent too much, or {type(frame).__name__}, before its reply")
            self._unread.append(frame)

    def _say(self, frame: frames.ClientFrame) -> None:
        if self._socket is None:
            raise ControlError("disconnected", "not connected to the daemon")
        try:
            data = self._connection.send(frame)
        except ProtocolError as error:
            raise ControlError("bad_request", str(error)) from error
        self._socket.settimeout(self._timeout)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost(error) from error

    def _frame(self, deadline: float | None) -> frames.ServerFrame:
        """The next frame, waited for until `deadline` (monotonic seconds) or without end."""
        while True:
            if self._socket is None:
                raise ControlError("disconnected", "not connected to the daemon")
            try:
                frame = self._connection.next_frame()
            except ProtocolError as error:
                raise self._failed("protocol", f"the daemon broke the protocol: {error}") from error
            if frame is not None:
                return frame
            try:
                self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
                data = self._socket.recv(_READ)
            except OSError as error:
                raise self._lost(error) from error
            if not data:
                raise self._failed("disconnected", "the daemon closed the connection")
            self._connection.receive(data)

    def _lost(self, error: OSError) -> ControlError:
        if isinstance(error, TimeoutError):
            return self._failed("timeout", f"the daemon did not answer within {self._limit:g} s")
        self.close()
        return lost_error(error)

    def _failed(self, code: str, message: str) -> ControlError:
        self.close()
        return ControlError(code, message)
