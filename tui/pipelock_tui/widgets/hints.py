"""The bottom line: which keys can be used now."""

from __future__ import annotations

from pipelock_tui.facts import hint_line
from pipelock_tui.text import Line
from pipelock_tui.widgets.paint import Bar

__all__ = ["Hints"]


class Hints(Bar):
    """One line of keys."""

    def __init__(self) -> None:
        super().__init__()
        self._state = (False, False, False, "")

    def update(self, *, prompting: bool, detail: bool, typing: bool, objection: str) -> None:
        """Show the keys of another state."""
        if self._state != (prompting, detail, typing, objection):
            self._state = (prompting, detail, typing, objection)
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """The line."""
        prompting, detail, typing, objection = self._state
        return [hint_line(prompting=prompting, detail=detail, typing=typing, objection=objection, width=width)]
