"""What the shell itself carries out: views, kill switch, reload, help, themes, the way back and out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.widget import Widget

from pipelock.control import frames
from pipelock.control.aio import ControlError
from pipelock_tui.actions import DIALOG, LIST, key_words
from pipelock_tui.catalogue import ACTIONS, PLACES, place_of
from pipelock_tui.dialogs.jump import Jump
from pipelock_tui.dialogs.manual import Manual, manual_lines
from pipelock_tui.dialogs.question import Question
from pipelock_tui.facts import kill_question
from pipelock_tui.text import line
from pipelock_tui.themes import NAMES, WORDS
from pipelock_tui.views import Deed
from pipelock_tui.widgets.command_line import CommandLine

if TYPE_CHECKING:
    from pipelock_tui.dashboard import Dashboard

__all__ = ["ShellDeeds"]

_REVIEW_TIMEOUT = 30.0
_MOST_WEAKER = 8


class ShellDeeds:
    """The shell as a performer of actions."""

    def __init__(self, shell: Dashboard) -> None:
        self._shell = shell
        self.deeds: dict[str, Deed] = {
            "shell.help": lambda _: self._help(),
            "shell.command": lambda _: self._command(),
            "shell.jump": lambda _: self._jump(),
            "shell.palette": lambda _: shell.action_command_palette(),
            "shell.refresh": lambda _: shell.poll(),
            "shell.theme": self._theme,
            "shell.back": lambda _: self._back(),
            "shell.quit": lambda _: shell.exit(),
            "kill.switch": self._kill,
            "config.reload": lambda _: shell.start(self._reload(), "reload"),
        }
        for place in PLACES:
            self.deeds[f"view.{place.name}"] = _shower(shell, place.name)

    def objection(self, action_id: str) -> str:
        """Nothing keeps the shell from what it does."""
        return ""

    def palette(self) -> Iterable[SystemCommand]:
        """All actions for the command palette; where one can't be done now, the reason stands with it."""
        shell = self._shell
        for action in ACTIONS:
            if LIST in action.views or DIALOG in action.views:
                continue
            elsewhere = bool(action.views) and shell.switcher.current not in action.views
            reason = "" if elsewhere else shell.objection(action)
            where = f"in {place.title}: " if elsewhere and (place := place_of(action.views[0])) else ""
            keys = key_words(shell.keys(action))
            title = action.label[0].upper() + action.label[1:] + (" (not now)" if reason else "")
            yield SystemCommand(
                title, reason or f"{where}{action.id}  {keys}".strip(), partial(shell.go_and_do, action)
            )

    def _help(self) -> None:
        shell = self._shell
        view = shell.switcher.view
        notes = view.NOTES if view is not None else ()
        shell.cover(Manual(manual_lines(shell.switcher.current, shell.keys, shell.objection, notes)))

    def _command(self) -> None:
        self._shell.screen_stack[0].query_one(CommandLine).open()
        self._shell.call_after_refresh(self._shell.draw)

    def _jump(self) -> None:
        shell = self._shell
        shell.cover(Jump(shell.switcher.parts()), self._land)

    def _land(self, target: Widget | str | None) -> None:
        if isinstance(target, str):
            self._shell.show(target)
        elif target is not None:
            target.focus()

    def _theme(self, argument: str) -> None:
        shell = self._shell
        if argument and argument not in WORDS:
            shell.say(f"no theme is called {argument}; there are {', '.join(WORDS)}", "error")
            return
        place = NAMES.index(shell.theme) if shell.theme in NAMES else -1
        shell.theme = NAMES[WORDS.index(argument) if argument else (place + 1) % len(NAMES)]
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
        """Reload; where the file gives up what is enforced now, ask first."""
        shell = self._shell
        try:
            reply = await shell.link.ask(frames.ReviewConfig, frames.ConfigReply, _REVIEW_TIMEOUT)
        except ControlError as error:
            shell.say(f"Not reloaded: the file could not be compared: {error.message}", "error")
            return
        if not reply.review.weaker:
            await self._put_in_force()
            return
        body = [line("The file enforces less than what is in force:"), ()]
        body += [line(("  ! ", "warn"), words) for words in reply.review.weaker[:_MOST_WEAKER]]
        if len(reply.review.weaker) > _MOST_WEAKER:
            body.append(line((f"  and {len(reply.review.weaker) - _MOST_WEAKER} more, see Config (7)", "dim")))

        def agreed(answer: bool | None) -> None:  # noqa: FBT001 - Textual's callback
            if answer:
                shell.start(self._put_in_force(), "reload")

        title = " RELOAD THE CONFIGURATION? "
        shell.cover(Question(title, body, "put it in force", shell.clock.monotonic), agreed)

    async def _put_in_force(self) -> None:
        try:
            done = await self._shell.link.reload()
        except ControlError as error:
            self._shell.say(f"Not reloaded: {error.message}", "error")
        else:
            self._shell.say(done.detail or "Configuration reloaded.")


def _shower(shell: Dashboard, name: str) -> Deed:
    return lambda _: shell.show(name)
