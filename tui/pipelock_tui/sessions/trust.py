"""A window that asks how far a session is trusted in spite of what it read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from pipelock.model import Session
from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.dialogs.window import Window
from pipelock_tui.sessions.lines import name_of
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["MINUTES", "Trust", "Trusted", "trust_lines"]

MINUTES = (5, 15, 60, 240)
"""How long it may hold."""
MAX_MATCH = 200
"""Characters of a pattern."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """What was chosen: patterns for the source and for the action, either may be empty for any; seconds."""

    source: str
    action: str
    seconds: float


def trust_lines(session: Session, minutes: int, said: str = "") -> list[Line]:
    """The window's text, not wrapped."""
    times = [
        (f"[{each} min]" if each == minutes else f" {each} min ", "badge" if each == minutes else "")
        for each in MINUTES
    ]
    lines: list[Line] = [
        line((" TRUST THIS TASK FOR A WHILE? ", "alarm"), f"  {name_of(session)}"),
        (),
        line("What it read from the source below no longer makes its actions stricter, until the time is over or a"),
        line("new task begins. Scanners, rules and the kill switch judge as before."),
        (),
        line(("  for     ", "dim"), *times, ("   ↑ ↓", "key")),
        line(("↵", "key"), " trusts, ", ("tab", "key"), " goes to the other field, ", ("esc", "key"), " leaves it"),
    ]
    if said:
        lines.append(line((said, "warn")))
    return lines


class Trust(Window[Trusted]):
    """Gives what is trusted, `None` where nothing is to be done. `now` gives monotonic seconds."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it", show=False),
        Binding("down", "longer(1)", "Longer", show=False, priority=True),
        Binding("up", "longer(-1)", "Shorter", show=False, priority=True),
    ]

    def __init__(self, session: Session, source: str, now: Callable[[], float]) -> None:
        super().__init__()
        self._session = session
        self._source = source
        self._now = now
        self._since = now()
        self._place = 0

    def compose(self) -> ComposeResult:
        """The text, a field for the source and one for the action."""
        with Vertical(classes="dialog"):
            yield Page()
            for name, value, hint in (
                ("trust-source", self._source, "which sources: host or URL, * in it for anything; empty for any"),
                ("trust-action", "", "which actions: POST, or POST api.example.com/*; empty for any"),
            ):
                entry = Input(value, placeholder=hint, max_length=MAX_MATCH, id=name, compact=True)
                entry.cursor_blink = False
                yield entry

    def on_mount(self) -> None:
        """Write the text."""
        self._write("")
        self.query_one("#trust-source", Input).focus()

    def action_longer(self, step: int) -> None:
        """Choose another time."""
        self._place = min(max(self._place + step, 0), len(MINUTES) - 1)
        self._write("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Trust it, if both fields say something."""
        event.stop()
        source = self.query_one("#trust-source", Input).value.strip()
        action = self.query_one("#trust-action", Input).value.strip()
        if self._now() - self._since < ARM_DELAY:
            self._write("Key ignored: this window had only just appeared. Press it again.")
        elif not source and not action:
            self._write("Say which sources, which actions, or both: trusting everything is not offered.")
        else:
            self.dismiss(Trusted(source, action, MINUTES[self._place] * 60.0))

    def action_leave(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)

    def _write(self, said: str) -> None:
        self.query_one(Page).show(trust_lines(self._session, MINUTES[self._place], said))
