"""What launchers hand over, compared with what they say of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelock.control.backend import BackendError
from pipelock.daemon import handed as module
from pipelock.daemon.handed import ProcessHandle, check_all
from pipelock.identity.process import ProcessId, process_id
from pipelock.model import Contained, HandedKind, HandedSocket, Rung

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfds and namespaces are Linux's")

BOX = Contained(id="0123456789ab", agent="claude")
ON_PORTS = Contained(id="0123456789ab", agent="claude", rung=Rung.PORTS)


class Hand:
    """Descriptors of every kind; all are closed in the end."""

    def __init__(self) -> None:
        self.links: list[socket.socket] = []

    def listener(self, host: str = "127.0.0.1", *, listens: bool = True) -> socket.socket:
        link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.links.append(link)
        link.bind((host, 0))
        if listens:
            link.listen()
        return link

    def datagrams(self, host: str = "127.0.0.1") -> socket.socket:
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.links.append(link)
        link.bind((host, 0))
        return link


@pytest.fixture
def hand() -> Iterator[Hand]:
    hand = Hand()
    yield hand
    for link in hand.links:
        link.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed over lives in another network than ours."""
    monkeypatch.setattr(module, "_is_in_our_network", lambda _: False)


def said(kind: HandedKind, link: socket.socket, *, off: int = 0, family: int = 4) -> HandedSocket:
    return HandedSocket(kind, link.getsockname()[1] + off, family)


def check(contained: Contained, *pairs: tuple[HandedSocket, int]) -> ProcessHandle | None:
    launcher = process_id(os.getpid())
    return check_all(contained, [one for one, _ in pairs], [descriptor for _, descriptor in pairs], launcher)


def refused(contained: Contained, *pairs: tuple[HandedSocket, int]) -> str:
    with pytest.raises(BackendError) as error:
        check(contained, *pairs)
    return error.value.message


@pytest.mark.usefixtures("elsewhere")
def test_sockets_that_are_as_said_are_taken_and_made_not_to_block(hand: Hand) -> None:
    links = [hand.listener(), hand.listener("0.0.0.0"), hand.listener("0.0.0.0"), hand.datagrams("0.0.0.0")]
    kinds = (HandedKind.PROXY, HandedKind.TRANSPARENT, HandedKind.REDIRECTED, HandedKind.DNS)
    pairs = [(said(kind, link), link.fileno()) for kind, link in zip(kinds, links, strict=True)]
    assert check(BOX, *pairs) is None
    assert not any(os.get_blocking(link.fileno()) for link in links)
    if socket.has_ipv6:
        link = hand.listener("::1")
        assert check(BOX, (said(HandedKind.PROXY, link, family=6), link.fileno())) is None


@pytest.mark.usefixtures("elsewhere")
def test_sockets_that_are_not_as_said_are_refused(hand: Hand) -> None:
    proxy, other, dns = hand.listener(), hand.listener(listens=False), hand.datagrams()
    reader, writer = os.pipe()
    anywhere = hand.listener("0.0.0.0")
    good = (said(HandedKind.PROXY, proxy), proxy.fileno())
    local, far = socket.socketpair()
    hand.links += [local, far]
    bad = {
        "does not listen": (said(HandedKind.PROXY, other), other.fileno()),
        "is bound to port": (said(HandedKind.PROXY, proxy, off=1), proxy.fileno()),
        "another family or type": (said(HandedKind.PROXY, proxy, family=6), proxy.fileno()),
        "is no socket": (HandedSocket(HandedKind.TRANSPARENT, 80), reader),
        "the dns socket is of another": (said(HandedKind.DNS, proxy), proxy.fileno()),
        "the transparent socket is of another": (said(HandedKind.TRANSPARENT, dns), dns.fileno()),
        "not to a loopback address": (said(HandedKind.HOST_PORT, anywhere), anywhere.fileno()),
        "the host_port socket is of another": (HandedSocket(HandedKind.HOST_PORT, 0), local.fileno()),
    }
    for words, pair in bad.items():
        assert words in refused(BOX, good, pair)
    os.close(reader)
    os.close(writer)
    for family in (0, 5):
        assert "family" in refused(BOX, (said(HandedKind.PROXY, proxy, family=family), proxy.fileno()))


def test_what_must_be_there_and_where(hand: Hand) -> None:
    proxy, wide = hand.listener(), hand.listener("0.0.0.0")
    good = (said(HandedKind.PROXY, proxy), proxy.fileno())
    assert "no listener" in refused(BOX)
    assert "no listener" in refused(BOX, (said(HandedKind.TRANSPARENT, wide), wide.fileno()))
    assert "last" in refused(BOX, (HandedSocket(HandedKind.PROCESS), proxy.fileno()), good)
    # On the host's own network the daemon would serve whoever comes.
    assert "rung ports" in refused(ON_PORTS, good, (said(HandedKind.TRANSPARENT, wide), wide.fileno()))
    assert check(ON_PORTS, good) is None


def test_the_hosts_own_sockets_are_no_sandboxs(hand: Hand) -> None:
    # With no process to look at, too: it would be a proxy for all who can reach this machine.
    proxy, wide = hand.listener(), hand.listener("0.0.0.0")
    assert "network namespace" in refused(BOX, (said(HandedKind.PROXY, proxy), proxy.fileno()))
    pairs = [(said(HandedKind.TRANSPARENT, wide), wide.fileno()), (said(HandedKind.PROXY, proxy), proxy.fileno())]
    assert "the transparent socket lives in" in refused(BOX, *pairs)


def test_only_who_has_launched_a_process_hands_it_over(hand: Hand) -> None:
    # The daemon will kill it, and takes the right to decide from all who descend from it.
    proxy = hand.listener()
    us = os.pidfd_open(os.getpid())
    places = [said(HandedKind.PROXY, proxy), HandedSocket(HandedKind.PROCESS)]
    above = process_id(os.getppid())
    for launcher in (process_id(os.getpid()), None, ProcessId(above.pid, above.start + 1)):
        with pytest.raises(BackendError, match="not launched by") as error:
            check_all(ON_PORTS, places, [proxy.fileno(), us], launcher)
        assert error.value.code == "forbidden"
    # Even who has started the daemon does not have it end itself.
    with pytest.raises(BackendError, match="is this daemon"):
        check_all(ON_PORTS, places, [proxy.fileno(), us], above)
    os.close(us)


@pytest.mark.usefixtures("elsewhere")
def test_the_process_is_known_by_its_descriptor_and_ended_by_it(hand: Hand) -> None:
    proxy = hand.listener()
    good = (said(HandedKind.PROXY, proxy), proxy.fileno())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        descriptor = os.pidfd_open(child.pid)
        pair = (HandedSocket(HandedKind.PROCESS), descriptor)
        # It is a child of ours and lives in our network.
        assert "network namespace" in refused(BOX, good, pair)
        handle = check(ON_PORTS, good, pair)
        assert handle is not None
        assert (handle.pid, handle.is_gone()) == (child.pid, False)
        assert handle.known_as == process_id(child.pid)
        assert handle.kill()
        child.wait()
        assert handle.is_gone()
        assert not handle.kill()
        gone = os.dup(descriptor)
        handle.close()
        handle.close()
        assert handle.is_gone()
    assert "ended" in refused(ON_PORTS, good, (HandedSocket(HandedKind.PROCESS), gone))
    os.close(gone)
    assert "no pidfd" in refused(ON_PORTS, good, (HandedSocket(HandedKind.PROCESS), proxy.fileno()))


def test_another_users_process_is_refused(tmp_path: Path) -> None:
    for name, text in {
        "self/fdinfo/7": "pos:\t0\nPid:\t55\nNSpid:\t55\n",
        "55/status": "Name:\tx\nUid:\t1\t1\t1\t1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text if os.getuid() != 1 else text.replace("Uid:\t1", "Uid:\t2"), "ascii")
    with pytest.raises(BackendError, match="belongs to uid") as error:
        ProcessHandle(7, process_id(os.getpid()), tmp_path)
    assert error.value.code == "forbidden"
