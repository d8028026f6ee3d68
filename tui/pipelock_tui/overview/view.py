"""The first screen."""

from __future__ import annotations

from typing import ClassVar

from pipelock.control.aio import ControlError
from pipelock.model import Level, Tier
from pipelock_tui.actions import key_names
from pipelock_tui.catalogue import SHELL
from pipelock_tui.overview.lines import overview_lines
from pipelock_tui.pageview import PageView
from pipelock_tui.text import Line
from pipelock_tui.traffic.actions import ACTIONS as TRAFFIC

__all__ = ["OverviewView"]


class OverviewView(PageView):
    """How the daemon stands, at a glance."""

    NAME: ClassVar[str] = "overview"

    def lines(self, width: int) -> list[Line]:
        """The page."""
        keys = key_names((*SHELL, *TRAFFIC), self.shell.keys)
        return overview_lines(self.board, self.shell.clock.wall(), width, self.shell.clock.zone, keys=keys)

    def poll(self) -> None:
        """The suspicious sessions are named here, so they are asked for where the daemon counts any."""
        status = self.board.status
        counted = {**status.levels, **status.tiers} if status is not None else {}
        if any(count for name, count in counted.items() if name not in {Level.NORMAL, Tier.NONE}):
            self._ask_sessions()

    def _ask_sessions(self) -> None:
        self.run_worker(self._learn(), name="overview-sessions", group="overview-sessions", exclusive=True)

    async def _learn(self) -> None:
        try:
            self.board.learn_sessions(await self.shell.link.sessions())
        except ControlError:
            # The link says itself when it is down; the next poll asks again.
            return
        self.shell.draw()
