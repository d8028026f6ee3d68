"""What the walls are found to be, and what the probe inside says; `tests/e2e/test_checkups.py` launches a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelock.cli import _wall_checks as checks
from pipelock.cli import _wall_probe as inside
from pipelock.cli._check_origin import Origin
from pipelock.cli._check_results import Status
from pipelock.model import Rung, Wall, WallName, WallState
from pipelock.trust.instance import InstanceError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="walls are tried on Linux")
PASS, FAIL, SKIP = Status.PASS, Status.FAIL, Status.SKIP


@pytest.mark.parametrize(
    ("name", "state", "called", "status", "said"),
    [
        (WallName.LANDLOCK, WallState.UP, "sandbox_landlock", PASS, "words"),
        (WallName.NETWORK, WallState.PARTLY, "sandbox_userns", PASS, "partly: words; to raise it: the fix"),
        (WallName.SYSCALLS, WallState.DOWN, "sandbox_seccomp", FAIL, "words; to raise it: the fix"),
        (WallName.CGROUP, WallState.DOWN, "sandbox_cgroup", SKIP, "no limits on memory and processes"),
        (WallName.FILES, WallState.OFF, "sandbox_files", FAIL, ""),
    ],
)
def test_a_wall(name: WallName, state: WallState, called: str, status: Status, said: str) -> None:
    result = checks._wall(Wall(name, state, "words", "the fix"))
    assert (result.name, result.status) == (called, status)
    assert said in result.detail


@pytest.mark.parametrize(
    ("text", "holds", "status"),
    [(None, True, SKIP), ("0\n", False, PASS), ("1\n", True, PASS), ("1\n", False, FAIL), ("\xff", False, SKIP)],
)
def test_selinux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, holds: bool, status: Status
) -> None:
    monkeypatch.setattr(checks, "_SELINUX", tmp_path / "enforce")
    if text is not None:
        (tmp_path / "enforce").write_text(text, encoding="latin-1")
    assert checks._selinux(holds=holds).status is status


def test_another_system_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert {result.status for result in (*checks.walls(), *checks.hold(tmp_path, None))} == {SKIP}


def test_the_order_of_the_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelock_linux import probe as probing  # noqa: PLC0415 - Linux alone

    found = probing.HostWalls(
        rung=Rung.NAMESPACE,
        walls=tuple(Wall(name, WallState.UP) for name in WallName),
        landlock_abi=7,
        user_namespaces=True,
        max_user_namespaces=-1,
        notify=True,
        overlay=True,
        redirect=True,
        ipv6=True,
    )
    monkeypatch.setattr(probing, "probe", lambda: found)
    names = [result.name for result in checks.walls()]
    assert names[:4] == ["sandbox_landlock", "sandbox_userns", "sandbox_seccomp", "sandbox_selinux"]
    assert len(names) == len(set(names)) == len(WallName) + 1


class Stage:
    """An origin, and no daemon."""

    def __init__(self, origin: Origin, home: Path) -> None:
        self.origin = origin
        self.home = home
        self.tokens = 0

    def token(self) -> str:
        self.tokens += 1
        return f"tok{self.tokens}"


Launch = Callable[[tuple[str, ...]], subprocess.CompletedProcess[bytes]]


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Launch]]:
    """What becomes of `pipelock sandbox`; the probe itself is run as it is, and arrives."""
    launches: list[Launch] = []

    def run(command: tuple[str, ...], _environ: object, _folder: str) -> subprocess.CompletedProcess[bytes]:
        if "sandbox" in command:
            return launches[0](command)
        inside.main(int(command[-3]), int(command[-2]), command[-1])
        return subprocess.CompletedProcess(command, 0, b"", b"")

    with Origin() as origin:
        stage = Stage(origin, tmp_path)

        @contextmanager
        def rehearse(*_: object, closed: bool) -> Iterator[Stage]:
            assert closed, "what came by the daemon would count as having gone around it"
            yield stage

        monkeypatch.setattr(checks, "rehearse", rehearse)
        monkeypatch.setattr(checks, "_run", run)
        yield launches


def test_a_probe_that_is_held(launch: list[Launch], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {"http": "Connection refused", "https": "Network is unreachable", "dns": "sent"}

    def held(command: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        assert command[1:5] == ("-m", "pipelock", "--home", str(tmp_path))
        return subprocess.CompletedProcess(command, 0, b"noise\n" + json.dumps(said).encode() + b"\n", b"")

    launch.append(held)
    results = checks.hold(tmp_path, None)
    assert [result.status for result in results] == [PASS] * 3
    assert [result.name for result in results] == list(checks.CONTAINMENT)
    assert "Connection refused" in results[0].detail


def test_a_probe_that_gets_out(launch: list[Launch], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def out(command: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        capsys.readouterr()
        inside.main(int(command[-3]), int(command[-2]), command[-1])
        return subprocess.CompletedProcess(command, 0, capsys.readouterr().out.encode(), b"")

    launch.append(out)
    results = checks.hold(tmp_path, None)
    assert [result.status for result in results] == [FAIL] * 3
    assert "reached a server of this machine by dns" in results[1].detail


@pytest.mark.parametrize(("output", "error"), [(b"", b"pipelock: no namespaces\n"), (b"[]\n", b""), (b"{", b"")])
def test_one_that_can_t_be_launched(
    launch: list[Launch], tmp_path: Path, capsys: pytest.CaptureFixture[str], output: bytes, error: bytes
) -> None:
    launch.append(lambda command: subprocess.CompletedProcess(command, 3, output, error))
    results = checks.hold(tmp_path, None)
    assert [result.status for result in results] == [FAIL] * 3
    assert ("no namespaces" if error else "ended with code 3") in results[0].detail


def test_a_probe_that_arrives_nowhere_proves_nothing(
    launch: list[Launch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "main", lambda *_: None)
    assert {result.status for result in checks.hold(tmp_path, None)} == {FAIL}


def test_no_daemon_to_try_it_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise InstanceError("no")

    monkeypatch.setattr(checks, "rehearse", broken)
    assert [result.status for result in checks.hold(tmp_path, None)] == [FAIL] * 3


def test_the_wires() -> None:
    name = "https-x.test"
    record = inside.hello(name)
    assert record[:3] == b"\x16\x03\x01"
    assert int.from_bytes(record[3:5]) == len(record) - 5
    assert int.from_bytes(record[6:9]) == len(record) - 9
    assert name.encode() in record
    assert inside.question("a.bc") == b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\2bc\0\0\1\0\1"
