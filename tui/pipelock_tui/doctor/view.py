"""The doctor: what is wrong with this installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from pipelock.control import frames
from pipelock_tui.actions import Action, bindings
from pipelock_tui.catalogue import DOCTOR
from pipelock_tui.doctor.lines import check_lines
from pipelock_tui.pageview import AskedView
from pipelock_tui.text import Line
from pipelock_tui.views import Shell

__all__ = ["DoctorView"]


class DoctorView(AskedView[frames.DoctorReply]):
    """The daemon's checks of itself."""

    NAME: ClassVar[str] = "doctor"
    ACTIONS: ClassVar[tuple[Action, ...]] = DOCTOR
    BINDINGS: ClassVar[list[BindingType]] = bindings(DOCTOR)
    HANG = 10

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.deeds["doctor.run"] = lambda _: self.inquire()

    def question(self) -> tuple[Callable[[int], frames.ClientFrame], type[frames.DoctorReply], str]:
        """Check everything."""
        return frames.RunDoctor, frames.DoctorReply, "the doctor's findings"

    def body(self, value: frames.DoctorReply, width: int) -> list[Line]:
        """The page."""
        return check_lines(value.checks)
