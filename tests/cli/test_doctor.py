from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelock.cli import doctor
from pipelock.cli._check_results import failed, passed, skipped
from pipelock.control import frames
from pipelock.model import Check, CheckState, Evidence, Session, WallState
from tests.cli.conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
OK, WARN = CheckState.OK, CheckState.WARN


@pytest.fixture(autouse=True)
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "walls", lambda: [passed("sandbox_landlock")])


def session(agent: str, evidence: Evidence, walls: WallState | None = None, *, ended: bool = False) -> Session:
    return Session(
        key=agent,
        agent=agent,
        client="127.0.0.1",
        started_at=0.0,
        last_seen_at=0.0,
        evidence=evidence,
        walls=walls,
        ended=ended,
    )


def test_the_doctor_fails_where_a_check_does(daemon: FakeDaemon, run: Run) -> None:
    checks = (Check("disk", OK, "fine"), Check("audit log", CheckState.FAIL, "gone\x1b", "mend it"))
    daemon.replies[frames.RunDoctor] = lambda _: frames.DoctorReply(checks)
    daemon.known = (session("cl\x1baude", Evidence.PROCESS),)
    code, out, _ = run("doctor")
    assert code == 1
    assert "→ mend it" in out
    assert "direct egress: what they send around the proxy is not seen: cl\\x1baude" in out
    assert "containment: all walls" in out
    assert "\x1b" not in out
    daemon.replies[frames.RunDoctor] = lambda _: frames.DoctorReply(checks[:1])
    assert run("doctor", "--json")[0] == 0


@pytest.mark.parametrize(
    ("sessions", "state", "said"),
    [
        ([], OK, "no agent"),
        ([session("claude", Evidence.PROCESS, WallState.UP)], OK, "no agent"),
        ([session("curl", Evidence.NONE), session("x", Evidence.HEADER)], OK, "no agent"),
        ([session("claude", Evidence.PROCESS, ended=True)], OK, "no agent"),
        (
            [session("b", Evidence.PROCESS), session("a", Evidence.LISTENER), session("b", Evidence.PROCESS)],
            WARN,
            ": a, b",
        ),
        ([session(f"a{number}", Evidence.PROCESS) for number in range(7)], WARN, "a4 …"),
    ],
)
def test_who_could_go_around(sessions: list[Session], state: CheckState, said: str) -> None:
    (check,) = doctor.boundary(sessions)
    assert (check.state, said in check.detail) == (state, True), check


def test_walls_that_can_t_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [failed("sandbox_userns", "not here"), passed("sandbox_landlock"), failed("sandbox_files", "nor this")]
    monkeypatch.setattr(doctor, "walls", lambda: missing)
    assert [(check.state, check.detail) for check in doctor.containment()] == [
        (WARN, "userns: not here"),
        (WARN, "files: nor this"),
    ]
    monkeypatch.setattr(doctor, "walls", lambda: [skipped("sandbox_landlock", "another system")])
    assert list(doctor.containment()) == []
