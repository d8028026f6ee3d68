"""CONNECT: opening, the look at the handshake, carrying, and every way to end."""

from __future__ import annotations

import struct

import pytest

from pipelock.engine.sessions import SessionPolicy
from pipelock.engine.sessions.policy import Budget
from pipelock.model import Kind, Tier
from pipelock.proxy.limits import HELLO_SECONDS, STAGGER_SECONDS, WRITE_SECONDS
from tests.factories import a_policy
from tests.proxy.house import ADDRESSES, Caller, Dialled, House, get, ok

ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"


def connect(target: str = "example.com:443") -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def hello(name: str | None) -> bytes:
    """A ClientHello (RFC 8446 §4.1.2) in one record, with a server name (RFC 6066 §3) if one is given."""
    extensions = b""
    if name is not None:
        entry = b"\x00" + struct.pack(">H", len(name)) + name.encode()
        names = struct.pack(">H", len(entry)) + entry
        extensions = struct.pack(">HH", 0, len(names)) + names
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


def opened(house: House, first: bytes = b"") -> tuple[Caller, Dialled]:
    client = house.caller()
    client.says(connect() + first)
    origin = house.dials[-1].answer()
    assert client.heard == ESTABLISHED
    client.line.clear()
    return client, origin


def ended(house: House, client: Caller, origin: Dialled) -> None:
    client.leaves()
    origin.hangs_up()
    assert len(house.closed) == 1
    house.assert_nothing_is_left()


@pytest.mark.parametrize("name", ["example.com", "EXAMPLE.com"])
@pytest.mark.parametrize("pipelined", [True, False])
def test_a_handshake_for_the_same_host_passes_byte_for_byte(name: str, pipelined: bool) -> None:
    house = House()
    data = hello(name)
    client, origin = opened(house, data if pipelined else b"")
    if not pipelined:
        client.protocol.dataReceived(data[:7])
        assert origin.heard == b""
        client.drips(data[7:])
    assert origin.heard == data
    origin.says(b"server")
    client.says(b"more")
    assert client.heard == b"server"
    assert origin.heard == data + b"more"
    assert [record.action.kind for record in house.records] == [Kind.CONNECT, Kind.CLIENT_HELLO]
    ended(house, client, origin)


@pytest.mark.parametrize(
    ("case", "data"), [("another host", hello("evil.example")), ("malformed", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01x")]
)
def test_a_wrong_handshake_ends_the_tunnel_and_none_of_it_goes_out(case: str, data: bytes) -> None:
    house = House()
    client, origin = opened(house)
    client.says(data)
    assert origin.heard == b"", case
    assert origin.line.is_closing
    assert client.line.is_closing
    ended(house, client, origin)


def test_what_is_not_tls_passes_and_a_server_may_speak_first() -> None:
    house = House()
    client, origin = opened(house)
    origin.says(b"SSH-2.0-server\r\n")
    assert client.heard == b"SSH-2.0-server\r\n"
    client.says(b"SSH-2.0-client\r\n")
    assert origin.heard == b"SSH-2.0-client\r\n"
    ended(house, client, origin)


def test_the_rest_of_a_handshake_must_come_soon() -> None:
    house = House()
    client, origin = opened(house)
    client.says(hello("example.com")[:9])
    house.wait(HELLO_SECONDS - 1)
    client.says(hello("example.com")[9:10])
    assert not client.line.is_closing
    house.wait(1)
    assert client.line.is_closing
    assert origin.heard == b""
    ended(house, client, origin)


@pytest.mark.parametrize(("talk", "seconds"), [(False, 120), (True, 300)])
def test_silent_and_old_tunnels_end(talk: bool, seconds: int) -> None:
    house = House()
    client, origin = opened(house)
    for _ in range(seconds // 10 - 1):
        house.wait(10)
        if talk:
            origin.says(b"x")
        assert not client.line.is_closing
    house.wait(10)
    assert client.line.is_closing
    assert house.closed[0].reason
    ended(house, client, origin)


def test_each_side_is_read_only_as_fast_as_the_other_takes() -> None:
    house = House()
    client, origin = opened(house, b"plain text\n")
    client.line.producer.pauseProducing()
    assert not origin.line.is_read
    client.line.producer.resumeProducing()
    assert origin.line.is_read
    origin.line.producer.pauseProducing()
    assert not client.line.is_read
    origin.line.producer.resumeProducing()
    assert client.line.is_read
    ended(house, client, origin)


@pytest.mark.parametrize("side", ["client", "origin"])
def test_a_side_that_takes_nothing_is_cut_and_the_reason_says_so(side: str) -> None:
    house = House()
    client, origin = opened(house, b"plain text\n")
    line = client.line if side == "client" else origin.line
    line.producer.pauseProducing()
    house.wait(WRITE_SECONDS)
    assert client.line.disconnected  # aborted: a graceful close would wait for it for ever
    assert origin.line.disconnected
    assert "taken" in house.closed[0].reason or "take" in house.closed[0].reason
    ended(house, client, origin)


def test_a_closed_tunnel_whose_last_bytes_are_not_taken_is_cut_in_the_end() -> None:
    house = House()
    client, origin = opened(house, b"plain text\n")
    origin.hangs_up()
    assert client.line.disconnecting
    assert not client.line.disconnected
    house.wait(WRITE_SECONDS)
    assert client.line.disconnected
    client.leaves()
    house.assert_nothing_is_left()


def test_half_close_travels_through_in_either_order() -> None:
    house = House()
    client, origin = opened(house, b"plain text\n")
    client.protocol.readConnectionLost()
    assert origin.line.half_closed
    origin.says(b"late answer")
    assert client.heard == b"late answer"
    origin.protocol.readConnectionLost()
    assert client.line.is_closing
    ended(house, client, origin)


def test_the_kill_switch_ends_a_tunnel_in_which_nothing_moves() -> None:
    house = House()
    client, origin = opened(house)
    house.kill.set_api(True)
    for tunnel in list(house.context.tunnels):
        tunnel.check_kill_switch()
    assert client.line.disconnected
    assert origin.line.disconnected
    ended(house, client, origin)


def test_the_kill_switch_is_asked_at_every_read() -> None:
    house = House()
    client, origin = opened(house, b"plain text\n")
    house.kill.set_api(True)
    client.says(b"out")
    assert origin.heard == b"plain text\n"
    ended(house, client, origin)


def test_the_next_judged_address_is_dialled_and_then_no_other() -> None:
    house = House()
    client = house.caller()
    client.says(connect())
    house.dials[0].refuse()
    house.dials[1].refuse()
    assert tuple(dial.address for dial in house.dials) == ADDRESSES
    assert client.heard.startswith(b"HTTP/1.1 502")
    client.line.clear()
    client.says(get())
    house.dials[2].answer().says(ok())
    assert client.heard.startswith(b"HTTP/1.1 200"), "the connection serves on"
    client.leaves()
    house.assert_nothing_is_left()


def test_an_address_that_hangs_does_not_keep_the_next_from_being_tried() -> None:
    house = House()
    client = house.caller()
    client.says(connect())
    house.clock.advance(STAGGER_SECONDS)
    assert tuple(dial.address for dial in house.dials) == ADDRESSES
    first, second = house.dials
    second.answer()
    assert client.heard == ESTABLISHED
    assert first.is_cancelled
    second.says(b"220 ready")
    assert client.heard.endswith(b"220 ready")
    ended(house, client, second)


def test_who_comes_second_is_hung_up_on_and_carries_nothing() -> None:
    house = House()
    client = house.caller()
    client.says(connect())
    house.clock.advance(STAGGER_SECONDS)
    first, second = house.dials
    second.answer()
    first.answer()
    assert first.line.is_closing
    assert first.protocol is None
    assert client.heard == ESTABLISHED
    assert not client.line.is_closing
    ended(house, client, second)


def test_a_refused_connect_leaves_the_connection_usable() -> None:
    house = House(forward_enabled=False)
    client = house.caller()
    client.says(connect())
    assert client.heard.startswith(b"HTTP/1.1 405")
    client.line.clear()
    client.says(b"GET /health HTTP/1.1\r\nHost: localhost:8888\r\n\r\n")
    assert client.heard.endswith(b"fine")


def test_too_many_tunnels() -> None:
    house = House(a_policy())
    house.context.max_tunnels = 1
    opened(house)
    client = house.caller()
    client.says(connect())
    assert client.heard.startswith(b"HTTP/1.1 503")
    assert len(house.dials) == 1


def test_a_client_that_leaves_while_we_dial() -> None:
    house = House()
    client = house.caller()
    client.says(connect())
    client.leaves()
    assert house.dials[0].is_cancelled
    assert len(house.dials) == 1
    house.assert_nothing_is_left()


def test_a_tunnel_ends_where_its_sessions_budget_does_and_not_a_byte_later() -> None:
    house = House(a_policy(sessions=SessionPolicy(budgets={"_default": Budget(bytes=100)})))
    client, origin = opened(house)
    origin.says(b"x" * 60)
    client.says(b"SSH-2.0-client\r\n" + b"y" * 24)
    assert (client.heard, len(origin.heard)) == (b"x" * 60, 40)
    assert house.engine.sessions.known()[0].bytes == 100
    origin.says(b"z")
    assert client.heard == b"x" * 60
    assert client.line.is_closing
    assert "budget of 100 bytes" in house.closed[0].reason
    ended(house, client, origin)


def test_no_tunnel_goes_on_in_the_airlock() -> None:
    house = House()
    client, origin = opened(house)
    account = house.engine.sessions.accounts.use("127.0.0.1")
    account.tier = account.floor = Tier.HARD
    client.says(b"more")
    assert origin.heard == b""
    assert client.line.is_closing
    assert "airlock" in house.closed[0].reason
    ended(house, client, origin)
