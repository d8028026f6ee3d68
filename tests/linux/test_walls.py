"""The walls of one process on the kernel that runs here: the scripts raise them around themselves and then try."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipelock.model import Denial, WallName
from pipelock_linux import landlock, seccomp
from pipelock_linux.notifier import Notifier
from pipelock_linux.syscalls import NUMBERS, UnsupportedMachineError, machine

_SCRIPT = Path(__file__).with_name("behind_walls.py")
_PATIENCE = 60


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    try:
        machine()
    except UnsupportedMachineError as error:
        pytest.skip(str(error))
    if not seccomp.can_notify():
        pytest.skip("this kernel, or a filter around the tests, has no seccomp notifications")
    if landlock.abi() < 4:
        pytest.skip(f"this kernel's Landlock is of version {landlock.abi()}; the scripts try what version 4 holds")


def test_the_other_machines_filter_is_one_that_kernels_take() -> None:
    ran = subprocess.run([sys.executable, _SCRIPT, "foreign"], capture_output=True, timeout=_PATIENCE, check=False)

    assert ran.returncode == -signal.SIGSYS, ran.stderr


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("walls").resolve()
    for name in ("mine", "readable", "hidden"):
        (made / name).mkdir()
        (made / name / "text").write_text("old", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def alone(workspace) -> dict:
    """What the script found that nobody listens to, started as `alone`."""
    ran = subprocess.run(
        [sys.executable, _SCRIPT, "alone", workspace], capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_no_capability_is_left_nor_had_by_a_program_that_is_run(alone) -> None:
    none = "0000000000000000"
    # Who has no CAP_SETPCAP can't narrow the bounding set, and PR_SET_NO_NEW_PRIVS makes it worth nothing.
    for held in (alone["capabilities"], alone["after exec"]):
        assert {held[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {none}
        assert (held["NoNewPrivs"], held["Seccomp"]) == ("1", "2")


def test_every_listed_call_is_refused(alone) -> None:
    assert alone["denied"] == {name: "EPERM" for name in seccomp.DENIED if name in NUMBERS[machine()]}
    assert alone["absent"] == {name: "ENOSYS" for name in seccomp.ABSENT if name in NUMBERS[machine()]}
    assert alone["newer"] == "ENOSYS"
    assert alone["x32"] == "ENOSYS"
    # Kernels without the older machine's door end who knocks there, too.
    assert alone["int 0x80"] in {"SIGSYS", "SIGSEGV"}


def test_calls_by_their_arguments(alone) -> None:
    assert alone["calls"] == {
        "unshare files": "ok",
        "unshare user": "EPERM",
        "unshare time": "EPERM",
        "clone": "ok",
        "clone user": "EPERM",
        "personality": "ok",
        "personality exec": "EPERM",
        "device": "EPERM",
        "typing": "EPERM",
        "thread": "ok",
    }


def test_sockets(alone) -> None:
    # Which of them this kernel has at all, a test can't choose.
    assert alone["sockets"]["tcp6"] in {"ok", "EAFNOSUPPORT"}
    assert alone["sockets"] == {
        "tcp6": alone["sockets"]["tcp6"],
        "tcp": "ok",
        "udp": "ok",
        "mptcp": "EPROTONOSUPPORT",
        "raw": "EPERM",
        "unix": "EPERM",
        "pair": "ok",
        "pair of datagrams": "EPERM",
        "interfaces": "ok",
        "uevents": "EPERM",
        "packet": "EPERM",
        "ciphers": "EPERM",
        "vsock": "EPERM",
    }


def test_files_and_what_is_outside(alone, workspace) -> None:
    assert alone["files"] == {
        "write mine": "ok",
        "read readable": "ok",
        "write readable": "EACCES",
        "read hidden": "EACCES",
        "list hidden": "EACCES",
        "link to hidden": "ok",
        "read by link": "EACCES",
        "take hidden": "EACCES",
        "move": "ok",
        "parent's memory": "EACCES",
        "set-user-ID": "EPERM",
        "made set-user-ID": "EPERM",
        "runnable": "ok",
        "too large": "EFBIG",
    }
    assert alone["signal"] == ("EPERM" if alone["abi"] >= 6 else "ok")
    assert (workspace / "hidden/text").read_text(encoding="utf-8") == "old"
    assert alone["walls"][0] == "no core dumps, 300 open files, files of 1048576 bytes"
    assert alone["walls"][1].startswith(f"Landlock ABI {alone['abi']}: files, devices")


def _hear(notifier: Notifier, denials: list[Denial]) -> None:
    """Answers as the launcher does, until that raises."""
    while select.select([notifier], [], [], _PATIENCE)[0]:
        denial = notifier.handle()
        if denial is not None:
            denials.append(denial)


@pytest.fixture(scope="module")
def told(workspace) -> tuple[dict, Counter, list[tuple[str, bool]], list[Denial]]:
    """What the script found that is listened to, and what was heard."""
    denials: list[Denial] = []
    paths: list[tuple[str, bool]] = []

    def explain(path: str, writes: bool) -> Denial | None:
        if not path.startswith(str(workspace)):
            return None
        paths.append((path.removeprefix(f"{workspace}/"), writes))
        if "hidden" in path or "\udcff" in path:
            return Denial(wall=WallName.LANDLOCK, what=f"write {path}", why="not granted")
        return None

    with socket.create_server(("127.0.0.1", 0)) as server:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [sys.executable, _SCRIPT, "told", workspace, str(theirs.fileno()), str(server.getsockname()[1])]
            child = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE)
            theirs.close()
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            notifier = Notifier(descriptors[0], explain)
            assert notifier.handle() is None
            ours.send(b"x")
            with pytest.raises(OSError, match="no process is left"):
                _hear(notifier, denials)
        said = child.communicate(timeout=_PATIENCE)[0]
    assert child.returncode == 0
    assert notifier.fileno() == -1
    return json.loads(said), Counter(denial.what for denial in denials), paths, denials


def test_with_tcp_alone_nothing_but_one_port_is_reached(told) -> None:
    found = told[0]

    assert {name: found[name] for name in ("connect", "connect elsewhere", "bind")} == {
        "connect": "ok",
        "connect elsewhere": "EACCES",
        "bind": "EACCES",
    }
    # Landlock sees none of these.
    assert {name: found[name] for name in ("send elsewhere", "multipath", "listen", "udp", "unix")} == {
        "send elsewhere": "EPERM",
        "multipath": "EPROTONOSUPPORT",
        "listen": "EPERM",
        "udp": "EPERM",
        "unix": "EPERM",
    }


def test_refused_calls_are_told_in_words(told) -> None:
    found, counts, _, denials = told

    assert found["threads"] == 50
    assert {what: count for what, count in counts.items() if "/" not in what} == {
        "ptrace": 51,
        "socket AF_UNIX SOCK_DGRAM": 1,
        "socket AF_INET SOCK_DGRAM": 1,
        "unshare into a new user, network namespace": 1,
        "listen": 1,
        "sendto with MSG_FASTOPEN": 1,
        "seccomp with a listener": 1,
    }
    by_what = {denial.what: denial for denial in denials}
    assert by_what["ptrace"].wall is WallName.SYSCALLS
    assert by_what["ptrace"].program.startswith("python")
    assert "--no-sandbox" in by_what["unshare into a new user, network namespace"].fix
    assert "--unix-socket" in by_what["socket AF_UNIX SOCK_DGRAM"].fix


def test_the_agents_own_filters_change_nothing(told) -> None:
    # Before the ptrace and the sockets above: one that would listen itself, and one that allows everything.
    assert (told[0]["second listener"], told[0]["nested filter"]) == ("EPERM", "ok")


def test_file_accesses_are_looked_at_and_go_on(told, workspace) -> None:
    found, counts, paths, _ = told

    assert {name: found[name] for name in ("read", "write", "not text", "from a folder", "nowhere", "run")} == {
        "read": "ok",
        "write": "EACCES",
        "not text": "ENOENT",
        "from a folder": "EACCES",
        "nowhere": "EFAULT",
        "run": "ok",
    }
    assert paths == [
        ("mine/inside", True),
        ("readable/text", False),
        ("readable/text", True),  # by a link, as mine/inside/readable/text
        ("mine/\udcff", True),
        ("hidden/made", True),
    ]
    # What is told is text, though the name is none. The first refusal of a call is told, not its other paths.
    assert counts[f"write {workspace}/mine/\N{REPLACEMENT CHARACTER}"] == 1
    assert counts[f"write {workspace}/hidden/made"] == 1
