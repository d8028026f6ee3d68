"""From a refused row to a suppression: propose, show, apply."""

from __future__ import annotations

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.model import Fix, Record
from pipelock_tui.traffic.fix import FixDialog
from pipelock_tui.views import View

__all__ = ["FIX_SECONDS", "Fixes"]

FIX_SECONDS = 30.0
"""How long a proposal is waited for: weeks of decisions are judged again for it."""


class Fixes:
    """What `traffic.fix` does, for one view."""

    def __init__(self, view: View) -> None:
        self._view = view

    def propose(self, record: Record | None) -> None:
        """Open the window and ask for a proposal."""
        if record is None:
            return
        view, action_id = self._view, record.action.id
        clock = view.shell.clock

        def ask(finding: int, days: int) -> None:
            def take(reply: frames.FixReply) -> None:
                window.show(reply.fix)

            def fail(error: ControlError) -> None:
                window.fail(error.message)

            view.ask(
                lambda number: frames.ProposeFix(number, action_id, finding, days),
                frames.FixReply,
                take,
                fail,
                group="fix",
                timeout=FIX_SECONDS,
            )

        window = FixDialog(ask, record.decision.findings, clock.monotonic, clock.zone)
        view.shell.cover(window, self._apply)

    def _apply(self, fix: Fix | None) -> None:
        if fix is None:
            return
        view = self._view

        def take(reply: frames.Ok) -> None:
            view.shell.say(reply.detail or "Written to suppressions.yaml and in force.", "information")

        def fail(error: ControlError) -> None:
            view.shell.say(f"Not written: {error.message}", "error")

        objection = view.board.connection.objection
        if objection:
            view.shell.say(objection, "error")
            return
        view.ask(
            lambda number: frames.ApplyFix(number, fix.id), frames.Ok, take, fail, group="apply", timeout=FIX_SECONDS
        )
