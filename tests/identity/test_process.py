"""Processes and their ancestors, from a made-up /proc and from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.identity import process as _process
from pipelock.identity.process import (
    MAX_DEPTH,
    ProcessId,
    UnreadableProcessError,
    lineage,
    namespaces,
    process_id,
)


def stat_line(pid: int, parent: int, start: int, comm: str = "x") -> str:
    return f"{pid} ({comm}) S {parent} " + " ".join(["0"] * 17) + f" {start} 0 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "stat").write_text("")
    return tmp_path


def add(proc: Path, pid: int, parent: int, start: int, comm: str = "x") -> None:
    (proc / str(pid) / "ns").mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(stat_line(pid, parent, start, comm))
    (proc / str(pid) / "ns" / "net").symlink_to("net:[1]")
    (proc / str(pid) / "ns" / "user").symlink_to("user:[2]")


def test_the_chain_goes_up_to_the_first_process(proc: Path) -> None:
    add(proc, 1, 0, 0)
    add(proc, 50, 1, 500)
    add(proc, 60, 50, 500)
    assert lineage(60, proc) == (ProcessId(60, 500), ProcessId(50, 500), ProcessId(1, 0))
    assert process_id(50, proc) == ProcessId(50, 500)


@pytest.mark.parametrize("comm", ["a b", ") S 1", "((", "a) S 999 0", "\n", "x" * 15])
def test_a_command_name_cannot_forge_its_parent(proc: Path, comm: str) -> None:
    add(proc, 1, 0, 0)
    add(proc, 60, 1, 500, comm)
    assert lineage(60, proc) == (ProcessId(60, 500), ProcessId(1, 0))


def test_a_parent_younger_than_its_child_took_the_number_of_another(proc: Path) -> None:
    add(proc, 1, 0, 0)
    add(proc, 50, 1, 501)
    add(proc, 60, 50, 500)
    with pytest.raises(UnreadableProcessError, match="process 50 took the number"):
        lineage(60, proc)


def test_a_hole_in_the_chain_is_an_error(proc: Path) -> None:
    add(proc, 60, 50, 500)
    with pytest.raises(UnreadableProcessError, match="process 50 can't be read: No such file"):
        lineage(60, proc)


@pytest.mark.parametrize("text", ["", "60 (x) S", "60 (x) S one" + " 0" * 30, "60 x S 1" + " 0" * 30])
def test_a_malformed_line_is_an_error(proc: Path, text: str) -> None:
    (proc / "60").mkdir()
    (proc / "60" / "stat").write_text(text)
    with pytest.raises(UnreadableProcessError, match="malformed"):
        process_id(60, proc)


def test_a_loop_ends(proc: Path) -> None:
    add(proc, 50, 60, 500)
    add(proc, 60, 50, 500)
    with pytest.raises(UnreadableProcessError, match=f"more than {MAX_DEPTH}"):
        lineage(60, proc)


def test_namespaces_are_told_or_an_error(proc: Path) -> None:
    add(proc, 60, 1, 5)
    assert namespaces(60, proc) == ("net:[1]", "user:[2]")
    (proc / "60" / "ns" / "user").unlink()
    with pytest.raises(UnreadableProcessError, match="namespaces of process 60"):
        namespaces(60, proc)


def test_a_system_without_proc_has_no_namespaces_and_asks_psutil(tmp_path: Path) -> None:
    assert namespaces(os.getpid(), tmp_path) == ("", "")
    chain = lineage(os.getpid(), tmp_path)
    assert [process.pid for process in chain] == [process.pid for process in lineage(os.getpid())]
    with pytest.raises(UnreadableProcessError, match="can't be read"):
        process_id(2**22 + 1, tmp_path)


def test_this_process_and_its_child() -> None:
    own = lineage(os.getpid())
    assert own[0] == process_id(os.getpid())
    assert own[1].pid == os.getppid()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert lineage(child.pid)[1:] == own
        assert namespaces(child.pid) == namespaces(os.getpid())
        child.communicate(b"\n")
    with pytest.raises(UnreadableProcessError):
        _process.lineage(child.pid)
