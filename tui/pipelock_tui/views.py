"""What a view is to the shell, and the shell to a view.

A view is one screenful of the dashboard. The shell mounts it when it is first asked for, tells it what happens, hands
it the actions that are its own, and shows the reason in its place should it break.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

import msgspec
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock_tui.actions import Action
from pipelock_tui.board import Board, Change
from pipelock_tui.ports import Clock, Watch

if TYPE_CHECKING:
    from pipelock_tui.answering import Answering

__all__ = ["Deed", "Performer", "Shell", "View"]

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")
Deed = Callable[[str], None]
"""Carries out an action; takes the argument given on the command line, empty where a key was pressed."""


class Shell(Protocol):
    """The dashboard around a view."""

    board: Board
    """All that is known of the daemon."""
    link: Watch
    """The daemon; a view uses it through `View.ask`."""
    clock: Clock
    home: Path
    """Pipelock's own folder."""

    @property
    def answering(self) -> Answering:
        """What answers prompts."""

    def say(self, text: str, severity: str = "information") -> None:
        """Tell the operator something: information, warning or error. It is escaped, shown for a while, and kept."""

    def draw(self) -> None:
        """Have what is on the screen brought in line with the state, at once."""

    def show(self, name: str) -> None:
        """Go to another view."""

    def cover(self, screen: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Open a window. Prompts are armed anew when it closes, before `then` gets what it gave."""

    def do(self, action_id: str, argument: str = "") -> None:
        """Carry out an action by its id, if it can be done now; else say why not."""

    def start(self, work: Awaitable[None], name: str) -> None:
        """Run something that takes a while."""

    def keys(self, action: Action) -> str:
        """The keys an action has now, with commas between; they may be others than it came with."""


class Performer(Protocol):
    """Whoever carries out actions: the shell, the answers to prompts, a view."""

    @property
    def deeds(self) -> Mapping[str, Deed]:
        """What is done, by id of the action."""

    def objection(self, action_id: str) -> str:
        """Why this can't be done now, a sentence; empty where it can. Must be quick: it is asked at every drawing."""


class View(Vertical):
    """One screenful. Subclasses set `NAME` and `ACTIONS`, with `BINDINGS = bindings(ACTIONS)`, and fill `deeds`.

    All calls come from the shell on the event loop and must not block: what takes a while goes through `ask`.
    """

    NAME: ClassVar[str] = ""
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    NOTES: ClassVar[tuple[str, ...]] = ()
    """Sentences for the help, besides the keys."""

    class Ready(Message):
        """Its parts are there."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(id=f"view-{self.NAME}", classes="view")
        self.shell = shell
        self.deeds: dict[str, Deed] = {}

    def on_mount(self) -> None:
        """Let the shell know, so that the focus comes here."""
        self.call_after_refresh(self.post_message, self.Ready())

    @property
    def board(self) -> Board:
        """All that is known of the daemon."""
        return self.shell.board

    @property
    def is_short(self) -> bool:
        """Whether the screen has room for a list or a detail, but not for both."""
        return self.screen.has_class("short")

    def objection(self, action_id: str) -> str:
        """Why one of this view's actions can't be done now; connection and rights have been looked at already."""
        return ""

    def opened(self) -> None:
        """It is on the screen from now on; `poll` and `refresh_view` follow."""

    def closed(self) -> None:
        """Another view is on the screen from now on."""

    def take_focus(self) -> None:
        """Give the focus to the part that works the keys; the first that can have it where this is not overridden."""
        for widget in self.query("*").results():
            if widget.focusable:
                widget.focus()
                return

    def hand_over(self, widget: Widget) -> None:
        """Give `widget` the focus in place of what had it in this view, or of what is gone.

        Whoever types goes on typing: the rest of the line would be keys, and might answer what waits.
        """
        focused = self.screen.focused
        if focused is None or (self in focused.ancestors and not isinstance(focused, Input)):
            widget.focus()

    def absorb(self, change: Change) -> None:
        """A batch came in and the board has it already. Called whether the view is on the screen or not."""

    def poll(self) -> None:
        """Ask the daemon for what is not told unasked. Every two seconds while on the screen and connected."""

    def refresh_view(self) -> None:
        """Bring the screen in line with the state. At most ten times a second, only while on the screen."""

    def back(self) -> bool:
        """Escape was pressed: close what is open in here. False where there is nothing to close."""
        return False

    def ask(
        self,
        make: Callable[[int], frames.ClientFrame],
        kind: type[R],
        then: Callable[[R], None],
        failed: Callable[[ControlError], None] | None = None,
        *,
        group: str = "ask",
        timeout: float = 5.0,
    ) -> None:
        """Ask the daemon and go on with `then`, on the event loop.

        A newer question of the same `group` takes the place of an older one. Nothing is called once the view is gone.
        Without `failed` the reason is said. `timeout` in seconds.
        """

        async def work() -> None:
            try:
                reply = await self.shell.link.ask(make, kind, timeout)
            except ControlError as error:
                if failed is None:
                    self.shell.say(error.message, "error")
                else:
                    failed(error)
            else:
                then(reply)
            self.shell.draw()

        self.run_worker(work(), name=f"{self.NAME}-{group}", group=f"{self.NAME}-{group}", exclusive=True)
