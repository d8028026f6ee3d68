"""The line where a filter is typed; what was typed stays when it is opened again."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input

from pipelock.model import Kind, Outcome, Transport, Verdict
from pipelock.query import EVERYTHING, KEYS, MAX_LENGTH, FilterError, parse
from pipelock_tui.messages import FilterChanged, FilterClosed
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Bar

__all__ = ["MAX_TYPED", "FilterLine", "suggestion"]

MAX_TYPED = 50
"""Filters that are remembered for going back to."""
_HELP = "host:x verdict:block,warn !method:GET (agent:a or agent:b) size>10k after:2h  ·  enter keeps, esc clears"
_VALUES = {
    "kind": tuple(each.value for each in Kind),
    "outcome": tuple(each.value for each in Outcome),
    "transport": tuple(each.value for each in Transport),
    "verdict": tuple(each.value for each in Verdict),
}


def suggestion(typed: str) -> str | None:
    """`typed` with its last word completed: the name of a field, or one of the values that a field can have."""
    start = max(typed.rfind(char) for char in " (!") + 1
    word = typed[start:]
    name, colon, rest = word.partition(":")
    if not colon:
        found = next((key for key in KEYS if name and key.startswith(name)), None)
        return f"{typed[:start]}{found}:" if found is not None else None
    last = rest.rpartition(",")[2]
    found = next((value for value in _VALUES.get(name, ()) if last and value.startswith(last) and value != last), None)
    return typed[: len(typed) - len(last)] + found if found is not None else None


class _Fields(Suggester):
    """Completes names of fields and their values."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """See `suggestion`."""
        return suggestion(value)


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
        Binding("up", "again(-1)", "The filter before", show=False),
        Binding("down", "again(1)", "The next filter", show=False),
        Binding("tab", "complete", "Complete the word", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__(id="filter")
        self.display = False
        self._typed: deque[str] = deque(maxlen=MAX_TYPED)
        self._place = 0

    def compose(self) -> ComposeResult:
        """The input over the line that speaks."""
        entry = Input(placeholder="filter", max_length=MAX_LENGTH, id="filter-input", compact=True, suggester=_Fields())
        entry.cursor_blink = False
        yield entry
        yield _Says()

    def open(self, typed: str = "") -> None:
        """Show the line with what was typed last, or with `typed`."""
        self.display = True
        self._place = len(self._typed)
        entry = self.query_one(Input)
        if typed:
            entry.value = typed
        entry.focus()

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
        if event.value.strip():
            if event.value in self._typed:
                self._typed.remove(event.value)
            self._typed.append(event.value)
        self._close()

    def action_clear(self) -> None:
        """Drop the filter and go back to the list."""
        self.query_one(Input).value = ""
        self.post_message(FilterChanged(EVERYTHING))
        self._close()

    def action_again(self, step: int) -> None:
        """Bring back a filter that was kept before."""
        self._place = min(max(self._place + step, 0), len(self._typed))
        entry = self.query_one(Input)
        entry.value = self._typed[self._place] if self._place < len(self._typed) else ""
        entry.cursor_position = len(entry.value)

    def action_complete(self) -> None:
        """Take the suggestion for the word that is being typed."""
        entry = self.query_one(Input)
        found = suggestion(entry.value)
        if found is not None:
            entry.value = found
            entry.cursor_position = len(found)

    def _close(self) -> None:
        self.display = False
        self.post_message(FilterClosed())
