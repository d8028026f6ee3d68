from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.daemon.sd_notify import MAX_STATUS, Supervisor

PID = 4321


class Clock:
    """Keeps what is to be called, and when."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def callLater(self, delay: float, call: Callable[[], object], /) -> object:
        self.calls.append((delay, call))
        return None


class Manager:
    """The other end."""

    def __init__(self, name: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[Manager, str]]:
    place = str(tmp_path / "s")
    one = Manager(place)
    yield one, place
    one.socket.close()


def test_the_life_of_a_daemon(manager: tuple[Manager, str]) -> None:
    other, place = manager
    environ = {"NOTIFY_SOCKET": place, "HOME": "/h"}
    supervisor = Supervisor(environ, PID)
    assert environ == {"HOME": "/h"}
    assert supervisor.watchdog == 0.0
    supervisor.ready("listening\nREADY=0 " + "x" * 300)
    first, status = other.heard()
    assert first == "READY=1"
    assert status.startswith("STATUS=listening READY=0 x")
    assert len(status) == len("STATUS=") + MAX_STATUS
    supervisor.reloading()
    word, since = other.heard()
    assert word == "RELOADING=1"
    name, _, number = since.partition("=")
    assert name == "MONOTONIC_USEC"
    assert int(number) > 0
    supervisor.stopping()
    assert other.heard() == ["STOPPING=1"]
    clock = Clock()
    supervisor.watch(clock)
    assert (clock.calls, other.heard()) == ([], [])


def test_signs_of_life_come_twice_as_often_as_asked_for(manager: tuple[Manager, str]) -> None:
    other, place = manager
    environ = {"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}
    supervisor = Supervisor(environ, PID)
    assert environ == {}
    assert supervisor.watchdog == 30.0
    clock = Clock()
    supervisor.watch(clock)
    for _ in range(3):
        assert other.heard() == ["WATCHDOG=1"]
        delay, again = clock.calls.pop()
        assert delay == 15.0
        again()


@pytest.mark.parametrize(
    ("usec", "whose"),
    [("30000000", "1"), ("", ""), ("-1", ""), ("1e6", ""), ("٣", ""), ("30 000", "")],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(tmp_path: Path, usec: str, whose: str) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": usec, "WATCHDOG_PID": whose}
    assert Supervisor(environ, PID).watchdog == 0.0


@pytest.mark.parametrize("place", ["", "vsock:2:1", "relative", "/nobody/is/there"])
def test_where_nobody_listens_nothing_is_sent_and_nothing_fails(place: str) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": place}, PID)
    supervisor.ready("up")
    supervisor.stopping()


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="abstract sockets are Linux's")
def test_an_abstract_socket(tmp_path: Path) -> None:
    name = f"pipelock-test-{tmp_path.name}-{id(tmp_path)}"
    other = Manager(f"\0{name}")
    Supervisor({"NOTIFY_SOCKET": f"@{name}"}, PID).ready("up")
    assert other.heard() == ["READY=1", "STATUS=up"]
    other.socket.close()


def test_a_manager_that_does_not_read_stops_nobody(manager: tuple[Manager, str]) -> None:
    other, place = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": place}, PID)
    for _ in range(2000):  # more than any queue of datagrams takes
        supervisor.stopping()
    assert set(other.heard()) == {"STOPPING=1"}
