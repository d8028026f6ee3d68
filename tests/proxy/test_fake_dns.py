"""Names inside a sandbox: the table, the messages, and the socket."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.names import dns

from pipelock.proxy.fake_dns import (
    MAX_QUESTION,
    DnsPort,
    FakeNames,
    read_question,
    reply_to,
)

RANGE = ip_network("198.18.0.0/15")


def asked(name: str, kind: int = dns.A, **flags: Any) -> bytes:
    """A question as Twisted writes it: an independent reading of RFC 1035."""
    message = dns.Message(id=77, recDes=1, **flags)
    message.addQuery(name.encode(), kind, dns.IN)
    return message.toStr()


def answered(data: bytes, names: FakeNames | None = None) -> Any:
    question = read_question(data)
    assert question is not None
    message = dns.Message()
    message.fromStr(reply_to(question, names or FakeNames()))
    return message


# -- the table -------------------------------------------------------------------------------------------------------


def test_a_name_has_one_address_in_the_range_and_after_a_restart_the_same() -> None:
    first, second = FakeNames(), FakeNames()
    names = [f"host{number}.example" for number in range(3000)]
    addresses = [first.address_of(name) for name in names]
    assert len(set(addresses)) == len(names)
    assert all(ip_address(address) in RANGE for address in addresses)
    assert [first.name_of(address) for address in addresses] == names
    same = [second.address_of(name) == address for name, address in zip(names, addresses, strict=True)]
    assert sum(same) == len(names)
    assert all(map(FakeNames.covers, addresses))


def test_what_was_used_longest_ago_makes_room() -> None:
    names = FakeNames(size=3)
    one, two, three = (names.address_of(name) for name in ("one.x", "two.x", "three.x"))
    assert names.name_of(one) == "one.x"  # used
    names.address_of("three.x")
    names.address_of("four.x")
    assert names.name_of(two) is None
    assert (names.name_of(one), names.name_of(three)) == ("one.x", "three.x")
    assert len(names) == 3


def test_names_that_all_fall_on_one_place_take_it_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Same:
        def __init__(self, _data: bytes, digest_size: int) -> None: ...

        def digest(self) -> bytes:
            return bytes(8)

    monkeypatch.setattr("pipelock.proxy.fake_dns.blake2b", Same)
    names = FakeNames()
    addresses = [names.address_of(f"n{number}.x") for number in range(200)]
    assert len(names) == len(set(addresses)) == 64
    assert names.name_of(addresses[-1]) == "n199.x"


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3.4", "198.17.255.255", "198.20.0.0", "::1", "198.18.0.0", "198.19.255.255"]
)
def test_other_addresses_stand_for_nothing(text: str) -> None:
    assert FakeNames().name_of(text) is None
    assert not FakeNames.covers(text)


# -- the messages ----------------------------------------------------------------------------------------------------


def test_a_host_name_has_an_address_and_nothing_else() -> None:
    names = FakeNames()
    reply = answered(asked("Api.Example.com"), names)
    assert (reply.id, reply.answer, reply.recDes, reply.recAv, reply.rCode) == (77, 1, 1, 1, dns.OK)
    (record,) = reply.answers
    assert record.payload.dottedQuad() == names.address_of("api.example.com")
    assert 0 < record.ttl <= 300
    assert record.name.name == b"Api.Example.com"  # the letters as they were asked for
    for kind in (dns.AAAA, dns.MX, dns.TXT, dns.SRV, dns.NS, dns.SOA, 64, 65):
        reply = answered(asked("api.example.com", kind), names)
        assert (reply.rCode, reply.answers) == (dns.OK, [])
    assert len(names) == 1
    assert answered(asked("api.example.com", dns.ALL_RECORDS), names).answers[0].type == dns.A


@pytest.mark.parametrize(
    "name",
    ["db", "printer.local", "x.onion", "x.invalid", "127.0.0.1", "a.0x7f", "has space.example", "a*.example", "bücher.example", ""],
)  # fmt: skip
def test_what_is_no_name_to_go_to_does_not_exist(name: str) -> None:
    names = FakeNames()
    reply = answered(asked(name), names)
    assert (reply.rCode, reply.answers) == (dns.ENAME, [])
    assert not len(names)


def test_localhost_is_localhost() -> None:
    for name in ("localhost", "LOCALHOST", "app.localhost"):
        assert answered(asked(name)).answers[0].payload.dottedQuad() == "127.0.0.1"
        assert answered(asked(name, dns.AAAA)).answers[0].payload.address == bytes(15) + b"\x01"
        assert not answered(asked(name, dns.TXT)).answers


def test_an_address_is_named_that_was_told() -> None:
    names = FakeNames()
    octets = names.address_of("www.example.com").split(".")
    reverse = f"{'.'.join(reversed(octets))}.in-addr.arpa"
    assert answered(asked(reverse, dns.PTR), names).answers[0].payload.name.name == b"www.example.com"
    assert not answered(asked(reverse, dns.A), names).answers
    assert answered(asked("1.0.0.127.in-addr.arpa", dns.PTR), names).answers[0].payload.name.name == b"localhost"
    for other in ("8.8.8.8.in-addr.arpa", "x.in-addr.arpa"):
        assert answered(asked(other, dns.PTR), names).rCode == dns.ENAME


def test_other_kinds_of_questions_are_not_implemented() -> None:
    assert answered(asked("example.com", opCode=dns.OP_STATUS)).rCode == dns.ENOTIMP


def test_what_follows_the_question_is_left_alone() -> None:
    edns = b"\x00" + struct.pack("!HHIH", 41, 1232, 0, 0)
    data = bytearray(asked("example.com") + edns)
    data[11] = 1
    assert len(answered(bytes(data)).answers) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        asked("example.com")[:-1],
        asked("example.com")[:20],
        asked("example.com", answer=1),
        b"\x00\x01\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00" + asked("example.com")[12:],
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"\xc0\x0c\x00\x01\x00\x01",
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"\x3faaaa",
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + (b"\x3f" + b"a" * 63) * 5 + b"\x00\x00\x01\x00\x01",
        asked("example.com")[:-2] + b"\x00\x03",
        asked("example.com") + bytes(MAX_QUESTION),
    ],
    ids=["empty", "no question", "cut", "cut name", "an answer", "two", "pointer", "endless", "long", "chaos", "large"],
)  # fmt: skip
def test_what_is_no_question_is_not_answered(data: bytes) -> None:
    assert read_question(data) is None


@given(st.binary(max_size=80))
def test_hostile_bytes_get_a_sound_answer_or_none(data: bytes) -> None:
    for message in (data, data[:2] + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + data):
        question = read_question(message)
        if question is not None:
            reply = reply_to(question, FakeNames())
            assert reply[:2] == message[:2]
            assert len(reply) <= len(message) + 300
            dns.Message().fromStr(reply)


_LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)


@given(st.lists(_LABEL, min_size=1, max_size=6).map(".".join), st.sampled_from([dns.A, dns.AAAA, dns.PTR]))
def test_names_are_read_as_another_implementation_writes_them(name: str, kind: int) -> None:
    question = read_question(asked(name, kind))
    assert question is not None
    assert (question.name, question.type, question.id) == (name, kind, 77)


# -- the socket ------------------------------------------------------------------------------------------------------


class Readers(Clock):
    """A reactor that remembers whom it reads for."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)


@pytest.mark.parametrize(
    ("family", "places"), [(socket.AF_INET, ("127.0.0.1", "127.9.8.7")), (socket.AF_INET6, ("::1",))]
)
def test_the_answer_comes_from_the_address_that_was_asked(family: int, places: tuple[str, ...]) -> None:
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = socket.socket(family, socket.SOCK_DGRAM)
    try:
        server.bind(("", 0))
        number = server.getsockname()[1]
        reactor, names = Readers(), FakeNames()
        port = DnsPort(reactor, server.detach(), names)
        for place in places:
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(30)
                client.connect((place, number))  # takes nothing from another address
                client.send(b"no question")
                client.send(asked("example.com"))
                port.doRead()
                reply: Any = dns.Message()
                reply.fromStr(client.recv(512))
                assert reply.answers[0].payload.dottedQuad() == names.address_of("example.com")
        assert port.answered == len(places)
        assert reactor.readers == {port}
        port.close()
        port.close()
        assert not reactor.readers
    except OSError as error:
        if family == socket.AF_INET6:
            pytest.skip(f"no IPv6 here: {error}")
        raise
    finally:
        server.close()


def test_who_asks_too_fast_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.proxy.fake_dns.MAX_PER_SECOND", 500)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    place = server.getsockname()
    reactor = Readers()
    port = DnsPort(reactor, server.detach(), FakeNames())
    question = asked("example.com")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(place)
        for _ in range(11):
            for _ in range(50):
                client.send(question)
            port.doRead()
        port.doRead()
        assert port.answered == 500
        assert not reactor.readers
        reactor.advance(1.1)
        assert reactor.readers == {port}
        port.doRead()
        assert 500 < port.answered <= 550
    port.close()
    reactor.advance(10)
    assert not reactor.readers
