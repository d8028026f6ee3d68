"""The blocking client, against the real server on a real socket and against a server that misbehaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import deferLater

from pipelock.control import client as client_module
from pipelock.control import frames
from pipelock.control.client import Client, ControlError, NotRunning
from pipelock.control.peers import process_id
from pipelock.control.server import PUMP_DELAY
from pipelock.control.testing import LoopbackDaemon, make_pending
from pipelock.model import Answer, AnswerWord, Event, KillSwitchState, Session

WELCOME = b'{"type":"welcome","protocol":1,"version":"9.9","epoch":"run-1","may_decide":true}\n'


ALLOW = Answer(AnswerWord.ALLOW)


def seqs(items: list[Event | frames.Gap]) -> list[Any]:
    return [(item.first, item.last) if isinstance(item, frames.Gap) else item.seq for item in items]


def take(iterator: Iterator[Event | frames.Gap], count: int) -> list[Event | frames.Gap]:
    return [next(iterator) for _ in range(count)]


def test_the_verbs(daemon: LoopbackDaemon) -> None:
    with Client(daemon.path) as client:
        assert client.welcome.may_decide
        assert client.welcome.version == "9.9"
        assert client.status().pid == os.getpid()
        assert [item.id for item in client.pending()] == ["1", "2"]
        assert client.answer("1", Answer(AnswerWord.DENY, note="no"), "b1") == frames.AnsweredReply(1)
        assert [item.id for item in client.pending()] == ["2"]
        assert client.kill(True) == KillSwitchState(active=True, sources={"api": True})
        assert client.reload().detail == "policy unchanged"
        assert client.sessions() == ()
    assert daemon.backend.killed == [(True, f"command (pid {os.getpid()})")]


def test_refusals_come_as_errors_with_their_code(daemon: LoopbackDaemon) -> None:
    with Client(daemon.path) as client:
        for arguments, code in (
            (("99", ALLOW), "not_found"),
            (("1", ALLOW, "b2"), "stale"),
            (("1", Answer(AnswerWord.DENY, note="x" * 501)), "bad_request"),
            (("1", Answer(AnswerWord.DENY, note="x" * 2_000_000)), "bad_request"),
        ):
            with pytest.raises(ControlError) as caught:
                client.answer(*arguments)
            assert caught.value.code == code
        assert client.status().version == "9.9", "a refusal does not end the conversation"


def test_long_lists_come_whole(daemon: LoopbackDaemon) -> None:
    daemon.backend.items = [make_pending(number, reason="x" * 9000) for number in range(1, 200)]
    daemon.backend.known = [
        Session(key=f"{number}" + "k" * 3000, agent="", client="", started_at=0.0, last_seen_at=0.0)
        for number in range(500)
    ]
    with Client(daemon.path) as client:
        assert client.pending() == tuple(daemon.backend.items)
        assert client.sessions() == tuple(daemon.backend.known)


def test_events_from_the_past_and_as_they_happen(daemon: LoopbackDaemon) -> None:
    daemon.say("a", "b", "c")
    with Client(daemon.path) as client:
        events = client.events(backlog=2)
        assert seqs(take(events, 2)) == [2, 3]
        daemon.say("d", "e")
        assert client.status().last_seq == 5, "other verbs work meanwhile"
        assert seqs(take(events, 2)) == [4, 5]
        events.close()  # type: ignore[attr-defined]
        daemon.say("f")
        assert client.status().last_seq == 6


def test_resuming_after_a_reconnect(daemon: LoopbackDaemon) -> None:
    daemon.say(*"abcd")
    with Client(daemon.path) as client:
        epoch = client.welcome.epoch
        assert seqs(take(client.events(), 3)) == [1, 2, 3]
    daemon.say("e")
    with Client(daemon.path) as client:
        assert seqs(take(client.events(epoch, 3), 2)) == [4, 5]
    with Client(daemon.path) as client:
        assert seqs(take(client.events(epoch, 1, backlog=2), 3)) == [(2, 3), 4, 5]
    with Client(daemon.path) as client:
        assert seqs(take(client.events("another run", 3), 5)) == [1, 2, 3, 4, 5]


def test_events_end_when_the_daemon_does(daemon: LoopbackDaemon) -> None:
    with Client(daemon.path) as client:
        daemon.say("a")
        events = client.events()
        assert seqs(take(events, 1)) == [1]
        daemon.stop()
        with pytest.raises(ControlError) as caught:
            next(events)
        assert caught.value.code == "disconnected"
        with pytest.raises(ControlError) as caught:
            client.status()
        assert caught.value.code == "disconnected"
        client.close()


@pytest.mark.parametrize("state", ["nothing", "stale", "no directory"])
def test_nobody_there(daemon: LoopbackDaemon, state: str, tmp_path: Path) -> None:
    path = {"nothing": tmp_path / "none.sock", "stale": tmp_path / "stale.sock", "no directory": tmp_path / "x" / "y"}[
        state
    ]
    if state == "stale":
        with socket.socket(socket.AF_UNIX) as link:
            link.bind(str(path))
    with pytest.raises(NotRunning, match="start one with `pipelock run --preset balanced`") as caught:
        Client(path).open()
    assert caught.value.code == "not_running"
    assert caught.value.path == path


def test_a_closed_client_says_so_and_may_be_opened_again(daemon: LoopbackDaemon) -> None:
    client = Client(daemon.path)
    with pytest.raises(ControlError, match="not connected"):
        client.status()
    client.open()
    client.close()
    client.close()
    with client:
        assert client.status().version == "9.9"


def test_a_program_the_daemon_started_may_watch_but_not_decide(daemon: LoopbackDaemon) -> None:
    """The real thing: SO_PEERCRED, pidfd and /proc. The test process plays the daemon and starts the agent."""
    code = (
        "import sys\n"
        "from pipelock.control.client import Client, ControlError\n"
        "with Client(sys.argv[1]) as client:\n"
        "    print(client.welcome.may_decide, client.status().version)\n"
        "    try:\n"
        "        client.kill(False)\n"
        "    except ControlError as error:\n"
        "        print(error.code, error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(daemon.path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "False 9.9",
        "forbidden you may watch but not decide: was launched by the daemon, as agents are",
    ]
    assert daemon.backend.killed == []


def test_a_program_in_another_network_namespace_may_watch_but_not_decide(daemon: LoopbackDaemon) -> None:
    contain = ["unshare", "--user", "--map-root-user", "--net"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*contain, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this system does not let us make namespaces")
    code = "import sys\nfrom pipelock.control.client import Client\nwith Client(sys.argv[1]) as c: print(c.welcome.why)"
    done = subprocess.run(
        [*contain, sys.executable, "-c", code, str(daemon.path)], capture_output=True, text=True, check=True
    )
    assert "another network namespace" in done.stdout


def test_a_watcher_that_does_not_read_costs_a_bounded_buffer_and_loses_nothing(daemon: LoopbackDaemon) -> None:
    def flood() -> None:
        for number in range(5000):
            daemon.backend.say("x" * 1000 + str(number))

    def buffered() -> int:
        wires = [peer.transport for peer in daemon._server._peers]  # type: ignore[union-attr]
        return max(len(wire.dataBuffer) - wire.offset + wire._tempDataLen for wire in wires)

    daemon.say("first")
    with Client(daemon.path) as client, Client(daemon.path) as other:
        events = client.events()
        assert seqs(take(events, 1)) == [1]
        daemon.run(flood)
        assert other.status().last_seq == 5001, "others are served meanwhile"
        # Once the events have been gathered, what the socket does not take stays in the ring.
        left = daemon.run(lambda: deferLater(daemon.reactor, 2 * PUMP_DELAY, buffered))
        assert 0 < left < 65_536 + frames.MAX_FRAME
        assert seqs(take(events, 5000)) == list(range(2, 5002))


ORPHAN = """
import os, sys, time
from pipelock.control.client import Client
daemon, path, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while os.getppid() != daemon:
            time.sleep(0.01)
        with Client(path) as client, open(result, "w") as out:
            out.write(client.welcome.why)
    os._exit(0)
"""
ADOPT = """
import ctypes, os, subprocess, sys, threading
from pathlib import Path
from twisted.internet.selectreactor import SelectReactor
from pipelock.control.testing import LoopbackDaemon
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
reactor = SelectReactor()
threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True).start()
daemon = LoopbackDaemon(reactor, Path(sys.argv[1]) / "run" / "control.sock")
daemon.start()
orphan, result = sys.argv[2], sys.argv[1] + "/result"
agent = subprocess.Popen([sys.executable, "-c", orphan, str(os.getpid()), str(daemon.path), result])
agent.wait()
try:
    while True:
        os.wait()
except ChildProcessError:
    daemon.stop()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="child subreapers are Linux's")
def test_an_agent_cannot_shake_off_its_descent_by_forking_twice(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ADOPT, str(tmp_path), ORPHAN], check=True, timeout=60)
    assert (tmp_path / "result").read_text() == "was launched by the daemon, as agents are"


def test_an_agent_that_is_watched_may_not_decide(daemon: LoopbackDaemon) -> None:
    with Client(daemon.path) as client:
        client.kill(True)
        daemon.watched.add(tuple(process_id(os.getpid())))
        with pytest.raises(ControlError, match="agent process"):
            client.kill(False)
    assert [active for active, _ in daemon.backend.killed] == [True]


def test_a_full_queue_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(tmp_path / "s"))
        busy.listen(0)
        first.connect(str(tmp_path / "s"))
        with pytest.raises(ControlError, match="does not accept") as caught:
            Client(tmp_path / "s", timeout=0.05).open()
    assert caught.value.code == "timeout"


# A server that misbehaves


class Puppet:
    """Answers each connection with fixed bytes, one piece for every line it hears."""

    def __init__(self, path: Path, pieces: list[bytes], linger: bool) -> None:
        self.path = path
        self._pieces = pieces
        self._linger = linger
        self._done = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        link, _ = self._socket.accept()
        with link, contextlib.suppress(OSError), link.makefile("rb") as lines:
            for piece in self._pieces:
                lines.readline()
                link.sendall(piece)
            if self._linger:
                self._done.wait(30)

    def close(self) -> None:
        self._done.set()
        self._thread.join(30)
        self._socket.close()


@pytest.fixture
def puppet(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    puppets = []

    def make(*pieces: bytes, linger: bool = True) -> Path:
        puppets.append(Puppet(tmp_path / "puppet.sock", list(pieces), linger))
        return puppets[-1].path

    yield make
    for one in puppets:
        one.close()


@pytest.mark.parametrize(
    ("pieces", "code", "text"),
    [
        pytest.param([b'{"type":"refused","why":"full"}\n'], "refused", "full", id="refused"),
        pytest.param([b'{"type":"refused","why":"x","protocol":2}\n'], "version", "version 2", id="another version"),
        pytest.param([b'{"type":"gap","first":1,"last":2}\n'], "protocol", "broke the protocol", id="not an opening"),
        pytest.param([b"HTTP/1.1 200 OK\r\n"], "protocol", "not a frame", id="another protocol"),
        pytest.param([b"x" * 1_100_000], "protocol", "longer than", id="endless line"),
        pytest.param([], "disconnected", "closed the connection", id="hangs up"),
    ],
)
def test_bad_openings(puppet: Callable[..., Path], pieces: list[bytes], code: str, text: str) -> None:
    with pytest.raises(ControlError, match=text) as caught:
        Client(puppet(*pieces, linger=bool(pieces))).open()
    assert caught.value.code == code


def test_a_silent_server_is_not_waited_for(puppet: Callable[..., Path]) -> None:
    with pytest.raises(ControlError, match=r"within 0.1 s") as caught:
        Client(puppet(linger=True), timeout=0.1).open()
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        pytest.param(b'{"type":"refused","why":"stopping"}\n', "disconnected", "stopping", id="goodbye"),
        pytest.param(
            b'{"type":"reply","id":1,"result":{"type":"ok"}}\n', "protocol", "answered with Ok", id="another kind"
        ),
        pytest.param(
            b'{"type":"reply","id":7,"result":{"type":"ok"}}\n', "protocol", "which is not open", id="another request"
        ),
        pytest.param(b'{"type":"welcome","protocol":1}\n', "protocol", "broke the protocol", id="nonsense"),
        pytest.param(b"", "timeout", "did not answer within 0.1 s", id="silence"),
    ],
)
def test_bad_answers(puppet: Callable[..., Path], answer: bytes, code: str, text: str) -> None:
    limit = 5.0 if answer else 0.1
    with Client(puppet(WELCOME, answer)) as client, pytest.raises(ControlError, match=text) as caught:
        client.ask(frames.QueryStatus, frames.StatusReply, limit)
    assert caught.value.code == code


def test_a_list_without_end_is_not_followed(puppet: Callable[..., Path]) -> None:
    part = b'{"type":"reply","id":%d,"result":{"type":"pending","items":[],"more":true}}\n'
    endless = b'{"type":"reply","id":%d,"result":{"type":"sessions","items":[],"more":true}}\n'
    pieces = [part % number for number in range(1, 101)] + [endless % number for number in range(101, 201)]
    with Client(puppet(WELCOME, *pieces)) as client:
        for verb in (client.pending, client.sessions):
            with pytest.raises(ControlError, match="did not end within 100"):
                verb()


def test_events_lost_without_a_word_are_a_fault(puppet: Callable[..., Path]) -> None:
    ok = b'{"type":"reply","id":1,"result":{"type":"ok"}}\n'
    event = b'{"type":"event","event":{"seq":%d,"at":1.0,"payload":{"type":"notice","level":"info","text":""}}}\n'
    with Client(puppet(WELCOME, ok + event % 1 + event % 3)) as client:
        events = client.events()
        assert seqs(take(events, 1)) == [1]
        with pytest.raises(ControlError, match="events 2 to 2 were left out") as caught:
            next(events)
    assert caught.value.code == "protocol"


@pytest.mark.parametrize("unasked", [b'{"type":"reply","id":1,"result":{"type":"ok"}}\n', WELCOME])
def test_what_nobody_asked_for_is_a_fault(puppet: Callable[..., Path], unasked: bytes) -> None:
    ok = b'{"type":"reply","id":1,"result":{"type":"ok"}}\n'
    with Client(puppet(WELCOME, ok + unasked)) as client, pytest.raises(ControlError) as caught:
        next(client.events())
    assert caught.value.code == "protocol"


def test_a_goodbye_while_watching_is_passed_on(puppet: Callable[..., Path]) -> None:
    ok = b'{"type":"reply","id":1,"result":{"type":"ok"}}\n'
    path = puppet(WELCOME, ok + b'{"type":"refused","why":"stopping"}\n')
    with Client(path) as client, pytest.raises(ControlError, match="stopping") as caught:
        next(client.events())
    assert caught.value.code == "disconnected"


def test_too_many_unread_events_end_the_connection(
    puppet: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_UNREAD", 3)
    gaps = b"".join(b'{"type":"gap","first":%d,"last":%d}\n' % (n, n) for n in range(1, 6))
    with Client(puppet(WELCOME, gaps)) as client, pytest.raises(ControlError, match="sent too much"):
        client.status()


IMPORTS = """
import sys
import pipelock.control.client, pipelock.control.paths
heavy = {"asyncio", "twisted", "textual", "ssl", "OpenSSL", "psutil", "re2", "hyperscan"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_the_client_is_light() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
