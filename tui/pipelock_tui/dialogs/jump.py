"""Jump mode: every part of the screen that can have the focus gets a letter, every view its number."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.events import Key
from textual.widget import Widget

from pipelock_tui.catalogue import PLACES
from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Bar

__all__ = ["LETTERS", "Jump"]

LETTERS = "asdfghjklwertyuiopzxcvbnm"
"""In the order in which they are given out; parts beyond their number get none."""


class _Label(Bar):
    """One letter over the part it leads to."""

    def __init__(self, letter: str) -> None:
        super().__init__()
        self._letter = letter

    def content(self, width: int) -> list[Line]:
        return [line((f" {self._letter} "[:width], "badge"))]


class Jump(Window[Widget | str | None]):
    """Gives the part that was chosen, the name of a view, or `None`."""

    def __init__(self, parts: Iterable[Widget]) -> None:
        super().__init__()
        self._parts = dict(zip(LETTERS, parts, strict=False))

    def compose(self) -> ComposeResult:
        """A letter at the corner of each part, and a line that explains."""
        for letter, part in self._parts.items():
            label = _Label(letter)
            label.styles.offset = (part.region.x, part.region.y)
            yield label
        yield _Help()

    def on_key(self, event: Key) -> None:
        """A letter or a number leads somewhere, anything else back."""
        event.stop()
        number = next((place.name for place in PLACES if str(place.number) == event.character), None)
        self.dismiss(self._parts.get(event.character or "") or number)


class _Help(Bar):
    def __init__(self) -> None:
        super().__init__(id="jump-help")

    def content(self, width: int) -> list[Line]:
        return [
            line((" JUMP ", "badge"), (" a letter goes to its part, a number to its view, any other key back", "dim"))
        ]
