"""While no daemon answers the agent's questions for names, somebody must say so: resolvers wait for many seconds.

Every question is answered with SERVFAIL (RFC 1035 section 4.1.1), from the address that was asked. Nothing of it is
looked at but its length.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable

__all__ = ["MAX_QUESTION", "refusal", "refuse_waiting"]

MAX_QUESTION = 512
"""Bytes; longer ones are no questions for names (RFC 1035 section 4.2.1) and get no answer."""
_MAX_AT_ONCE = 64
_HEAD = 12
_MAX_LABEL = 63
_PACKET_INFO = 8  # IP_PKTINFO of ip(7): interface, our address, the address that was asked
_ROOM = 256


def refusal(question: bytes) -> bytes | None:
    """The answer "server failure" to a question; `None` to what is none (an answer, another operation, a torso)."""
    # QR is the first bit of the third byte, the operation the next four; one question, whose end is to be found.
    if not _HEAD < len(question) <= MAX_QUESTION or question[2] & 0xF8 or question[4:6] != b"\x00\x01":
        return None
    at = _HEAD
    while at < len(question) and 0 < question[at] <= _MAX_LABEL:
        at += question[at] + 1
    # The name's end, its type and class.
    if at + 5 > len(question) or question[at]:
        return None
    flags = bytes((question[2] | 0x80, 0x82))
    return question[:2] + flags + question[4:6] + bytes(6) + question[_HEAD : at + 5]


def refuse_waiting(descriptors: Iterable[int]) -> None:
    """Answer what waits at these UDP sockets, at most 64 questions of each. They stay open; nothing here waits."""
    for descriptor in descriptors:
        with socket.socket(fileno=os.dup(descriptor)) as link:
            for _ in range(_MAX_AT_ONCE):
                if not _refuse_one(link):
                    break


def _refuse_one(link: socket.socket) -> bool:
    """Whether something was there."""
    try:
        data, extra, _, peer = link.recvmsg(MAX_QUESTION + 1, _ROOM, socket.MSG_DONTWAIT)
    except OSError:
        return False
    answer = refusal(data)
    if answer is not None:
        with contextlib.suppress(OSError):
            link.sendmsg([answer], _back(extra), socket.MSG_DONTWAIT, peer)
    return True


def _back(extra: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """What sends an answer from the address that was asked; the kernel finds the interface."""
    found = []
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IP, _PACKET_INFO) and len(data) >= 12:
            found.append((level, kind, bytes(4) + data[8:12] + bytes(4)))
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and len(data) >= 20:
            found.append((level, kind, data[:16] + bytes(4)))
    return found
