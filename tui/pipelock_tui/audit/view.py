"""The audit log, looked through by the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from pipelock.control import frames
from pipelock_tui.actions import Action, bindings
from pipelock_tui.audit.lines import audit_lines
from pipelock_tui.catalogue import AUDIT
from pipelock_tui.pageview import AskedView
from pipelock_tui.text import Line
from pipelock_tui.views import Shell

__all__ = ["AuditView"]


class AuditView(AskedView[frames.AuditReply]):
    """The files of the audit log and what is wrong in them."""

    NAME: ClassVar[str] = "audit"
    ACTIONS: ClassVar[tuple[Action, ...]] = AUDIT
    BINDINGS: ClassVar[list[BindingType]] = bindings(AUDIT)
    HANG = 4

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.deeds["audit.verify"] = lambda _: self.inquire()

    def question(self) -> tuple[Callable[[int], frames.ClientFrame], type[frames.AuditReply], str]:
        """Look through it."""
        return frames.ReadAudit, frames.AuditReply, "the audit log"

    def body(self, value: frames.AuditReply, width: int) -> list[Line]:
        """The page."""
        return audit_lines(value.state, width, self.shell.clock.zone)
