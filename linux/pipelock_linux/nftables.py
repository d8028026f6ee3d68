"""One nftables rule set, assembled by hand: TCP connections that no listener of theirs waits for go to one port.

The program `nft` loses its capabilities when a process that is not root runs it, so the batch is sent from the process
that has entered the network. Sources: the kernel's include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h.

In nft's words::

    table inet pipelock {
        chain out {
            type nat hook output priority dstnat;
            ip daddr 127.0.0.0/8 accept
            ip6 daddr ::1 accept
            tcp dport != { 53, LEFT… } redirect to :PORT
        }
    }
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Final

from pipelock_linux.netlink import ACK, APPEND, CREATE, Message, attribute, message, nested

__all__ = ["MAX_LEFT", "NETFILTER", "redirect"]

NETFILTER: Final = 12
"""NETLINK_NETFILTER."""
MAX_LEFT: Final = 100
"""Ports that are left alone at most: a rule may have 128 expressions."""

_TABLE: Final = b"pipelock\0"
_CHAIN: Final = b"out\0"
_INET: Final = 1
_SUBSYSTEM: Final = 10 << 8
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 3, 6
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_HOOK_OUTPUT: Final = 3
_PRIORITY: Final = -100
_REGISTER, _VERDICT = 1, 0
_NFPROTO, _L4PROTO = 15, 16
_NETWORK, _TRANSPORT = 1, 2
_EQUAL, _UNEQUAL = 0, 1
_ACCEPT: Final = 1
_DOMAIN: Final = 53


def redirect(port: int, left: Sequence[int]) -> list[Message]:
    """A batch that redirects TCP connections of this network to loopback port `port`.

    What leads to a loopback address is left alone, and so are the ports `left`, wherever they lead, and port 53: names
    are asked for over UDP, and nobody answers there. A batch is taken as a whole or not at all.

    Raises:
        ValueError: `left` has more than `MAX_LEFT` ports.
    """
    if len(left) > MAX_LEFT:
        raise ValueError(f"{len(left)} ports are caught one by one; at most {MAX_LEFT} can be")
    passed = sorted({_DOMAIN, *left})
    return [
        _batch(_BATCH_BEGIN, 1),
        _command(_NEW_TABLE, 2, attribute(1, _TABLE)),
        _command(
            _NEW_CHAIN,
            3,
            attribute(1, _TABLE)
            + attribute(3, _CHAIN)
            + nested(4, attribute(1, _number(_HOOK_OUTPUT)), attribute(2, _number(_PRIORITY)))
            + attribute(5, _number(_ACCEPT))
            + attribute(7, b"nat\0"),
        ),
        _rule(
            4,
            _meta(_NFPROTO),
            _compare(_EQUAL, b"\x02"),
            _payload(_NETWORK, 16, 1),
            _compare(_EQUAL, b"\x7f"),
            _accept(),
        ),
        _rule(
            5,
            _meta(_NFPROTO),
            _compare(_EQUAL, b"\x0a"),
            _payload(_NETWORK, 24, 16),
            _compare(_EQUAL, socket.inet_pton(socket.AF_INET6, "::1")),
            _accept(),
        ),
        _rule(
            6,
            _meta(_L4PROTO),
            _compare(_EQUAL, bytes([socket.IPPROTO_TCP])),
            _payload(_TRANSPORT, 2, 2),
            *(_compare(_UNEQUAL, struct.pack("!H", one)) for one in passed),
            _expression(
                "immediate", attribute(1, _number(_REGISTER)), nested(2, attribute(1, struct.pack("!H", port)))
            ),
            _expression("redir", attribute(1, _number(_REGISTER))),
        ),
        _batch(_BATCH_END, 7),
    ]


def _number(value: int) -> bytes:
    return struct.pack("!i", value)


def _batch(kind: int, sequence: int) -> Message:
    return message(kind, 0, sequence, struct.pack("!BBH", socket.AF_UNSPEC, 0, _SUBSYSTEM >> 8))


def _command(kind: int, sequence: int, body: bytes) -> Message:
    head = struct.pack("!BBH", _INET, 0, 0)
    return message(_SUBSYSTEM | kind, CREATE | APPEND | ACK, sequence, head + body)


def _rule(sequence: int, *expressions: bytes) -> Message:
    return _command(_NEW_RULE, sequence, attribute(1, _TABLE) + attribute(2, _CHAIN) + nested(4, *expressions))


def _expression(name: str, *attributes: bytes) -> bytes:
    return nested(1, attribute(1, name.encode("ascii") + b"\0"), nested(2, *attributes))


def _meta(key: int) -> bytes:
    return _expression("meta", attribute(2, _number(key)), attribute(1, _number(_REGISTER)))


def _payload(base: int, offset: int, length: int) -> bytes:
    numbers = (_REGISTER, base, offset, length)
    return _expression("payload", *(attribute(kind, _number(value)) for kind, value in enumerate(numbers, 1)))


def _compare(how: int, value: bytes) -> bytes:
    return _expression(
        "cmp", attribute(1, _number(_REGISTER)), attribute(2, _number(how)), nested(3, attribute(1, value))
    )


def _accept() -> bytes:
    verdict = nested(2, attribute(1, _number(_ACCEPT)))
    return _expression("immediate", attribute(1, _number(_VERDICT)), nested(2, verdict))
