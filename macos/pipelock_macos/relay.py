"""A terminal of the agent's own, between it and the operator's.

Whoever has a terminal may push input into it as if it were typed (TIOCSTI), and the sandbox does not tell one ioctl
from another. On the operator's own terminal that input would be the shell's, after the agent has ended. So the agent
gets a new terminal, and what is typed and shown goes back and forth here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import termios
import tty
from typing import Any

__all__ = ["MAX_WAITING", "Relay"]

MAX_WAITING = 65_536
"""Bytes each way that wait to be written; while there are that many nothing more is read."""
_CHUNK = 1024
"""Written at a time: little enough for a terminal that can take anything to take it at once."""
_READ = 16_384
_LOCAL = 3  # index of the local modes in what tcgetattr gives
_LAST_READS = 64
"""At the end: more than a terminal keeps. A program that left the session may go on writing for ever."""
_LAST_SECONDS = 1.0
"""How long the last of what is shown waits for a terminal that takes nothing."""


class Relay:
    """A new terminal for the agent, of the size of the operator's.

    Standard input, output or error that is no terminal is the agent's as it is.

    Attributes:
        inner: The agent's end. It stays open here, or the other end would be readable for ever whenever the agent has
            none of its own open.
        name: Its path.
    """

    def __init__(self, outer: tuple[int, int, int] = (0, 1, 2)) -> None:
        self._outer = outer
        self.is_terminal = tuple(os.isatty(descriptor) for descriptor in outer)
        self._master, self.inner = os.openpty()
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self.inner)
        # Where it is shown: what was standard output, or where only that is elsewhere, standard error.
        shown = [descriptor for descriptor, is_one in zip(outer[1:], self.is_terminal[1:], strict=True) if is_one]
        self._screen = shown[0] if shown else -1
        self._keys = outer[0] if self.is_terminal[0] else -1
        self._saved: list[Any] | None = None
        self._typed = b""
        self._drawn = b""
        self.resize()
        if self._keys >= 0:
            # Programs look at its settings before they change them.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.inner, termios.TCSANOW, termios.tcgetattr(self._keys))

    def resume(self) -> None:
        """Take the operator's terminal into use, at the start or after a stop: keys are passed on as they are typed."""
        if self._keys >= 0:
            with contextlib.suppress(termios.error):
                self._saved = self._saved or termios.tcgetattr(self._keys)
                if self._is_in_front():
                    tty.setraw(self._keys, termios.TCSANOW)
        self.resize()

    def _is_in_front(self) -> bool:
        """Whether the terminal may be changed: from behind that would stop us, and there are no keys to pass on."""
        try:
            return os.tcgetpgrp(self._keys) == os.getpgrp()
        except OSError:
            # It does not control this session: nobody is in front.
            return True

    def resize(self) -> None:
        """Tell the agent's terminal how large the operator's is; it tells the programs (SIGWINCH)."""
        for descriptor in (self._screen, self._keys):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    size = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
                    fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
                    return

    def readers(self) -> list[int]:
        """What to wait for to be readable."""
        found = [self._master] if self._master >= 0 and len(self._drawn) < MAX_WAITING else []
        return [*found, self._keys] if self._keys >= 0 and len(self._typed) < MAX_WAITING else found

    def writers(self) -> list[int]:
        """What to wait for to be writable."""
        found = [self._master] if self._typed and self._master >= 0 else []
        return [*found, self._screen] if self._drawn and self._screen >= 0 else found

    def show(self, line: str) -> bool:
        """Show a line of ours, which holds no controls; `False` where a program of the agent's draws on the screen."""
        try:
            is_raw = not termios.tcgetattr(self.inner)[_LOCAL] & termios.ICANON
        except termios.error:
            return False
        if is_raw or self._screen < 0:
            return False
        self._drawn += f"\r\npipelock: {line}\r\n".encode()
        return True

    def serve(self, readable: list[int], writable: list[int]) -> bytes:
        """Pass on what can be passed on; what was typed."""
        typed = b""
        if self._master in readable:
            self._read_agent()
        if self._keys in readable:
            data = self._take(self._keys)
            if data:
                typed = data
                self._typed += data
            elif data is not None:
                # The terminal hung up; what that means comes as a signal.
                self._keys = -1
        if self._master in writable:
            self._typed = self._give(self._master, self._typed)
        if self._screen in writable:
            self._drawn = self._give(self._screen, self._drawn)
        return typed

    def end(self) -> None:
        """The agent has ended: show what it said last, and give the terminal back as it was. Done once."""
        if self._master >= 0:
            for _ in range(_LAST_READS):
                if not self._read_agent():
                    break
            while self._drawn:
                _, writable, _ = select.select([], [self._screen], [], _LAST_SECONDS)
                if not writable:
                    break
                self._drawn = self._give(self._screen, self._drawn)
            os.close(self.inner)
            os.close(self._master)
            self._master = -1
        if self._saved is not None:
            previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keys if self._keys >= 0 else self._outer[0], termios.TCSADRAIN, self._saved)
            signal.signal(signal.SIGTTOU, previous)
            self._saved = None

    def _read_agent(self) -> bool:
        """Whether something came that is to be shown. Where nobody looks it is not kept."""
        data = self._take(self._master)
        if not data or self._screen < 0:
            return False
        self._drawn += data
        return True

    @staticmethod
    def _take(descriptor: int) -> bytes | None:
        """What there is; empty at the end, `None` where there is nothing now."""
        try:
            return os.read(descriptor, _READ)
        except BlockingIOError:
            return None
        except OSError:
            # EIO: nobody has the other end.
            return b""

    @staticmethod
    def _give(descriptor: int, data: bytes) -> bytes:
        """What is left."""
        try:
            return data[os.write(descriptor, data[:_CHUNK]) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""
