"""Launchers at the control socket: descriptors that come, are claimed or closed, and the lease that ends."""

from __future__ import annotations

import array
import os
import socket

import msgspec
import pytest

from pipelock.control import frames
from pipelock.control._leases import MAX_NAME, Tenant
from pipelock.control.backend import BackendError, ContainWish, Lease
from pipelock.control.peers import PeerFacts, ProcessId, Rights
from pipelock.control.protocol import ClientConnection
from pipelock.control.server import HELLO_TIMEOUT, MAX_UNCLAIMED_WATCH_ONLY
from pipelock.control.testing import FakeBackend, LoopbackDaemon
from pipelock.model import (
    MAX_HANDED,
    Contained,
    ContainmentFacts,
    Denial,
    HandedKind,
    HandedSocket,
    Order,
    OrderVerb,
    WallName,
)

from .test_server import CONTAINED, OPERATOR, Caller, House

MAY = Rights(may_watch=True, may_decide=True, may_contain=True)
HELPER = Rights(
    may_watch=True, may_decide=False, why="runs inside claude", may_contain=True, inside="claude", shared=True
)
WALLED = Rights(may_watch=True, may_decide=False, why="lives in another network namespace")
BOX = Contained(id="0123456789ab", agent="claude")
PROXY = HandedSocket(HandedKind.PROXY, 8888)
REFUSAL = Denial(WallName.FILES, "read /root", "not granted")


@pytest.fixture
def house(backend: FakeBackend) -> House:
    return House(backend)


class Ear:
    """A lease that remembers its orders."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def order(self, order: Order) -> None:
        self.orders.append(order)


def a_descriptor() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def a_tenant(backend: FakeBackend, spare: int = 100) -> Tenant:
    return Tenant(backend, Ear(), lambda: spare)


def contain(*kinds: HandedKind) -> frames.Contain:
    return frames.Contain(7, BOX, tuple(HandedSocket(kind, 8888) for kind in kinds), ("host=example.com",))


# -- one launcher ------------------------------------------------------------------------------------------------------


def test_what_came_is_the_daemons_from_the_frame_on(backend: FakeBackend) -> None:
    tenant, descriptor = a_tenant(backend), a_descriptor()
    os.set_inheritable(descriptor, True)
    assert not tenant.take(descriptor)
    assert (tenant.waiting, os.get_inheritable(descriptor)) == (1, False)
    facts = PeerFacts(9, 1000, ancestors=(ProcessId(9, 90),))
    result = tenant.answer(contain(HandedKind.PROXY), MAY, facts)
    assert result == frames.ContainReply("claude@sandbox-0123456789ab|127.0.0.1")
    (wish,) = backend.held.values()
    assert wish == ContainWish(
        contained=BOX,
        sockets=(PROXY,),
        descriptors=(descriptor,),
        rules=("host=example.com",),
        ancestors=(ProcessId(9, 90),),
        may_decide=True,
    )
    assert (tenant.waiting, tenant.holds, is_open(descriptor)) == (0, True, True)
    tenant.end()
    tenant.end()
    assert (backend.held, is_open(descriptor)) == ({}, False)


@pytest.mark.parametrize(
    ("rights", "kinds", "handed", "code", "word"),
    [
        pytest.param(MAY, (HandedKind.PROXY,), 0, "bad_request", "0 descriptors", id="too few"),
        pytest.param(MAY, (HandedKind.PROXY,), 2, "bad_request", "2 descriptors", id="too many"),
        pytest.param(WALLED, (HandedKind.PROXY,), 1, "forbidden", "another network", id="contained"),
    ],
)
def test_what_may_not_be_is_refused_and_closed(
    backend: FakeBackend, rights: Rights, kinds: tuple[HandedKind, ...], handed: int, code: str, word: str
) -> None:
    tenant, came = a_tenant(backend), [a_descriptor() for _ in range(handed)]
    for descriptor in came:
        tenant.take(descriptor)
    result = tenant.answer(contain(*kinds), rights, None)
    assert isinstance(result, frames.Failed)
    assert result.code == code
    assert word in result.message
    assert not any(map(is_open, came))
    assert not tenant.holds


def test_whoever_may_not_decide_may_contain(backend: FakeBackend) -> None:
    tenant = a_tenant(backend)
    tenant.take(a_descriptor())
    assert isinstance(tenant.answer(contain(HandedKind.PROXY), HELPER, None), frames.ContainReply)
    (wish,) = backend.held.values()
    assert not wish.may_decide
    tenant.take(descriptor := a_descriptor())
    result = tenant.answer(contain(HandedKind.PROXY), HELPER, None)
    assert isinstance(result, frames.Failed)
    assert "already" in result.message
    assert not is_open(descriptor)
    tenant.end()


@pytest.mark.parametrize(("count", "spare"), [(MAX_HANDED, 100), (2, 0)])
def test_more_than_may_wait_are_all_closed(backend: FakeBackend, count: int, spare: int) -> None:
    room = [spare]
    tenant = Tenant(backend, Ear(), lambda: room[0] or (100 if tenant.waiting < count else 0))
    came = [a_descriptor() for _ in range(count)]
    assert not any(tenant.take(descriptor) for descriptor in came)
    assert "descriptors" in tenant.take(last := a_descriptor())
    assert not any(map(is_open, [*came, last]))
    assert not tenant.waiting


def test_facts_are_for_who_may_contain(backend: FakeBackend) -> None:
    tenant = a_tenant(backend)
    assert tenant.answer(frames.AskContainment(1, "claude"), HELPER, None) == frames.ContainmentReply(
        ContainmentFacts(profile="claude", may_relay=False)
    )
    for rights, name in ((WALLED, "claude"), (MAY, "x" * (MAX_NAME + 1))):
        assert isinstance(tenant.answer(frames.AskContainment(1, name), rights, None), frames.Failed)


def test_a_fault_of_the_daemon_is_told_and_is_nobodys_end(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(lease: Lease, denial: Denial) -> bool:
        raise RuntimeError("a fault")

    monkeypatch.setattr(backend, "report_denial", breaks)
    result = a_tenant(backend).answer(frames.ReportDenial(1, REFUSAL), MAY, None)
    assert result == frames.Failed("failed", "the daemon met an error of its own; its log has the details")


# -- the conversation --------------------------------------------------------------------------------------------------


def a_contain(**changes: object) -> dict[str, object]:
    frame = msgspec.to_builtins(frames.Contain(3, BOX, (PROXY,)))
    return {**frame, **changes}


def hand(caller: Caller, count: int = 1) -> list[int]:
    came = [a_descriptor() for _ in range(count)]
    for descriptor in came:
        caller.protocol.fileDescriptorReceived(descriptor)
    return came


def test_a_lease_lasts_as_long_as_its_connection(house: House) -> None:
    caller = house.caller()
    caller.hello()
    hand(caller)
    caller.say(a_contain())
    assert caller.results() == ["contain"]
    ((lease, wish),) = house.backend.held.items()
    assert wish.ancestors == OPERATOR.ancestors
    lease.order(Order(OrderVerb.FREEZE, "why"))
    caller.say({"type": "report_denial", "id": 4, "denial": msgspec.to_builtins(REFUSAL)})
    order, reply = caller.heard()
    assert order == {"type": "order", "order": {"verb": "freeze", "reason": "why"}}
    assert (reply["result"]["type"], house.backend.denials) == ("ok", [REFUSAL])
    caller.hang_up()
    assert not house.backend.held
    lease.order(Order(OrderVerb.END))
    assert not caller.heard()


def test_descriptors_with_anything_else_are_a_fault(house: House) -> None:
    caller = house.caller()
    caller.hello()
    (descriptor,) = hand(caller)
    caller.say({"type": "status", "id": 1})
    (last,) = caller.heard()
    assert last["type"] == "refused"
    assert "contain" in last["why"]
    assert not is_open(descriptor)
    (late,) = hand(caller)
    assert not is_open(late)


@pytest.mark.parametrize("ends", ["hangs up", "sends too many"])
def test_what_is_never_claimed_is_closed(house: House, ends: str) -> None:
    caller = house.caller()
    caller.hello()
    came = hand(caller, 3)
    if ends == "hangs up":
        caller.hang_up()
    else:
        came += hand(caller, MAX_HANDED)
        assert caller.heard()[0]["type"] == "refused"
    assert not any(map(is_open, came))


def test_descriptors_are_not_kept_for_who_sends_no_frame(house: House) -> None:
    caller = house.caller()
    caller.hello()
    came = hand(caller, 2)
    house.clock.advance(HELLO_TIMEOUT - 0.1)
    assert all(map(is_open, came))
    house.clock.advance(0.2)
    assert caller.heard()[0]["type"] == "refused"
    assert not any(map(is_open, came))
    prompt = house.caller()
    prompt.hello()
    hand(prompt)
    prompt.say(a_contain())
    house.clock.advance(HELLO_TIMEOUT * 2)
    assert prompt.results() == ["contain"]


def test_an_agent_does_not_fill_the_room_for_descriptors(house: House) -> None:
    def wait(count: int, facts: PeerFacts) -> tuple[Caller, list[int]]:
        caller = house.caller(facts)
        caller.hello()
        return caller, hand(caller, count)

    walled, (descriptor,) = wait(1, CONTAINED)
    assert not is_open(descriptor)  # it may not contain, so nothing that it sends is kept
    watching = msgspec.structs.replace(OPERATOR, adrift=True)
    callers = [wait(MAX_HANDED, watching) for _ in range(MAX_UNCLAIMED_WATCH_ONLY // MAX_HANDED)]
    one_more, came = wait(1, watching)
    assert one_more.heard()[0]["type"] == "refused"
    assert not is_open(came[0])
    operator, _ = wait(1, OPERATOR)
    operator.say(a_contain())
    assert operator.results() == ["contain"]
    for caller in (walled, *(caller for caller, _ in callers)):
        caller.hang_up()


def test_before_hello_nothing_is_taken(house: House) -> None:
    (descriptor,) = hand(house.caller())
    assert not is_open(descriptor)


def test_who_was_contained_since_may_not_contain(house: House) -> None:
    caller = house.caller()
    caller.hello()
    (descriptor,) = hand(caller)
    caller.peer.known = CONTAINED
    caller.say(a_contain())
    (reply,) = caller.heard()
    assert reply["result"]["code"] == "forbidden"
    assert not is_open(descriptor)
    caller.peer.known = OPERATOR
    hand(caller)
    caller.say(a_contain(id=4))
    assert caller.heard()[0]["result"]["code"] == "forbidden"


def test_a_denial_without_a_lease_is_not_told(house: House) -> None:
    caller = house.caller()
    caller.hello()
    caller.say({"type": "report_denial", "id": 4, "denial": msgspec.to_builtins(REFUSAL)})
    assert caller.heard()[0]["result"]["code"] == "not_found"


# -- on a real socket --------------------------------------------------------------------------------------------------


def test_descriptors_travel_with_their_frame(daemon: LoopbackDaemon) -> None:
    connection = ClientConnection()
    with socket.socket(socket.AF_UNIX) as link, socket.create_server(("127.0.0.1", 0)) as listener:
        link.settimeout(30)
        link.connect(str(daemon.path))

        def read() -> frames.ServerFrame:
            while (frame := connection.next_frame()) is None:
                connection.receive(link.recv(65_536))
            return frame

        link.sendall(connection.send(frames.Hello()))
        assert isinstance(read(), frames.Welcome)
        # Tests are launched by what plays the daemon, so they may not decide; they live where it lives, though.
        data = connection.send(frames.Contain(1, BOX, (PROXY, PROXY)))
        rights = array.array("i", [listener.fileno(), listener.fileno()])
        sent = link.sendmsg([data[:10]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        link.sendall(data[sent:])
        assert read() == frames.Reply(1, frames.ContainReply("claude@sandbox-0123456789ab|127.0.0.1"))
        ((_, wish),) = daemon.run(lambda: list(daemon.backend.held.items()))
        assert {os.fstat(one).st_ino for one in wish.descriptors} == {os.fstat(listener.fileno()).st_ino}
        assert not any(map(os.get_inheritable, wish.descriptors))


def test_an_error_of_the_backend_keeps_its_code(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(lease: Lease, wish: ContainWish) -> str:
        raise BackendError("unavailable", "full")

    monkeypatch.setattr(backend, "contain", refuses)
    tenant = a_tenant(backend)
    tenant.take(descriptor := a_descriptor())
    assert tenant.answer(contain(HandedKind.PROXY), MAY, None) == frames.Failed("unavailable", "full")
    assert not tenant.holds
    os.close(descriptor)  # theirs from the call on; this backend forgot to
