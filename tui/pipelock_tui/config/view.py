"""The configuration: what the file would change, and what it would give up."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from pipelock.control import frames
from pipelock_tui.actions import Action, bindings, key_names
from pipelock_tui.catalogue import CONFIG, SHELL
from pipelock_tui.config.lines import review_lines
from pipelock_tui.pageview import AskedView
from pipelock_tui.text import Line
from pipelock_tui.views import Shell

__all__ = ["ConfigView"]


class ConfigView(AskedView[frames.ConfigReply]):
    """The file on disk beside what is in force."""

    NAME: ClassVar[str] = "config"
    ACTIONS: ClassVar[tuple[Action, ...]] = CONFIG
    BINDINGS: ClassVar[list[BindingType]] = bindings(CONFIG)
    NOTES: ClassVar[tuple[str, ...]] = ("Reloading asks first where the file gives something up that is enforced now.",)
    HANG = 6

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.deeds["config.compare"] = lambda _: self.inquire()

    def question(self) -> tuple[Callable[[int], frames.ClientFrame], type[frames.ConfigReply], str]:
        """Compare."""
        return frames.ReviewConfig, frames.ConfigReply, "the configuration"

    def body(self, value: frames.ConfigReply, width: int) -> list[Line]:
        """The page."""
        return review_lines(value.review, key_names(SHELL, self.shell.keys)["config.reload"])

    def opened(self) -> None:
        """The file may have been edited since: ask each time."""
        if self.board.connection.up:
            self.inquire()

    def poll(self) -> None:
        """What was compared is old as soon as another policy is in force."""
        status = self.board.status
        if self.value is None or status is None or self.value.review.running == status.policy:
            super().poll()
        elif not self._asking and not self._error:
            self.inquire()
