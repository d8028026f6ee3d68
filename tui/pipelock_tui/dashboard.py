"""The dashboard: keys and screens; what they mean is in the modules beside this one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.notifications import SeverityLevel
from textual.screen import Screen

from pipelock.control.aio import ControlError
from pipelock.model import AnswerWord, Pending, escape
from pipelock_tui.board import Board
from pipelock_tui.desk import Prompt
from pipelock_tui.dialogs.manual import Manual
from pipelock_tui.dialogs.note import Note
from pipelock_tui.dialogs.question import Question
from pipelock_tui.explain import detail_lines
from pipelock_tui.facts import banner_lines, kill_question
from pipelock_tui.inbox import PERIOD, Inbox
from pipelock_tui.journal import Journal
from pipelock_tui.messages import FilterChanged, Opened
from pipelock_tui.ports import Clock, Watch
from pipelock_tui.rows import Row
from pipelock_tui.themes import THEMES, choose
from pipelock_tui.widgets.approvals import Approvals
from pipelock_tui.widgets.banner import Banner
from pipelock_tui.widgets.decisions import Decisions
from pipelock_tui.widgets.filter_line import FilterLine
from pipelock_tui.widgets.header import Header
from pipelock_tui.widgets.hints import Hints
from pipelock_tui.widgets.listhead import ListHead
from pipelock_tui.widgets.paint import Page
from pipelock_tui.words import ANSWERED

__all__ = ["MAX_TOASTS", "POLL", "SHORT", "Dashboard"]

POLL = 2.0
"""Seconds between two looks at the daemon's status and its list of prompts."""
SHORT = 30
"""Below this many lines the detail takes the list's place instead of half of it."""
MAX_TOASTS = 3
"""Remarks shown at once when a batch brings many; all of them are rows in the list."""


class Dashboard(App[None]):
    """Shows one daemon and answers its prompts. All that it does to the daemon goes through `link`."""

    TITLE = "Pipelock"
    CSS_PATH = "dashboard.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer('once')", "Allow once", show=False),
        Binding("s", "answer('session')", "Allow for the session", show=False),
        Binding("d", "answer('deny')", "Deny", show=False),
        Binding("n", "note", "Deny with a note", show=False),
        Binding("left_square_bracket", "choose(-1)", "Previous prompt", show=False),
        Binding("right_square_bracket", "choose(1)", "Next prompt", show=False),
        Binding("v", "view", "View the prompt", show=False),
        Binding("K", "kill", "Kill switch", show=False),
        Binding("ctrl+r", "reload", "Reload the configuration", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("question_mark,f1", "manual", "Help", show=False),
        Binding("T", "next_theme", "Next theme", show=False),
        Binding("escape", "close_detail", "Close the detail", show=False),
        Binding("q", "quit", "Quit", show=False),
    ]

    def __init__(self, link: Watch, clock: Clock | None = None) -> None:
        # With NO_COLOR the terminal keeps its own two colours; Textual decides how to do that before there is a theme.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        self.animation_level = "none"
        self.link = link
        self.clock = clock or Clock()
        self.journal = Journal()
        self.board = Board(self.clock)
        self._inbox = Inbox()
        self._said = ""
        self._viewing: Row | Pending | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = choose(os.environ)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Names that the style sheet uses and foreign themes lack."""
        return {"quiet": "ansi_bright_black", "ink": "ansi_black"}

    def compose(self) -> ComposeResult:
        """Title, banner, list and detail, prompts, filter, keys."""
        yield Header()
        yield Banner()
        with Vertical(id="middle"):
            with Vertical(id="list"):
                yield ListHead()
                yield Decisions(self.journal, self.clock.zone)
            yield Page(hang=11, id="detail")
        yield Approvals(self.board.desk, self.clock)
        yield FilterLine()
        yield Hints()

    def on_mount(self) -> None:
        """Start listening."""
        self.query_one(Decisions).focus()
        self.set_interval(PERIOD, self.flush)
        self.set_interval(1.0, self.tick)
        self.set_interval(POLL, self.poll)
        self._draw()
        self.run_worker(self._listen(), name="listen")

    def on_resize(self, event: Resize) -> None:
        """Where there is no room for both, the detail takes the list's place."""
        self.screen_stack[0].set_class(event.size.height < SHORT, "short")
        self.call_after_refresh(self._draw)

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
        if change.rows:
            self._list.add(change.rows)
        for text, severity in change.remarks[-MAX_TOASTS:]:
            self._toast(text, severity)
        if change.connected:
            self._ask_daemon()
        self._draw()

    def tick(self) -> None:
        """Countdowns and the age of a lost connection go on."""
        swept = self.board.desk.sweep(self.clock.monotonic())
        if swept or len(self.board.desk) or self.board.connection.objection:
            self._draw()

    def poll(self) -> None:
        """Look at the daemon's own view now and then, in case something slipped by."""
        if self.board.connection.up:
            self._ask_daemon()

    def _ask_daemon(self) -> None:
        self.run_worker(self._learn(), name="learn", group="learn", exclusive=True)

    async def _learn(self) -> None:
        revision = self.board.desk.revision
        try:
            status, listed = await self.link.status(), await self.link.pending()
        except ControlError:
            # The link says itself when it is down; a daemon that is slow is asked again at the next poll.
            return
        self.board.learn(status, listed, revision)
        self._draw()

    # -- what the operator does --------------------------------------------------------------------------------------

    def action_answer(self, word: str) -> None:
        """Answer the chosen prompt."""
        prompt = self._answerable()
        if prompt is not None:
            self._answer(prompt.pending, AnswerWord(word), "")

    def action_note(self) -> None:
        """Deny the chosen prompt with a note."""
        prompt = self._answerable()
        if prompt is None:
            return
        pending = prompt.pending

        def deny(note: str | None) -> None:
            self.board.desk.rearm(self.clock.monotonic())
            if note is not None:
                self._answer(pending, AnswerWord.DENY, note)

        self.push_screen(Note(pending), deny)

    def action_choose(self, step: int) -> None:
        """Choose another prompt."""
        self.board.desk.move(step, self.clock.monotonic())
        self._say("")

    def action_view(self) -> None:
        """Show the chosen prompt in full."""
        prompt = self.board.desk.chosen
        if prompt is not None:
            self._open(prompt.pending)

    def action_kill(self) -> None:
        """Ask before the kill switch is moved."""
        objection = self.board.connection.objection
        if objection:
            self._toast(objection, "error")
            return
        question = kill_question(self.board.kill, self.board.status)

        def move(agreed: bool | None) -> None:  # noqa: FBT001 - Textual's callback
            self.board.desk.rearm(self.clock.monotonic())
            if agreed:
                self.run_worker(self._kill(active=question.turns_on), name="kill")

        self.push_screen(Question(question.title, list(question.body), question.offer, self.clock.monotonic), move)

    def action_reload(self) -> None:
        """Have the configuration read again."""
        objection = self.board.connection.objection
        if objection:
            self._toast(objection, "error")
        else:
            self.run_worker(self._reload(), name="reload")

    def action_filter(self) -> None:
        """Open the filter line with what was typed last."""
        self.query_one(FilterLine).open()
        self._draw()

    def action_manual(self) -> None:
        """Open the help."""
        self._cover(Manual())

    def action_next_theme(self) -> None:
        """Go through the themes."""
        names = [*(theme.name for theme in THEMES), "ansi-dark", "ansi-light"]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self._toast(f"theme {self.theme}", "information")

    def action_close_detail(self) -> None:
        """Close the detail pane."""
        if self._viewing is not None:
            self._viewing = None
            self.screen_stack[0].remove_class("detailed")
            self._list.focus()
            self._draw()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the command palette offers."""
        yield SystemCommand("Filter the list", "/", self.action_filter)
        yield SystemCommand("Follow the newest decision", "G", self._list.action_last)
        yield SystemCommand("View the chosen prompt", "v", self.action_view)
        yield SystemCommand("Kill switch", "K, asks first", self.action_kill)
        yield SystemCommand("Reload the configuration", "ctrl+r", self.action_reload)
        yield SystemCommand("Next colour theme", "T", self.action_next_theme)
        yield SystemCommand("Help", "? or F1", self.action_manual)
        yield SystemCommand("Quit", "q, the daemon goes on", self.action_quit)

    async def _kill(self, *, active: bool) -> None:
        try:
            self.board.kill = await self.link.kill(active)
        except ControlError as error:
            self._toast(f"The kill switch was not moved: {error.message}", "error")
        self._draw()

    async def _reload(self) -> None:
        try:
            done = await self.link.reload()
        except ControlError as error:
            self._toast(f"Not reloaded: {error.message}", "error")
        else:
            self._toast(done.detail or "Configuration reloaded.", "information")

    def _answerable(self) -> Prompt | None:
        """The chosen prompt if it may be answered now; else says why not."""
        desk = self.board.desk
        objection = desk.objection(self.clock.monotonic(), self.clock.wall())
        objection = (self.board.connection.objection if desk.chosen is not None else "") or objection
        if objection:
            self._say(objection)
            return None
        return desk.chosen

    def _answer(self, pending: Pending, word: AnswerWord, note: str) -> None:
        self.board.desk.send(pending.id, word)
        self._say("")
        self.run_worker(self._send_answer(pending, word, note), name="answer")

    async def _send_answer(self, pending: Pending, word: AnswerWord, note: str) -> None:
        desk = self.board.desk
        try:
            done = await self.link.answer(pending.id, word, note, pending.binding)
        except ControlError as error:
            if error.code in {"stale", "not_found"}:
                desk.stale(pending.id, f"not answered: {error.message}", self.clock.monotonic())
            else:
                desk.unsend(pending.id)
            self._say(f"#{pending.id} was not answered: {error.message}")
        else:
            desk.answered(pending.id, word, self.clock.monotonic())
            twins = f" ({done.count} requests)" if done.count > 1 else ""
            self._say(f"#{pending.id} {ANSWERED[word]}{twins}.")

    # -- drawing -----------------------------------------------------------------------------------------------------

    def on_filter_changed(self, message: FilterChanged) -> None:
        """Apply a filter."""
        self._list.apply(message.wanted)
        self._draw()

    def on_filter_closed(self) -> None:
        """Go back to the list."""
        self._list.focus()
        self.board.desk.rearm(self.clock.monotonic())
        self._draw()

    def on_opened(self, message: Opened) -> None:
        """The cursor moved, or the detail was asked for."""
        row = self._list.selected
        if row is not None and (message.shown or isinstance(self._viewing, Row)):
            self._open(row)
        self._draw_list_head()

    def _open(self, viewing: Row | Pending) -> None:
        if viewing is not self._viewing:
            self._viewing = viewing
            self._page.scroll_to(y=0, animate=False, immediate=True)
        self.screen_stack[0].add_class("detailed")
        self._draw()

    def _cover(self, screen: Screen[None]) -> None:
        """Open a window; keys pressed while it closes must not answer what it covered."""
        self.push_screen(screen, lambda _: self.board.desk.rearm(self.clock.monotonic()))

    def _say(self, text: str) -> None:
        self._said = text
        if text and not len(self.board.desk):
            self._toast(text, "warning")
        self._draw()

    def _toast(self, text: str, severity: str) -> None:
        level: SeverityLevel = "error" if severity == "error" else "warning" if severity == "warning" else "information"
        self.notify(escape(text, 500), severity=level, markup=False, timeout=6)

    @property
    def _list(self) -> Decisions:
        return self.screen_stack[0].query_one(Decisions)

    @property
    def _page(self) -> Page:
        return self.screen_stack[0].query_one("#detail", Page)

    def _draw(self) -> None:
        """Bring everything that is not the list in line with the state."""
        if not self.is_running:
            return
        board, base = self.board, self.screen_stack[0]
        base.query_one(Header).update(board.connection, board.status, board.kill, board.desk.waiting)
        now = self.clock.wall()
        base.query_one(Banner).update(banner_lines(board.connection, board.status, board.kill, now, self.clock.zone))
        base.query_one(Approvals).update(board.connection.objection, self._said)
        prompting = board.desk.chosen is not None
        objection = "not connected" if not board.connection.up else "" if board.connection.may_decide else "watch only"
        base.query_one(Hints).update(
            prompting=prompting,
            detail=self._viewing is not None,
            typing=base.query_one(FilterLine).display,
            objection=objection,
        )
        if self._viewing is not None:
            self._page.show(detail_lines(self._viewing, now, self.clock.zone))
        self._draw_list_head()

    def _draw_list_head(self) -> None:
        decisions = self._list
        self.screen_stack[0].query_one(ListHead).update(
            following=decisions.following,
            place=decisions.cursor + 1 if len(self.journal) else 0,
            shown=len(self.journal),
            total=self.journal.total,
            wanted=self.journal.filter.source,
        )
