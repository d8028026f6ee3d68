"""Whether the operator works on a prompt, and telling the daemon so, that its countdown stands still meanwhile."""

from __future__ import annotations

from pipelock.control import frames
from pipelock.control.aio import ControlError
from pipelock_tui.views import Shell

__all__ = ["LOOK", "Attention"]

LOOK = 5.0
"""Seconds between two words to the daemon about the same prompt; each stops its countdown for ten."""


class Attention:
    """Counts only what the operator does: a prompt that is merely on the screen runs out."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._told: dict[str, float] = {}
        self._held = ""

    def look(self) -> None:
        """The operator did something with the chosen prompt."""
        prompt = self._shell.board.desk.chosen
        if prompt is not None and not prompt.state(self._shell.clock.wall()):
            self._tell(prompt.pending.id)

    def hold(self, pending_id: str) -> None:
        """A window or an editor is open for this prompt from now on."""
        self._held = pending_id
        self._tell(pending_id)

    def release(self) -> None:
        """It is closed."""
        self._held = ""

    def tick(self) -> None:
        """A second went by."""
        if self._held:
            self._tell(self._held)

    def _tell(self, pending_id: str) -> None:
        now = self._shell.clock.monotonic()
        self._told = {key: at for key, at in self._told.items() if now - at < LOOK}
        if self._shell.board.connection.may_decide and pending_id not in self._told:
            self._told[pending_id] = now
            self._shell.start(self._send(pending_id), "look")

    async def _send(self, pending_id: str) -> None:
        try:
            await self._shell.link.ask(lambda number: frames.LookAt(number, pending_id), frames.Ok, 5.0)
        except ControlError:
            # Nothing is lost but time: the countdown on the screen goes on, as everybody can see.
            return
