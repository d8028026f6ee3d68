"""The title bar: connection, mode, counts, kill switch, waiting prompts."""

from __future__ import annotations

from pipelock.model import KillSwitchState, Status
from pipelock_tui.facts import Connection, header_line
from pipelock_tui.text import Line
from pipelock_tui.widgets.paint import Bar

__all__ = ["Header"]


class Header(Bar):
    """One line, always there."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = Connection()
        self._status: Status | None = None
        self._kill = KillSwitchState(active=False)
        self._waiting = 0

    def update(self, connection: Connection, status: Status | None, kill: KillSwitchState, waiting: int) -> None:
        """Show another state."""
        state = (connection, status, kill, waiting)
        if state != (self._connection, self._status, self._kill, self._waiting):
            self._connection, self._status, self._kill, self._waiting = state
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """The bar."""
        return [header_line(self._connection, self._status, self._kill, self._waiting, width)]
