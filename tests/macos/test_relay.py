from __future__ import annotations

import os
import select
import subprocess
import threading
import tty
from collections.abc import Iterator

import pytest

from pipelock_macos.relay import Relay


class Operator:
    """Somebody at a terminal who looks at everything."""

    def __init__(self) -> None:
        self._screen, self.terminal = os.openpty()
        tty.setraw(self.terminal)
        self.seen = b""
        self._eyes = threading.Thread(target=self._look)
        self._eyes.start()

    def _look(self) -> None:
        while not self.seen.endswith(b"done"):
            self.seen += os.read(self._screen, 65_536)

    def leave(self) -> None:
        if not self._eyes.is_alive():
            return
        os.write(self.terminal, b"done")
        self._eyes.join()
        os.close(self.terminal)
        os.close(self._screen)


@pytest.fixture
def operator() -> Iterator[Operator]:
    one = Operator()
    yield one
    one.leave()


@pytest.fixture
def relay(operator: Operator) -> Relay:
    made = Relay((operator.terminal, operator.terminal, operator.terminal))
    tty.setraw(made.inner)
    return made


def test_what_was_said_last_is_shown(relay: Relay, operator: Operator) -> None:
    os.write(relay.inner, b"goodbye")
    relay.end()
    relay.end()
    operator.leave()
    assert operator.seen == b"goodbyedone"


def test_a_program_that_goes_on_writing_does_not_hold_up_the_end(relay: Relay) -> None:
    with subprocess.Popen(["yes"], stdout=relay.inner, stderr=subprocess.DEVNULL) as endless:
        try:
            select.select(relay.readers()[:1], [], [])
            relay.end()
        finally:
            endless.kill()
