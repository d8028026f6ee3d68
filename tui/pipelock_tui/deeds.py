"""What the shell itself carries out: views, kill switch, reload, help, themes, the way back and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from pipelock.control.aio import ControlError
from pipelock_tui.actions import DIALOG, LIST, key_words
from pipelock_tui.catalogue import ACTIONS, PLACES
from pipelock_tui.dialogs.manual import Manual
from pipelock_tui.dialogs.question import Question
from pipelock_tui.facts import kill_question
from pipelock_tui.themes import NAMES
from pipelock_tui.views import Deed

if TYPE_CHECKING:
    from pipelock_tui.dashboard import Dashboard

__all__ = ["ShellDeeds"]


class ShellDeeds:
    """The shell as a performer of actions."""

    def __init__(self, shell: Dashboard) -> None:
        self._shell = shell
        self.deeds: dict[str, Deed] = {
            "shell.help": self._help,
            "shell.palette": lambda _: shell.action_command_palette(),
            "shell.refresh": lambda _: shell.poll(),
            "shell.theme": self._theme,
            "shell.back": lambda _: self._back(),
            "shell.quit": lambda _: shell.exit(),
            "kill.switch": self._kill,
            "config.reload": lambda _: shell.start(self._reload(), "reload"),
        }
        for place in PLACES:
            self.deeds[f"view.{place.name}"] = lambda _, name=place.name: shell.show(name)

    def objection(self, action_id: str) -> str:
        """Nothing keeps the shell from what it does."""
        return ""

    def palette(self) -> Iterable[SystemCommand]:
        """All actions that can be done now, for the command palette."""
        for action in ACTIONS:
            if LIST in action.views or DIALOG in action.views or self._shell.objection(action):
                continue
            keys = key_words(self._shell.keys(action))
            help_text = f"{action.id}  {keys}".strip()
            title = action.label[0].upper() + action.label[1:]
            yield SystemCommand(title, help_text, lambda name=action.id: self._shell.do(name))

    def _help(self, argument: str) -> None:
        self._shell.cover(Manual())

    def _theme(self, argument: str) -> None:
        shell = self._shell
        name = next((each for each in NAMES if each.removeprefix("pipelock-") == argument or each == argument), "")
        if argument and not name:
            known = ", ".join(each.removeprefix("pipelock-") for each in NAMES)
            shell.say(f"no theme is called {argument}; there are {known}", "error")
            return
        place = NAMES.index(shell.theme) if shell.theme in NAMES else -1
        shell.theme = name or NAMES[(place + 1) % len(NAMES)]
        shell.say(f"theme {shell.theme.removeprefix('pipelock-')}")

    def _back(self) -> None:
        switcher = self._shell.switcher
        view = switcher.view
        closed = False

        def close() -> None:
            nonlocal closed
            closed = view is not None and view.back()

        if view is not None:
            switcher.guard(view, close)
        if not closed and switcher.before and switcher.before != switcher.current:
            self._shell.show(switcher.before)
        else:
            self._shell.draw()

    def _kill(self, argument: str) -> None:
        shell = self._shell
        question = kill_question(shell.board.kill, shell.board.status)
        wanted = {"": question.turns_on, "on": True, "off": False}.get(argument)
        if wanted is None:
            shell.say("the kill switch is turned on or off", "error")
            return
        if wanted is not question.turns_on:
            shell.say(f"the kill switch is {argument} already")
            return

        def move(agreed: bool | None) -> None:  # noqa: FBT001 - Textual's callback
            if agreed:
                shell.start(self._switch(active=question.turns_on), "kill")

        shell.cover(Question(question.title, list(question.body), question.offer, shell.clock.monotonic), move)

    async def _switch(self, *, active: bool) -> None:
        shell = self._shell
        try:
            shell.board.kill = await shell.link.kill(active)
        except ControlError as error:
            shell.say(f"The kill switch was not moved: {error.message}", "error")
        shell.draw()

    async def _reload(self) -> None:
        try:
            done = await self._shell.link.reload()
        except ControlError as error:
            self._shell.say(f"Not reloaded: {error.message}", "error")
        else:
            self._shell.say(done.detail or "Configuration reloaded.")
