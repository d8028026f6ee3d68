"""Help for what is on the screen: its keys first, then all the others, with the reason where one is of no use now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pipelock_tui.actions import DIALOGS, LISTS, Action, key_words
from pipelock_tui.catalogue import ANSWERS, PLACES, SHELL, place_of
from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["Manual", "manual_lines"]

_KEY = 12
_STALE_NOTE = "A key that was pressed before its prompt appeared is ignored, and says so: answers count after 0.3 s."
_CLOSING_NOTE = """Closing is harmless: nothing is allowed by it. What waits goes on waiting until its deadline; \
what asks while no dashboard is open is treated as approvals.unattended says."""
_KEYS_NOTE = """Keys can be changed in dashboard.yaml in Pipelock's home: `keys:` and a line `id: key` for each, \
with the ids of this page."""
_NOTES = (_STALE_NOTE, _CLOSING_NOTE, _KEYS_NOTE)


def manual_lines(
    view: str,
    keys: Callable[[Action], str],
    objection: Callable[[Action], str],
    notes: Iterable[str] = (),
) -> list[Line]:
    """The page, not wrapped. `notes` are the view's own; `objection` says why an action is of no use now."""
    place = place_of(view)
    lines: list[Line] = [line((" HELP ", "badge"), ("  esc closes", "dim"))]

    def section(title: str, actions: Iterable[Action], *, judged: bool = True) -> None:
        rows = [action for action in actions if keys(action) or action.aliases]
        if not rows:
            return
        lines.extend([(), line((title, "title"))])
        for action in rows:
            words = key_words(keys(action)) or f":{action.aliases[0]}"
            reason = objection(action) if judged else ""
            parts = [(f"  {words:<{_KEY - 2}} ", "dim" if reason else "key"), (action.label, "dim" if reason else "")]
            parts.append((f"  {action.id}", "dim"))
            if action.verb:
                parts.append((f"  pipelock {action.verb}", "note"))
            lines.append(line(*parts))
            if reason:
                lines.append(line((" " * (_KEY + 1) + f"not now: {reason}", "warn")))

    if place is not None:
        section(place.title.upper(), place.actions)
        lines.extend(line((note, "dim")) for note in notes)
    section("LISTS AND PAGES", LISTS, judged=False)
    section("WHAT WAITS FOR YOU", ANSWERS)
    section("EVERYWHERE", SHELL)
    section("QUESTIONS", DIALOGS, judged=False)
    others = [action for other in PLACES if other is not place for action in other.actions]
    section("IN OTHER VIEWS", others, judged=False)
    lines.append(())
    lines.extend(line((note, "dim")) for note in _NOTES)
    return lines


class Manual(Window[None]):
    """Shows lines that were made by `manual_lines`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "leave", "Close", show=False),
    ]

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """A box with the page."""
        with Vertical(classes="dialog tall"):
            yield Page(hang=_KEY + 1)

    def on_mount(self) -> None:
        """Write it; the page works the keys."""
        page = self.query_one(Page)
        page.show(self._lines)
        page.focus()

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
