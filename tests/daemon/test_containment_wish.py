"""What is believed of launchers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipelock.daemon.containment_wish import MAX_SINGLES, MAX_WALLS
from pipelock.identity.process import ProcessId
from pipelock.model import (
    HandedKind,
    HandedSocket,
    Wall,
    WallName,
    WallState,
)

from .launches import BOX, ID, FakeProcess, House


@pytest.mark.parametrize(
    ("box", "wish", "code", "word"),
    [
        pytest.param({"id": "0123456789AB"}, {}, "bad_request", "12 hex", id="upper case id"),
        pytest.param({"id": "0123"}, {}, "bad_request", "12 hex", id="short id"),
        pytest.param({"agent": ""}, {}, "bad_request", "name", id="no name"),
        pytest.param({"agent": ".."}, {}, "bad_request", "name", id="dots"),
        pytest.param({"profile": "gone"}, {}, "bad_request", "profile", id="no such profile"),
        pytest.param({"profile": "_default"}, {}, "bad_request", "profile", id="the defaults' profile"),
        pytest.param({"profile": "proven"}, {"may_decide": False}, "forbidden", "agents.proven", id="proven profile"),
        pytest.param(
            {"agent": "proven"}, {}, "bad_request", "another profile's", id="one profile's name, another's budgets"
        ),
        pytest.param({"agent": "proven"}, {"may_decide": False}, "forbidden", "agents.proven", id="proven name"),
        pytest.param({"walls": BOX.walls * (MAX_WALLS + 1)}, {}, "bad_request", "at most", id="walls"),
        pytest.param({}, {"rules": ("port=x",)}, "bad_request", "port", id="rule"),
        pytest.param({}, {"rules": ("path=/?",) * (MAX_SINGLES + 1)}, "bad_request", "`?`", id="costly rules"),
        pytest.param({}, {"rules": (f"path=*{'a' * 200}?*",)}, "bad_request", "`?`", id="a long one of these"),
        pytest.param(
            {},
            {"sockets": (HandedSocket(HandedKind.HOST_PORT, 8888), HandedSocket(HandedKind.PROCESS))},
            "forbidden",
            "8888",
            id="the daemon's own port",
        ),
        pytest.param(
            {},
            {"sockets": (HandedSocket(HandedKind.HOST_PORT, 5433),), "may_decide": False},
            "forbidden",
            "sandbox.host_ports",
            id="a port that nobody granted",
        ),
    ],
)
def test_what_can_not_be_is_refused(
    house: House, box: dict[str, Any], wish: dict[str, Any], code: str, word: str
) -> None:
    house.process = None  # whatever came is closed by the table itself
    error = house.refused(msgspec.structs.replace(BOX, **box), **wish)
    assert (error.code, word in error.message) == (code, True)
    assert (len(house.table), house.served, house.own_rules, house.steps()) == (0, [], {}, [])


def test_ports_of_the_machine_are_given_by_config_or_by_who_may_decide(house: House) -> None:
    for number, may_decide in ((5432, False), (5433, True)):
        sockets = (HandedSocket(HandedKind.HOST_PORT, number), HandedSocket(HandedKind.PROCESS))
        ear, _ = house.contain(sockets=sockets, may_decide=may_decide)
        assert len(house.table) == 1
        house.table.release(ear)
        assert len(house.table) == 0


def test_who_may_decide_may_use_a_proven_name(house: House) -> None:
    house.contain(msgspec.structs.replace(BOX, agent="proven", profile="proven"))
    assert len(house.table) == 1


@pytest.mark.parametrize(
    ("said", "inside", "default", "known"),
    [
        pytest.param(("npm", ""), "claude", "", ("claude", ""), id="a known agent's"),
        pytest.param(("npm", ""), "coder", "", ("coder", "coder"), id="a profile's"),
        pytest.param(("npm", ""), "proven", "", ("proven", "proven"), id="one that its programs prove"),
        pytest.param(("coder", "coder"), "coder", "", ("coder", "coder"), id="its own name said"),
        pytest.param(("npm", "coder"), "proven", "", None, id="another's profile"),
        pytest.param(("npm", ""), "", "house", ("house", ""), id="a bound default"),
        pytest.param(("npm", "coder"), "", "house", None, id="a profile beside a bound default"),
        pytest.param(("npm", ""), "claude", "house", ("claude", ""), id="a process is more than a default"),
        pytest.param(("npm", "coder"), "", "", ("npm", "coder"), id="nobody known"),
        pytest.param(("coder", ""), "", "", ("coder", "coder"), id="a profile's name is the profile"),
    ],
)
def test_nobody_gets_rid_of_his_name_by_launching(
    house: House, said: tuple[str, str], inside: str, default: str, known: tuple[str, str] | None
) -> None:
    house.default_agent = default
    box = msgspec.structs.replace(BOX, agent=said[0], profile=said[1])
    if known is None:
        assert house.refused(box, may_decide=False, inside=inside).code == "forbidden"
        return
    house.config_rules = {known[1] or known[0]: ("a.test",)}
    house.contain(box, may_decide=False, inside=inside, shared=True)
    assert house.own_rules  # config's for the name that holds
    ((caller, _, _),) = house.served
    assert (caller.agent, caller.profile, caller.shared) == (*known, True)
    ((key, shown),) = house.table.living()
    assert (key, shown.agent, shown.profile) == (f"{known[0]}@sandbox-{ID}|127.0.0.1", *known)


def test_times_and_numbers_are_not_believed(house: House) -> None:
    for number, (started, known) in enumerate(((1e300, 1000.0), (-1e300, 0.0), (999.5, 999.5))):
        box = msgspec.structs.replace(BOX, id=f"{number:012x}", started_at=started, pid=1)
        house.process = FakeProcess(60 + number) if number else None
        house.contain(box)
        *_, (_, shown) = house.table.living()
        assert (shown.started_at, shown.pid) == (known, 60 + number if number else 0)
    house.contain(ancestors=(ProcessId(1, 0),))  # a number that was only said keeps nobody from launching


def test_names_and_texts_are_made_safe(house: House) -> None:
    long = "x" * 5000
    wall = Wall(WallName.FILES, WallState.PARTLY, long, long)
    house.contain(msgspec.structs.replace(BOX, agent="a b@c|d", command=long, workspace=long, walls=(wall,)))
    ((key, box),) = house.table.living()
    assert key == f"a_b_c_d@sandbox-{ID}|127.0.0.1"
    assert (len(box.command), len(box.workspace), len(box.walls[0].detail), len(box.walls[0].fix)) == (
        300,
        4096,
        300,
        300,
    )
