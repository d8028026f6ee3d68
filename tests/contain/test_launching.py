from __future__ import annotations

import signal

import pytest

from pipelock.contain import launching
from pipelock.contain.launching import MAX_DENIALS, Denials, exit_code
from pipelock.model import Denial, WallName


@pytest.mark.parametrize(
    ("status", "code"),
    [(0, 0), (7 << 8, 7), (signal.SIGSEGV | 0x80, 139), (signal.SIGKILL, 137)],
    ids=["well", "code", "core", "killed"],
)
def test_exit_codes_are_those_of_a_shell(status: int, code: int) -> None:
    assert exit_code(status) == code


def test_denials_are_counted_told_once_and_bounded() -> None:
    denials = Denials()
    once = Denial(WallName.LANDLOCK, "write /x", "not granted", "--allow-write /x", count=2)
    for denial in (once, once, *(Denial(WallName.SYSCALLS, f"call {number}", "no") for number in range(MAX_DENIALS))):
        denials.note(denial)
    told = denials.take()
    assert told == denials.every()
    assert (len(told), told[0].what, told[0].count, denials.left_out) == (MAX_DENIALS, "write /x", 4, 1)
    denials.note(once)
    assert [denial.count for denial in denials.take()] == [2], "the daemon adds up"
    assert (denials.take(), denials.every()[0].count) == ((), 6)


def test_the_daemon_is_told_a_second_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(launching.time, "monotonic", lambda: now)
    denials = Denials()
    assert denials.wait() is None
    denials.note(Denial(WallName.FILES, "read /a", "hidden"))
    now += 0.75
    denials.note(Denial(WallName.FILES, "read /b", "hidden"))
    assert denials.wait() == 0.25
    assert len(denials.take()) == 2
    assert denials.wait() is None
