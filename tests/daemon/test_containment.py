"""The table of launched agents, with ports and processes that only remember."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelock.control.backend import BackendError, ContainWish
from pipelock.daemon.containment import (
    END_SECONDS,
    LOST_SECONDS,
    MAX_CONTAINED,
    MAX_ENDED,
)
from pipelock.daemon.wall_log import DENIALS_A_SECOND, MAX_DENIALS
from pipelock.identity import ContainedCaller
from pipelock.identity.process import ProcessId
from pipelock.model import (
    ContainmentChanged,
    Denial,
    HandedKind,
    HandedSocket,
    OrderVerb,
    Rung,
    WallName,
    WallRefused,
    WallState,
)

from .launches import BOX, ID, KEY, REFUSAL, Ear, FakeProcess, House, is_open

# -- a lease -----------------------------------------------------------------------------------------------------------


def test_a_launched_agent_is_served_under_a_session_of_its_own(house: House) -> None:
    ear, _ = house.contain(rules=("example.com",))
    ((caller, kinds, rules),) = house.served
    assert (caller, kinds) == (ContainedCaller(ID, "claude", "coder"), [HandedKind.PROXY])
    assert len(rules) == 1  # before the first connection
    assert rules is house.own_rules[KEY]
    assert len(house.table) == 1
    sandbox = house.table.of(KEY)
    assert sandbox is not None
    assert (sandbox.contained.pid, sandbox.held, sandbox.rules) == (50, True, ("example.com",))
    assert house.table.walls(KEY) == (WallState.UP, False)
    assert [key for key, _ in house.table.living()] == [KEY]
    assert house.table.processes() == {ProcessId(50, 7)}
    assert (house.steps(), ear.orders) == (["started"], [])
    (entry,) = house.entries
    assert (entry.event, entry.level, entry.session) == ("sandbox_started", "info", KEY)
    assert entry.more["walls"] == "network up"
    assert house.table.of("nobody") is None
    assert house.table.walls("nobody") is None


@pytest.mark.parametrize("profile", ["coder", ""])
def test_the_daemon_applies_config_s_rules_whatever_the_launcher_sends(house: House, profile: str) -> None:
    house.config_rules = {"coder": ("*.example.com",), "": ("section.test",)}
    box = msgspec.structs.replace(BOX, agent="coder", profile=profile)
    ear, _ = house.contain(box)
    ((*_, rules),) = house.served
    (key, _box), *_ = house.table.living()
    sandbox = house.table.of(key)
    assert sandbox is not None
    assert (len(rules), sandbox.rules, sandbox.config_rules) == (1, (), ("*.example.com",))
    assert house.entries[0].more["config_rules"] == "*.example.com"
    # It may come back, and what config says by then holds from then on, besides its own.
    house.table.release(ear)
    house.config_rules = {}
    house.contain(box)
    assert (house.steps(), house.own_rules) == (["started", "lost", "back"], {})


def test_with_the_launcher_goes_the_network_and_with_the_process_the_sandbox(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain(rules=("example.com",))
    house.table.release(ear)
    house.table.release(ear)
    assert not any(port.is_open for port in house.ports)
    assert (house.ended, list(house.own_rules), len(house.table)) == ([KEY], [KEY], 0)
    sandbox = house.table.of(KEY)
    assert sandbox is not None
    assert (sandbox.held, sandbox.ended_at) == (False, 0.0)
    house.clock.advance(LOST_SECONDS * 2)
    house.table.sweep()
    assert house.steps() == ["started", "lost"]
    house.process.gone = True
    house.table.sweep()
    house.table.sweep()
    assert house.steps() == ["started", "lost", "ended"]
    assert house.table.walls(KEY) == (WallState.UP, True)
    assert house.process.closed
    assert not house.table.processes()
    assert house.refused().message == "a sandbox with this id has ended"


def test_an_agent_that_is_over_as_its_launcher_goes_was_never_lost(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain()
    house.process.gone = True
    house.table.release(ear)
    assert house.steps() == ["started", "ended"]


def test_without_a_pidfd_time_tells(house: House) -> None:
    house.process = None
    ear, _ = house.contain()
    house.table.release(ear)
    for seconds, steps in ((LOST_SECONDS - 1, ["started", "lost"]), (1, ["started", "lost", "ended"])):
        house.clock.advance(seconds)
        house.table.sweep()
        assert house.steps() == steps


def test_a_launcher_that_comes_back_has_its_session_again(house: House) -> None:
    first, _ = house.contain()
    assert house.refused().code == "unavailable"
    house.table.release(first)
    house.process = FakeProcess(51)
    assert house.refused().code == "forbidden"
    assert house.process.closed
    house.process = FakeProcess(50)
    for change in ({"workspace": "/elsewhere"}, {"rung": Rung.ENVIRONMENT}, {"agent": "codex"}):
        assert house.refused(msgspec.structs.replace(BOX, **change)).code == "forbidden"
    house.process.closed = False
    second, _ = house.contain(may_decide=False)  # its terminal may be gone meanwhile
    assert house.steps() == ["started", "lost", "back"]
    house.table.release(first)  # long gone
    assert len(house.table) == 1
    house.table.release(second)
    assert len(house.table) == 0


def test_what_narrowed_it_still_does_when_its_launcher_is_back(house: House) -> None:
    ear, _ = house.contain(rules=("example.com",))
    house.table.release(ear)
    for rules in ((), ("example.com", "example.net")):
        assert house.refused(rules=rules).code == "forbidden"
        assert house.own_rules[KEY] is house.served[0][2]
    house.contain(rules=("example.com",))
    assert house.steps()[-1] == "back"


def test_without_a_process_an_agent_takes_over_nothing_of_the_operators(house: House) -> None:
    house.process = None
    ear, _ = house.contain()
    house.table.release(ear)
    assert house.refused(may_decide=False).code == "forbidden"
    house.contain()


def test_what_was_frozen_before_this_daemon_goes_on(house: House) -> None:
    house.clock.advance(100)
    ear, _ = house.contain()
    assert not ear.orders  # the reply comes first
    house.clock.advance(0)
    assert ear.orders == [OrderVerb.THAW]
    fresh, _ = house.contain(msgspec.structs.replace(BOX, id="f" * 12, started_at=1100.0))
    house.clock.advance(0)
    assert fresh.orders == []


def test_no_sandbox_from_inside_a_sandbox(house: House) -> None:
    house.contain()
    error = house.refused(
        msgspec.structs.replace(BOX, id="f" * 12), ancestors=(ProcessId(90, 1), ProcessId(50, 7), ProcessId(1, 0))
    )
    assert "inside" in error.message


def test_sockets_that_can_not_be_served_leave_nothing(house: House) -> None:
    assert house.process is not None
    house.full = True
    error = house.refused(rules=("example.com",))
    assert (error.code, "too many open files" in error.message) == ("unavailable", True)
    assert (house.own_rules, len(house.table), house.process.closed) == ({}, 0, True)


def test_the_table_is_bounded_and_the_lost_make_room(house: House) -> None:
    def fill(number: int) -> Ear:
        house.process = FakeProcess(100 + number)
        return house.contain(msgspec.structs.replace(BOX, id=f"{number:012x}"))[0]

    ears = [fill(number) for number in range(MAX_CONTAINED)]
    with pytest.raises(BackendError, match="64 sandboxes"):
        fill(MAX_CONTAINED)
    house.table.release(ears[3])
    fill(MAX_CONTAINED)
    assert house.steps()[-2:] == ["ended", "started"]
    for number in range(MAX_ENDED + 5):
        house.process = FakeProcess(1000)
        house.process.gone = True
        house.table.release(ears[0])
        ears[0], _ = house.contain(msgspec.structs.replace(BOX, id=f"{1000 + number:012x}"), rules=("a.test",))
    ended = [f"claude@sandbox-{1000 + number:012x}|127.0.0.1" for number in range(MAX_ENDED + 4)]
    assert sum(house.table.of(key) is not None for key in ended) == MAX_ENDED
    assert sum(key in house.own_rules for key in ended) == MAX_ENDED


def test_an_agent_does_not_push_out_what_the_operator_has_launched(house: House) -> None:
    def fill(number: int, *, may_decide: bool) -> Ear:
        house.process = FakeProcess(100 + number)
        return house.contain(msgspec.structs.replace(BOX, id=f"{number:012x}"), may_decide=may_decide)[0]

    house.table.release(fill(0, may_decide=True))
    ears = [fill(number, may_decide=number % 2 == 0) for number in range(1, MAX_CONTAINED)]
    with pytest.raises(BackendError, match="64 sandboxes"):
        fill(100, may_decide=False)
    house.table.release(ears[4])
    fill(101, may_decide=True)
    assert [event.payload.contained.id for event in house.events(ContainmentChanged)][-2] == f"{5:012x}"
    fill(102, may_decide=True)
    assert [event.payload.contained.id for event in house.events(ContainmentChanged)][-2] == f"{0:012x}"


# -- orders ------------------------------------------------------------------------------------------------------------


def test_ending_is_asked_for_and_then_done(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain()
    assert house.table.terminate(KEY, "enough")
    assert house.table.terminate(KEY, "")
    assert (ear.orders, house.process.killed) == ([OrderVerb.END] * 2, False)
    assert not any(port.is_open for port in house.ports)
    assert set(house.ended) == {KEY}
    house.clock.advance(END_SECONDS)
    assert house.process.killed
    assert not house.table.terminate("nobody", "")


def test_what_ends_in_time_is_not_killed(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain()
    house.table.terminate(KEY, "enough")
    house.process.gone = True
    house.table.release(ear)
    house.clock.advance(END_SECONDS)
    assert not house.process.killed
    assert not house.clock.getDelayedCalls()


def test_without_a_launcher_it_is_killed_at_once(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain()
    house.table.release(ear)
    assert house.table.terminate(KEY, "enough")
    assert house.process.killed


def test_what_the_operator_has_ended_is_not_served_again(house: House) -> None:
    house.process = None  # so nothing but its launcher can end it
    first, _ = house.contain()
    house.clock.advance(0)
    house.table.terminate(KEY, "enough")
    house.table.release(first)
    second, _ = house.contain()
    assert (len(house.served), second.orders) == (1, [])
    house.clock.advance(0)
    assert second.orders == [OrderVerb.END]
    house.table.terminate(KEY, "enough")
    assert second.orders == [OrderVerb.END] * 2


def test_a_reload_narrows_and_freezes_who_lives(house: House) -> None:
    house.killed, house.freezes = True, False
    ear, _ = house.contain(rules=("example.com",))
    house.clock.advance(0)
    house.config_rules["coder"] = ("other.test",)
    assert len(house.own_rules[KEY]) == 1
    house.freezes = True
    house.table.config_changed()
    assert (len(house.own_rules[KEY]), ear.orders) == (2, [OrderVerb.FREEZE])
    house.config_rules.clear()
    house.table.config_changed()
    (launch,) = house.own_rules[KEY]
    assert len(launch.rules) == 1


def test_the_kill_switch_freezes_and_thaws(house: House) -> None:
    ear, _ = house.contain()
    for killed in (True, True, False, False):
        house.killed = killed
        house.table.kill_switch_moved()
    assert ear.orders == [OrderVerb.FREEZE, OrderVerb.THAW]
    house.killed, house.freezes = True, False
    house.table.kill_switch_moved()
    assert ear.orders == [OrderVerb.FREEZE, OrderVerb.THAW]
    assert house.steps() == ["started", "frozen", "thawed"]


def test_a_launch_while_it_is_on_is_frozen_and_so_is_what_comes_back(house: House) -> None:
    house.killed = True
    ear, _ = house.contain()
    house.clock.advance(0)
    assert ear.orders == [OrderVerb.FREEZE]
    house.table.release(ear)
    house.killed = False
    house.table.kill_switch_moved()
    back, _ = house.contain()
    house.clock.advance(0)
    assert OrderVerb.THAW in back.orders
    sandbox = house.table.of(KEY)
    assert sandbox is not None
    assert not sandbox.frozen


def test_a_daemon_that_stops_tells_nobody(house: House) -> None:
    ear, _ = house.contain()
    house.table.stop_accepting()
    assert not any(port.is_open for port in house.ports)
    house.table.stop()
    house.table.release(ear)
    assert (house.steps(), ear.orders, house.ended) == (["started"], [], [])


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_kept_and_counted(house: House) -> None:
    ear, _ = house.contain()
    assert house.table.denied(ear, REFUSAL)
    assert house.table.denied(ear, msgspec.structs.replace(REFUSAL, count=4))
    sandbox = house.table.of(KEY)
    assert sandbox is not None
    assert (sandbox.denied, [noted.denial.count for noted in sandbox.denials]) == (5, [5])
    assert [event.payload.denial.count for event in house.events(WallRefused)] == [1, 4]
    assert [entry.event for entry in house.entries] == ["sandbox_started", "wall_refused", "wall_refused"]
    with pytest.raises(BackendError, match="holds no sandbox"):
        house.table.denied(Ear(), REFUSAL)


def test_a_flood_of_refusals_is_counted_and_told_together(house: House) -> None:
    ear, _ = house.contain()
    assert house.tell(ear, DENIALS_A_SECOND + 30) == DENIALS_A_SECOND
    assert len(house.events(WallRefused)) == DENIALS_A_SECOND
    house.table.sweep()
    assert len(house.events(WallRefused)) == DENIALS_A_SECOND
    house.clock.advance(1)
    house.table.sweep()
    last = house.events(WallRefused)[-1].payload
    assert (len(house.events(WallRefused)), last.unreported) == (DENIALS_A_SECOND + 1, 29)
    sandbox = house.table.of(KEY)
    assert sandbox is not None
    assert (sandbox.denied, len(sandbox.denials)) == (DENIALS_A_SECOND + 30, min(MAX_DENIALS, DENIALS_A_SECOND + 30))
    house.clock.advance(1)
    assert house.tell(ear, 1) == 1


def test_what_was_only_counted_is_told_at_the_end_at_the_latest(house: House) -> None:
    assert house.process is not None
    ear, _ = house.contain()
    house.tell(ear, DENIALS_A_SECOND + 2)
    house.process.gone = True
    house.table.release(ear)
    assert house.events(WallRefused)[-1].payload.unreported == 1
    assert "refused 22 times" in house.events(ContainmentChanged)[-1].payload.detail


def test_refusals_are_cut_and_their_numbers_believed_within_reason(house: House) -> None:
    ear, _ = house.contain()
    long = "x" * 5000
    house.table.denied(ear, Denial(WallName.SYSCALLS, long, long, long, long, count=-5))
    (event,) = house.events(WallRefused)
    denial = event.payload.denial
    assert {len(text) for text in (denial.what, denial.why, denial.fix, denial.program)} == {300}
    assert denial.count == 1


def test_real_sockets_and_no_process(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        descriptor = os.dup(listener.fileno())
        wish = ContainWish(contained=BOX, sockets=(HandedSocket(HandedKind.PROXY, port),), descriptors=(descriptor,))
        assert house.table.contain(Ear(), wish) == KEY
        assert not is_open(descriptor)
        wrong = os.dup(listener.fileno())
        with pytest.raises(BackendError, match="is bound to port"):
            house.table.contain(
                Ear(),
                msgspec.structs.replace(
                    wish,
                    contained=msgspec.structs.replace(BOX, id="f" * 12),
                    sockets=(HandedSocket(HandedKind.PROXY, port + 1),),
                    descriptors=(wrong,),
                ),
            )
        assert not is_open(wrong)


# -- any order of things -----------------------------------------------------------------------------------------------

_LEGAL = {
    "": {"started"},
    "started": {"lost", "ended", "frozen", "thawed"},
    "back": {"lost", "ended", "frozen", "thawed"},
    "frozen": {"lost", "ended", "thawed"},
    "thawed": {"lost", "ended", "frozen"},
    "lost": {"back", "ended"},
    "ended": set(),
}
_DEEDS = st.sampled_from(["contain", "contain", "release", "gone", "sweep", "terminate", "wait", "kill", "deny"])


@given(st.lists(st.tuples(_DEEDS, st.integers(0, 2)), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_in_whatever_order(  # noqa: C901 - one branch a deed
    monkeypatch: pytest.MonkeyPatch, deeds: list[tuple[str, int]]
) -> None:
    house = House(monkeypatch)
    ears: dict[int, Ear] = {}
    cut: set[int] = set()  # told to end, and never served again
    processes = {number: FakeProcess(50 + number) for number in range(3)}
    for deed, number in deeds:
        box = msgspec.structs.replace(BOX, id=f"{number:012x}")
        key = f"claude@sandbox-{number:012x}|127.0.0.1"
        house.process = processes[number]
        if deed == "contain":
            with suppress(BackendError):
                ear, _ = house.contain(box, rules=("example.com",))
                ears[number] = ear
        elif deed == "release" and number in ears:
            house.table.release(ears.pop(number))
        elif deed == "gone":
            processes[number].gone = True
        elif deed == "sweep":
            house.table.sweep()
        elif deed == "terminate" and house.table.terminate(key, ""):
            cut.add(number)
        elif deed == "wait":
            house.clock.advance(4)
        elif deed == "kill":
            house.killed = not house.killed
            house.table.kill_switch_moved()
        elif deed == "deny" and number in ears:
            house.table.denied(ears[number], REFUSAL)
        held = {f"claude@sandbox-{one:012x}|127.0.0.1" for one in ears}
        assert len(house.table) == len(ears)
        assert set(house.own_rules) >= held
        assert sum(port.is_open for port in house.ports) == len(ears.keys() - cut)
        for one in held:
            sandbox = house.table.of(one)
            assert sandbox is not None
            assert sandbox.held
            assert not sandbox.ended_at
    for number in range(3):
        told = [
            event.payload.what.value
            for event in house.events(ContainmentChanged)
            if event.payload.contained.id == f"{number:012x}"
        ]
        for before, after in zip(["", *told], told, strict=False):
            assert after in _LEGAL[before]
