"""Who is tied to a terminal or a login, and who has cut himself loose: chains as data, and real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.control.peers import Credentials, judge_peer, read_daemon_facts, read_peer_facts
from pipelock.identity.moorings import is_adrift
from pipelock.identity.process import ProcessId, Relative

TTY = 34816


def one(pid: int, session: int, terminal: int = 0) -> Relative:
    return Relative(ProcessId(pid, pid), 0, session, terminal)


INIT = one(1, 1)
SHELL = one(50, 50, TTY)


@pytest.mark.parametrize(
    ("chain", "adrift"),
    [
        pytest.param((one(90, 50, TTY), SHELL, INIT), False, id="in a terminal"),
        pytest.param((one(90, 90), one(80, 50, TTY), SHELL, INIT), False, id="a session of its own, from a terminal"),
        pytest.param((one(90, 50, TTY), INIT), True, id="an orphan that kept the terminal"),
        pytest.param((one(90, 90), INIT), True, id="an orphan with a session of its own"),
        pytest.param((one(90, 90), one(80, 80), INIT), True, id="an orphan's child with one of its own"),
        pytest.param((one(90, 90), one(80, 50, TTY), INIT), True, id="an orphan's child, the orphan with a terminal"),
        pytest.param((one(90, 90), one(40, 40), INIT), True, id="a service's"),
        pytest.param((one(90, 90), one(7, 7), INIT), False, id="another user above"),
        pytest.param((one(90, 0), one(80, 0)), False, id="from outside of the PID namespace"),
        pytest.param((one(90, 90, -1), INIT), False, id="a system that tells no terminals"),
        pytest.param((), False, id="nobody"),
    ],
)
def test_who_is_adrift(tmp_path: Path, chain: tuple[Relative, ...], adrift: bool) -> None:
    for relative in chain:
        pid = relative.process.pid
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "status").write_text(f"Name:\tUid: 7\nUid:\t{7 if pid < 10 else 1000}\t0\t0\t0\n")
    assert is_adrift(chain, 1000, tmp_path) is adrift


def test_what_can_not_be_read_vouches_for_nobody(tmp_path: Path) -> None:
    assert is_adrift((one(90, 90), one(80, 80), INIT), 1000, tmp_path)
    (tmp_path / "80").mkdir()
    for text in ("", "Uid:\n", "Uid: x\n"):
        (tmp_path / "80" / "status").write_text(text)
        assert is_adrift((one(90, 90), one(80, 80), INIT), 1000, tmp_path)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("new_session", [False, True])
def test_a_real_orphan_only_watches(new_session: bool) -> None:
    orphan = "import time; time.sleep(120)"
    parent = (
        "import subprocess, sys; out = subprocess.DEVNULL; "
        f"words = [sys.executable, '-S', '-c', {orphan!r}]; "
        f"print(subprocess.Popen(words, stdout=out, stderr=out, start_new_session={new_session}).pid)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", parent], check=True, capture_output=True)
    pid = int(done.stdout)
    try:
        rights = judge_peer(read_peer_facts(Credentials(pid, os.getuid())), read_daemon_facts())
    finally:
        os.kill(pid, 9)
    assert rights.may_watch
    assert not rights.may_decide
