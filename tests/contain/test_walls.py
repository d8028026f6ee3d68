"""The banner and the report of a launch that is not made."""

from __future__ import annotations

import msgspec
import pytest

from pipelock.contain.profile import Access, Grant, Network, Profile, Source
from pipelock.contain.walls import Machine, Outcome, banner, missing, outcome, recommendation, report
from pipelock.model import ContainmentMode, Rung, Wall, WallName, WallState

NETWORK = Wall(WallName.NETWORK, WallState.UP, "a namespace of its own")
FILES = Wall(WallName.FILES, WallState.UP)
OFF = Wall(WallName.CGROUP, WallState.OFF)
NO_CGROUP = Wall(WallName.CGROUP, WallState.DOWN, "none is delegated", "run under systemd")
WEAK = Wall(WallName.NETWORK, WallState.PARTLY, "ports alone")
NONE = Wall(WallName.NETWORK, WallState.DOWN, "no namespace", "allow user namespaces")
PROFILE = Profile(
    agent="claude",
    command=("claude", "--secret"),
    folder="/w/p",
    workspace="/w",
    home="/h",
    grants=(
        Grant(path="/a\x1b[2J", access=Access.READ, why="asked for", source=Source.COMMAND),
        Grant(path="/b", access=Access.WRITE, why="asked for", source=Source.CONFIG),
        Grant(path="/usr", access=Access.READ, why="programs"),
    ),
    environment=(("A", "sk-secret"),),
    network=Network(host_ports=(5432,)),
    rules=("host=a.example.com",),
    notes=("be \u202e careful",),
)


@pytest.mark.parametrize(
    ("walls", "normal", "strict", "best_effort"),
    [
        ((NETWORK, FILES, OFF), 0, 0, 0),
        ((NETWORK, FILES, NO_CGROUP), 1, 2, 1),
        ((WEAK, FILES), 1, 2, 1),
        ((NONE, FILES), 2, 2, 1),
        ((FILES, NO_CGROUP), 2, 2, 1),
    ],
)
def test_how_a_rehearsal_ends(walls: tuple[Wall, ...], normal: int, strict: int, best_effort: int) -> None:
    assert outcome(ContainmentMode.NORMAL, walls) == Outcome(normal)
    assert outcome(ContainmentMode.STRICT, walls) == Outcome(strict)
    assert outcome(ContainmentMode.BEST_EFFORT, walls) == Outcome(best_effort)


def test_walls_that_nobody_asked_for_are_not_missing() -> None:
    assert missing((NETWORK, OFF, WEAK, NONE)) == (WEAK, NONE)


def test_a_recommendation_is_one_sentence() -> None:
    normal = ContainmentMode.NORMAL
    assert recommendation(normal, (NETWORK,)) == "every wall stands; nothing to do"
    assert recommendation(normal, (NETWORK, NO_CGROUP)) == "run under systemd"
    bare = msgspec.structs.replace(NONE, fix="")
    assert "with --best-effort" in recommendation(normal, (bare,))
    assert recommendation(normal, (WEAK,)) == "network: not to be had on this machine; the others hold"


def test_the_banner_says_what_is_missing_and_what_was_opened_fit_for_a_terminal() -> None:
    assert banner(PROFILE, (NETWORK, FILES, NO_CGROUP, WEAK)) == [
        "claude works in /w; 2 of 4 walls stand",
        "! cgroup does not stand: none is delegated; run under systemd",
        "! network stands in part: ports alone",
        "may change: /b",
        "may read: /a\\x1b[2J",
        "ports of this machine: 5432",
        "reaches only: host=a.example.com",
        "! be \\u202e careful",
    ]
    both = msgspec.structs.replace(PROFILE, config_rules=("*.example.com",))
    assert banner(both, (NETWORK,))[-3:-1] == [
        "reaches only (sandbox.allow): *.example.com",
        "and of that only: host=a.example.com",
    ]
    quiet = msgspec.structs.replace(
        PROFILE, grants=(), rules=(), notes=(), network=Network(), mode=ContainmentMode.STRICT
    )
    assert banner(quiet, (NETWORK, OFF)) == ["claude works in /w; 1 of 1 walls stand (strict)"]
    many = tuple(Grant(path=f"/{n}", access=Access.MASK, why="x", source=Source.CONFIG) for n in range(9))
    assert banner(msgspec.structs.replace(quiet, grants=many), ())[1] == "hidden: /0, /1, /2, /3, /4, /5 and 3 more"


def test_what_nothing_hides_is_not_said_to_be_hidden() -> None:
    grants = (
        Grant(path="/w", access=Access.WRITE, why="workspace"),
        Grant(path="/w/.env", access=Access.MASK, why="hidden", source=Source.COMMAND),
        Grant(path="/etc", access=Access.READ, why="settings"),
        Grant(path="/etc/x", access=Access.MASK, why="hidden", source=Source.COMMAND),
    )
    masked = msgspec.structs.replace(PROFILE, grants=grants, notes=(), rules=(), network=Network())
    assert banner(masked, (NETWORK, FILES))[1:] == ["hidden: /w/.env, /etc/x"]
    # Without a view, Landlock grants what lies around a mask piece by piece where it may only be read.
    down = Wall(WallName.FILES, WallState.DOWN)
    assert banner(masked, (NETWORK, down))[2:] == [
        "hidden: /etc/x",
        "! NOT hidden, for want of a file system view: /w/.env",
    ]


def test_the_report_has_the_originals_keys_and_no_value_of_a_variable() -> None:
    machine = Machine(landlock_abi=7, user_namespaces=True, max_user_ns=96365, seccomp=True)
    data = msgspec.json.encode(report(PROFILE, (NETWORK, NO_CGROUP), machine, Rung.NAMESPACE))
    told = msgspec.json.decode(data)
    assert {key: told[key] for key in ("landlock_abi", "user_namespaces", "max_user_ns", "seccomp", "selinux")} == {
        "landlock_abi": 7, "user_namespaces": True, "max_user_ns": 96365, "seccomp": True, "selinux": "disabled",
    }  # fmt: skip
    assert (told["recommendation"], told["outcome"], told["rung"]) == ("run under systemd", "degraded", "namespace")
    assert told["grants"][1] == {"path": "/b", "access": "write", "why": "asked for", "source": "config"}
    assert told["variables"] == ["A"]
    assert b"sk-secret" not in data
