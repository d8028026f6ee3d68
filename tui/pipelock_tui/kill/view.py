"""The kill switch: who holds it, and what to do about it."""

from __future__ import annotations

from typing import ClassVar

from pipelock_tui.actions import key_names
from pipelock_tui.catalogue import SHELL
from pipelock_tui.kill.lines import kill_lines
from pipelock_tui.pageview import PageView
from pipelock_tui.text import Line

__all__ = ["KillView"]


class KillView(PageView):
    """The sources of the kill switch."""

    NAME: ClassVar[str] = "kill"
    HANG = 13

    def lines(self, width: int) -> list[Line]:
        """The page."""
        status = self.board.status
        key = key_names(SHELL, self.shell.keys)["kill.switch"]
        return kill_lines(self.board.kill, status.pid if status else 0, known=status is not None, key=key)
