"""The prompts: the list by host and program, and the chosen one with every answer that it can have."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.events import Key

from pipelock_tui.actions import Action, bindings, key_names
from pipelock_tui.pending.actions import ACTIONS, ANSWERS
from pipelock_tui.pending.choices import offers_of
from pipelock_tui.pending.lines import entries, prompt_lines, title_lines
from pipelock_tui.states import empty_lines, loading_lines
from pipelock_tui.text import Line
from pipelock_tui.views import Shell
from pipelock_tui.widgets.listing import Listing
from pipelock_tui.widgets.split import Split

__all__ = ["PendingView"]


class PendingView(Split):
    """The keys of the answers belong to the shell; here one chooses what they are for, and how far they reach."""

    NAME: ClassVar[str] = "pending"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    ALWAYS: ClassVar[bool] = True
    NOTES: ClassVar[tuple[str, ...]] = (
        "Answers have the scope in brackets. It is the narrowest again for the next prompt and in other views.",
        "Moving, typing and an open window stop the countdown for ten seconds each, ten minutes in all.",
        "u takes back what an answer would let through from now on; what went through already stays through.",
    )

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.deeds["pending.wider"] = lambda _: shell.answering.widen(1)
        self.deeds["pending.narrower"] = lambda _: shell.answering.widen(-1)
        self.deeds["pending.detail"] = lambda _: self.other_part()

    def objection(self, action_id: str) -> str:
        """Scopes need a prompt that has more than one."""
        if action_id not in {"pending.wider", "pending.narrower"}:
            return ""
        prompt = self.board.desk.chosen
        if prompt is None:
            return "Nothing waits for an answer."
        if len(offers_of(prompt.pending)) < 2:
            return "It can be answered only exactly as it is shown."
        return ""

    def closed(self) -> None:
        """Elsewhere the panel answers exactly what is shown."""
        while self.board.desk.widen(-1):
            pass

    def head_lines(self, width: int) -> list[Line]:
        """How much waits."""
        desk = self.board.desk
        return title_lines(desk.prompts, self.shell.clock.wall(), width, desk.overflow, self.shell.answering.said)

    def refresh_view(self) -> None:
        """Show the desk."""
        board, now = self.board, self.shell.clock.wall()
        desk = board.desk
        chosen = desk.chosen
        empty = "Nothing waits for you." if board.status is not None else "The daemon is being asked what waits…"
        self.list.show(entries(desk.prompts, now), key=chosen.key if chosen is not None else None, empty=empty)
        self.head.redraw()
        self.tell(chosen.key if chosen is not None else "", self._detail())

    def _detail(self) -> list[Line]:
        board, desk = self.board, self.board.desk
        if desk.chosen is None:
            if board.status is None and board.connection.up:
                return loading_lines("what waits")
            hint = "What asks appears here, and under every other view, the moment it is held."
            return empty_lines("Nothing waits for you", board.connection.objection or hint)
        names = key_names((*ANSWERS, *ACTIONS), self.shell.keys)
        clock = self.shell.clock
        return prompt_lines(
            desk.chosen, desk.offer, names, clock.wall(), clock.zone, objection=board.connection.objection
        )

    def on_listing_moved(self, message: Listing.Moved) -> None:
        """The operator chose another prompt."""
        message.stop()
        self.shell.answering.choose(message.key)

    def on_key(self, event: Key) -> None:
        """Whoever presses keys here is at work on the prompt, and its countdown waits."""
        self.shell.answering.attention.look()
