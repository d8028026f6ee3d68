"""The server against transports of strings and a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from pipelock.control import server as server_module
from pipelock.control.backend import BackendError
from pipelock.control.frames import MAX_FRAME
from pipelock.control.peers import DaemonFacts, PeerFacts, ProcessId
from pipelock.control.server import (
    HELLO_TIMEOUT,
    MAX_CONNECTIONS,
    MAX_FRAMES_PER_SECOND,
    MAX_LATER,
    MAX_OUTGOING,
    MAX_WATCH_ONLY,
    PUMP_DELAY,
    ControlPeer,
    ControlServer,
)
from pipelock.control.testing import FakeBackend
from pipelock.model import Check, CheckState, Grant, Lifetime, Scope, Session

DAEMON = DaemonFacts(ProcessId(100, 1000), 1000, "net:[1]", "user:[1]")
OPERATOR = PeerFacts(200, 1000, "net:[1]", "user:[1]", (ProcessId(200, 2000), ProcessId(1, 0)))
CONTAINED = msgspec.structs.replace(OPERATOR, net_ns="net:[2]")
STRANGER = msgspec.structs.replace(OPERATOR, uid=1001)


class FakePeer:
    def __init__(self, facts: PeerFacts) -> None:
        self.known = facts
        self.closed = False
        self.asked = 0

    def facts(self) -> PeerFacts:
        self.asked += 1
        return self.known

    def close(self) -> None:
        self.closed = True


class PipeTransport(StringTransport):
    """Tells its producer to stop at 64 KiB, as a socket whose other end does not read."""

    reads = True

    def write(self, data: bytes) -> None:
        super().write(data)
        if not self.reads and self.producer is not None and len(self.value()) > 65_536:
            self.producer.pauseProducing()


class Caller:
    """One client: says lines, reads lines."""

    def __init__(self, house: House, facts: PeerFacts) -> None:
        self.peer = FakePeer(facts)
        house.arriving = self.peer
        self.transport = PipeTransport()
        protocol = house.server.buildProtocol(None)
        assert protocol is not None
        self.protocol: ControlPeer = protocol
        self.protocol.makeConnection(self.transport)

    def say(self, *lines: dict[str, Any] | bytes) -> Caller:
        data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        self.protocol.dataReceived(data)
        return self

    def heard(self) -> list[dict[str, Any]]:
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [json.loads(line) for line in lines]

    def hello(self, role: str = "command") -> dict[str, Any]:
        self.say({"type": "hello", "protocol": 1, "role": role})
        (answer,) = self.heard()
        return answer

    def results(self) -> list[str]:
        return [line["result"]["type"] for line in self.heard()]

    def catch_up(self) -> None:
        """Read everything, as a client does that wakes up."""
        self.protocol.resumeProducing()

    def hang_up(self) -> None:
        self.protocol.connectionLost()


class House:
    def __init__(self, backend: FakeBackend) -> None:
        self.backend = backend
        self.clock = Clock()
        self.watched: set[tuple[int, int]] = set()
        self.arriving: FakePeer | OSError = FakePeer(OPERATOR)
        self.server = ControlServer(backend, self.clock, DAEMON, lambda: self.watched, self.identify)

    def identify(self, wire: object) -> FakePeer:
        if isinstance(self.arriving, OSError):
            raise self.arriving
        return self.arriving

    def caller(self, facts: PeerFacts = OPERATOR) -> Caller:
        return Caller(self, facts)


@pytest.fixture
def house(backend: FakeBackend) -> House:
    return House(backend)


def seqs(lines: list[dict[str, Any]]) -> list[int | tuple[int, int]]:
    return [line["event"]["seq"] if line["type"] == "event" else (line["first"], line["last"]) for line in lines]


# Opening


def test_the_opening(house: House) -> None:
    assert house.caller().hello() == {
        "type": "welcome",
        "protocol": 1,
        "version": "9.9",
        "epoch": "run-1",
        "may_decide": True,
        "why": "",
    }


def test_another_version_is_refused_and_told_ours(house: House) -> None:
    caller = house.caller().say({"type": "hello", "protocol": 2})
    (line,) = caller.heard()
    assert (line["type"], line["protocol"]) == ("refused", 1)
    assert "not 2" in line["why"]
    assert caller.transport.disconnecting


def test_an_unknown_role_is_refused(house: House) -> None:
    caller = house.caller().say({"type": "hello", "role": "root"})
    assert caller.heard()[0]["type"] == "refused"
    assert caller.transport.disconnecting


def test_silence_is_not_waited_for(house: House) -> None:
    caller = house.caller()
    house.clock.advance(HELLO_TIMEOUT - 0.1)
    assert caller.heard() == []
    house.clock.advance(0.2)
    assert caller.heard()[0]["why"] == "nothing was said for 5 s"
    assert caller.transport.disconnecting


def test_who_said_hello_may_stay_silent(house: House) -> None:
    caller = house.caller()
    caller.hello()
    house.clock.advance(3600)
    assert caller.heard() == []
    assert house.clock.getDelayedCalls() == []


def test_a_peer_that_does_not_take_its_refusal_is_cut(house: House) -> None:
    caller = house.caller(STRANGER)
    assert not caller.transport.disconnected
    house.clock.advance(HELLO_TIMEOUT)
    assert caller.transport.disconnected


def test_what_a_refused_peer_says_is_not_heard(house: House) -> None:
    caller = house.caller(STRANGER)
    caller.heard()
    caller.say({"type": "hello"}, {"type": "kill", "id": 1, "active": True})
    assert caller.heard() == []
    assert house.backend.killed == []


# Who may do what


def test_another_user_is_refused(house: House) -> None:
    caller = house.caller(STRANGER)
    assert caller.heard() == [
        {"type": "refused", "why": "this daemon serves uid 1000, not 1001", "protocol": 1},
    ]
    assert caller.transport.disconnecting
    assert caller.peer.closed


def test_a_peer_nobody_knows_is_refused(house: House) -> None:
    house.arriving = OSError(92, "Protocol not available")
    transport = StringTransport()
    protocol = house.server.buildProtocol(None)
    assert protocol is not None
    protocol.makeConnection(transport)
    assert b"it can't be told who asks: Protocol not available" in transport.value()
    assert transport.disconnecting


DECIDING = [
    {"type": "look", "id": 9, "pending": "1"},
    {"type": "read_body", "id": 10, "pending": "1", "binding": "b1"},
    {"type": "answer", "id": 1, "pending": "1", "answer": {"word": "allow"}},
    {"type": "kill", "id": 2, "active": False},
    {"type": "reload", "id": 3},
    {"type": "revoke", "id": 11, "grant": "g1"},
    {"type": "review_grants", "id": 12},
    {"type": "act", "id": 13, "key": "k", "verb": "terminate"},
    {"type": "apply_fix", "id": 14, "fix": "f1"},
    {"type": "unsuppress", "id": 15, "entry": "e1"},
]
WATCHING = [
    {"type": "status", "id": 4},
    {"type": "pending", "id": 5},
    {"type": "sessions", "id": 6},
    {"type": "subscribe", "id": 7},
    {"type": "unsubscribe", "id": 8},
    {"type": "grants", "id": 16},
    {"type": "inspect", "id": 17, "key": "k"},
    {"type": "history", "id": 18, "query": "host:x"},
    {"type": "propose_fix", "id": 19, "action": "a1"},
    {"type": "rules", "id": 20},
    {"type": "config", "id": 21},
    {"type": "doctor", "id": 22},
    {"type": "audit", "id": 23},
]
WATCHED = ["status", "pending", "sessions", "ok", "ok", "grants", "session", "history", "fix", "rules", "config"]
WATCHED += ["doctor", "audit"]
KNOWN = Session(key="k", agent="a", client="c", started_at=1.0, last_seen_at=2.0)


def test_a_contained_peer_may_watch_but_not_decide(house: House) -> None:
    house.backend.known = [KNOWN]
    caller = house.caller(CONTAINED)
    welcome = caller.hello()
    assert not welcome["may_decide"]
    assert "network namespace" in welcome["why"]
    for line in caller.say(*DECIDING).heard():
        assert line["result"]["code"] == "forbidden"
        assert "network namespace" in line["result"]["message"]
    assert caller.say(*WATCHING).results() == WATCHED
    assert (house.backend.answers, house.backend.killed, house.backend.wishes) == ([], [], [])
    assert not {"apply", "unsuppress"} & {asked[0] for asked in house.backend.asked}
    assert len(house.backend.items) == 2


def test_an_operator_may_do_everything(house: House) -> None:
    house.backend.known = [KNOWN]
    house.backend.given = [
        Grant(id="g1", allow=True, scope=Scope.HOST, lifetime=Lifetime.H1, words="w", created_at=1.0)
    ]
    caller = house.caller()
    caller.hello()
    assert caller.say(*DECIDING, *WATCHING).results() == [
        *("ok", "body", "answered", "kill", "ok", "ok", "ok", "acted", "ok", "ok"),
        *WATCHED,
    ]
    assert house.backend.answers[0][1].by == "command (pid 200)"
    assert house.backend.killed == [(False, "command (pid 200)")]


def test_a_peer_that_becomes_known_as_an_agent_loses_the_right_for_good(house: House) -> None:
    caller = house.caller()
    assert caller.hello("dashboard")["may_decide"]
    assert house.backend.present == 1
    house.watched.add((200, 2000))
    caller.say({"type": "kill", "id": 1, "active": False})
    assert "agent process 200" in caller.heard()[0]["result"]["message"]
    assert house.backend.present == 0
    house.watched.clear()
    asked = caller.peer.asked
    caller.say({"type": "kill", "id": 2, "active": False})
    assert caller.heard()[0]["result"]["code"] == "forbidden"
    assert caller.peer.asked == asked, "a peer without the right costs no more reading"
    caller.hang_up()
    assert house.backend.present == 0
    assert house.backend.killed == []


# Dashboards present


def test_dashboards_are_counted_while_they_are_there(house: House) -> None:
    first, second, command = house.caller(), house.caller(), house.caller()
    assert house.backend.present == 0
    first.hello("dashboard")
    second.hello("dashboard")
    command.hello("command")
    assert house.backend.present == 2
    first.hang_up()
    command.hang_up()
    assert house.backend.present == 1
    second.say(b"nonsense\n")
    second.hang_up()
    assert house.backend.present == 0


def test_a_dashboard_that_cannot_decide_is_nobody_to_wait_for(house: House) -> None:
    house.caller(CONTAINED).hello("dashboard")
    assert house.backend.present == 0


# Events


def test_a_first_subscription_gets_the_newest_and_then_what_happens(house: House) -> None:
    for number in range(5):
        house.backend.say(str(number))
    caller = house.caller()
    caller.hello()
    lines = caller.say({"type": "subscribe", "id": 1, "backlog": 2}).heard()
    assert lines[0] == {"type": "reply", "id": 1, "result": {"type": "ok", "count": 1, "detail": ""}}
    assert seqs(lines[1:]) == [4, 5]
    house.backend.say("new")
    house.backend.say("newer")
    assert caller.heard() == []
    house.clock.advance(PUMP_DELAY)
    assert seqs(caller.heard()) == [6, 7]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({"epoch": "run-1", "after": 3}, [4, 5], id="resume"),
        pytest.param({"epoch": "run-1", "after": 5}, [], id="nothing missed"),
        pytest.param({"epoch": "run-1", "after": 0}, [1, 2, 3, 4, 5], id="from the beginning"),
        pytest.param({"epoch": "run-1", "after": 1, "backlog": 2}, [(2, 3), 4, 5], id="less than was missed"),
        pytest.param({"epoch": "run-1", "after": 1, "backlog": 0}, [(2, 5)], id="none of what was missed"),
        pytest.param({"epoch": "run-0", "after": 3}, [1, 2, 3, 4, 5], id="another run"),
        pytest.param({"epoch": "run-0", "after": 9999, "backlog": 1}, [5], id="another run, far ahead"),
        pytest.param({"backlog": 0}, [], id="only the future"),
    ],
)
def test_subscribing(house: House, request_: dict[str, Any], expected: list[Any]) -> None:
    for number in range(5):
        house.backend.say(str(number))
    caller = house.caller()
    caller.hello()
    lines = caller.say({"type": "subscribe", "id": 1, **request_}).heard()
    assert lines[0]["result"]["type"] == "ok"
    assert seqs(lines[1:]) == expected
    house.backend.say("next")
    house.clock.advance(PUMP_DELAY)
    assert seqs(caller.heard()) == [6]


def test_a_resumed_subscription_that_fell_out_of_the_ring_is_told_so() -> None:
    house = House(FakeBackend(capacity=10))
    for number in range(25):
        house.backend.say(str(number))
    caller = house.caller()
    caller.hello()
    lines = caller.say({"type": "subscribe", "id": 1, "epoch": "run-1", "after": 4}).heard()
    assert seqs(lines[1:]) == [(5, 15), *range(16, 26)]


@pytest.mark.parametrize(
    "request_",
    [
        {"after": -1},
        {"backlog": -1},
        {"after": 2**60},
        {"epoch": "run-1", "after": 1},
    ],
)
def test_subscriptions_out_of_range_are_refused(house: House, request_: dict[str, Any]) -> None:
    caller = house.caller()
    caller.hello()
    lines = caller.say({"type": "subscribe", "id": 1, **request_}).heard()
    assert lines[0]["result"]["code"] == "bad_request"
    house.backend.say("x")
    house.clock.advance(1)
    assert caller.heard() == []


def test_unsubscribing_ends_it_and_leaves_the_bus_without_a_listener(house: House) -> None:
    first, second = house.caller(), house.caller()
    for caller in (first, second):
        caller.hello()
        caller.say({"type": "subscribe", "id": 1})
        caller.heard()
    first.say({"type": "unsubscribe", "id": 2})
    house.backend.say("x")
    house.clock.advance(PUMP_DELAY)
    assert first.results() == ["ok"]
    assert seqs(second.heard()) == [1]
    second.hang_up()
    house.backend.say("y")
    assert house.clock.getDelayedCalls() == []
    first.say({"type": "subscribe", "id": 3, "epoch": "run-1", "after": 1})
    assert seqs(first.heard()[1:]) == [2]


def test_a_slow_watcher_is_not_sent_more_than_its_buffer_and_loses_nothing(house: House) -> None:
    slow, quick = house.caller(), house.caller()
    for caller in (slow, quick):
        caller.hello()
        caller.say({"type": "subscribe", "id": 1})
        caller.heard()
    slow.transport.reads = False
    for number in range(3000):
        house.backend.say("x" * 500 + str(number))
    house.clock.advance(PUMP_DELAY)
    assert len(slow.transport.value()) < 65_536 + 1000
    assert seqs(quick.heard()) == list(range(1, 3001))
    found: list[Any] = []
    while len(found) < 3000:
        found += seqs(slow.heard())
        slow.catch_up()
    assert found == list(range(1, 3001))


def test_a_watcher_too_slow_for_the_ring_is_told_what_it_missed() -> None:
    house = House(FakeBackend(capacity=50))
    slow = house.caller()
    slow.hello()
    slow.say({"type": "subscribe", "id": 1})
    slow.heard()
    slow.transport.reads = False
    for number in range(40):
        house.backend.say("x" * 5000 + str(number))
    house.clock.advance(PUMP_DELAY)
    got = seqs(slow.heard())
    assert 0 < len(got) < 40
    for number in range(100):
        house.backend.say(str(number))
    house.clock.advance(PUMP_DELAY)
    assert slow.heard() == [], "nothing is written while it does not read"
    slow.catch_up()
    assert seqs(slow.heard()) == [(got[-1] + 1, 90), *range(91, 141)]


def test_the_largest_frame_on_a_full_buffer_is_the_bound(house: House) -> None:
    """64 KiB may be buffered when the last frame is written; the stated limit holds with room to spare."""
    assert 65_536 + MAX_FRAME < MAX_OUTGOING
    caller = house.caller()
    caller.hello()
    caller.transport.reads = False
    house.backend.items = []
    for number in range(5000):
        caller.say({"type": "status", "id": number + 1})
        house.clock.advance(1)
    assert len(caller.transport.value()) < 65_536 + MAX_FRAME
    assert caller.transport.producerState == "paused", "its requests are not read either"


# Hurting


def test_garbage_is_refused_with_a_reason(house: House) -> None:
    caller = house.caller()
    caller.hello()
    caller.say(b"GET / HTTP/1.1\r\n")
    (line,) = caller.heard()
    assert line["type"] == "refused"
    assert "not a frame" in line["why"]
    assert caller.transport.disconnecting


def test_an_oversize_frame_is_refused_and_not_kept(house: House) -> None:
    caller = house.caller()
    caller.hello()
    for _ in range(40):
        caller.say(b"x" * 65_536)
    (line,) = caller.heard()
    assert "longer than" in line["why"]
    assert caller.transport.disconnecting
    assert caller.protocol._connection.buffered <= MAX_FRAME


def test_a_flood_is_answered_at_the_stated_pace(house: House) -> None:
    caller, other = house.caller(), house.caller()
    caller.hello()
    other.hello()
    caller.say(*({"type": "unsubscribe", "id": number + 1} for number in range(5000)))
    answered = len(caller.heard())
    assert answered < 100
    assert caller.transport.producerState == "paused"
    assert other.say({"type": "status", "id": 1}).results() == ["status"], "others are served meanwhile"
    for _ in range(1000):
        house.clock.advance(0.001)
        answered += len(caller.heard())
    assert 0.9 * MAX_FRAMES_PER_SECOND < answered < 1.1 * MAX_FRAMES_PER_SECOND
    for _ in range(2000):
        house.clock.advance(0.001)
        answered += len(caller.heard())
    assert answered == 5000
    assert caller.transport.producerState == "producing"


def test_a_flood_of_single_frames_is_paced_too(house: House) -> None:
    caller = house.caller()
    caller.hello()
    for number in range(100):
        caller.say({"type": "unsubscribe", "id": number + 1})
    assert len(caller.heard()) < 70
    house.clock.advance(1)
    caller.heard()
    caller.say({"type": "unsubscribe", "id": 1000})
    assert caller.results() == ["ok"]


def test_the_table_is_bounded_and_says_so(house: House) -> None:
    callers = [house.caller() for _ in range(MAX_CONNECTIONS)]
    assert all(caller.hello()["type"] == "welcome" for caller in callers)
    turned_away = house.caller()
    assert f"{MAX_CONNECTIONS} control connections" in turned_away.heard()[0]["why"]
    turned_away.hang_up()
    callers[0].hang_up()
    assert house.caller().hello()["type"] == "welcome"
    assert house.server.connections == MAX_CONNECTIONS


def test_those_turned_away_are_bounded_as_well(house: House) -> None:
    built = 0
    while house.server.buildProtocol(None) is not None:
        house.caller()
        built += 1
        assert built < 1000
    assert built == MAX_CONNECTIONS + 16


def test_peers_that_may_only_watch_cannot_lock_the_operator_out(house: House) -> None:
    agents = [house.caller(CONTAINED) for _ in range(MAX_WATCH_ONLY)]
    assert all(agent.hello()["type"] == "welcome" for agent in agents)
    one_more = house.caller(CONTAINED)
    assert "32 connections that may only watch" in one_more.heard()[0]["why"]
    assert house.caller().hello()["may_decide"]


# Ending


def test_a_connection_that_ends_leaves_nothing_behind(house: House) -> None:
    caller = house.caller()
    caller.hello("dashboard")
    caller.say({"type": "subscribe", "id": 1})
    caller.say(*({"type": "unsubscribe", "id": number + 2} for number in range(500)))
    caller.hang_up()
    house.backend.say("x")
    assert house.clock.getDelayedCalls() == []
    assert house.server.connections == 0
    assert caller.peer.closed
    assert house.backend.present == 0


def test_closing_says_goodbye_to_everybody(house: House) -> None:
    watcher, silent = house.caller(), house.caller()
    watcher.hello("dashboard")
    watcher.say({"type": "subscribe", "id": 1})
    watcher.heard()
    house.backend.say("last words")
    house.server.close()
    for caller in (watcher, silent):
        assert caller.heard() == [{"type": "refused", "why": "the daemon is stopping", "protocol": 1}]
        assert caller.transport.disconnecting
        caller.hang_up()
    house.server.close()
    assert house.clock.getDelayedCalls() == []
    assert house.backend.present == 0


def test_an_answer_that_cannot_be_put_into_a_frame_is_told_as_a_failure(house: House) -> None:
    house.backend.on_reload = lambda: "\ud800"
    caller = house.caller()
    caller.hello()
    caller.say({"type": "reload", "id": 1})
    assert caller.heard()[0]["result"]["code"] == "failed"


def test_the_public_names_exist() -> None:
    assert all(hasattr(server_module, name) for name in server_module.__all__)


def test_answers_that_come_later(house: House) -> None:
    tell: list[Callable[[object], None]] = []
    gave_up: list[int] = []

    def later(outcome: object, then: Callable[[object], None]) -> Callable[[], None]:
        tell.append(then)
        return lambda: gave_up.append(1)

    house.backend._later = later  # type: ignore[method-assign]
    caller = house.caller()
    caller.hello()
    asked = [{"type": "doctor", "id": number} for number in range(1, MAX_LATER + 2)]
    refused = caller.say(*asked).heard()
    assert [(line["id"], line["result"]["code"]) for line in refused] == [(MAX_LATER + 1, "unavailable")]
    assert caller.say({"type": "status", "id": 90}).results() == ["status"], "the others go on meanwhile"
    tell[1]((Check("clock", CheckState.OK),))
    tell[0](BackendError("failed", "no disk"))
    first, second = caller.heard()
    assert (first["id"], first["result"]["checks"]) == (2, [{"name": "clock", "state": "ok"}])
    assert (second["id"], second["result"]["code"]) == (1, "failed")
    caller.protocol.connectionLost()
    assert gave_up == [1] * (MAX_LATER - 2)
    tell[2](())  # too late, and harmless
