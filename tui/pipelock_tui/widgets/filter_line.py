"""The line where a filter is typed; what was typed stays when it is opened again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from pipelock.query import EVERYTHING, MAX_LENGTH, FilterError, parse
from pipelock_tui.messages import FilterChanged, FilterClosed
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Bar

__all__ = ["FilterLine"]

_HELP = "host:x verdict:block,warn method:POST agent:y rule:z text  !not  ·  enter keeps, esc clears"


class _Says(Bar):
    """What is wrong with the filter, or how to write one."""

    def __init__(self) -> None:
        super().__init__(id="filter-says")
        self.error = ""

    def content(self, width: int) -> list[Line]:
        return [line((f" ✗ {self.error}", "warn") if self.error else (f" {_HELP}", "dim"))]


class FilterLine(Horizontal):
    """Applies while typing; a filter that can't be read leaves the last good one in force and says why."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="filter")
        self.display = False

    def compose(self) -> ComposeResult:
        """The input over the line that speaks."""
        entry = Input(placeholder="filter", max_length=MAX_LENGTH, id="filter-input", compact=True)
        entry.cursor_blink = False
        yield entry
        yield _Says()

    def open(self) -> None:
        """Show the line with what was typed last."""
        self.display = True
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Read the filter."""
        event.stop()
        says = self.query_one(_Says)
        try:
            wanted = parse(event.value)
        except FilterError as error:
            says.error = str(error)
        else:
            says.error = ""
            self.post_message(FilterChanged(wanted))
        says.refresh()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the list."""
        event.stop()
        self._close()

    def action_clear(self) -> None:
        """Drop the filter and go back to the list."""
        self.query_one(Input).value = ""
        self.post_message(FilterChanged(EVERYTHING))
        self._close()

    def _close(self) -> None:
        self.display = False
        self.post_message(FilterClosed())
