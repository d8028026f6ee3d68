"""The sessions: a table, one of them in full, and what can be done to it."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.model import Session, SessionDetail, SessionVerb, Tier
from pipelock_tui.actions import Action, bindings
from pipelock_tui.board import Change
from pipelock_tui.dialogs.question import Question
from pipelock_tui.ports import Clock
from pipelock_tui.sessions.actions import ACTIONS
from pipelock_tui.sessions.acts import acted_words, question_of
from pipelock_tui.sessions.detail import detail_lines
from pipelock_tui.sessions.lines import SORTS, head_line, name_of, ordered, session_line, title_line
from pipelock_tui.sessions.trust import Trust, Trusted
from pipelock_tui.text import Line
from pipelock_tui.views import Shell
from pipelock_tui.widgets.listing import Entry, Listing
from pipelock_tui.widgets.split import Split

__all__ = ["SessionsView"]


class SessionsView(Split):
    """Kept fresh by what the daemon tells, and by asking every two seconds while it is on the screen."""

    NAME: ClassVar[str] = "sessions"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    NOTES: ClassVar[tuple[str, ...]] = (
        "Taint: U content from outside was read, P something private was touched, E something can leave.",
        "Walls of an agent that was launched in a sandbox: ▣ all stand, ◩ some only partly, □ some do not.",
        "Everything that is done to a session asks first, and says how many connections end.",
    )

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._sort = SORTS[0]
        self._asked = False
        self._error = ""
        self._detail: SessionDetail | None = None
        self._entries: list[Entry] = []
        self._listed = (-1, "")
        tier = partial(self._confirm, SessionVerb.AIRLOCK)
        self.deeds |= {
            "sessions.terminate": lambda _: self._confirm(SessionVerb.TERMINATE),
            "sessions.release": lambda _: tier(self._release_tier),
            "sessions.hard": lambda _: tier(Tier.HARD),
            "sessions.reset": lambda _: self._confirm(SessionVerb.RESET),
            "sessions.trust": lambda _: self._trust(),
            "sessions.task": lambda label: self._confirm(SessionVerb.TASK, label=label),
            "sessions.sort": lambda _: self._next_order(),
            "sessions.detail": lambda _: self.other_part(),
        }

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor."""
        return self.board.session(self.list.key)

    @property
    def _release_tier(self) -> Tier:
        """From read only to observed; from observed to nothing at all."""
        session = self.chosen
        return Tier.SOFT if session is not None and session.tier.rank > Tier.SOFT.rank else Tier.NONE

    def objection(self, action_id: str) -> str:
        """Everything but the order of the table is done to a session."""
        if action_id in {"sessions.sort", "sessions.detail"}:
            return ""
        session = self.chosen
        if session is None:
            return "No session is chosen."
        if action_id == "sessions.release" and session.tier is Tier.NONE:
            return "It is not in the airlock."
        if action_id == "sessions.hard" and session.tier.rank >= Tier.HARD.rank:
            return f"It is closed in already: {session.tier.value}."
        return ""

    # -- what is shown ---------------------------------------------------------------------------------------------

    def head_lines(self, width: int) -> list[Line]:
        """How many sessions there are, and the columns."""
        count = len(self.board.sessions)
        return [title_line(count, self._sort, width, note=self._error), head_line(width - 1)]

    def refresh_view(self) -> None:
        """Show what the board knows."""
        now = self.shell.clock.wall()
        wanted = (self.board.sessions_version, self._sort)
        if self._listed != wanted:
            rows = ordered(self.board.sessions, self._sort)
            self._entries = [Entry(row.key, partial(_row, row, self.shell.clock)) for row in rows]
            self._listed = wanted
        self.list.show(self._entries, empty="No session yet." if self._asked else "")
        self.head.redraw()
        session = self.chosen
        if session is None:
            hint = "Whoever talks through the daemon appears here."
            self.tell("", self.nothing(self._asked, "who talks", "No session", hint))
            return
        detail = self._detail if self._detail is not None and self._detail.session.key == session.key else None
        width = self.page.size.width or 80
        self.tell(session.key, detail_lines(session, detail, now, self.shell.clock.zone, width))

    def absorb(self, change: Change) -> None:
        """What is known of the chosen session in full is old as soon as it changed."""
        if change.connected:
            self._asked = False
        if self.list.key in change.sessions and self.display and self.board.connection.up:
            self._inspect()

    def poll(self) -> None:
        """Ask for the list, and for the chosen one in full."""
        self.run_worker(self._learn(), name="sessions-list", group="sessions-list", exclusive=True)
        self._inspect()

    async def _learn(self) -> None:
        try:
            sessions = await self.shell.link.sessions()
        except ControlError as error:
            self._error = f"not told: {error.message}"
        else:
            self._asked, self._error = True, ""
            self.board.learn_sessions(sessions)
        self.shell.draw()
        if self._detail is None:
            self._inspect()

    def _inspect(self) -> None:
        key = self.list.key
        if not key:
            return

        def take(reply: frames.SessionReply) -> None:
            self._detail = reply.detail

        def fail(error: ControlError) -> None:
            # Whoever is gone from the daemon's table keeps the row until the list is asked for again.
            self._error = f"{key}: {error.message}"

        self.ask(lambda number: frames.InspectSession(number, key), frames.SessionReply, take, fail, group="inspect")

    def on_listing_moved(self, message: Listing.Moved) -> None:
        """Another session is chosen."""
        super().on_listing_moved(message)
        if self.board.connection.up:
            self._inspect()

    # -- what is done ----------------------------------------------------------------------------------------------

    def _next_order(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self.shell.draw()

    def _confirm(self, verb: SessionVerb, tier: Tier = Tier.NONE, label: str = "") -> None:
        session = self.chosen
        if session is None:
            return
        title, body, offer = question_of(session, verb, tier)

        def take(agreed: bool | None) -> None:  # noqa: FBT001 - the window's answer
            if agreed:
                self._act(session, verb, tier=tier, label=label)

        self.shell.cover(Question(title, body, offer, self.shell.clock.monotonic), take)

    def _trust(self) -> None:
        session = self.chosen
        if session is None:
            return
        detail = self._detail if self._detail is not None and self._detail.session.key == session.key else None
        source = detail.sources[0] if detail is not None and detail.sources else ""

        def take(trusted: Trusted | None) -> None:
            if trusted is not None:
                self._act(session, SessionVerb.TRUST, trusted=trusted)

        self.shell.cover(Trust(session, source, self.shell.clock.monotonic), take)

    def _act(
        self,
        session: Session,
        verb: SessionVerb,
        *,
        tier: Tier = Tier.NONE,
        label: str = "",
        trusted: Trusted | None = None,
    ) -> None:
        until = self.shell.clock.wall() + trusted.seconds if trusted is not None else 0.0

        def make(number: int) -> frames.ActOnSession:
            return frames.ActOnSession(
                id=number,
                key=session.key,
                verb=verb,
                tier=tier,
                label=label,
                source_match=trusted.source if trusted is not None else "",
                action_match=trusted.action if trusted is not None else "",
                expires_at=until,
            )

        def take(reply: frames.ActedReply) -> None:
            self.shell.say(acted_words(session, reply.acted), "information")
            self.poll()

        def fail(error: ControlError) -> None:
            self.shell.say(f"Not done to {name_of(session)}: {error.message}", "error")

        self.ask(make, frames.ActedReply, take, fail, group="act")


def _row(session: Session, clock: Clock, width: int, selected: bool) -> Line:  # noqa: FBT001 - Entry's signature
    return session_line(session, width, clock.wall(), selected=selected)
