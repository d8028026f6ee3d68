"""Loud lines under the title bar: lost connection, kill switch, watch-only, versions that differ."""

from __future__ import annotations

from pipelock_tui.text import Line, wrap
from pipelock_tui.widgets.paint import Bar

__all__ = ["MAX_LINES", "Banner"]

MAX_LINES = 7
"""Most lines it takes from the list."""


class Banner(Bar):
    """Nothing at all while all is well."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []

    def update(self, lines: list[Line]) -> None:
        """Show other lines; none hides the banner."""
        if lines == self._lines:
            return
        self._lines = lines
        self.display = bool(lines)
        self.refresh(layout=True)

    def content(self, width: int) -> list[Line]:
        """The wrapped lines."""
        return [piece for line in self._lines for piece in wrap(line, width, 2)][:MAX_LINES]
