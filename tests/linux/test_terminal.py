from __future__ import annotations

import os
import pty
import termios
import tty
from collections.abc import Callable

from pipelock_linux.terminal import RESET, Terminal


def on_a_terminal(work: Callable[[], str]) -> tuple[str, str]:
    """What `work` gives when it has a terminal of its own, and what it drew there."""
    result, give = os.pipe()
    pid, master = pty.fork()
    if not pid:
        try:
            os.write(give, work().encode())
        except BaseException as error:  # noqa: BLE001 - the test's own process must end here
            os.write(give, repr(error).encode())
        os._exit(0)
    os.close(give)
    drawn = b""
    try:
        while piece := os.read(master, 4096):
            drawn += piece
    except OSError:
        pass
    os.waitpid(pid, 0)
    with os.fdopen(result, "rb") as told:
        said = told.read().decode()
    os.close(master)
    return said, drawn.decode()


def test_a_terminal_that_was_left_raw_is_given_back_as_it_was() -> None:
    def work() -> str:
        terminal = Terminal.find()
        assert terminal is not None
        before = termios.tcgetattr(0)
        states = [terminal.is_raw(), terminal.is_in_front() and terminal.was_ours]
        tty.setraw(0)
        states.append(terminal.is_raw())
        terminal.restore(died=False)
        return f"{states} {termios.tcgetattr(0) == before}"

    said, drawn = on_a_terminal(work)
    assert said == "[False, True, True] True"
    assert RESET in drawn


def test_what_a_program_set_on_purpose_stays_unless_it_died() -> None:
    def work() -> str:
        terminal = Terminal.find()
        assert terminal is not None
        before = termios.tcgetattr(0)
        quiet = termios.tcgetattr(0)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSANOW, quiet)
        terminal.restore(died=False)
        kept = termios.tcgetattr(0) == quiet
        terminal.restore(died=True)
        return f"{kept} {termios.tcgetattr(0) == before}"

    said, drawn = on_a_terminal(work)
    assert (said, drawn) == ("True True", "")
