"""What a machine is found to give: this one, this one with something missing, and this one behind a container's filter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pipelock.model import Rung, WallName, WallState
from pipelock_linux.probe import HostWalls
from tests.linux import weaker_hosts

UP, PARTLY, DOWN = WallState.UP, WallState.PARTLY, WallState.DOWN
N = WallName


@pytest.fixture(scope="module")
def hosts() -> dict[str, HostWalls]:
    program = str(Path(weaker_hosts.__file__).resolve())
    done = subprocess.run([sys.executable, program], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    found = msgspec.json.decode(done.stdout, type=dict[str, HostWalls])
    here = found["this one"]
    if here.rung is not Rung.NAMESPACE or here.landlock_abi < 4 or here.wall(N.FILES).state is not UP:
        pytest.skip("this machine gives less than there is to be taken away")
    return found


def test_each_wall_is_told_once_in_its_order(hosts) -> None:
    order = list(WallName)
    for found in hosts.values():
        names = [wall.name for wall in found.walls]
        assert names == sorted(set(names), key=order.index)
        assert set(names) == set(order) - {N.ENVIRONMENT, N.LIMITS}
        assert all(wall.detail for wall in found.walls)


def test_this_machine_gives_what_the_other_tests_take_away(hosts) -> None:
    here = hosts["this one"]
    assert here.user_namespaces
    assert here.overlay
    assert {wall.name for wall in here.walls if wall.state is not UP} <= {N.CGROUP}
    assert here.wall(N.ENVIRONMENT).state is WallState.OFF


@pytest.mark.parametrize(
    ("host", "rung", "down"),
    [
        ("no namespaces", Rung.PORTS, {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES}),
        ("filtered", Rung.PORTS, {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES}),
        ("namespaces without capabilities", Rung.PORTS, {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES}),
        ("no namespaces, old Landlock", Rung.ENVIRONMENT, {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES}),
        (
            "no namespaces, no Landlock",
            Rung.ENVIRONMENT,
            {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES, N.LANDLOCK},
        ),
        ("a crash", Rung.PORTS, {N.NETWORK, N.FILES, N.PROCESSES, N.IPC, N.DEVICES}),
        ("old mount calls", Rung.NAMESPACE, {N.FILES, N.PROCESSES, N.DEVICES}),
        ("no seccomp", Rung.NAMESPACE, {N.SYSCALLS}),
        ("no groups", Rung.NAMESPACE, {N.CGROUP}),
        ("no redirection", Rung.NAMESPACE, set()),
        ("no overlay", Rung.NAMESPACE, set()),
        ("no IPv6", Rung.NAMESPACE, set()),
        ("masked proc", Rung.NAMESPACE, set()),
    ],
)
def test_what_is_missing_is_down_and_the_rung_is_what_is_left(hosts, host, rung, down) -> None:
    found = hosts[host]
    assert found.rung is rung
    always = {wall.name for wall in hosts["this one"].walls if wall.state is DOWN}
    assert {wall.name for wall in found.walls if wall.state is DOWN} == down | always
    assert found.user_namespaces is (rung is Rung.NAMESPACE)


@pytest.mark.parametrize(
    ("host", "name", "state", "detail", "fix"),
    [
        ("filtered", N.NETWORK, DOWN, "making namespaces was refused (Operation not permitted)", "seccomp filter"),
        ("filtered", N.FILES, DOWN, "needs namespaces of its own", "seccomp filter"),
        ("namespaces without capabilities", N.NETWORK, DOWN, "bringing the loopback interface up was refused", ""),
        ("no namespaces, no Landlock", N.LANDLOCK, DOWN, "no Landlock", "5.13"),
        ("old mount calls", N.FILES, DOWN, "Function not implemented", "Linux 5.12"),
        ("old mount calls", N.PROCESSES, DOWN, "needs the file system view", "Linux 5.12"),
        ("a crash", N.NETWORK, DOWN, "without an answer", ""),
        (
            "no redirection",
            N.NETWORK,
            UP,
            "TCP ports 80, 443 come to Pipelock, other connections are refused",
            "nft_redir",
        ),
        ("no IPv6", N.NETWORK, UP, "IPv4 alone", ""),
        ("no overlay", N.FILES, UP, "changes can't be kept apart, so caches are read-only", ""),
        ("masked proc", N.PROCESSES, PARTLY, "/proc shows their names", "systempaths=unconfined"),
        ("no seccomp", N.SYSCALLS, DOWN, "Invalid argument", "CONFIG_SECCOMP_FILTER"),
        ("no groups", N.CGROUP, DOWN, "no bounds on memory, processes", "systemd-run"),
    ],
)
def test_what_is_missing_is_said_with_what_would_help(hosts, host, name, state, detail, fix) -> None:
    wall = hosts[host].wall(name)
    assert wall.state is state
    assert detail in wall.detail
    assert fix in wall.fix


def test_abilities_are_told_apart(hosts) -> None:
    assert not hosts["no redirection"].redirect
    assert not hosts["no IPv6"].ipv6
    assert not hosts["no overlay"].overlay
    assert not hosts["no seccomp"].notify
    assert hosts["no namespaces, old Landlock"].landlock_abi == 3
    assert hosts["no overlay"].redirect is hosts["this one"].redirect
