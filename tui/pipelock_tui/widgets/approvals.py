"""The held requests that wait for the operator. Visible whenever there is one, never otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.events import Click
from textual.strip import Strip

from pipelock_tui.desk import Desk
from pipelock_tui.ports import Clock
from pipelock_tui.prompts import panel_lines
from pipelock_tui.text import Line
from pipelock_tui.widgets.paint import Bar

__all__ = ["SHARE", "Approvals"]

SHARE = 0.45
"""The part of the screen's height it takes at most; at least six lines."""


class Approvals(Bar):
    """Draws the desk; the keys belong to the shell. `keys` gives the word for each action's key."""

    def __init__(self, desk: Desk, clock: Clock, keys: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(id="approvals")
        self._keys = keys
        self._desk = desk
        self._clock = clock
        self._objection = ""
        self._said = ""
        self._lines: list[Line] = []
        self.display = False

    def update(self, objection: str, said: str, *, hidden: bool = False) -> None:
        """Draw anew. `objection` says why nothing can be decided, `said` is the latest word about a key.

        `hidden` where the view on the screen shows the prompts itself.
        """
        self._objection, self._said = objection, said
        before = len(self._lines)
        shown = len(self._desk) > 0 and not hidden
        self._lines = self._draw(max(20, self.app.size.width)) if shown else []
        changed = self.display != shown or before != len(self._lines)
        self.display = shown
        self.refresh(layout=changed)

    def content(self, width: int) -> list[Line]:
        """The panel as it was last drawn, or at another width."""
        if self.display and self._lines and width != self.app.size.width:
            return self._draw(width)
        return self._lines

    def render_line(self, y: int) -> Strip:
        """One line."""
        return self.paint(self._lines[y] if y < len(self._lines) else (), self.size.width)

    def on_click(self, event: Click) -> None:
        """Clicking never answers; it is not a way to choose either, so that a stray click changes nothing."""
        event.stop()

    def _draw(self, width: int) -> list[Line]:
        prompts = self._desk.prompts
        chosen = self._desk.chosen
        place = next((index for index, prompt in enumerate(prompts) if prompt is chosen), 0)
        room = max(6, int(self.app.size.height * SHARE))
        return panel_lines(
            prompts,
            place,
            self._clock.wall(),
            width,
            room,
            offer=self._desk.offer,
            keys=self._keys(),
            objection=self._objection,
            said=self._said,
        )
