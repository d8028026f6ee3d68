"""The dashboard's shell: it listens to the daemon, shows one view at a time, and carries out actions by their names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

from textual._context import active_message_pump
from textual._path import CSSPathType
from textual.actions import ActionParseResult
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.events import Resize
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Input

from pipelock.control.aio import ControlError
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock_tui.actions import Action, Needs, bindings, key_names
from pipelock_tui.alerts import Alerts
from pipelock_tui.answering import Answering
from pipelock_tui.board import Board
from pipelock_tui.catalogue import ACTIONS, ANSWERS, SHELL, action_of, place_of
from pipelock_tui.commanding import CommandError, parse
from pipelock_tui.deeds import ShellDeeds
from pipelock_tui.dialogs.window import Palette
from pipelock_tui.facts import banner_lines
from pipelock_tui.footer import TYPING, hints_of
from pipelock_tui.inbox import PERIOD, Inbox
from pipelock_tui.keymap import resolve
from pipelock_tui.pending.editor import TerminalEditor
from pipelock_tui.ports import Clock, Watch
from pipelock_tui.settings import FILE, Settings
from pipelock_tui.switcher import Switcher
from pipelock_tui.themes import THEMES, choose
from pipelock_tui.views import Performer
from pipelock_tui.widgets.approvals import Approvals
from pipelock_tui.widgets.banner import Banner
from pipelock_tui.widgets.command_line import CommandLine
from pipelock_tui.widgets.header import Header
from pipelock_tui.widgets.hints import Hints
from pipelock_tui.widgets.paint import STYLES
from pipelock_tui.widgets.tabs import Tabs

__all__ = ["MAX_TOASTS", "POLL", "SHORT", "Dashboard"]

T = TypeVar("T")
POLL = 2.0
"""Seconds between two looks at the daemon's status and its list of prompts."""
SHORT = 30
"""Below this many lines a view's detail takes its list's place instead of half of it."""
MAX_TOASTS = 3
"""Remarks shown at once when a batch brings many; all of them are rows in the list."""
START = "overview"
"""The view that is shown first."""


class Base(Screen[None]):
    """The screen under all windows. The focus is the view's, never that of a line that is not even open."""

    AUTO_FOCUS = ""


class Dashboard(App[None]):
    """Shows one daemon and answers its prompts. All that it does to the daemon goes through `link`."""

    TITLE = "Pipelock"
    CSS_PATH: ClassVar[CSSPathType | None] = ["dashboard.tcss", "widgets/split.tcss"]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "f24"  # the palette is one of our own actions
    BINDINGS: ClassVar[list[BindingType]] = bindings((*ANSWERS, *SHELL))
    COMPONENT_CLASSES: ClassVar[set[str]] = set(STYLES)

    def __init__(
        self, link: Watch, clock: Clock | None = None, settings: Settings | None = None, home: Path | None = None
    ) -> None:
        # With NO_COLOR the terminal keeps its own two colours; Textual decides how to do that before there is a theme.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        self.animation_level = "none"
        self.link = link
        self.clock = clock or Clock()
        self.board = Board(self.clock)
        self.answering = Answering(self, TerminalEditor(self))
        self.shell_deeds = ShellDeeds(self)
        self.settings = settings or Settings()
        self.home = home or home_dir(os.environ)
        self._alerts = Alerts(self._to_terminal, os.environ, wanted=self.settings.notify)
        self._chosen_keys = resolve(ACTIONS, self.settings.keys)
        self._inbox = Inbox()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = choose(os.environ, self.settings.theme)
        self.set_keymap(self._chosen_keys.changed)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Names that the style sheet uses and foreign themes lack."""
        return {"quiet": "ansi_bright_black", "ink": "ansi_black"}

    def get_default_screen(self) -> Screen[None]:
        """The screen under all windows."""
        return Base(id="_default")

    def compose(self) -> ComposeResult:
        """Title, views' names, banner, the view, prompts, keys."""
        yield Header()
        yield Tabs()
        yield Banner()
        yield Switcher(self)
        yield Approvals(self.board.desk, self.clock, lambda: key_names(ANSWERS, self.keys))
        yield CommandLine()
        yield Hints()

    def on_mount(self) -> None:
        """Start listening."""
        self.switcher.go(self.settings.start or START)
        self.set_interval(PERIOD, self.flush)
        self.set_interval(1.0, self.tick)
        self.set_interval(POLL, self.poll)
        self.draw()
        self.run_worker(self._listen(), name="listen")
        for problem in self._complaints()[:MAX_TOASTS]:
            self.say(problem, "warning")

    def _complaints(self) -> list[str]:
        """What is wrong with the operator's file; the defaults hold instead."""
        told = list(self.settings.problems)
        for action_id, words in self._chosen_keys.problems:
            told.append(f"{FILE} line {self.settings.lines.get(action_id, 0)}: {action_id}: {words}")
        return told

    def on_resize(self, event: Resize) -> None:
        """Where there is no room for both, a detail takes its list's place."""
        self.screen_stack[0].set_class(event.size.height < SHORT, "short")
        self.call_after_refresh(self.draw)

    @property
    def switcher(self) -> Switcher:
        """Where the views are."""
        return self.screen_stack[0].query_one(Switcher)

    # -- what the daemon says ----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Follow the link for as long as the dashboard lives."""
        async for item in self.link.items():
            if self._inbox.put(item):
                self.flush()
                # A link with a backlog at hand does not wait between items, and the screen must come to its turn.
                await asyncio.sleep(0)

    def flush(self) -> None:
        """Show what came since the last time."""
        items = self._inbox.take()
        if not items or not self.is_running:
            return
        change = self.board.absorb(items)
        switcher = self.switcher
        for view in switcher.mounted:
            switcher.guard(view, lambda view=view: view.absorb(change))  # type: ignore[misc]
        for text, severity in change.remarks[-MAX_TOASTS:]:
            self.say(text, severity)
        if change.connected:
            self.poll()
        self._alert()
        self.draw()

    def tick(self) -> None:
        """Countdowns and ages go on."""
        self.board.desk.sweep(self.clock.monotonic())
        self._alert()
        self.answering.attention.tick()
        self.draw()

    def poll(self) -> None:
        """Look at the daemon's own view now and then, in case something slipped by."""
        if not self.board.connection.up:
            return
        self.run_worker(self._learn(), name="learn", group="learn", exclusive=True)
        view = self.switcher.view
        if view is not None:
            self.switcher.guard(view, view.poll)

    def _alert(self) -> None:
        self._alerts.look(self.board.desk, self.clock.monotonic(), focused=self.app_focus)

    def _to_terminal(self, sequence: str) -> None:
        """Hand a control sequence of our own to the terminal; nothing of it is drawn."""
        if self._driver is not None:
            self._driver.write(sequence)

    async def _learn(self) -> None:
        revision = self.board.desk.revision
        try:
            status, listed = await self.link.status(), await self.link.pending()
        except ControlError:
            # The link says itself when it is down; a daemon that is slow is asked again at the next poll.
            return
        self.board.learn(status, listed, revision)
        self.draw()

    # -- what the operator does --------------------------------------------------------------------------------------

    def action_do(self, action_id: str) -> None:
        """A key was pressed."""
        self.do(action_id)

    def do(self, action_id: str, argument: str = "") -> None:
        """Carry out an action, or say why not."""
        action = action_of(action_id)
        if action is None:
            self.say(f"there is no action {action_id}", "error")
            return
        reason = self.objection(action)
        performer = self._performer(action)
        if reason or performer is None:
            if action in ANSWERS:
                self.answering.say(reason)
            else:
                self.say(reason, "warning")
            return
        view = self.switcher.view
        if view is not None and performer is view:
            self.switcher.guard(view, lambda: view.deeds[action_id](argument))
        else:
            performer.deeds[action_id](argument)

    def go_and_do(self, action: Action, argument: str = "") -> None:
        """Carry out an action by its name; what belongs to another view goes there first."""
        if action.views and self.switcher.current not in action.views:
            self.show(action.views[0])
        self.call_after_refresh(self.do, action.id, argument)

    def on_command_line_typed(self, message: CommandLine.Typed) -> None:
        """Carry out a command line."""
        line = self.screen_stack[0].query_one(CommandLine)
        try:
            action, argument = parse(message.text, ACTIONS)
        except CommandError as error:
            line.objects(str(error))
            return
        line.close()
        self.go_and_do(action, argument)

    def on_command_line_left(self) -> None:
        """Keys typed into the line must not answer what waits."""
        self.board.desk.rearm(self.clock.monotonic())
        self.switcher.take_focus()
        self.draw()

    def objection(self, action: Action) -> str:
        """Why an action can't be carried out now, a sentence; empty where it can."""
        connection = self.board.connection
        performer = self._performer(action)
        if performer is None:
            where = [f"{place.title} ({place.number})" for name in action.views if (place := place_of(name))]
            return f"“{action.label}” belongs to {' or '.join(where) or 'a list that has the focus'}."
        if action.needs is not Needs.NOTHING and not connection.up:
            return connection.objection
        if action.needs is Needs.DECIDE and connection.objection:
            return connection.objection
        return performer.objection(action.id)

    def _performer(self, action: Action) -> Performer | None:
        view = self.switcher.view
        if action.views:
            return view if view is not None and view.NAME in action.views and action.id in view.deeds else None
        for performer in (self.answering, self.shell_deeds):
            if action.id in performer.deeds:
                return performer
        return None

    def waiting(self) -> bool:
        """Whether prompts are on the screen."""
        return len(self.board.desk) > 0

    def keys(self, action: Action) -> str:
        """The keys an action has, with commas between."""
        return self._chosen_keys.changed.get(action.id, action.keys)

    def action_command_palette(self) -> None:
        """Open the palette."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def on_command_palette_closed(self, message: Palette.Closed) -> None:
        """Keys typed into the palette must not answer what waits; what was chosen there is meant."""
        if not message.option_selected:
            self.board.desk.rearm(self.clock.monotonic())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the command palette offers: all that can be done now, by its words."""
        yield from self.shell_deeds.palette()

    # -- for the views -----------------------------------------------------------------------------------------------

    def say(self, text: str, severity: str = "information") -> None:
        """Tell the operator something."""
        self.board.remark(text, severity)
        level: SeverityLevel = "error" if severity == "error" else "warning" if severity == "warning" else "information"
        self.notify(escape(text, 500), severity=level, markup=False, timeout=6)

    def show(self, name: str) -> None:
        """Go to a view."""
        if place_of(name) is None:
            return
        switcher = self.switcher
        switcher.go(name)
        view = switcher.view
        if view is not None and self.board.connection.up:
            switcher.guard(view, view.poll)
        # The panel of prompts may have come or gone with the view.
        self.board.desk.rearm(self.clock.monotonic())
        self.draw()

    def cover(self, screen: Screen[T], then: Callable[[T | None], None] | None = None) -> None:
        """Open a window; keys pressed while it closes must not answer what it covered."""

        def uncovered(result: T | None) -> None:
            self.board.desk.rearm(self.clock.monotonic())
            if then is not None:
                then(result)
            self.draw()

        self.push_screen(screen, uncovered)

    def start(self, work: Awaitable[None], name: str) -> None:
        """Run something that takes a while."""
        self.run_worker(work, name=name)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Bring the frame and the view on the screen in line with the state."""
        if not self.is_running or not self.screen_stack:
            return
        board, base, switcher = self.board, self.screen_stack[0], self.switcher
        base.query_one(Header).update(board.connection, board.status, board.kill, board.desk.waiting)
        now = self.clock.wall()
        base.query_one(Banner).update(banner_lines(board.connection, board.status, board.kill, now, self.clock.zone))
        waiting = {"pending": str(board.desk.waiting)} if board.desk.waiting else {}
        base.query_one(Tabs).update(switcher.current, waiting)
        panel = base.query_one(Approvals)
        panel.update(board.connection.objection, self.answering.said, hidden=switcher.current == "pending")
        view = switcher.view
        if view is not None:
            switcher.guard(view, view.refresh_view)
        typing = isinstance(base.focused, Input)
        base.query_one(Hints).update(TYPING if typing else hints_of(self, switcher.current))

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key is bound to; it runs in the dashboard, whatever part of it the key belongs to."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except Exception as error:
            if not self._ends_alone(default_namespace, error):
                raise
            return True

    def _handle_exception(self, error: Exception) -> None:
        pump = active_message_pump.get(None)
        if not self._ends_alone(pump if isinstance(pump, DOMNode) else None, error):
            super()._handle_exception(error)

    def _ends_alone(self, node: DOMNode | None, error: Exception) -> bool:
        """End the view or the window that `node` is part of. What the shell raises ends the dashboard, as it must."""
        if node is None or not self.screen_stack:
            return False
        view = self.switcher.owner(node)
        window = next((each for each in self.screen_stack[1:] if each in node.ancestors_with_self), None)
        if view is not None:
            self.switcher.breaks(view, error)
        elif window is not None:
            self.say(f"A window broke, and nothing was done: {type(error).__name__}: {error}", "error")
            window.dismiss(None)
        return view is not None or window is not None
