"""Rules, suppressions and grants: how often they met something, until when they hold, and how they are taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock.model import RuleKind, RuleRow
from pipelock_tui.actions import Action, bindings, key_names
from pipelock_tui.board import Change
from pipelock_tui.dialogs.asking import Asking
from pipelock_tui.dialogs.question import Question
from pipelock_tui.ports import Clock
from pipelock_tui.rules.actions import ACTIONS
from pipelock_tui.rules.lines import KINDS, detail_lines, head_line, kind_line, matching, rule_line, unreviewed_lines
from pipelock_tui.states import error_lines
from pipelock_tui.text import Line, line
from pipelock_tui.views import Shell
from pipelock_tui.widgets.listing import Entry
from pipelock_tui.widgets.split import Split

__all__ = ["MAX_RULES", "RulesView"]

MAX_RULES = 10_000
"""Rules that are listed; those that met something come first."""
CHANGE_SECONDS = 30.0
"""How long a change is waited for: it is answered when it is in force."""


class RulesView(Split):
    """Asked for anew every two seconds while it is on the screen."""

    NAME: ClassVar[str] = "rules"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    NOTES: ClassVar[tuple[str, ...]] = (
        "Grants and suppressions can be taken back here; rules stand in the configuration.",
        "What somebody else wrote into approvals.yaml is not in force before it was reviewed.",
    )

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._rows: tuple[RuleRow, ...] = ()
        self._kind: RuleKind | None = None
        self._word = ""
        self._asked = False
        self._error = ""
        self._by_key: dict[str, RuleRow] = {}
        self._entries: list[Entry] | None = None
        self.deeds |= {
            "rules.next_kind": lambda _: self._turn(1),
            "rules.previous_kind": lambda _: self._turn(-1),
            "rules.remove": lambda _: self._remove(),
            "rules.review": lambda _: self._review(),
            "rules.filter": self._filter,
        }

    @property
    def chosen(self) -> RuleRow | None:
        """The rule under the cursor."""
        return self._by_key.get(self.list.key)

    def objection(self, action_id: str) -> str:
        """Only what an operator added can be taken back here; only what somebody else changed can be reviewed."""
        if action_id == "rules.review":
            return "" if self.board.unreviewed else "approvals.yaml is as it was left: there is nothing to review."
        if action_id != "rules.remove":
            return ""
        row = self.chosen
        if row is None:
            return "No rule is chosen."
        if not row.id:
            return f"It comes from {row.source or 'the configuration'} and can't be taken back here."
        return ""

    # -- what is shown ---------------------------------------------------------------------------------------------

    def head_lines(self, width: int) -> list[Line]:
        """What somebody else changed, the lists, the columns."""
        keys = key_names(ACTIONS, self.shell.keys)["rules.review"]
        most = 4 if self.app.size.height < 30 else 12
        lines = unreviewed_lines(self.board.unreviewed, keys, most=most)
        if self._error:
            lines.append(line((f" ✗ not told: {self._error}", "warn")))
        return [*lines, kind_line(self._kind, self._rows, width, word=self._word), head_line(width - 1)]

    def refresh_view(self) -> None:
        """Show what was told last."""
        if self._entries is None:
            rows = matching(self._rows, self._kind, self._word)
            self._by_key = {_key(row): row for row in rows}
            self._entries = [Entry(key, partial(_row, row, self.shell.clock)) for key, row in self._by_key.items()]
        self.list.show(self._entries, empty="No rule of this kind." if self._asked else "")
        self.head.redraw()
        row = self.chosen
        if row is not None:
            self.tell(self.list.key, detail_lines(row, self.shell.clock.wall(), self.shell.clock.zone))
        elif self._error:
            self.tell("", error_lines("The rules could not be had", self._error))
        else:
            self.tell("", self.nothing(self._asked, "which rules there are", "No rule is chosen"))

    def absorb(self, change: Change) -> None:
        """Grants came or went: ask anew."""
        if change.grants and self.display and self.board.connection.up:
            self.poll()

    def poll(self) -> None:
        """Ask for the rules, and for the grants because of what somebody else changed."""
        self.run_worker(self._learn(), name="rules-list", group="rules-list", exclusive=True)

    async def _learn(self) -> None:
        link = self.shell.link
        rows: list[RuleRow] = []
        try:
            while len(rows) < MAX_RULES:
                reply = await link.ask(partial(frames.ListRules, offset=len(rows)), frames.RulesReply, 5.0)
                rows += reply.items
                if not reply.more or not reply.items:
                    break
            granted = await link.ask(frames.ListGrants, frames.GrantsReply, 5.0)
        except ControlError as error:
            self._error = error.message
        else:
            self._rows, self._asked, self._error, self._entries = tuple(rows), True, "", None
            self.board.learn_grants(granted.items, granted.unreviewed)
        self.shell.draw()

    # -- what is done ----------------------------------------------------------------------------------------------

    def _turn(self, step: int) -> None:
        self._kind, self._entries = KINDS[(KINDS.index(self._kind) + step) % len(KINDS)], None
        self.shell.draw()

    def _filter(self, word: str) -> None:
        def take(typed: str | None) -> None:
            if typed is not None:
                self._word, self._entries = typed, None
                self.shell.draw()

        if word:
            take(word)
        else:
            self.shell.cover(Asking(" SHOW RULES THAT HOLD ", "a word, empty for all", self._word), take)

    def _remove(self) -> None:
        row = self.chosen
        if row is None:
            return
        grant = row.kind is RuleKind.GRANT
        body = [line((row.name, "strong")), line((row.where or "anywhere", "dim")), ()]
        body.append(line("What it covered is asked about again." if grant else "What it excused is refused again."))
        title = " TAKE THIS ANSWER BACK? " if grant else " REMOVE THIS SUPPRESSION? "

        def take(agreed: bool | None) -> None:  # noqa: FBT001 - the window's answer
            if agreed:
                self._removed(row, grant=grant)

        self.shell.cover(Question(title, body, "take it back", self.shell.clock.monotonic), take)

    def _removed(self, row: RuleRow, *, grant: bool) -> None:
        def make(number: int) -> frames.RevokeGrant | frames.RemoveSuppression:
            return frames.RevokeGrant(number, row.id) if grant else frames.RemoveSuppression(number, row.id)

        self._change(make, f"{row.name}: taken back.")

    def _review(self) -> None:
        body = [*unreviewed_lines(self.board.unreviewed, "y", most=200)[1:], ()]
        body.append(line("Lines with + begin to hold, lines with - end. Take it over only if you know who wrote it."))

        def take(agreed: bool | None) -> None:  # noqa: FBT001 - the window's answer
            if agreed:
                self._change(frames.ReviewGrants, "approvals.yaml is taken over.")

        now = self.shell.clock.monotonic
        self.shell.cover(Question(" TAKE OVER approvals.yaml? ", body, "take it over", now), take)

    def _change(self, make: Callable[[int], frames.ClientFrame], said: str) -> None:
        def take(reply: frames.Ok) -> None:
            self.shell.say(reply.detail or said, "information")
            self.poll()

        def fail(error: ControlError) -> None:
            self.shell.say(f"Not done: {error.message}", "error")

        self.ask(make, frames.Ok, take, fail, group="change", timeout=CHANGE_SECONDS)


def _key(row: RuleRow) -> str:
    return f"{row.kind.value} {row.id} {row.name} {row.where} {row.action}"


def _row(row: RuleRow, clock: Clock, width: int, selected: bool) -> Line:  # noqa: FBT001 - Entry's signature
    return rule_line(row, width, clock.wall(), selected=selected)
