"""Views that are one page of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from textual.app import ComposeResult

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock_tui.actions import key_names
from pipelock_tui.states import error_lines, loading_lines
from pipelock_tui.text import Line, line
from pipelock_tui.views import Shell, View
from pipelock_tui.widgets.paint import Page
from pipelock_tui.words import clock_time

__all__ = ["AskedView", "PageView"]

R = TypeVar("R", bound=msgspec.Struct)


class PageView(View):
    """Shows what `lines` gives, scrolled by the keys of every page."""

    HANG = 0
    """Cells by which wrapped lines are indented."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.page = Page(hang=self.HANG)

    def compose(self) -> ComposeResult:
        """The page."""
        yield self.page

    def lines(self, width: int) -> list[Line]:
        """What is to be read, for a page of `width` cells."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """The page works the keys."""
        self.page.focus()

    def on_resize(self) -> None:
        """Write it for the new width, once the page has it."""
        self.call_after_refresh(self.refresh_view)

    def refresh_view(self) -> None:
        """Write it anew."""
        self.page.show(self.lines(max(self.page.scrollable_content_region.width, 20)))


class AskedView(PageView, Generic[R]):
    """A page about something that the daemon is asked for when the view is opened, and again on demand."""

    TIMEOUT = 30.0
    """Seconds that the answer may take."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.value: R | None = None
        self._asked_at = 0.0
        self._asking = False
        self._error = ""

    def question(self) -> tuple[Callable[[int], frames.ClientFrame], type[R], str]:
        """The frame, the kind of its reply, and what is asked for, in words."""
        raise NotImplementedError

    def body(self, value: R, width: int) -> list[Line]:
        """The page about the reply."""
        raise NotImplementedError

    def opened(self) -> None:
        """Ask, the first time."""
        if self.value is None and not self._asking and self.board.connection.up:
            self.inquire()

    def poll(self) -> None:
        """What failed while the daemon was away is asked again; a reply stands until it is asked for anew."""
        if self.value is None and not self._asking and not self._error:
            self.inquire()

    def inquire(self) -> None:
        """Ask the daemon."""
        make, kind, _ = self.question()
        self._asking, self._error = True, ""
        self.ask(make, kind, self._take, self._fail, timeout=self.TIMEOUT)
        self.shell.draw()

    def lines(self, width: int) -> list[Line]:
        """The page, or why there is none."""
        what = self.question()[2]
        up = self.board.connection.up
        if self.value is None:
            if self._error:
                key = next(iter(key_names(self.ACTIONS, self.shell.keys).values()), "")
                return error_lines(f"{what} can't be shown", self._error, f"{key} asks again" if key else "")
            if not up:
                return error_lines(f"{what} is not known", "There is no connection to the daemon.")
            return loading_lines(what)
        when = clock_time(self._asked_at, self.shell.clock.zone)
        head = [line((f"as of {when}", "dim"), ("  asking again…" if self._asking else "", "note"))]
        if self._error:
            head.append(line((f"asked again, and not answered: {self._error}", "warn")))
        elif not up:
            head.append(line(("not connected: this may be old", "warn")))
        return [*head, *self.body(self.value, width)]

    def _take(self, reply: R) -> None:
        self.value, self._asking, self._asked_at = reply, False, self.shell.clock.wall()

    def _fail(self, error: ControlError) -> None:
        self._asking, self._error = False, error.message
