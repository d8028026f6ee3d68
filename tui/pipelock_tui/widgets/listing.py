"""A list of things with a cursor that stays on its thing while others come and go. Draws only what is on the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pipelock_tui.actions import LISTS, bindings
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Painted

__all__ = ["Entry", "Listing"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `key` names the thing; empty for headings, which the cursor passes over. `draw` lays it out.

    `draw` gets the width in cells and whether the cursor is on it; it is called only for lines on the screen.
    """

    key: str
    draw: Callable[[int, bool], Line]


class Listing(Painted, ScrollView, can_focus=True):
    """Shows entries; tells `Moved` when the cursor is on another thing and `Entered` when it is asked for."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        LISTS,
        {
            "list.down": "step(1)",
            "list.up": "step(-1)",
            "list.page_down": "page(1)",
            "list.page_up": "page(-1)",
            "list.first": "edge(0)",
            "list.last": "edge(-1)",
            "list.open": "enter",
        },
    )

    @dataclass
    class Moved(Message):
        """The operator put the cursor on `key`."""

        key: str

    @dataclass
    class Entered(Message):
        """The operator asks for `key` in full."""

        key: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._entries: Sequence[Entry] = ()
        self._places: dict[str, int] = {}
        self._order: list[str] = []
        self._key = ""
        self._rank = 0
        self.empty = ""

    @property
    def key(self) -> str:
        """What the cursor is on; empty where nothing is."""
        return self._key

    @property
    def rank(self) -> int:
        """The cursor's place among the things, from 1; 0 where there are none."""
        return self._rank + 1 if self._order else 0

    def __len__(self) -> int:
        """How many things there are, headings left out."""
        return len(self._order)

    def show(self, entries: Sequence[Entry], *, key: str | None = None, empty: str = "") -> None:
        """Show other entries. The cursor goes to `key`, or stays on its thing, or where that was.

        `empty` is what stands there without entries. The very same sequence as before costs next to nothing.
        """
        self.empty = empty
        if entries is not self._entries:
            self._entries = entries
            self._places = {entry.key: place for place, entry in enumerate(entries) if entry.key}
            self._order = list(self._places)
        wanted = self._key if key is None else key
        if wanted in self._places:
            self._put(self._order.index(wanted))
        else:
            self._put(self._rank)
        grown = self.virtual_size.height != len(entries)
        self.virtual_size = Size(self.scrollable_content_region.width, len(entries))
        self._reveal()
        self.refresh(layout=grown and bool(self.styles.height and self.styles.height.is_auto))

    def on_resize(self) -> None:
        """Lay out at the new size."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._entries))
        self._reveal()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are entries, where the height is left to it."""
        return max(2, len(self._entries))

    def render_line(self, y: int) -> Strip:
        """One entry, or the words for an empty list."""
        place = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if place >= len(self._entries):
            words = line((f"  {self.empty}", "dim")) if y == 1 and not self._entries else ()
            return self.paint(words, self.size.width)
        entry = self._entries[place]
        selected = bool(entry.key) and entry.key == self._key
        return self.paint(entry.draw(width, selected), self.size.width, selected=selected)

    def action_step(self, step: int) -> None:
        """Move the cursor."""
        self._move(self._rank + step)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful."""
        self._move(self._rank + direction * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, place: int) -> None:
        """Move the cursor to the first (0) or the last (-1) thing."""
        self._move(place % len(self._order) if self._order else 0)

    def action_enter(self) -> None:
        """Ask for the thing at the cursor."""
        if self._key:
            self.post_message(self.Entered(self._key))

    def on_click(self, event: Click) -> None:
        """Put the cursor under the pointer."""
        place = event.y + self.scroll_offset.y
        if place < len(self._entries) and self._entries[place].key:
            self._move(self._order.index(self._entries[place].key))

    def _move(self, rank: int) -> None:
        before, top = self._key, self.scroll_offset.y
        self._put(rank)
        self._reveal()
        if self._key == before:
            return
        if self.scroll_offset.y == top and before in self._places:
            self.refresh_line(self._places[before])
            self.refresh_line(self._places[self._key])
        else:
            self.refresh()
        self.post_message(self.Moved(self._key))

    def _put(self, rank: int) -> None:
        self._rank = min(max(rank, 0), max(0, len(self._order) - 1))
        self._key = self._order[self._rank] if self._order else ""

    def _reveal(self) -> None:
        """Scroll so that the cursor is on the screen, and the heading over the first thing of a group with it."""
        if not self._key:
            return
        place = self._places[self._key]
        above = place - 1 if place and not self._entries[place - 1].key else place
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        target = min(max(top, place - height + 1), above if height > 1 else place)
        if target != top:
            self.scroll_to(y=target, animate=False, force=True, immediate=True)
