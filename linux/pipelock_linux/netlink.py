"""Netlink as far as a network of one interface needs it: messages, attributes, requests that are acknowledged.

Sources: rfc3549; the kernel's include/uapi/linux/netlink.h and rtnetlink.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

__all__ = [
    "ACK",
    "APPEND",
    "CREATE",
    "EXCLUSIVE",
    "REQUEST",
    "Message",
    "attribute",
    "errors",
    "exchange",
    "local_route",
    "message",
    "nested",
]

REQUEST: Final = 0x001
ACK: Final = 0x004
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400
APPEND: Final = 0x800

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_NESTED: Final = 0x8000
_ERROR: Final = 2
_NEW_ROUTE: Final = 24
_TABLE_LOCAL: Final = 255
_PROTOCOL_BOOT: Final = 3
_SCOPE_HOST: Final = 254
_TYPE_LOCAL: Final = 2
_OUTGOING_INTERFACE: Final = 4
_ANSWER: Final = 65_536
_SECONDS: Final = 5


class Message(msgspec.Struct, frozen=True):
    """One message to be sent. `sequence` tells answers apart; `acknowledged` says that one is due."""

    data: bytes
    sequence: int
    acknowledged: bool


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute: its header, `value`, and what fills it up to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that consists of attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def message(kind: int, flags: int, sequence: int, body: bytes) -> Message:
    """A message of type `kind` to the kernel; `REQUEST` is added to `flags`."""
    flags |= REQUEST
    head = _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0)
    return Message(head + body + bytes(-len(body) % 4), sequence, bool(flags & ACK))


def local_route(family: int, interface: int, sequence: int) -> Message:
    """Make every address of `family` (AF_INET, AF_INET6) one of this machine's own, on interface number `interface`."""
    head = _ROUTE.pack(family, 0, 0, 0, _TABLE_LOCAL, _PROTOCOL_BOOT, _SCOPE_HOST, _TYPE_LOCAL, 0)
    body = head + attribute(_OUTGOING_INTERFACE, struct.pack("=I", interface))
    return message(_NEW_ROUTE, CREATE | EXCLUSIVE | ACK, sequence, body)


def errors(data: bytes) -> Iterator[tuple[int, int]]:
    """The acknowledgements in an answer, as (sequence, error number): 0 is success. What is no such thing is skipped.

    Raises:
        ValueError: it is cut off or its lengths make no sense.
    """
    start = 0
    while start < len(data):
        if len(data) - start < _HEADER.size:
            raise ValueError("a netlink answer ends within a header")
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, start)
        if length < _HEADER.size or start + length > len(data):
            raise ValueError(f"a netlink answer claims {length} bytes and has {len(data) - start}")
        if kind == _ERROR:
            if length < _HEADER.size + 4:
                raise ValueError("a netlink acknowledgement without its number")
            yield sequence, -struct.unpack_from("=i", data, start + _HEADER.size)[0]
        start += (length + 3) & ~3


def exchange(protocol: int, messages: Sequence[Message]) -> None:
    """Send `messages` at once and wait for every acknowledgement that is due.

    Args:
        protocol: The netlink protocol (NETLINK_ROUTE 0, NETLINK_NETFILTER 12).
        messages: At most some 200 KiB together.

    Raises:
        OSError: the kernel refused one, or does not answer (`ETIMEDOUT`, 5 seconds).
    """
    due = {one.sequence for one in messages if one.acknowledged}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as link:
        link.settimeout(_SECONDS)
        link.bind((0, 0))
        link.sendto(b"".join(one.data for one in messages), (0, 0))
        while due:
            try:
                answer, (port, _) = link.recvfrom(_ANSWER)
            except TimeoutError:
                raise OSError(errno.ETIMEDOUT, "the kernel does not answer a netlink request") from None
            if port != 0:  # not the kernel
                continue
            for sequence, number in errors(answer):
                if number:
                    raise OSError(number, os.strerror(number), "netlink")
                due.discard(sequence)
