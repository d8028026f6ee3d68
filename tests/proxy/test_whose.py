"""Whose a connection is: found out before it is read, kept for its sessions, and ended with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address

from pipelock.config.schema_agents import AgentProfile
from pipelock.identity import Agents, Ends, Lookup, Root, RootKind
from pipelock.model import Evidence, Process
from pipelock.proxy.server import ClientConnection, ProxyFactory
from pipelock.proxy.whose import BySession
from tests.proxy.house import House, get, ok, post
from tests.proxy.lines import Line

ROOT = Root(RootKind.AGENT, (Process(90, 9, "curl"), Process(60, 6, "claude")), "claude")


class Asked:
    """Who is asked which process a client is; answers when it is told to."""

    def __init__(self, root: Root | None = None, *, at_once: bool = False) -> None:
        self.root = root
        self.at_once = at_once
        self.lookups: list[Lookup] = []

    def __call__(self, ends: Ends, then: Callable[[Root | None], None]) -> Lookup:
        lookup = Lookup(ends, then, 0.0)
        self.lookups.append(lookup)
        if self.at_once:
            lookup.tell(self.root)
        return lookup


class Visitor:
    """A client with an address of its own."""

    def __init__(self, house: House, *, profile: str = "", host: str = "127.0.0.1") -> None:
        self.line = Line()
        self.line.hostAddr = IPv4Address("TCP", "127.0.0.1", 8888)
        self.line.peerAddr = IPv4Address("TCP", host, 40_000)
        self.protocol: Any = ClientConnection(house.context, host, profile=profile)
        self.line.protocol = self.protocol
        self.protocol.makeConnection(self.line)


def house_with(asked: Asked | None = None, **settings: Any) -> House:
    house = House(**settings)
    house.context.identify = asked
    return house


def test_nothing_is_read_before_it_is_known_who_it_is() -> None:
    asked = Asked()
    house = house_with(asked)
    visitor = Visitor(house)
    assert [lookup.ends for lookup in asked.lookups] == [Ends("127.0.0.1", 40_000, "127.0.0.1", 8888)]
    assert not visitor.line.is_read
    asked.lookups[0].tell(ROOT)
    assert visitor.line.is_read
    visitor.protocol.dataReceived(get())
    (record,) = house.records
    assert (record.action.session, record.action.agent) == ("claude@60|127.0.0.1", "claude")
    assert (record.action.program, record.action.pid) == ("curl", 90)


def test_who_is_known_at_once_does_not_wait() -> None:
    house = house_with(Asked(ROOT, at_once=True))
    visitor = Visitor(house)
    assert visitor.line.is_read
    assert visitor.protocol.identity("x").agent == "claude"


def test_who_is_not_found_is_served_on_what_it_says() -> None:
    asked = Asked()
    house = house_with(asked)
    visitor = Visitor(house)
    asked.lookups[0].tell(None)
    assert visitor.line.is_read
    assert visitor.protocol.identity("x").evidence is Evidence.HEADER


def test_who_leaves_meanwhile_is_not_waited_for() -> None:
    asked = Asked()
    house = house_with(asked)
    visitor = Visitor(house)
    visitor.protocol.connectionLost()
    assert not asked.lookups[0].is_wanted
    house.assert_nothing_is_left()


def test_clients_of_other_machines_are_not_looked_for() -> None:
    asked = Asked()
    visitor = Visitor(house_with(asked), host="192.0.2.7")
    assert visitor.line.is_read
    assert asked.lookups == []


def test_it_is_found_out_once_for_a_connection() -> None:
    house = house_with(Asked(ROOT, at_once=True))
    visitor = Visitor(house)
    first = visitor.protocol.identity("")
    assert visitor.protocol.identity("") is first
    assert visitor.protocol.identity("other") is not first
    house.context.settings = type(house.context.settings)(agents=Agents({"claude": AgentProfile()}))
    assert visitor.protocol.identity("").profile == "claude"


def test_a_listener_s_agent_is_that_whatever_it_says() -> None:
    house = House(agents=Agents({"mine": AgentProfile(listeners=("127.0.0.1:1",))}))
    factory = ProxyFactory(house.context, "mine")
    factory.local_names = frozenset({"localhost:1"})
    protocol: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 5))
    protocol.makeConnection(line := Line())
    assert protocol.identity("other").agent == "mine"
    protocol.dataReceived(b"GET /health HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
    assert line.value().startswith(b"HTTP/1.1 200 ")
    line.clear()
    protocol.dataReceived(b"GET /health HTTP/1.1\r\nHost: localhost:8888\r\n\r\n")
    assert line.value().startswith(b"HTTP/1.1 421 ")


def test_connections_are_counted_for_the_session_of_their_latest_request() -> None:
    house = House()
    context = house.context
    first, second = house.caller(), house.caller()
    first.says(get(extra="X-Pipelock-Agent: a\r\n"))
    second.says(get(extra="X-Pipelock-Agent: a\r\n"))
    assert context.in_flight("a|127.0.0.1") == 2
    house.dials[0].answer().says(ok())
    first.says(get(extra="X-Pipelock-Agent: b\r\n"))
    assert (context.in_flight("a|127.0.0.1"), context.in_flight("b|127.0.0.1")) == (1, 1)
    first.leaves()
    second.leaves()
    assert (context.in_flight("a|127.0.0.1"), context.in_flight("b|127.0.0.1")) == (0, 0)


def test_the_connections_of_a_session_are_ended_and_no_other() -> None:
    house = House()
    mine, other = house.caller(), house.caller()
    mine.says(post(b"x", extra="X-Pipelock-Agent: a\r\n"))
    other.says(get(extra="X-Pipelock-Agent: b\r\n"))
    assert house.context.end_session("a|127.0.0.1") == 1
    assert mine.line.is_closing
    assert not other.line.is_closing
    assert house.context.end_session("nobody") == 0


def test_a_table_keeps_nothing_of_sessions_that_are_gone() -> None:
    class Member:
        def abort(self) -> None:
            raise AssertionError("nobody ended it")

    table, member = BySession(), Member()
    table.move(member, "", "a")
    table.move(member, "a", "b")
    table.move(member, "b", "")
    table.move(member, "never", "")
    assert table._members == {}
    assert table.of("b") == ()


@pytest.mark.parametrize("opened", [True, False])
def test_tunnels_end_with_their_session_and_say_why(opened: bool) -> None:
    house = House(sni_verification=False)
    caller = house.caller()
    caller.says(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nX-Pipelock-Agent: a\r\n\r\n")
    (dialled,) = house.dials
    if opened:
        dialled.answer()
    assert len(house.context.tunnels) == 1
    assert house.context.end_long_lived("b|127.0.0.1") == 0
    assert house.context.end_session("a|127.0.0.1", "the operator said so") == 1
    assert not house.context.tunnels
    assert caller.line.is_closing
    assert [closed.reason for closed in house.closed] == (["the operator said so"] if opened else [])
