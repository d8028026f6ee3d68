"""The lease, against a daemon that says what the test wants."""

from __future__ import annotations

import array
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.control import frames
from pipelock.control.errors import ControlError, NotRunning
from pipelock.control.lease import LAST_RETRY, Lease, Lent, listen_on_loopback
from pipelock.control.protocol import ServerConnection
from pipelock.model import (
    Contained,
    Denial,
    HandedKind,
    HandedSocket,
    Order,
    OrderVerb,
    WallName,
)

WELCOME = frames.Welcome(frames.PROTOCOL, "0", "epoch", may_decide=True)
LENT = Contained(id="0123456789ab", agent="claude")


class Daemon:
    """The other end, frame by frame, on a real socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "control.sock"
        self.open()

    def open(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        self.listener.bind(str(self.path))
        self.listener.listen(4)
        self.listener.settimeout(30)
        self.connection = ServerConnection()
        self.descriptors: list[int] = []

    def accept(self) -> Daemon:
        self.link, _ = self.listener.accept()
        self.link.settimeout(30)
        return self

    def hear(self) -> frames.ClientFrame:
        while (frame := self.connection.next_frame()) is None:
            data, ancillary, _, _ = self.link.recvmsg(65_536, socket.CMSG_SPACE(256))
            for _level, _kind, rights in ancillary:
                found = array.array("i")
                found.frombytes(rights)
                self.descriptors += found
            assert data
            self.connection.receive(data)
        return frame

    def say(self, frame: frames.ServerFrame) -> None:
        self.link.sendall(self.connection.send(frame))

    def agree(self, *orders: Order) -> frames.Contain:
        """Go through the whole opening; `orders` come in the same breath."""
        assert isinstance(self.hear(), frames.Hello)
        self.say(WELCOME)
        contain = self.hear()
        assert isinstance(contain, frames.Contain)
        reply = frames.Reply(contain.id, frames.ContainReply("claude@sandbox-1|127.0.0.1"))
        ordered = [frames.Ordered(order) for order in orders]
        self.link.sendall(b"".join(self.connection.send(frame) for frame in (reply, *ordered)))
        return contain

    def hang_up(self) -> None:
        self.link.close()
        self.listener.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.hang_up()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with listen_on_loopback() as listener:
        yield listener


def beside(work: Callable[[], object]) -> threading.Thread:
    """The daemon's half of a conversation that waits."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def lent(port: socket.socket) -> Lent:
    first = HandedSocket(HandedKind.PROXY, port.getsockname()[1])
    return Lent(LENT, ((first, port.fileno()), (HandedSocket(HandedKind.PROCESS), os.pidfd_open(os.getpid()))), ("r",))


def test_an_order_that_comes_with_the_daemon_s_word_is_heard(daemon: Daemon, port: socket.socket) -> None:
    other = beside(lambda: daemon.accept().agree(Order(OrderVerb.FREEZE, "kill switch")))
    lease = Lease(daemon.path)
    lease.take(lent(port))
    other.join(30)
    assert [order.verb for order in lease.read()] == [OrderVerb.FREEZE]
    assert lease.read() == ()
    lease.close()


@pytest.mark.parametrize("replaces", [False, True])
def test_a_lease_hands_over_obeys_and_outlives_the_daemon(
    daemon: Daemon, port: socket.socket, *, replaces: bool
) -> None:
    heard: list[frames.Contain] = []
    other = beside(lambda: heard.append(daemon.accept().agree()))
    lease, given, address = Lease(daemon.path, replaces=replaces), lent(port), port.getsockname()
    assert lease.take(given) == "claude@sandbox-1|127.0.0.1"
    other.join(30)
    assert (heard[0].contained, heard[0].rules) == (LENT, ("r",))
    assert heard[0].sockets == tuple(handed for handed, _ in given.sockets)
    # What arrived are the very sockets.
    with socket.socket(fileno=os.dup(daemon.descriptors[0])) as same:
        assert same.getsockname() == port.getsockname()
    assert lease.is_held
    assert lease.wait() is None

    daemon.say(frames.Ordered(Order(OrderVerb.FREEZE, "kill switch")))
    daemon.say(frames.Ordered(Order(OrderVerb.THAW)))
    assert [order.verb for order in lease.read()] == [OrderVerb.FREEZE, OrderVerb.THAW]
    lease.report(Denial(WallName.LANDLOCK, "write /x", "not granted"))
    told = daemon.hear()
    assert isinstance(told, frames.ReportDenial)
    assert told.denial.what == "write /x"
    daemon.say(frames.Reply(told.id, frames.Ok()))
    assert lease.read() == ()

    # Without a daemon nobody is kept waiting: a connection is refused at once.
    socket.create_connection(port.getsockname(), 5).close()
    daemon.hang_up()
    assert lease.read() == ()
    assert not lease.is_held
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(port.getsockname(), 5)
    waited = []
    for _ in range(8):
        waited.append(round(lease.wait() or 0.0, 1))
        lease._due = 0.0  # time passes
        lease.tick()
    assert waited == sorted(waited)
    assert waited[-1] <= LAST_RETRY

    # It comes back: everything is handed over once more, and connections wait for it.
    daemon.open()
    lease._due = 0.0
    lease.tick()
    again = beside(lambda: heard.append(daemon.accept().agree()))
    while again.is_alive() or not lease.is_held:
        lease.read()
    assert lease.is_held
    assert heard[1].contained.id == heard[0].contained.id
    assert port.getsockname() == address
    # And stay open: a listener that was shut twice would make ones that have ended already.
    port.settimeout(30)
    with socket.create_connection(address, 30), port.accept()[0] as accepted:
        accepted.setblocking(False)
        with pytest.raises(BlockingIOError):
            accepted.recv(1)
    lease.close()
    assert lease.fileno() == -1
    os.close(given.sockets[1][1])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (frames.Failed("bad_request", "rule 1: no such word"), "bad_request"),
        (frames.Ok(), "protocol"),
    ],
)
def test_a_daemon_that_does_not_want_to_is_an_error(
    daemon: Daemon, port: socket.socket, answer: frames.Result, code: str
) -> None:
    def refuse() -> None:
        daemon.accept().hear()
        daemon.say(WELCOME)
        daemon.say(frames.Reply(daemon.hear().id, answer))

    other = beside(refuse)
    with pytest.raises(ControlError) as caught:
        Lease(daemon.path).take(lent(port))
    other.join(30)
    assert caught.value.code == code


def test_nobody_there_and_nobody_that_answers(daemon: Daemon, tmp_path: Path, port: socket.socket) -> None:
    with pytest.raises(NotRunning):
        Lease(tmp_path / "none.sock").take(lent(port))
    with pytest.raises(ControlError) as caught:
        Lease(daemon.path).take(lent(port), timeout=0.01)
    assert caught.value.code == "timeout"
    daemon.accept()


def test_a_daemon_that_breaks_off_in_its_opening_is_an_error(daemon: Daemon, port: socket.socket) -> None:
    other = beside(lambda: (daemon.accept().hear(), daemon.hang_up()))
    with pytest.raises(ControlError) as caught:
        Lease(daemon.path).take(lent(port))
    other.join(30)
    assert caught.value.code == "disconnected"


def test_a_number_that_was_taken_meanwhile_is_waited_for(daemon: Daemon, port: socket.socket) -> None:
    """Where sockets are replaced: without its number it would listen anywhere."""
    address = port.getsockname()
    other = beside(lambda: daemon.accept().agree())
    lease, given = Lease(daemon.path, replaces=True), lent(port)
    lease.take(given)
    other.join(30)
    with socket.socket(fileno=os.dup(port.fileno())) as still_open:
        # The daemon hung up and has not closed its own yet.
        daemon.link.close()
        lease.read()
        assert port.getsockname() != address
        lease._due = 0.0
        lease.tick()
        daemon.connection = ServerConnection()
        welcome = beside(lambda: (daemon.accept().hear(), daemon.say(WELCOME)))
        while lease.fileno() >= 0:
            lease.read()
        welcome.join(30)
        daemon.link.close()
        assert not lease.is_held
        assert still_open.getsockname() == address
    for descriptor in daemon.descriptors:
        os.close(descriptor)
    daemon.descriptors.clear()
    lease._due = 0.0
    lease.tick()
    daemon.connection = ServerConnection()
    again = beside(lambda: daemon.accept().agree())
    while again.is_alive() or not lease.is_held:
        lease.read()
    assert port.getsockname() == address
    socket.create_connection(address, 30).close()
    lease.close()
    os.close(given.sockets[1][1])
