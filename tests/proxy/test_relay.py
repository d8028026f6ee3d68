"""Granted ports of the machine: judged, recorded, carried unread."""

from __future__ import annotations

from pipelock.detect.hosts import HostSet
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import HandedKind, Kind, Verdict
from pipelock.proxy.limits import WRITE_SECONDS
from tests.factories import a_policy
from tests.proxy.house import House
from tests.proxy.inside import KEY, Inside


def test_a_granted_port_is_carried_unread_and_recorded_once_for_each_connection() -> None:
    house = House(a_policy(max_requests_per_minute=1))
    for _ in range(2):
        client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
        origin = house.dials[-1].answer()
        assert (house.dials[-1].address, house.dials[-1].port) == ("127.0.0.1", 5432)
        origin.says(b"server speaks first")
        assert client.heard == b"server speaks first"
        client.says(b"GET / HTTP/1.1\r\nHost: anything\r\n\r\n")
        assert origin.heard.startswith(b"GET / ")
        client.finishes()
        assert origin.line.half_closed
        client.leaves()
        origin.hangs_up()
    assert [(record.action.kind, record.action.host, record.action.session) for record in house.records] == [
        (Kind.CONNECT, "127.0.0.1", KEY)
    ] * 2
    assert len(house.closed) == 2
    house.assert_nothing_is_left()


def test_what_is_said_before_the_way_is_open_is_not_lost() -> None:
    house = House()
    client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
    client.says(b"one")
    client.says(b"two")
    client.finishes()
    origin = house.dials[0].answer()
    house.clock.advance(0)
    assert origin.heard == b"onetwo"
    assert origin.line.half_closed


def test_a_connection_in_store_is_not_ended_but_one_that_is_stuck_is() -> None:
    house = House()
    client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
    origin = house.dials[0].answer()
    for _ in range(10):
        house.wait(3600)
    origin.says(b"still here")
    assert client.heard == b"still here"
    client.line.producer.pauseProducing()  # type: ignore[union-attr]
    house.wait(WRITE_SECONDS + 1)
    assert client.line.is_closing


def test_our_own_listeners_are_no_ports_to_grant() -> None:
    house = House()
    house.engine.own_ports = frozenset({8888})
    client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 8888)
    assert client.line.is_closing
    assert not house.dials
    assert house.records[0].decision.verdict is Verdict.BLOCK


def test_the_kill_switch_ends_what_is_relayed() -> None:
    house = House()
    client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
    house.dials[0].answer()
    house.kill.set_api(True)
    for tunnel in list(house.context.tunnels):
        tunnel.check_kill_switch()
    assert client.line.is_closing
    client = Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
    assert client.line.is_closing
    assert len(house.dials) == 1


def test_a_granted_port_needs_no_rule_of_the_sandbox_and_heeds_those_of_config() -> None:
    house = House()
    house.engine.own_rules[KEY] = EgressRules((), Verdict.BLOCK)
    assert not Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432).line.is_closing
    assert len(house.dials) == 1
    for default in (Verdict.BLOCK, Verdict.ASK):
        house = House(a_policy(egress=EgressRules((), default)))
        Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432)
        assert len(house.dials) == 1
    blocking = EgressRule(name="no", action=Verdict.BLOCK, hosts=HostSet(["127.0.0.1"]))
    house = House(a_policy(egress=EgressRules([blocking], Verdict.ALLOW)))
    assert Inside(house, HandedKind.HOST_PORT, "127.0.0.1", 5432).line.is_closing
    assert not house.dials
