from __future__ import annotations

import errno
import socket
import struct
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_linux import netlink

ACKNOWLEDGED = struct.pack("=IHHII", 36, 2, 0, 7, 0) + struct.pack("=i", 0) + bytes(16)
REFUSED = struct.pack("=IHHII", 36, 2, 0, 8, 0) + struct.pack("=i", -errno.EPERM) + bytes(16)
OTHER = struct.pack("=IHHII", 18, 24, 0, 9, 0) + b"xx" + bytes(2)


def test_attributes_are_filled_up_to_four_bytes_and_say_their_own_length() -> None:
    assert netlink.attribute(4, b"abc") == struct.pack("=HH", 7, 4) + b"abc\0"
    assert netlink.attribute(4, b"abcd") == struct.pack("=HH", 8, 4) + b"abcd"
    inner = netlink.attribute(1, b"\1")
    assert netlink.nested(4, inner, inner) == struct.pack("=HH", 20, 0x8004) + inner * 2


def test_a_message_says_its_length_and_whether_an_answer_is_due() -> None:
    one = netlink.message(24, netlink.ACK, 5, b"body!")
    assert one == netlink.Message(
        struct.pack("=IHHII", 21, 24, netlink.REQUEST | netlink.ACK, 5, 0) + b"body!\0\0\0", 5, acknowledged=True
    )
    assert netlink.message(16, 0, 6, b"").acknowledged is False


def test_a_local_route_names_no_destination_so_it_is_for_all() -> None:
    data = netlink.local_route(socket.AF_INET6, 1, 3).data
    assert struct.unpack_from("=IHHII", data) == (36, 24, 0x605, 3, 0)
    # rtmsg: destination length 0, table local (255), scope host (254), type local (2).
    assert struct.unpack_from("=BBBBBBBBI", data, 16) == (socket.AF_INET6, 0, 0, 0, 255, 3, 254, 2, 0)
    assert data[28:] == struct.pack("=HHI", 8, 4, 1)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"", []),
        (ACKNOWLEDGED, [(7, 0)]),
        (ACKNOWLEDGED + REFUSED, [(7, 0), (8, errno.EPERM)]),
        (OTHER + ACKNOWLEDGED, [(7, 0)]),
    ],
)
def test_acknowledgements_are_told_with_their_sequence(answer, found) -> None:
    assert list(netlink.errors(answer)) == found


@pytest.mark.parametrize(
    "answer",
    [
        ACKNOWLEDGED[:10],
        ACKNOWLEDGED[:30],
        struct.pack("=IHHII", 4, 2, 0, 7, 0),
        struct.pack("=IHHII", 16, 2, 0, 7, 0),
        struct.pack("=IHHII", 0xFFFFFFFF, 2, 0, 7, 0),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(answer) -> None:
    with pytest.raises(ValueError, match="netlink"):
        list(netlink.errors(answer))


@given(st.binary(max_size=200))
def test_no_answer_makes_it_read_on_for_ever_or_beyond_the_end(answer: bytes) -> None:
    try:
        found = list(netlink.errors(answer))
    except ValueError:
        return
    assert len(found) <= len(answer) // 20


class Kernel:
    """A socket to a kernel that answers with these."""

    def __init__(self, *answers: tuple[bytes, int] | type[Exception]) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []

    def __call__(self, *_: int) -> Kernel:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def settimeout(self, _: float) -> None:
        return None

    def bind(self, _: tuple[int, int]) -> None:
        return None

    def sendto(self, data: bytes, address: tuple[int, int]) -> None:
        assert address == (0, 0)
        self.sent.append(data)

    def recvfrom(self, _: int) -> tuple[bytes, tuple[int, int]]:
        answer = self.answers.pop(0)
        if isinstance(answer, type):
            raise answer
        return answer[0], (answer[1], 0)


def test_an_exchange_waits_for_every_answer_that_is_due_and_believes_the_kernel_alone(monkeypatch) -> None:
    kernel = Kernel((REFUSED, 4711), (ACKNOWLEDGED, 0), (OTHER, 0), (ACKNOWLEDGED.replace(b"\7", b"\6"), 0))
    monkeypatch.setattr(netlink.socket, "socket", kernel)
    messages = [
        netlink.message(1, 0, 5, b""),
        netlink.message(2, netlink.ACK, 6, b""),
        netlink.message(2, netlink.ACK, 7, b""),
    ]
    netlink.exchange(0, messages)
    assert kernel.sent == [b"".join(one.data for one in messages)]
    assert not kernel.answers


@pytest.mark.parametrize(("answer", "number"), [((REFUSED, 0), errno.EPERM), (TimeoutError, errno.ETIMEDOUT)])
def test_a_refusal_and_silence_are_errors(monkeypatch, answer, number) -> None:
    monkeypatch.setattr(netlink.socket, "socket", Kernel(answer))
    with pytest.raises(OSError) as raised:
        netlink.exchange(0, [netlink.message(2, netlink.ACK, 8, b"")])
    assert raised.value.errno == number
