"""The asyncio client of the control socket, and the link that keeps it connected.

`AsyncClient` is one connection. `Link` is what a dashboard wants: it connects again whenever the daemon goes away, and
goes on with the events where it stopped, each of them once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from pipelock import __version__
from pipelock.control import frames
from pipelock.control._connect import RETRY_SECONDS, connect_error, lost_error, try_connect
from pipelock.control._replies import MAX_PARTS, Cursor, endless_list, expect, expect_welcome
from pipelock.control.errors import ControlError, NotRunning
from pipelock.control.protocol import ClientConnection, ProtocolError, State
from pipelock.model import Answer, Event, KillSwitchState, Pending, Session, Status, escape

__all__ = [
    "FIRST_DELAY",
    "LONGEST_DELAY",
    "MAX_UNREAD",
    "AsyncClient",
    "Connected",
    "ControlError",
    "Disconnected",
    "Item",
    "Link",
    "NotRunning",
]

R = TypeVar("R", bound=msgspec.Struct)

MAX_UNREAD = 2_000
"""Events held for a consumer that is busy; the rest waits in the daemon until it has caught up."""
FIRST_DELAY = 0.25
"""Seconds before the first new attempt to connect; each further one waits twice as long."""
LONGEST_DELAY = 5.0
"""Seconds between attempts at most, before jitter (up to a quarter less)."""
_READ = 65_536


class AsyncClient:
    """One connection to the daemon, made by entering the asynchronous context.

    The verbs are those of `pipelock.control.client.Client`, as coroutines that may run at the same time; each takes
    `timeout` seconds at most and raises `ControlError`. Entering also raises `NotRunning`.

    Attributes:
        welcome: The daemon's half of the opening.
    """

    welcome: frames.Welcome

    def __init__(self, path: str | Path, role: str = "command", timeout: float = 5.0) -> None:
        self._path = Path(path)
        self._role = role
        self._timeout = timeout
        self._connection = ClientConnection()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[frames.Result]] = {}
        self._unread: deque[frames.Push | frames.Gap] = deque()
        self._arrived = asyncio.Event()
        # Set while pushes are thrown away: a subscription that is to be moved, or was ended.
        self._deaf = True
        # Number of the newest `Subscribe`: its reply ends the deafness, before anything that follows it is read.
        self._subscribing = 0
        self._why: ControlError | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and introduce ourselves; what entering the context does."""
        try:
            async with asyncio.timeout(self._timeout):
                # Nothing tells when the daemon's queue has room again.
                while (link := try_connect(self._path)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(RETRY_SECONDS)
                self._reader, self._writer = await asyncio.open_unix_connection(sock=link)
                self._say(frames.Hello(frames.PROTOCOL, __version__, self._role))
                self.welcome = expect_welcome(await self._opening())
        except TimeoutError as error:
            await self.close()
            raise ControlError("timeout", f"the daemon did not answer within {self._timeout:g} s") from error
        except OSError as error:
            await self.close()
            raise connect_error(error, self._path) from error
        except BaseException:
            await self.close()
            raise
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Hang up; harmless when done already."""
        self._end(ControlError("disconnected", "not connected to the daemon"))
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    async def status(self) -> Status:
        """The daemon at a glance."""
        return expect(await self._ask(frames.QueryStatus(self._id())), frames.StatusReply).status

    async def pending(self) -> tuple[Pending, ...]:
        """What waits for a person, oldest first."""
        found: list[Pending] = []
        for _ in range(MAX_PARTS):
            after = found[-1].id if found else ""
            part = expect(await self._ask(frames.ListPending(self._id(), after)), frames.PendingReply)
            found += part.items
            if not part.more:
                return tuple(found)
        raise endless_list()

    async def sessions(self) -> tuple[Session, ...]:
        """The sessions the daemon knows, most recently seen first."""
        found: dict[str, Session] = {}
        offset = 0
        for _ in range(MAX_PARTS):
            part = expect(await self._ask(frames.ListSessions(self._id(), offset)), frames.SessionsReply)
            # One that was active meanwhile moved to the front and pushed another into view a second time.
            for session in part.items:
                found.setdefault(session.key, session)
            offset += len(part.items)
            if not part.more:
                return tuple(found.values())
        raise endless_list()

    async def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        """Answer a held action and its twins; see `Client.answer`."""
        return await self.ask(
            lambda number: frames.AnswerPending(number, pending_id, answer, binding), frames.AnsweredReply
        )

    async def ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], timeout: float = 0.0) -> R:  # noqa: ASYNC109 - the reply's own limit
        """Say the frame that `make` gives for a number, and wait for a reply of this `kind`; see `Client.ask`."""
        return expect(await self._ask(make(self._id()), timeout), kind)

    async def kill(self, active: bool) -> KillSwitchState:  # noqa: FBT001 - the verb's one argument, on or off
        """Set or clear the kill switch's own source; the state that results, other sources included."""
        return expect(await self._ask(frames.SwitchKill(self._id(), active)), frames.KillReply).state

    async def reload(self) -> frames.Ok:
        """Have the daemon read its configuration again; `detail` says what came of it."""
        return expect(await self._ask(frames.Reload(self._id())), frames.Ok)

    async def events(
        self, epoch: str = "", after: int = 0, backlog: int = 1000
    ) -> AsyncGenerator[Event | frames.Gap, None]:
        """Events as they happen, as `Client.events` gives them; at most one such iterator at a time.

        A consumer that falls more than `MAX_UNREAD` events behind loses none for it: what does not fit is asked for
        again once it has caught up.
        """
        cursor = Cursor(epoch, after)
        cursor.begin(self.welcome.epoch)
        await self._subscribe(cursor, backlog)
        try:
            while True:
                while self._unread:
                    item = self._accept(cursor, self._unread.popleft())
                    if item is not None:
                        yield item
                if self._deaf and self._why is None:
                    await self._subscribe(cursor, frames.MAX_BACKLOG)
                elif self._why is not None:
                    raise ControlError(self._why.code, self._why.message)
                else:
                    self._arrived.clear()
                    await self._arrived.wait()
        finally:
            self._deaf, self._subscribing = True, 0
            self._unread.clear()
            if self._why is None:
                # Nobody is there to await the reply: the reader sees it come and finds no future for it.
                with contextlib.suppress(ControlError):
                    self._say(frames.Unsubscribe(self._id()))

    async def _subscribe(self, cursor: Cursor, backlog: int) -> None:
        self._deaf = True
        self._unread.clear()
        self._subscribing = self._id()
        expect(await self._ask(cursor.subscribe(self._subscribing, backlog)), frames.Ok)

    def _accept(self, cursor: Cursor, frame: frames.Push | frames.Gap) -> Event | frames.Gap | None:
        try:
            return cursor.accept(frame)
        except ProtocolError as error:
            self._end(ControlError("protocol", f"the daemon broke the protocol: {error}"))
            raise ControlError("protocol", f"the daemon broke the protocol: {error}") from error

    def _id(self) -> int:
        return self._connection.next_id()

    async def _ask(self, request: frames.ClientFrame, seconds: float = 0.0) -> frames.Result:
        """Say `request` and wait for its reply."""
        if self._why is not None:
            raise ControlError(self._why.code, self._why.message)
        number = getattr(request, "id", 0)
        reply: asyncio.Future[frames.Result] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            self._say(request)
            async with asyncio.timeout(seconds or self._timeout):
                return await reply
        except TimeoutError as error:
            waited = seconds or self._timeout
            raise ControlError("timeout", f"the daemon did not answer within {waited:g} s") from error
        finally:
            self._replies.pop(number, None)

    def _say(self, frame: frames.ClientFrame) -> None:
        if self._writer is None or self._why is not None:
            raise ControlError("disconnected", "not connected to the daemon")
        try:
            self._writer.write(self._connection.send(frame))
        except ProtocolError as error:
            raise ControlError("bad_request", str(error)) from error

    async def _opening(self) -> frames.ServerFrame:
        """The first frame; waited for by `open`, which has a deadline."""
        while True:
            frame = await self._next()
            if frame is not None:
                return frame

    async def _next(self) -> frames.ServerFrame | None:
        """The next frame, after reading once at most; `None` where it is not whole yet."""
        try:
            frame = self._connection.next_frame()
            if frame is not None or self._reader is None:
                return frame
            data = await self._reader.read(_READ)
            if not data:
                raise ControlError("disconnected", "the daemon closed the connection")
            self._connection.receive(data)
        except ProtocolError as error:
            raise ControlError("protocol", f"the daemon broke the protocol: {error}") from error
        except OSError as error:
            raise lost_error(error) from error
        return None

    async def _read(self) -> None:
        """Hand out what arrives until the connection ends."""
        try:
            while self._connection.state is State.OPEN:
                frame = await self._next()
                if frame is not None:
                    self._dispatch(frame)
        except ControlError as error:
            self._end(error)

    def _dispatch(self, frame: frames.ServerFrame) -> None:
        if isinstance(frame, frames.Reply):
            if frame.id == self._subscribing:
                self._deaf = False
            reply = self._replies.pop(frame.id, None)
            if reply is not None and not reply.done():
                reply.set_result(frame.result)
        elif isinstance(frame, frames.Push | frames.Gap):
            self._keep(frame)
        elif isinstance(frame, frames.Refused):
            self._end(ControlError("disconnected", f"the daemon hung up: {escape(frame.why, 500)}"))

    def _keep(self, frame: frames.Push | frames.Gap) -> None:
        if self._deaf:
            return
        if len(self._unread) >= MAX_UNREAD:
            self._deaf = True
        else:
            self._unread.append(frame)
        self._arrived.set()

    def _end(self, why: ControlError) -> None:
        """Note that all is over; the first reason counts."""
        if self._why is None:
            self._why = why
        self._connection.close()
        if self._writer is not None:
            self._writer.close()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ControlError(self._why.code, self._why.message))
        self._replies.clear()
        self._arrived.set()


@dataclass(frozen=True, slots=True)
class Connected:
    """The link is up. A new `welcome.epoch` means another daemon run, whose events are numbered from 1 again."""

    welcome: frames.Welcome


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is down; it goes on trying. `code` is that of the `ControlError` (`version`: it won't get better)."""

    why: str
    code: str = "disconnected"


Item = Connected | Disconnected | Event | frames.Gap


class Link:
    """Keeps a connection to the daemon alive.

    `role` as for `AsyncClient`; `backlog` is how many past events a first connection asks for. `jitter` gives a number
    in [0, 1). The verbs work while the link is up and raise `ControlError` disconnected while it is down.
    """

    def __init__(
        self,
        path: str | Path,
        role: str = "dashboard",
        timeout: float = 5.0,
        backlog: int = 1000,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._path = Path(path)
        self._role = role
        self._timeout = timeout
        self._backlog = backlog
        self._jitter = jitter
        self._cursor = Cursor()
        self._client: AsyncClient | None = None
        self._closed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return self._client is not None

    async def items(self) -> AsyncGenerator[Item, None]:
        """All that happens, without end: `Connected`, events and gaps, `Disconnected`, `Connected` and so on.

        A reason why the link stays down is given once, not with each attempt. Iterate once at a time; ends after
        `close`.
        """
        delay, told = FIRST_DELAY, ""
        while not self._closed.is_set():
            client = AsyncClient(self._path, self._role, self._timeout)
            try:
                await client.open()
                delay, told = FIRST_DELAY, ""
                self._client = client
                yield Connected(client.welcome)
                async with contextlib.aclosing(self._follow(client)) as events:
                    async for item in events:
                        yield item
            except ControlError as error:
                self._client = None
                if error.message != told and not self._closed.is_set():
                    told = error.message
                    yield Disconnected(error.message, error.code)
            finally:
                self._client = None
                await client.close()
            await self._pause(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def close(self) -> None:
        """Hang up for good."""
        self._closed.set()
        if self._client is not None:
            await self._client.close()

    async def status(self) -> Status:
        """See `AsyncClient.status`."""
        return await self._up().status()

    async def pending(self) -> tuple[Pending, ...]:
        """See `AsyncClient.pending`."""
        return await self._up().pending()

    async def sessions(self) -> tuple[Session, ...]:
        """See `AsyncClient.sessions`."""
        return await self._up().sessions()

    async def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        """See `AsyncClient.answer`."""
        return await self._up().answer(pending_id, answer, binding)

    async def ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], timeout: float = 0.0) -> R:  # noqa: ASYNC109 - the reply's own limit
        """See `AsyncClient.ask`."""
        return await self._up().ask(make, kind, timeout)

    async def kill(self, active: bool) -> KillSwitchState:  # noqa: FBT001 - the verb's one argument, on or off
        """See `AsyncClient.kill`."""
        return await self._up().kill(active)

    async def reload(self) -> frames.Ok:
        """See `AsyncClient.reload`."""
        return await self._up().reload()

    def _up(self) -> AsyncClient:
        if self._client is None:
            raise ControlError("disconnected", "not connected to the daemon")
        return self._client

    async def _follow(self, client: AsyncClient) -> AsyncGenerator[Event | frames.Gap, None]:
        """The events of this connection, from where the last one stopped if it is the same daemon run."""
        epoch, after = self._cursor.epoch, self._cursor.last
        same = epoch == client.welcome.epoch and after > 0
        self._cursor.begin(client.welcome.epoch)
        backlog = frames.MAX_BACKLOG if same else self._backlog
        async with contextlib.aclosing(client.events(epoch if same else "", after, backlog)) as events:
            async for item in events:
                self._cursor.last = item.last if isinstance(item, frames.Gap) else item.seq
                yield item

    async def _pause(self, delay: float) -> None:
        """Wait before trying again, up to a quarter less than `delay` so that many watchers don't return at once."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), delay * (1 - 0.25 * self._jitter()))
