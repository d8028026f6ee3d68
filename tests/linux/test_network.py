from __future__ import annotations

import contextlib
import os
import socket

import pytest

from pipelock.contain.profile import Network
from pipelock.model import HandedKind, HandedSocket, WallName, WallState
from pipelock_linux import network

PROXY = HandedSocket(HandedKind.PROXY, 8888, 4)
PROXY6 = HandedSocket(HandedKind.PROXY, 8888, 6)
CAUGHT = HandedSocket(HandedKind.REDIRECTED, 40000, 4)


@pytest.mark.parametrize(
    ("wish", "handed", "detail", "has_fix"),
    [
        (Network(), [PROXY, PROXY6, CAUGHT], "a network of its own: all TCP comes to Pipelock", False),
        (Network(), [PROXY, CAUGHT], "a network of its own: all TCP comes to Pipelock; IPv4 alone", False),
        (
            Network(ports=(80, 443, 8443)),
            [PROXY, PROXY6],
            "a network of its own: TCP ports 80, 443, 8443 come to Pipelock, other connections are refused",
            True,
        ),
        (
            Network(ports=(), redirect=False),
            [PROXY, PROXY6],
            "a network of its own: TCP ports none come to Pipelock, other connections are refused",
            False,
        ),
    ],
)
def test_the_wall_says_which_connections_come_to_us(wish, handed, detail, has_fix) -> None:
    wall = network.wall(wish, handed)
    assert (wall.name, wall.state, wall.detail) == (WallName.NETWORK, WallState.UP, detail)
    assert ("nft_redir" in wall.fix) is has_fix


@pytest.mark.parametrize(
    ("hostname", "line"),
    [
        ("vm", "127.0.0.1 localhost vm"),
        ("build-7.example.org", "127.0.0.1 localhost build-7.example.org"),
        ("localhost", "127.0.0.1 localhost"),
        ("", "127.0.0.1 localhost"),
        ("evil\n10.0.0.1 pypi.org", "127.0.0.1 localhost"),
        ("näme", "127.0.0.1 localhost"),
    ],
)
def test_names_inside_are_asked_of_us_and_this_machine_knows_itself(hostname, line) -> None:
    files = network.files(hostname)
    hosts = files["/etc/hosts"].decode().splitlines()
    assert hosts[0] == line
    assert hosts[1].startswith("::1 localhost ")
    assert len(hosts) == 2
    assert files["/etc/resolv.conf"].startswith(b"nameserver 127.0.0.1\n")


def test_the_port_of_redirected_connections_outlives_a_time_without_a_daemon() -> None:
    (handed, descriptor), *_ = opened = network._same_port((4,))
    with contextlib.ExitStack() as closing:
        for _, one in opened:
            closing.callback(os.close, one)
        with socket.socket(fileno=os.dup(descriptor)) as link:
            link.shutdown(socket.SHUT_RD)  # what a lease does while nobody serves it
            with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
                caller.connect(("127.0.0.1", handed.port))
            link.listen()
            assert link.getsockname() == ("127.0.0.1", handed.port)
