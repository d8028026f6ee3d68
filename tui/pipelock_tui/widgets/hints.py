"""The bottom line: which keys can be used now."""

from __future__ import annotations

from pipelock_tui.footer import Hint, footer_line
from pipelock_tui.text import Line
from pipelock_tui.widgets.paint import Bar

__all__ = ["Hints"]


class Hints(Bar):
    """One line of keys."""

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[Hint, ...] = ()

    def update(self, hints: tuple[Hint, ...]) -> None:
        """Show other keys."""
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """The line."""
        return [footer_line(self._hints, width)]
