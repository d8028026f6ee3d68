from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.model import escape
from pipelock.notify.desktop import PAUSE_SECONDS, RUN_SECONDS, Desktop, command_for, find_program

SEND = "/usr/bin/notify-send"
SCRIPT = "/usr/bin/osascript"


class Screen:
    def __init__(self, program: str = SEND) -> None:
        self.clock = Clock()
        self.shown: list[Sequence[str]] = []
        self.running: list[ProcessProtocol] = []
        self.killed = 0
        self.error: OSError | None = None
        self.complaints: list[str] = []
        self.desktop = Desktop(program, self._start, self.clock, self.complaints.append)
        self.desktop.enable(True)

    def _start(self, watcher: ProcessProtocol, command: Sequence[str]) -> Callable[[], None]:
        if self.error is not None:
            raise self.error
        self.shown.append(command)
        self.running.append(watcher)
        return self._kill

    def _kill(self) -> None:
        self.killed += 1


@given(st.text(max_size=400))
def test_a_text_is_one_harmless_argument_after_all_options(text: str) -> None:
    for program in (SEND, SCRIPT):
        command = command_for(program, text)
        shown = command[command.index("--") + 1 :]
        assert len(shown) == 2
        assert all(escape(part, 3_000) == part for part in shown)
        assert all(len(part) < 2_500 for part in shown)
        assert command[: command.index("--")] == command_for(program, "")[: command.index("--")]
    assert not {"<", ">"} & set(command_for(SEND, text)[-1])


def test_one_note_at_a_time_and_the_others_are_counted() -> None:
    screen = Screen()
    for number in range(4):
        screen.desktop.show(f"note {number}")
    assert [command[-1] for command in screen.shown] == ["note 0"]
    screen.clock.advance(PAUSE_SECONDS)
    screen.desktop.show("note 4")
    assert screen.shown[-1][-1] == "note 4 (and 3 more)"


def test_a_program_that_hangs_is_killed_and_one_that_ends_is_not() -> None:
    screen = Screen()
    screen.desktop.show("one")
    screen.running[0].processEnded(Failure(ProcessDone(0)))
    screen.clock.advance(RUN_SECONDS)
    assert screen.killed == 0
    screen.desktop.show("two")
    screen.clock.advance(RUN_SECONDS)
    assert screen.killed == 1


def test_what_cannot_be_started_is_not_tried_again() -> None:
    screen = Screen()
    screen.error = PermissionError(13, "Permission denied")
    screen.desktop.show("one")
    screen.error = None
    screen.clock.advance(PAUSE_SECONDS)
    screen.desktop.show("two")
    assert screen.shown == []
    (said,) = screen.complaints
    assert said == f"notifications.desktop: {SEND} can't be run, so nothing is shown: Permission denied"


def test_switched_off_it_is_silent_and_without_a_program_it_says_so() -> None:
    screen = Screen()
    screen.desktop.enable(False)
    screen.desktop.show("one")
    assert screen.shown == []
    without = Screen("")
    without.desktop.show("one")
    assert without.shown == []
    assert (screen.complaints, len(without.complaints)) == ([], 1)


def test_the_program_is_looked_for_on_absolute_paths_alone(tmp_path: Path) -> None:
    program = tmp_path / "notify-send"
    program.write_text("#!/bin/sh\n")
    environ = {"PATH": f".:relative:{tmp_path}"}
    assert find_program(environ, "linux") == ""
    program.chmod(0o755)
    assert find_program(environ, "linux") == str(program)
    assert find_program(environ, "darwin") == ""
