"""A view of the usual shape: a line or two over a list, and under it the chosen thing in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from pipelock_tui.explain import LABEL
from pipelock_tui.states import empty_lines, error_lines, loading_lines
from pipelock_tui.text import Line
from pipelock_tui.views import Shell, View
from pipelock_tui.widgets.listing import Listing
from pipelock_tui.widgets.paint import Bar, Page

__all__ = ["Drawn", "Split"]


class Drawn(Bar):
    """Lines that somebody else draws: `draw` gets the width. Its height follows them."""

    def __init__(self, draw: Callable[[int], list[Line]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes="drawn")
        self._draw = draw
        self._height = 0

    def content(self, width: int) -> list[Line]:
        """What is drawn at this width."""
        return self._draw(width)

    def redraw(self) -> None:
        """The state behind it changed."""
        height = len(self._draw(max(1, self.size.width)))
        changed, self._height = height != self._height, height
        self.refresh(layout=changed)


class Split(View):
    """List and detail. Where the screen is short the detail is open only when asked for, in the list's place.

    Subclasses draw `head_lines`, give the list its entries and the page its text in `refresh_view`.
    """

    ALWAYS: ClassVar[bool] = False
    """Whether the detail is there on a short screen too, beside the list."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.add_class("split")
        self.set_class(self.ALWAYS, "always")
        self.head = Drawn(self.head_lines)
        self.list = Listing(id=f"{self.NAME}-list")
        self.page = Page(hang=LABEL, id=f"{self.NAME}-page")
        self._shown = ""

    def compose(self) -> ComposeResult:
        """Head and list, detail."""
        with Vertical(classes="upper"):
            yield self.head
            yield self.list
        with Vertical(classes="lower"):
            yield self.page

    def head_lines(self, width: int) -> list[Line]:
        """The lines over the list."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """The list works the keys."""
        self.list.focus()

    def back(self) -> bool:
        """Go from the detail to the list; close it where it took the list's place."""
        if not self.page.has_focus and not self.has_class("detailed"):
            return False
        self.remove_class("detailed")
        # What was hidden can have the focus only when it is laid out again.
        self.call_after_refresh(self.list.focus)
        return True

    def on_resize(self) -> None:
        """A detail that takes the list's place takes its keys."""
        if self.is_short and self.has_class("detailed") and not self.ALWAYS:
            self.hand_over(self.page)

    def other_part(self) -> None:
        """Move the focus between list and detail."""
        if self.page.has_focus:
            self.back()
        else:
            self.open_detail()

    def open_detail(self) -> None:
        """Show the detail and give it the keys."""
        self.add_class("detailed")
        self.call_after_refresh(self.page.focus)

    def nothing(self, asked: bool, what: str, empty: str, hint: str = "") -> list[Line]:  # noqa: FBT001 - a state
        """What stands there without anything to show: `empty`, or that `what` is being asked, or why it can't be."""
        if asked:
            return empty_lines(empty, hint)
        connection = self.board.connection
        if connection.since and not connection.up:
            return error_lines(f"It is not known {what}", connection.objection)
        return loading_lines(what)

    def tell(self, key: str, lines: list[Line]) -> None:
        """Show the detail of `key`; another one than before begins at its top."""
        if key != self._shown:
            self._shown = key
            self.page.scroll_to(y=0, animate=False, immediate=True)
        self.page.show(lines)

    def on_listing_entered(self, message: Listing.Entered) -> None:
        """The detail was asked for."""
        message.stop()
        self.open_detail()
        self.shell.draw()

    def on_listing_moved(self, message: Listing.Moved) -> None:
        """The cursor is on another thing."""
        message.stop()
        self.shell.draw()
