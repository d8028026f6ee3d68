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
    describe,
    lineage,
    namespaces,
    process_id,
    readable_process,
    relatives,
)
from pipelock.model import Process
from tests.identity.trees import add, empty_proc


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return empty_proc(tmp_path)


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


def test_parents_and_sessions_are_told_too(proc: Path) -> None:
    add(proc, 1, 0, 0)
    add(proc, 50, 1, 500, session=50)
    add(proc, 60, 50, 600, session=50)
    assert relatives(60, proc) == (
        (ProcessId(60, 600), 50, 50, 0),
        (ProcessId(50, 500), 1, 50, 0),
        (ProcessId(1, 0), 0, 0, 0),
    )


def test_as_far_as_it_can_be_read(proc: Path) -> None:
    add(proc, 60, 50, 500)
    assert relatives(60, proc, whole=False) == ((ProcessId(60, 500), 50, 0, 0),)
    with pytest.raises(UnreadableProcessError):
        relatives(61, proc, whole=False)


def test_what_a_process_runs_is_read_and_kept_masked(proc: Path) -> None:
    add(
        proc,
        60,
        1,
        600,
        "node",
        session=50,
        words=("node", "/x/cli.js", "--token", "abc"),
        exe="/usr/bin/node (deleted)",
    )
    facts = describe(relatives(60, proc, whole=False)[0], proc)
    assert (facts.process, facts.session, facts.command.names) == (ProcessId(60, 600), 50, ("node", "cli.js"))
    assert facts.command.paths == ("/usr/bin/node", "/x/cli.js")
    assert readable_process(facts) == Process(60, 600, "cli.js", "node /x/cli.js --token ***")
    assert readable_process(facts, "known", lambda line: line[:4]) == Process(60, 600, "known", "node")


def test_what_can_not_be_read_is_left_empty(proc: Path) -> None:
    add(proc, 60, 1, 600)
    for name in ("comm", "cmdline"):
        (proc / "60" / name).unlink()
    facts = describe(relatives(60, proc, whole=False)[0], proc)
    assert facts.command.names == ()
    assert readable_process(facts).program == "?"


def test_psutil_tells_what_proc_tells(tmp_path: Path) -> None:
    own = describe(relatives(os.getpid())[0])
    other = describe(relatives(os.getpid(), tmp_path)[0], tmp_path)
    assert other.session == own.session
    assert other.command.words[:1] == own.command.words[:1]
    assert other.command.paths == own.command.paths
