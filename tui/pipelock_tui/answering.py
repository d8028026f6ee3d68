"""Answers to prompts: what the keys of the panel do, in every view."""

from __future__ import annotations

from pipelock.control.aio import ControlError
from pipelock.model import Answer, AnswerWord, Lifetime, Pending, Scope
from pipelock_tui.dialogs.note import Note
from pipelock_tui.views import Deed, Shell

__all__ = ["Answering"]


class Answering:
    """Carries out the answers. `said` is the latest word to the operator about a key."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.said = ""
        self.deeds: dict[str, Deed] = {
            "answer.once": lambda _: self._answer(Answer(AnswerWord.ALLOW)),
            "answer.session": lambda _: self._answer(
                Answer(AnswerWord.ALLOW, scope=Scope.PAYLOAD, lifetime=Lifetime.SESSION)
            ),
            "answer.deny": lambda _: self._answer(Answer(AnswerWord.DENY)),
            "answer.note": self._note,
            "answer.previous": lambda _: self._choose(-1),
            "answer.next": lambda _: self._choose(1),
            "answer.view": lambda _: self._shell.show("pending"),
        }

    def objection(self, action_id: str) -> str:
        """Why this answer can't be given now."""
        if action_id in {"answer.previous", "answer.next", "answer.view"}:
            return ""
        desk, clock = self._shell.board.desk, self._shell.clock
        return desk.objection(clock.monotonic(), clock.wall())

    def say(self, text: str) -> None:
        """Tell the operator about a key: in the panel, or where it is closed, at the edge of the screen."""
        self.said = text
        if text and not len(self._shell.board.desk):
            self._shell.say(text, "warning")
        self._shell.draw()

    def _choose(self, step: int) -> None:
        self._shell.board.desk.move(step, self._shell.clock.monotonic())
        self.say("")

    def _note(self, argument: str) -> None:
        prompt = self._shell.board.desk.chosen
        if prompt is None:
            return
        pending = prompt.pending

        def deny(note: str | None) -> None:
            if note is not None:
                self._start(pending, Answer(AnswerWord.DENY, note=note))

        if argument:
            deny(argument)
        else:
            self._shell.cover(Note(pending), deny)

    def _answer(self, answer: Answer) -> None:
        prompt = self._shell.board.desk.chosen
        if prompt is not None:
            self._start(prompt.pending, answer)

    def _start(self, pending: Pending, answer: Answer) -> None:
        self._shell.board.desk.send(pending.id, answer)
        self.say("")
        self._shell.start(self._send(pending, answer), "answer")

    async def _send(self, pending: Pending, answer: Answer) -> None:
        desk, clock = self._shell.board.desk, self._shell.clock
        try:
            done = await self._shell.link.answer(pending.id, answer, pending.binding)
        except ControlError as error:
            if error.code in {"stale", "not_found"}:
                desk.stale(pending.id, f"not answered: {error.message}", clock.monotonic())
            else:
                desk.unsend(pending.id)
            self.say(f"#{pending.id} was not answered: {error.message}")
        else:
            desk.answered(pending.id, answer, clock.monotonic(), grant=done.grant, count=done.count)
            twins = f" ({done.count} requests)" if done.count > 1 else ""
            self.say(f"#{pending.id} is {desk.last.words if desk.last else 'answered'}{twins}.")
