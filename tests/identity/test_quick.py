"""Recognising a process that connected a moment ago, without a thread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.identity import quick
from pipelock.identity._netlink import Ends, Found
from pipelock.identity.process import PROC, ProcessId, process_id
from pipelock.identity.quick import MAX_TRIED, Held, Quick, Sighting
from pipelock.identity.root import Root, RootKind
from pipelock.model import Process
from tests.identity.trees import add, empty_proc, stat_line

ENDS = Ends("127.0.0.1", 1, "127.0.0.1", 2)


class Kernel:
    """Says that every socket has inode 77, unless told otherwise."""

    answer: Found | OSError | None = Found(77, 1000)

    def find(self, _ends: Ends) -> Found | None:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def close(self) -> None:
        """Nothing to do."""


def sighting(pid: int, descriptor: int, start: int = 0) -> Sighting:
    root = Root(RootKind.OTHER, (Process(pid, start or pid, "x"),))
    return Sighting(Held(ProcessId(pid, start or pid), descriptor), root)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(quick, "PROC", tmp_path)
    monkeypatch.setattr(quick, "SocketDiag", Kernel)
    return empty_proc(tmp_path)


@pytest.mark.parametrize(("seen_at", "is_at", "found"), [(5, 5, True), (5, 6, True), (5, 4, True), (5, 7, False)])
def test_it_is_recognised_at_and_beside_the_descriptor_it_used(
    proc: Path, seen_at: int, is_at: int, found: bool
) -> None:
    add(proc, 20, 1, 20, links={is_at: "socket:[77]"})
    look = Quick(proc)
    assert look.find(ENDS) is None
    look.remember(sighting(20, seen_at))
    assert (look.find(ENDS) is not None) is found
    assert (look.find(ENDS) is not None) is found
    look.forget()
    assert look.find(ENDS) is None


def test_descriptors_that_were_used_are_used_again(proc: Path) -> None:
    add(proc, 20, 1, 20, links={31: "socket:[77]"})
    look = Quick(proc)
    for descriptor in (31, 9, 40, 50):
        look.remember(sighting(20, descriptor))
    assert look.find(ENDS) is not None
    for descriptor in (9, 40, 50, 60):
        look.remember(sighting(20, descriptor))
    assert look.find(ENDS) is None


def test_another_process_with_its_number_is_not_it(proc: Path) -> None:
    add(proc, 20, 1, 20, links={5: "socket:[77]"})
    look = Quick(proc)
    look.remember(sighting(20, 5, start=19))
    assert look.find(ENDS) is None
    (proc / "20" / "stat").write_text(stat_line(20, 1, 19))
    assert look.find(ENDS) is None  # it was forgotten
    look.remember(sighting(20, 5, start=18))
    look.remember(sighting(20, 5, start=19))
    assert look.find(ENDS) is not None


def test_a_real_process_is_watched_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        watch = quick._Watch(process_id(child.pid), PROC)
        stranger = quick._Watch(ProcessId(child.pid, 1), PROC)
        assert watch.is_there()
        assert not stranger.is_there()
        child.communicate(b"\n")
    assert not watch.is_there()
    watch.close()
    assert not watch.is_there()


def test_a_process_that_is_gone_is_not_it(proc: Path) -> None:
    add(proc, 20, 1, 20, links={5: "socket:[77]"})
    (proc / "20" / "stat").unlink()
    look = Quick(proc)
    look.remember(sighting(20, 5))
    assert look.find(ENDS) is None


@pytest.mark.parametrize("answer", [None, OSError("no"), Found(78, 1000)])
def test_where_the_kernel_does_not_know_the_long_way_is_left(proc: Path, answer: Found | OSError | None) -> None:
    add(proc, 20, 1, 20, links={5: "socket:[77]"})
    look = Quick(proc)
    look.remember(sighting(20, 5))
    look._diag.answer = answer  # type: ignore[union-attr]
    assert look.find(ENDS) is None


def test_only_the_latest_are_tried(proc: Path) -> None:
    look = Quick(proc)
    for pid in range(20, 20 + MAX_TRIED + 1):
        add(proc, pid, 1, pid, links={5: "socket:[77]"} if pid == 20 else {})
        look.remember(sighting(pid, 5))
    assert look.find(ENDS) is None


def test_without_netlink_nothing_is_quick(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise OSError("no")

    monkeypatch.setattr(quick, "SocketDiag", refused)
    add(proc, 20, 1, 20, links={5: "socket:[77]"})
    look = Quick(proc)
    look.remember(sighting(20, 5))
    assert look.find(ENDS) is None
    look.close()
