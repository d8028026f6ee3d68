"""The asyncio client and the link, against the real server on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import pytest

from pipelock.control import aio, frames
from pipelock.control.aio import AsyncClient, Connected, ControlError, Disconnected, Item, Link, NotRunning
from pipelock.control.testing import FakeBackend, LoopbackDaemon, make_pending
from pipelock.model import Answer, AnswerWord, Event, KillSwitchState, Session

WELCOME = b'{"type":"welcome","protocol":1,"version":"9.9","epoch":"run-1","may_decide":true}\n'


async def take(items: AsyncIterator[Event | frames.Gap], count: int) -> list[object]:
    found: list[object] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            item = await anext(items)
            found.append((item.first, item.last) if isinstance(item, frames.Gap) else item.seq)
    return found


async def in_thread(function: Callable[..., object], *args: object) -> None:
    """Drive the daemon without stopping the clients' loop."""
    await asyncio.to_thread(function, *args)


# One connection


async def test_the_verbs(daemon: LoopbackDaemon) -> None:
    async with AsyncClient(daemon.path) as client:
        assert client.welcome.may_decide
        assert (await client.status()).pid == os.getpid()
        assert [item.id for item in await client.pending()] == ["1", "2"]
        assert await client.answer("1", Answer(AnswerWord.DENY, note="no"), "b1") == frames.AnsweredReply(1)
        assert await client.kill(True) == KillSwitchState(active=True, sources={"api": True})
        assert (await client.reload()).detail == "policy unchanged"
        assert await client.sessions() == ()
        with pytest.raises(ControlError) as caught:
            await client.answer("1", Answer(AnswerWord.ALLOW))
        assert caught.value.code == "not_found"
        with pytest.raises(ControlError) as caught:
            await client.answer("2", Answer(AnswerWord.DENY, note="x" * 2_000_000))
        assert caught.value.code == "bad_request"


async def test_many_verbs_at_once(daemon: LoopbackDaemon) -> None:
    async with AsyncClient(daemon.path) as client:
        answers = await asyncio.gather(*(client.status() for _ in range(100)), client.pending(), client.sessions())
    assert [answer.version for answer in answers[:100]] == ["9.9"] * 100  # type: ignore[union-attr]


async def test_more_verbs_at_once_than_may_be_open_is_a_local_error(daemon: LoopbackDaemon) -> None:
    async with AsyncClient(daemon.path) as client:
        answers = await asyncio.gather(*(client.status() for _ in range(300)), return_exceptions=True)
        assert {getattr(answer, "code", "") for answer in answers} == {"", "bad_request"}
        assert (await client.status()).version == "9.9"


async def test_long_lists_come_whole(daemon: LoopbackDaemon) -> None:
    daemon.backend.items = [make_pending(number, reason="x" * 9000) for number in range(1, 200)]
    daemon.backend.known = [
        Session(key=f"{number}" + "k" * 3000, agent="", client="", started_at=0.0, last_seen_at=0.0)
        for number in range(500)
    ]
    async with AsyncClient(daemon.path) as client:
        assert await client.pending() == tuple(daemon.backend.items)
        assert await client.sessions() == tuple(daemon.backend.known)


async def test_events(daemon: LoopbackDaemon) -> None:
    await in_thread(daemon.say, "a", "b", "c")
    async with AsyncClient(daemon.path) as client:
        events = client.events(backlog=2)
        assert await take(events, 2) == [2, 3]
        await in_thread(daemon.say, "d")
        assert (await client.status()).last_seq == 4
        assert await take(events, 1) == [4]
        await events.aclose()
        await in_thread(daemon.say, "e")
        again = client.events(client.welcome.epoch, 1, backlog=2)
        assert await take(again, 3) == [(2, 3), 4, 5]
        await again.aclose()


async def test_a_busy_consumer_may_ask_and_loses_nothing(
    daemon: LoopbackDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio, "MAX_UNREAD", 50)
    async with AsyncClient(daemon.path) as client:
        events = client.events()
        await in_thread(daemon.say, *map(str, range(3)))
        assert await take(events, 1) == [1]
        await in_thread(daemon.say, *map(str, range(3, 1000)))
        await client.status()
        assert len(client._unread) <= 50
        assert await take(events, 999) == list(range(2, 1001))
        await in_thread(daemon.say, "live again")
        assert await take(events, 1) == [1001]
        await events.aclose()


async def test_a_closed_client_says_so(daemon: LoopbackDaemon) -> None:
    client = AsyncClient(daemon.path)
    with pytest.raises(ControlError, match="not connected"):
        await client.status()
    async with client:
        waiting = client.events()
        asking = asyncio.create_task(anext(waiting))  # type: ignore[arg-type]
        await client.status()
        await client.close()
        with pytest.raises(ControlError, match="not connected"):
            await asking
    with pytest.raises(ControlError, match="not connected"):
        await client.status()


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        await AsyncClient(tmp_path / "none.sock").open()


async def test_the_daemon_goes_away(daemon: LoopbackDaemon) -> None:
    async with AsyncClient(daemon.path) as client:
        await in_thread(daemon.say, "a")
        events = client.events()
        assert await take(events, 1) == [1]
        await in_thread(daemon.say, "b")
        waiting = asyncio.create_task(anext(events))  # type: ignore[arg-type]
        await waiting
        await in_thread(daemon.drop)
        with pytest.raises(ControlError) as caught:
            await take(events, 1)
        assert caught.value.code == "disconnected"
        with pytest.raises(ControlError):
            await client.status()


async def test_a_goodbye_is_passed_on(daemon: LoopbackDaemon) -> None:
    async with AsyncClient(daemon.path) as client:
        events = client.events()
        waiting = asyncio.create_task(take(events, 1))
        await client.status()
        await in_thread(daemon.stop)
        with pytest.raises(ControlError, match="the daemon is stopping"):
            await waiting


async def serve(path: Path, *pieces: bytes) -> asyncio.Server:
    """A server that answers each line with the next piece, and then stays silent."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for piece in pieces:
                await reader.readline()
                writer.write(piece)
                await writer.drain()
            await reader.read()
        writer.close()

    return await asyncio.start_unix_server(converse, path)


@pytest.mark.parametrize(
    ("piece", "code", "text"),
    [
        pytest.param(b'{"type":"refused","why":"full"}\n', "refused", "full", id="refused"),
        pytest.param(b'{"type":"refused","why":"x","protocol":2}\n', "version", "version 2", id="another version"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", "protocol", "not a frame", id="another protocol"),
        pytest.param(b"", "timeout", "within 0.1 s", id="silence"),
    ],
)
async def test_bad_openings(tmp_path: Path, piece: bytes, code: str, text: str) -> None:
    async with await serve(tmp_path / "s", piece):
        client = AsyncClient(tmp_path / "s", timeout=30.0 if piece else 0.1)
        with pytest.raises(ControlError, match=text) as caught:
            await client.open()
    assert caught.value.code == code


async def test_an_unanswered_verb_times_out_and_a_late_answer_harms_nobody(tmp_path: Path) -> None:
    late = b'{"type":"reply","id":1,"result":{"type":"ok"}}\n{"type":"reply","id":2,"result":{"type":"ok"}}\n'
    async with await serve(tmp_path / "s", WELCOME, b"", late), AsyncClient(tmp_path / "s") as client:
        with pytest.raises(ControlError) as caught:
            await client.ask(frames.QueryStatus, frames.StatusReply, 0.1)
        assert caught.value.code == "timeout"
        assert await client.reload() == frames.Ok()


async def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(tmp_path / "s"))
        busy.listen(0)
        first.connect(str(tmp_path / "s"))
        with pytest.raises(ControlError) as caught:
            await AsyncClient(tmp_path / "s", timeout=0.05).open()
    assert caught.value.code == "timeout"


async def test_a_list_without_end_is_not_followed(tmp_path: Path) -> None:
    part = b'{"type":"reply","id":%d,"result":{"type":"pending","items":[],"more":true}}\n'
    endless = b'{"type":"reply","id":%d,"result":{"type":"sessions","items":[],"more":true}}\n'
    pieces = [part % number for number in range(1, 101)] + [endless % number for number in range(101, 201)]
    async with await serve(tmp_path / "s", WELCOME, *pieces), AsyncClient(tmp_path / "s") as client:
        for verb in (client.pending, client.sessions):
            with pytest.raises(ControlError, match="did not end within 100"):
                await verb()


async def test_lost_events_are_a_fault(tmp_path: Path) -> None:
    ok = b'{"type":"reply","id":1,"result":{"type":"ok"}}\n'
    event = b'{"type":"event","event":{"seq":%d,"at":1.0,"payload":{"type":"notice","level":"info","text":""}}}\n'
    pieces = (WELCOME, ok + event % 1 + event % 3)
    async with await serve(tmp_path / "s", *pieces), AsyncClient(tmp_path / "s") as client:
        events = client.events()
        assert await take(events, 1) == [1]
        with pytest.raises(ControlError, match="left out") as caught:
            await take(events, 1)
    assert caught.value.code == "protocol"


# The link


class Watch:
    """Collects what a link yields, to be waited for."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.items: AsyncGenerator[Item, None] = link.items()

    async def next(self) -> Item:
        async with asyncio.timeout(10):
            return await anext(self.items)

    async def seqs(self, count: int) -> list[object]:
        found: list[object] = []
        for _ in range(count):
            item = await self.next()
            assert isinstance(item, Event | frames.Gap), item
            found.append((item.first, item.last) if isinstance(item, frames.Gap) else item.seq)
        return found


@pytest.fixture
async def watch(daemon: LoopbackDaemon, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(aio, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(aio, "LONGEST_DELAY", 0.02)
    watch = Watch(Link(daemon.path))
    yield watch
    await watch.items.aclose()


async def test_a_link_connects_and_passes_everything_on(daemon: LoopbackDaemon, watch: Watch) -> None:
    await in_thread(daemon.say, "a", "b")
    assert not watch.link.connected
    connected = await watch.next()
    assert isinstance(connected, Connected)
    assert connected.welcome.epoch == "run-1"
    assert watch.link.connected
    assert await watch.seqs(2) == [1, 2]
    assert daemon.backend.present == 1, "a dashboard counts as present"
    assert (await watch.link.status()).last_seq == 2
    assert len(await watch.link.pending()) == 2
    assert await watch.link.sessions() == ()
    assert await watch.link.answer("1", Answer(AnswerWord.ALLOW)) == frames.AnsweredReply(1)
    assert (await watch.link.kill(False)).active is False
    assert (await watch.link.reload()).detail == "policy unchanged"


async def test_a_link_resumes_after_a_break_each_event_once(daemon: LoopbackDaemon, watch: Watch) -> None:
    await in_thread(daemon.say, "a", "b")
    assert isinstance(await watch.next(), Connected)
    assert await watch.seqs(2) == [1, 2]
    await in_thread(daemon.drop)
    await in_thread(daemon.say, "c", "d")
    down = await watch.next()
    assert isinstance(down, Disconnected)
    assert "closed the connection" in down.why
    assert isinstance(await watch.next(), Connected)
    assert await watch.seqs(2) == [3, 4]
    await in_thread(daemon.say, "e")
    assert await watch.seqs(1) == [5]


async def test_a_link_that_was_away_too_long_is_told_what_it_missed(daemon: LoopbackDaemon, watch: Watch) -> None:
    await in_thread(daemon.replace_backend, FakeBackend(capacity=5))
    await in_thread(daemon.say, "a")
    assert isinstance(await watch.next(), Connected)
    assert await watch.seqs(1) == [1]
    await in_thread(daemon.drop)
    await in_thread(daemon.say, *"bcdefghij")
    assert isinstance(await watch.next(), Disconnected)
    assert isinstance(await watch.next(), Connected)
    assert await watch.seqs(6) == [(2, 5), 6, 7, 8, 9, 10]


async def test_a_link_meets_a_new_run_of_the_daemon(daemon: LoopbackDaemon, watch: Watch) -> None:
    await in_thread(daemon.say, *"abcde")
    assert isinstance(await watch.next(), Connected)
    assert await watch.seqs(5) == [1, 2, 3, 4, 5]
    await in_thread(daemon.stop)
    down = await watch.next()
    assert isinstance(down, Disconnected)
    assert down.why == "the daemon hung up: the daemon is stopping"
    absent = await watch.next()
    assert isinstance(absent, Disconnected)
    assert absent.code == "not_running"
    with pytest.raises(ControlError) as caught:
        await watch.link.status()
    assert caught.value.code == "disconnected"
    await in_thread(daemon.replace_backend, FakeBackend("run-2"))
    await in_thread(daemon.say, "x", "y")
    connected = await watch.next()
    assert isinstance(connected, Connected), "one reason is told once, however often it is tried"
    assert connected.welcome.epoch == "run-2"
    assert await watch.seqs(2) == [1, 2]


async def test_version_skew_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await serve(tmp_path / "s", b'{"type":"refused","why":"x","protocol":2}\n'):
        watch = Watch(Link(tmp_path / "s"))
        down = await watch.next()
        await watch.items.aclose()
    assert isinstance(down, Disconnected)
    assert down.code == "version"
    assert "version 2" in down.why


async def test_attempts_back_off_up_to_a_limit_with_jitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    link = Link(tmp_path / "none.sock", jitter=lambda: 0.5)

    async def pause(delay: float) -> None:
        delays.append(delay)
        if len(delays) == 8:
            await link.close()

    monkeypatch.setattr(link, "_pause", pause)
    items = [item async for item in link.items()]
    assert [type(item) for item in items] == [Disconnected]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


async def test_the_pause_is_shortened_by_jitter_and_ended_by_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def wait_for(waiting: object, timeout: float) -> None:  # noqa: ASYNC109 - stands in for asyncio's
        waiting.close()  # type: ignore[attr-defined]
        waited.append(timeout)

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    await Link(tmp_path / "s", jitter=lambda: 0.0)._pause(4.0)
    await Link(tmp_path / "s", jitter=lambda: 1.0)._pause(4.0)
    assert waited == [4.0, 3.0]


async def test_closing_ends_the_items(daemon: LoopbackDaemon) -> None:
    link = Link(daemon.path)
    found: list[Item] = []

    async def collect() -> None:
        async for item in link.items():
            found.append(item)
            await link.close()

    async with asyncio.timeout(10):
        await collect()
    assert [type(item) for item in found] == [Connected]
    await link.close()


async def test_a_cancelled_watcher_lets_go(daemon: LoopbackDaemon) -> None:
    link = Link(daemon.path)
    up = asyncio.Event()

    async def collect() -> None:
        async for _ in link.items():
            up.set()

    task = asyncio.create_task(collect())
    async with asyncio.timeout(10):
        await up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The server notices in its own time; asking it goes through its thread, which is what lets it.
        while daemon.connections():
            await in_thread(daemon.run, daemon.connections)
    assert daemon.backend.present == 0
