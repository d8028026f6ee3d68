"""The operator's terminal: what it was like before, whether a program draws on it, and how it is given back."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
from typing import Self

__all__ = ["RESET", "Terminal"]

RESET = (
    "\x1b[?1049l"  # the main screen
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l"  # no reports of the mouse
    "\x1b[?2004l"  # pasted text comes unmarked
    "\x1b[<u"  # keys as they were (kitty's protocol)
    "\x1b[?25h\x1b[0m"  # a cursor, no colours
)
"""Takes back what programs that own the screen switch on (xterm's control sequences)."""
_LOCAL = 3  # index of the local modes in what tcgetattr gives


class Terminal:
    """A terminal, its settings as they were found and who had it in front."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._found = termios.tcgetattr(descriptor)
        self._group = os.tcgetpgrp(descriptor)

    @classmethod
    def find(cls) -> Self | None:
        """The one that standard input, error or output is connected to, and that controls this session."""
        for descriptor in (0, 2, 1):
            with contextlib.suppress(OSError, termios.error):
                return cls(descriptor)
        return None

    @property
    def descriptor(self) -> int:
        """Where it is."""
        return self._descriptor

    @property
    def was_ours(self) -> bool:
        """Whether this process's group had the terminal when we came: nobody started us in the background."""
        return self._group == os.getpgrp()

    def is_in_front(self) -> bool:
        """Whether this process's group has the terminal."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False

    def is_raw(self) -> bool:
        """Whether a program reads keys rather than lines: the screen is its own then."""
        try:
            return not self._local() & termios.ICANON
        except (OSError, termios.error):
            return False

    def _local(self) -> int:
        return int(termios.tcgetattr(self._descriptor)[_LOCAL])

    def restore(self, *, died: bool) -> None:
        """Give it back as it was found, where the agent `died` or left it raw; what a program set on purpose stays.

        Whoever was in front when we came, and is so no more by the agent's doing, gets it back.
        """
        left_raw = self.is_raw() and bool(self._found[_LOCAL] & termios.ICANON)
        # To change a terminal from behind stops a process (tcsetattr(3)), unless it does not listen.
        previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            with contextlib.suppress(OSError, termios.error):
                if self.was_ours and not self.is_in_front():
                    os.tcsetpgrp(self._descriptor, self._group)
                if (left_raw or died) and self.is_in_front():
                    termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._found)
                    if left_raw:
                        os.write(self._descriptor, RESET.encode())
        finally:
            signal.signal(signal.SIGTTOU, previous)
