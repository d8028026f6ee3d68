from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from pipelock_linux import nftables

NESTED = 0x8000


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & ~NESTED, data[4:length]
        data = data[(length + 3) & ~3 :]


def expressions(message: bytes) -> list[tuple[str, dict[int, bytes]]]:
    """Those of a rule, by name, with their attributes."""
    fields = dict(attributes(message[20:]))
    found = []
    for _, element in attributes(fields[4]):
        parts = dict(attributes(element))
        found.append((parts[1].rstrip(b"\0").decode(), dict(attributes(parts[2]))))
    return found


def value(data: bytes) -> bytes:
    return dict(attributes(data))[1]


class Packet:
    """One that is about to leave: what the expressions look at."""

    def __init__(self, address: str, port: int, protocol: int = socket.IPPROTO_TCP) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        packed = socket.inet_pton(family, address)
        self.network = bytes(24) + packed if ":" in address else bytes(16) + packed
        self.transport = struct.pack("!HH", 40000, port)
        self.keys = {15: bytes([10 if ":" in address else 2]), 16: bytes([protocol])}

    def verdict(self, rules: list[bytes]) -> int | None:
        """The port that it is redirected to; `None` where it is left alone."""
        for rule in rules:
            register = b""
            for name, fields in expressions(rule):
                if name == "meta":
                    register = self.keys[struct.unpack("!i", fields[2])[0]]
                elif name == "payload":
                    _, base, offset, length = (struct.unpack("!i", fields[kind])[0] for kind in (1, 2, 3, 4))
                    register = (self.network if base == 1 else self.transport)[offset : offset + length]
                elif name == "cmp":
                    is_equal = struct.unpack("!i", fields[2])[0] == 0
                    if (register == value(fields[3])) is not is_equal:
                        break
                elif name == "immediate" and struct.unpack("!i", fields[1])[0] == 0:
                    return None
                elif name == "immediate":
                    register = value(fields[2])
                elif name == "redir":
                    return int(struct.unpack("!H", register)[0])
        return None


@pytest.mark.parametrize(
    ("packet", "port"),
    [
        (Packet("93.184.216.34", 22), 4000),
        (Packet("2606:2800:220::1", 22), 4000),
        (Packet("10.0.0.1", 8888), 4000),
        (Packet("128.0.0.1", 22), 4000),
        (Packet("::2", 22), 4000),
        # Ports with listeners of their own, and names.
        (Packet("93.184.216.34", 80), None),
        (Packet("2606:2800:220::1", 443), None),
        (Packet("1.1.1.1", 53), None),
        (Packet("2606:4700::1111", 53), None),
        # What the agent serves itself.
        (Packet("127.0.0.1", 22), None),
        (Packet("127.255.0.9", 3000), None),
        (Packet("::1", 3000), None),
        # What is not TCP finds nobody, and that is a refusal.
        (Packet("93.184.216.34", 443, socket.IPPROTO_UDP), None),
        (Packet("93.184.216.34", 22, socket.IPPROTO_UDP), None),
        (Packet("2606:2800:220::1", 22, socket.IPPROTO_SCTP), None),
    ],
)
def test_what_is_redirected_and_what_is_left_alone(packet, port) -> None:
    rules = [one.data for one in nftables.redirect(4000, (80, 443))[3:-1]]
    assert packet.verdict(rules) == port


def test_a_batch_is_one_transaction_on_a_table_of_ours_for_what_leaves() -> None:
    begin, table, chain, *_, end = nftables.redirect(4000, ())
    assert [struct.unpack_from("=H", one.data, 4)[0] for one in (begin, end)] == [0x10, 0x11]
    assert begin.data[16:] == end.data[16:] == struct.pack("!BBH", 0, 0, 10)
    assert not begin.acknowledged
    assert dict(attributes(table.data[20:])) == {1: b"pipelock\0"}
    fields = dict(attributes(chain.data[20:]))
    assert (fields[1], fields[3], fields[7]) == (b"pipelock\0", b"out\0", b"nat\0")
    # Hook output (3), the priority of dstnat.
    assert dict(attributes(fields[4])) == {1: struct.pack("!i", 3), 2: struct.pack("!i", -100)}
    sequences = [one.sequence for one in nftables.redirect(4000, ())]
    assert sequences == sorted(set(sequences))


def test_rules_are_appended_in_their_order_and_each_is_acknowledged() -> None:
    for rule in nftables.redirect(4000, (80,))[3:-1]:
        flags = struct.unpack_from("=H", rule.data, 6)[0]
        # APPEND (0x800): without it the last rule would be the first.
        assert flags == 0x1 | 0x4 | 0x400 | 0x800
        assert rule.acknowledged
        assert struct.unpack_from("=H", rule.data, 4)[0] == 10 << 8 | 6


def test_more_ports_than_a_rule_can_hold_are_refused() -> None:
    most = tuple(range(1000, 1000 + nftables.MAX_LEFT))
    assert len(expressions(nftables.redirect(4000, most)[-2].data)) <= 128
    with pytest.raises(ValueError, match="101 ports"):
        nftables.redirect(4000, (*most, 999))
