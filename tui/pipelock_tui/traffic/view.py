"""Decisions as they are made, those of the past, and one of them in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.model import Record, Verdict
from pipelock_tui.actions import Action, bindings, key_names
from pipelock_tui.board import Change
from pipelock_tui.explain import LABEL
from pipelock_tui.messages import Beyond, FilterChanged, FilterClosed, Opened
from pipelock_tui.rows import Row
from pipelock_tui.text import Line, line
from pipelock_tui.traffic.actions import ACTIONS, TABS
from pipelock_tui.traffic.exchange import Exchange, action_of, exchange_of
from pipelock_tui.traffic.fixes import Fixes
from pipelock_tui.traffic.history import PAGE, Search
from pipelock_tui.traffic.tabs import page_lines, tab_line
from pipelock_tui.traffic.taking import Taking
from pipelock_tui.views import Shell, View
from pipelock_tui.widgets.decisions import Decisions
from pipelock_tui.widgets.filter_line import FilterLine
from pipelock_tui.widgets.listhead import ListHead
from pipelock_tui.widgets.listing import Listing
from pipelock_tui.widgets.paint import Page
from pipelock_tui.widgets.split import Drawn

__all__ = ["NEAR", "TrafficView"]

NEAR = 20
"""So many rows before the oldest one that was found the next page is asked for."""
SEARCH_SECONDS = 15.0
"""How long a page of the history is waited for."""


class TrafficView(View):
    """The live list follows until the operator moves. A search of the history takes its place until it is closed."""

    NAME: ClassVar[str] = "traffic"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    NOTES: ClassVar[tuple[str, ...]] = (
        "A search of the history takes the list's place; esc closes it. Moving up beyond the oldest row does it too.",
        "In the filter: tab completes fields and their values, up and down bring back what you kept before.",
        "Secrets are masked in whatever is copied or written; bodies are not kept.",
    )

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.add_class("split", "asked")
        zone = shell.clock.zone
        self._tab = TABS[2]
        self._viewing: Row | None = None
        self._exchange: Exchange | None = None
        self._search: Search | None = None
        self._head = ListHead()
        self._list = Decisions(self.board.journal, zone)
        self._found_head = Drawn(self._found_lines)
        self._found = Listing(id="found")
        self._tabs = Drawn(self._tab_lines)
        self._page = Page(hang=LABEL, id="traffic-page")
        self._filter = FilterLine()
        fixes, taking = Fixes(self), Taking(self)
        self.deeds |= {
            "traffic.filter": self._open_filter,
            "traffic.follow": lambda _: self._follow(),
            "traffic.search": self._start_search,
            "traffic.fix": lambda _: fixes.propose(self.record),
            "traffic.tab_next": lambda _: self._turn(1),
            "traffic.tab_previous": lambda _: self._turn(-1),
            "traffic.copy": lambda _: taking.copy(self.record),
            "traffic.export": lambda form: taking.export(self.exchange, form),
        }

    def compose(self) -> ComposeResult:
        """List or what was found, detail, filter."""
        with Vertical(classes="upper"):
            yield self._head
            yield self._list
            yield self._found_head
            yield self._found
        with Vertical(classes="lower"):
            yield self._tabs
            yield self._page
        yield self._filter

    def on_mount(self) -> None:
        """The live list first."""
        self._show_lists()

    @property
    def record(self) -> Record | None:
        """The decision at the cursor."""
        if self._search is not None:
            return self._search.record(self._found.key)
        row = self._list.selected
        return row.record if row is not None else None

    @property
    def exchange(self) -> Exchange | None:
        """The decision at the cursor with what belongs to it."""
        record = self.record
        return exchange_of(record, self.board.journal.rows()) if record is not None else None

    def objection(self, action_id: str) -> str:
        """What is done to a row needs one, and for a fix one that was refused."""
        if action_id in {"traffic.filter", "traffic.search"}:
            return ""
        if action_id == "traffic.follow":
            return "The past does not move on: close the history first." if self._search is not None else ""
        if action_id in {"traffic.tab_next", "traffic.tab_previous"}:
            return "" if self._viewing is not None else "No row is open."
        record = self.record
        if record is None:
            return "No decision is chosen."
        if action_id == "traffic.fix" and record.decision.verdict is not Verdict.BLOCK:
            return "It was not refused: there is nothing to fix."
        return ""

    # -- what is shown ---------------------------------------------------------------------------------------------

    def take_focus(self) -> None:
        """The list works the keys."""
        (self._list if self._search is None else self._found).focus()

    def absorb(self, change: Change) -> None:
        """Show the new rows, also in what is open."""
        if not change.rows:
            return
        self._list.grown(change.dropped)
        if self._exchange is not None:
            wanted = self._exchange.chosen.action.id
            if any(action_of(row) == wanted for row in change.rows):
                self._exchange = exchange_of(self._exchange.chosen, self.board.journal.rows())

    def refresh_view(self) -> None:
        """Bring heads and detail in line."""
        journal = self.board.journal
        self._head.update(
            following=self._list.following,
            place=self._list.cursor + 1 if len(journal) else 0,
            shown=len(journal),
            total=journal.total,
            wanted=journal.filter.source,
        )
        self._list.say(self._empty())
        if self._search is not None:
            self._found.show(self._search.entries(self.shell.clock.zone), empty=self._nothing(self._search))
            self._found_head.redraw()
        if self._viewing is not None:
            self._tabs.redraw()
            self._page.show(self._detail(self._viewing))

    def _empty(self) -> str:
        board = self.board
        if board.journal.total:
            return f"None of {board.journal.total} rows is shown by the filter."
        if not board.connection.up:
            return board.connection.objection
        return "Nothing was decided yet. What agents send through the daemon appears here."

    def _nothing(self, search: Search) -> str:
        if search.error:
            return f"✗ {search.error}"
        return "… the history is being searched" if search.busy else "Nothing of the kind is in the history."

    def _detail(self, row: Row) -> list[Line]:
        if row.record is None or self._exchange is None:
            return [line((row.text, row.role))]
        status = self.board.status
        return page_lines(self._exchange, self._tab, self.shell.clock.zone, status.audit_path if status else "")

    def _tab_lines(self, width: int) -> list[Line]:
        names = key_names(ACTIONS, self.shell.keys)
        keys = f"{names['traffic.tab_previous']} {names['traffic.tab_next']}"
        return [tab_line(self._tab, width, keys=keys)] if self._exchange is not None else []

    def _found_lines(self, width: int) -> list[Line]:
        return [self._search.title(self._found.rank, width)] if self._search is not None else []

    def _show_lists(self) -> None:
        past = self._search is not None
        for widget, shown in (
            (self._head, not past),
            (self._list, not past),
            (self._found_head, past),
            (self._found, past),
        ):
            widget.display = shown

    def _turn(self, step: int) -> None:
        self._tab = TABS[(TABS.index(self._tab) + step) % len(TABS)]
        self._page.scroll_to(y=0, animate=False, immediate=True)
        self.shell.draw()

    def _open(self, row: Row) -> None:
        if row is not self._viewing:
            self._viewing = row
            self._exchange = exchange_of(row.record, self.board.journal.rows()) if row.record is not None else None
            self._page.scroll_to(y=0, animate=False, immediate=True)
        self.add_class("detailed")
        self._keep_focus()

    def on_resize(self) -> None:
        """A detail that takes the list's place takes its keys."""
        self._keep_focus()

    def _keep_focus(self) -> None:
        if self.is_short and self._viewing is not None and not self._page.has_focus:
            self.call_after_refresh(self.hand_over, self._page)

    def back(self) -> bool:
        """Close the detail, then the history."""
        if self._viewing is not None:
            self._viewing = self._exchange = None
            self.remove_class("detailed")
        elif self._search is not None:
            self._search = None
            self._show_lists()
        else:
            return False
        # What was hidden can have the focus only when it is laid out again.
        self.call_after_refresh(self.take_focus)
        return True

    def _follow(self) -> None:
        self._list.action_toggle_follow()

    def on_opened(self, message: Opened) -> None:
        """The cursor moved in the live list, or the detail was asked for."""
        message.stop()
        row = self._list.selected
        if row is not None and (message.shown or self._viewing is not None):
            self._open(row)
        self.shell.draw()

    def on_beyond(self, message: Beyond) -> None:
        """The oldest row in memory was passed: the history has older ones."""
        message.stop()
        journal = self.board.journal
        if self._search is None and self.board.connection.up:
            moment = datetime.fromtimestamp(journal.row(0).at, UTC).isoformat(timespec="seconds")
            query = f"({journal.filter.source}) before:{moment}" if journal.filter.source else f"before:{moment}"
            self._start_search(query)

    # -- filter and history ----------------------------------------------------------------------------------------

    def _open_filter(self, query: str) -> None:
        self._filter.open(query)

    def on_filter_changed(self, message: FilterChanged) -> None:
        """Apply a filter to the live list; the history is searched when it is kept."""
        message.stop()
        self._list.apply(message.wanted)
        self.shell.draw()

    def on_filter_closed(self, message: FilterClosed) -> None:
        """Go back to the list; where the history is shown, search it anew."""
        message.stop()
        self.board.desk.rearm(self.shell.clock.monotonic())
        if self._search is not None and self._search.query != self.board.journal.filter.source:
            self._start_search("")
        self.take_focus()
        self.shell.draw()

    def _start_search(self, query: str) -> None:
        """Search the history with `query`, or with the filter of the live list."""
        self.back_to_list()
        self._search = Search(query or self.board.journal.filter.source)
        self._show_lists()
        self.call_after_refresh(self.take_focus)
        self._more()
        self.shell.draw()

    def back_to_list(self) -> None:
        """Close the detail, if one is open."""
        if self._viewing is not None:
            self.back()

    def _more(self) -> None:
        """Ask for the next older page of the search."""
        search = self._search
        if search is None:
            return
        search.busy = True

        def take(reply: frames.HistoryReply) -> None:
            first = not len(search)
            search.take(reply.page)
            if first and search is self._search:
                # The newest of them is what follows on what was seen before; older ones are above it.
                self._found.show(search.entries(self.shell.clock.zone), key=search.newest)

        def fail(error: ControlError) -> None:
            search.busy, search.error = False, error.message

        def make(number: int) -> frames.SearchHistory:
            return frames.SearchHistory(number, search.query, search.before, PAGE)

        self.ask(make, frames.HistoryReply, take, fail, group="history", timeout=SEARCH_SECONDS)

    def on_listing_moved(self, message: Listing.Moved) -> None:
        """The cursor moved in what was found; near its old end the next page is asked for."""
        message.stop()
        search = self._search
        if search is None:
            return
        if self._found.rank <= NEAR and not search.complete and not search.busy:
            self._more()
        record = self.record
        if self._viewing is not None and record is not None:
            self._open(Row(record.at, record))
        self.shell.draw()

    def on_listing_entered(self, message: Listing.Entered) -> None:
        """The detail of something that was found was asked for."""
        message.stop()
        record = self.record
        if record is not None:
            self._open(Row(record.at, record))
        self.shell.draw()
