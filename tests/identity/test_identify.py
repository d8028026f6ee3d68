"""From a connection to its session's root: at once, in a thread, or not in time."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pipelock.identity._netlink import Ends
from pipelock.identity.identify import BATCH, MAX_WAITING, SECONDS, Identify
from pipelock.identity.process import ProcessId
from pipelock.identity.programs import Programs, entries
from pipelock.identity.quick import Held, Sighting
from pipelock.identity.root import Root, RootKind
from pipelock.identity.sockets import SocketOwners, ends_of
from tests.identity.trees import add, empty_proc, stat_line


class Owners(SocketOwners):
    """Finds the process whose number is the client's port, and counts."""

    def __init__(self, proc: Path) -> None:
        super().__init__(proc)
        self.asked = 0
        self.closed = False

    def find(self, ends: Ends) -> Held | None:
        self.asked += 1
        pid = ends.client_port
        return Held(ProcessId(pid, pid), 3) if pid else None

    def close(self) -> None:
        self.closed = True


class Desk:
    """An `Identify` whose thread runs when it is told to."""

    def __init__(self, proc: Path, daemon: ProcessId | None = None) -> None:
        self.proc = empty_proc(proc)
        add(proc, 1, 0, 0, "init", session=1)
        self.clock = Clock()
        self.owners = Owners(proc)
        self.jobs: list[tuple[Callable[[], list[Sighting | None]], Callable[[object], None]]] = []
        self.fails = False
        self.identify = Identify(self._offload, self.clock, daemon=daemon, owners=self.owners, proc=proc)
        self.found: list[Root | None] = []

    def _offload(self, call: Callable[[], list[Sighting | None]], then: Callable[[object], None]) -> None:
        self.jobs.append((call, then))

    def asks(self, pid: int) -> None:
        self.identify(Ends("127.0.0.1", pid, "127.0.0.1", 1), self.found.append)

    def runs(self) -> None:
        while self.jobs:
            call, then = self.jobs.pop(0)
            then(RuntimeError("no") if self.fails else call())

    def roots(self) -> list[int]:
        """The number of each root that was told, 0 for none."""
        return [root.processes[-1].pid if root is not None else 0 for root in self.found]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_root_is_told_when_the_thread_has_found_it(desk: Desk) -> None:
    add(desk.proc, 50, 1, 50, "bash", session=50)
    add(desk.proc, 90, 50, 90, "curl", session=50)
    desk.asks(90)
    assert desk.found == []
    desk.runs()
    assert desk.roots() == [50]
    assert desk.clock.getDelayedCalls() == []


def test_many_are_carried_together_and_in_order(desk: Desk) -> None:
    for pid in range(100, 100 + BATCH + 2):
        add(desk.proc, pid, 1, pid, session=pid)
        desk.asks(pid)
    assert len(desk.jobs) == 1  # the first alone; the others came meanwhile
    desk.runs()
    assert desk.roots() == list(range(100, 100 + BATCH + 2))
    assert desk.owners.asked == BATCH + 2


def test_a_process_is_examined_once_and_keeps_its_root(desk: Desk) -> None:
    add(desk.proc, 50, 1, 50, "bash", session=50)
    add(desk.proc, 90, 50, 90, "curl", session=50)
    desk.asks(90)
    desk.runs()
    (desk.proc / "90" / "stat").write_text(stat_line(90, 1, 90, session=90))  # orphaned, and in a session of its own
    desk.asks(90)
    desk.runs()
    assert desk.roots() == [50, 50]


@pytest.mark.parametrize(
    ("words", "above", "adrift"),
    [
        pytest.param(("curl",), 1, True, id="an orphan"),
        pytest.param(("curl",), 70, False, id="a login of another user above"),
        pytest.param(("claude",), 1, False, id="an agent is known by its name"),
    ],
)
def test_who_has_cut_himself_loose_is_told(desk: Desk, words: tuple[str, ...], above: int, adrift: bool) -> None:
    add(desk.proc, 70, 1, 70, "sshd", session=70)
    add(desk.proc, 90, above, 90, session=90, words=words)
    for pid, user in ((70, 0), (90, 1000)):
        (desk.proc / str(pid) / "status").write_text(f"Uid:\t{user}\t{user}\n")
    desk.asks(90)
    desk.runs()
    (root,) = desk.found
    assert root is not None
    assert root.adrift is adrift


def test_an_agent_is_remembered_whatever_it_becomes(desk: Desk) -> None:
    add(desk.proc, 60, 1, 60, "claude", session=60, words=("claude",), exe="/usr/bin/claude")
    add(desk.proc, 90, 60, 90, "curl", session=60)
    desk.asks(90)
    desk.runs()
    assert desk.identify.agents() == {(60, 60)}
    shutil.rmtree(desk.proc / "60")
    add(desk.proc, 60, 1, 60, "bash", session=60, words=("bash",), exe="/usr/bin/bash")
    add(desk.proc, 91, 60, 91, "curl", session=91)
    desk.asks(91)
    desk.runs()
    assert [root.agent for root in desk.found if root is not None] == ["claude", "claude"]
    desk.identify.configure(Programs())
    assert desk.identify.agents() == {(60, 60)}


def test_who_is_a_profile_s_agent_changes_with_config(desk: Desk) -> None:
    add(desk.proc, 60, 1, 60, "bot", session=60, words=("bot",), exe="/usr/bin/bot")
    for programs in (Programs({"mine": ("bot",)}), Programs({"other": ("b*",)}), Programs()):
        desk.identify.configure(programs)
        desk.asks(60)
        desk.runs()
    assert [root.profile for root in desk.found if root is not None] == ["mine", "other", ""]
    assert desk.identify.agents() == frozenset()


def test_what_the_daemon_launches_is_a_root_and_adopted_orphans_are_its_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path, daemon=ProcessId(30, 30))
    add(desk.proc, 30, 1, 30, "pipelock", session=30)
    add(desk.proc, 60, 30, 60, "bash", session=30)
    add(desk.proc, 90, 60, 90, "curl", session=90)
    add(desk.proc, 91, 30, 91, "orphan", session=91)
    desk.identify.launch(60)
    for pid in (90, 91, 60, 30):
        desk.asks(pid)
    desk.runs()
    assert desk.roots() == [60, 60, 60, 0]
    assert [root.kind for root in desk.found if root is not None] == [RootKind.LAUNCHED] * 3


def test_launching_what_is_gone_already_changes_nothing(desk: Desk) -> None:
    add(desk.proc, 90, 1, 90, session=90)
    desk.identify.launch(4000)
    desk.asks(90)
    desk.runs()
    assert desk.roots() == [90]


def test_what_is_not_found_or_has_changed_is_nobody(desk: Desk) -> None:
    add(desk.proc, 90, 1, 91, session=90)  # started later than the one that had the socket
    for pid in (0, 90, 4000):
        desk.asks(pid)
    desk.runs()
    assert desk.found == [None, None, None]


def test_hidden_ancestors_leave_what_can_be_seen(desk: Desk) -> None:
    add(desk.proc, 50, 40, 50, "bash", session=50)
    add(desk.proc, 90, 50, 90, "curl", session=50)
    desk.asks(90)
    desk.runs()
    assert desk.roots() == [50]


def test_nobody_waits_longer_than_a_second(desk: Desk) -> None:
    add(desk.proc, 90, 1, 90, session=90)
    desk.asks(90)
    desk.clock.advance(SECONDS / 2)
    desk.asks(90)
    desk.clock.advance(SECONDS / 2)
    assert desk.found == [None]
    desk.clock.advance(SECONDS / 2)
    assert desk.found == [None, None]
    desk.runs()
    assert desk.found == [None, None]
    assert desk.clock.getDelayedCalls() == []
    desk.asks(90)
    desk.runs()
    assert desk.roots() == [0, 0, 90]


def test_who_has_left_is_not_looked_for(desk: Desk) -> None:
    add(desk.proc, 90, 1, 90, session=90)
    desk.asks(90)
    second = desk.identify(Ends("127.0.0.1", 90, "127.0.0.1", 1), desk.found.append)
    assert second.is_wanted
    second.cancel()
    desk.runs()
    assert desk.roots() == [90]
    assert desk.owners.asked == 1


def test_the_queue_has_an_end(desk: Desk) -> None:
    add(desk.proc, 90, 1, 90, session=90)
    for _ in range(MAX_WAITING + 2):
        desk.asks(90)
    assert desk.found == [None]
    desk.runs()
    assert desk.roots() == [0, *[90] * (MAX_WAITING + 1)]


def test_a_look_up_that_crashes_is_nobody(desk: Desk) -> None:
    desk.fails = True
    add(desk.proc, 90, 1, 90, session=90)
    desk.asks(90)
    desk.runs()
    assert desk.found == [None]


def test_tables_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.identity.identify.MAX_KNOWN", 20)
    for pid in range(100, 130):
        add(desk.proc, pid, 1, pid, session=pid)
        desk.asks(pid)
        desk.runs()
    assert [process.pid for process in desk.identify._roots] == list(range(110, 130))


def test_in_the_end_nothing_is_left(desk: Desk) -> None:
    add(desk.proc, 90, 1, 90, session=90)
    desk.asks(90)
    desk.identify.close()
    desk.runs()
    assert desk.found == []
    assert desk.owners.closed
    assert desk.clock.getDelayedCalls() == []


AROUND = {entry.name for _, entry in entries()}  # an agent may be running these tests
AGENT = "import socket, sys; links = [socket.create_connection(('127.0.0.1', int(sys.argv[1]))) for _ in 'ab']; input()"


def test_a_real_agent_is_recognised_and_the_second_time_without_a_thread(tmp_path: Path) -> None:
    link = tmp_path / "codex"
    link.symlink_to(sys.executable)
    jobs = []

    def offload(call: Callable[[], list[Sighting | None]], then: Callable[[object], None]) -> None:
        jobs.append(call)
        then(call())

    identify = Identify(offload, Clock())
    found: list[Root | None] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [str(link), "-c", AGENT, str(server.getsockname()[1])]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
            for _ in range(2):
                near, peer = server.accept()
                ends = ends_of(*peer, *near.getsockname())
                assert ends is not None
                identify(ends, found.append)
                near.close()
            child.communicate(b"\n")
    roots = [root for root in found if root is not None]
    assert [root.processes[0].pid for root in roots] == [child.pid] * 2
    assert roots[0].agent in {"codex", *AROUND}
    leader = roots[0].leader
    assert leader is not None
    assert identify.agents() == {leader}
    assert len(jobs) == (1 if sys.platform.startswith("linux") else 2)
    identify.close()
