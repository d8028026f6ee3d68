"""A sandbox's own listeners: who comes to one is that sandbox."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pipelock.model import HandedKind, HandedSocket
from pipelock.proxy import contained as module
from pipelock.proxy.contained import MAX_OF_ONE, factory_for
from pipelock.proxy.fake_dns import FakeNames
from tests.proxy.house import ADDRESSES, House, get, ok
from tests.proxy.inside import KEY, SANDBOX, SESSION, Inside


def proxied(house: House) -> Inside:
    return Inside(house, HandedKind.PROXY, "127.0.0.1", 8888)


def test_who_uses_the_proxy_is_the_sandbox_whatever_it_says() -> None:
    house = House()
    client = proxied(house)
    client.says(get(extra="X-Pipelock-Agent: somebody\r\n"))
    house.dials[0].answer().says(ok())
    assert client.heard.endswith(b"hello")
    action = house.records[0].action
    assert (action.session, action.agent, action.client) == (KEY, "tester", "127.0.0.1")
    assert house.context.in_flight(KEY) == 1
    house.context.end_session(KEY)
    assert client.line.is_closing


def test_who_asks_the_proxy_for_an_address_that_stands_for_a_name_means_the_name() -> None:
    house, names = House(), FakeNames()
    address = names.address_of("example.com")
    client = Inside(house, HandedKind.PROXY, "127.0.0.1", 8888, names)
    client.says(f"CONNECT {address}:443 HTTP/1.1\r\nHost: {address}:443\r\n\r\n".encode())
    assert house.dials[0].address == ADDRESSES[0]
    assert (house.records[0].action.host, house.records[0].action.url) == ("example.com", "https://example.com:443/")
    client = Inside(house, HandedKind.PROXY, "127.0.0.1", 8888, names)
    client.says(b"CONNECT 198.18.7.7:443 HTTP/1.1\r\nHost: 198.18.7.7:443\r\n\r\n")
    assert client.heard.startswith(b"HTTP/1.1 403 ")  # nobody's address


def test_local_pages_have_the_names_of_the_sandbox_and_there_is_no_admin_api() -> None:
    house = House()
    for name in ("localhost:8888", "127.0.0.1:8888", "[::1]:8888"):
        client = proxied(house)
        client.says(f"GET /health HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        assert client.heard.startswith(b"HTTP/1.1 200 ")
    client = proxied(house)
    client.says(b"GET /health HTTP/1.1\r\nHost: rebound.example\r\n\r\n")
    assert client.heard.startswith(b"HTTP/1.1 421 ")

    client = proxied(house)
    client.says(b"GET /stats HTTP/1.1\r\nHost: localhost:8888\r\n\r\n")
    assert client.heard.startswith(b"HTTP/1.1 404 ")  # it tells of other agents

    class Admin:
        def serves(self, path: str) -> bool:
            raise AssertionError(path)

    house.context.admin = Admin()  # type: ignore[assignment]
    client = proxied(house)
    client.says(b"GET /api/v1/killswitch/status HTTP/1.1\r\nHost: localhost:8888\r\n\r\n")
    assert client.heard.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


def test_an_address_that_the_kill_switch_spares_does_not_spare_sandboxes() -> None:
    house = House()
    house.kill.configure(config=True, message="stop", exempt=(ip_network("127.0.0.0/8"),), probe=lambda: False)
    house.caller().says(get())
    assert len(house.dials) == 1  # who comes to the main listener from there goes on
    for asked in (get(), b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"):
        client = proxied(house)
        client.says(asked)
        assert client.heard.startswith(b"HTTP/1.1 503 ")
    client = proxied(house)
    settings = house.context.settings
    house.context.settings = replace(settings, health_exempt=False)
    client.says(b"GET /health HTTP/1.1\r\nHost: localhost:8888\r\n\r\n")
    assert client.heard.startswith(b"HTTP/1.1 503 ")
    assert len(house.dials) == 1


def test_one_sandbox_does_not_take_all_connections() -> None:
    house = House()
    factory = factory_for(house.context, SANDBOX, SESSION, HandedSocket(HandedKind.PROXY, 8888), FakeNames())
    assert factory.buildProtocol(None) is not None

    class Member:
        def abort(self) -> None: ...

    for _ in range(MAX_OF_ONE):
        house.context.by_session.move(Member(), "", KEY)
    assert factory.buildProtocol(None) is None


@pytest.mark.parametrize(
    ("kind", "port", "drip"),
    [
        pytest.param(HandedKind.PROXY, 8888, b"G", id="a proxy's head"),
        pytest.param(HandedKind.TRANSPARENT, 443, b"\x16", id="a handshake"),
    ],
)
def test_who_only_begins_to_ask_counts_too(
    monkeypatch: pytest.MonkeyPatch, kind: HandedKind, port: int, drip: bytes
) -> None:
    # Otherwise one sandbox takes the whole table with a byte each, every fifteen seconds.
    monkeypatch.setattr(module, "MAX_OF_ONE", 3)
    house = House()
    where = "127.0.0.1" if kind is HandedKind.PROXY else ADDRESSES[0]
    clients = [Inside(house, kind, where, port) for _ in range(3)]
    factory = factory_for(house.context, SANDBOX, SESSION, HandedSocket(kind, port), FakeNames())
    assert house.context.in_flight(KEY) == 3
    for client in clients[:2]:
        client.says(drip)
    assert factory.buildProtocol(None) is not None  # the idle one has made room
    assert [client.line.is_closing for client in clients] == [False, False, True]
    clients[2].leaves()
    Inside(house, kind, where, port).says(drip)
    assert factory.buildProtocol(None) is None


@pytest.mark.parametrize("kind", [HandedKind.DNS, HandedKind.PROCESS])
def test_what_nobody_connects_to_has_no_factory(kind: HandedKind) -> None:
    with pytest.raises(ValueError, match="0123456789ab"):
        factory_for(House().context, SANDBOX, SESSION, HandedSocket(kind), FakeNames())
