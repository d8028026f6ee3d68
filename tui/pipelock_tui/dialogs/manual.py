"""All keys on one page."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["SECTIONS", "Manual", "manual_lines"]

SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "HELD REQUESTS",
        (
            ("a", "allow once: exactly what is shown, and its identical twins"),
            ("s", "allow for the session: exact repeats stop asking"),
            ("d", "deny"),
            ("n", "deny with a note that the agent reads"),
            ("[ ]", "choose another prompt"),
            ("v", "view the chosen prompt in full"),
        ),
    ),
    (
        "DECISIONS",
        (
            ("j k ↓ ↑", "next, previous row (pauses the list)"),
            ("PgDn PgUp", "a screenful"),
            ("g G", "oldest; newest and follow"),
            ("f", "follow or pause"),
            ("enter", "detail of the row"),
            ("tab", "move between list and detail"),
            ("esc", "close the detail"),
            ("/", "filter; enter keeps it, esc clears it"),
        ),
    ),
    (
        "DAEMON",
        (
            ("K", "kill switch, asks first"),
            ("ctrl+r", "reload the configuration"),
        ),
    ),
    (
        "DASHBOARD",
        (
            ("? F1", "this page"),
            ("ctrl+p", "command palette"),
            ("T", "next colour theme"),
            ("q", "quit; harmless: the daemon goes on"),
        ),
    ),
)
_FILTER_NOTE = """Filter terms: verdict: host: path: method: agent: session: layer: rule: text:. \
A bare word looks everywhere, ! turns a term round, all terms must hold."""
_STALE_NOTE = "A key that was pressed before its prompt appeared is ignored, and says so: answers count after 0.3 s."
_CLOSING_NOTE = """Closing is harmless: nothing is allowed by it. What waits goes on waiting until its deadline; \
what asks while no dashboard is open is treated as approvals.unattended says."""
_NOTES = (_FILTER_NOTE, 'Example: verdict:block,warn !host:localhost rule:"AWS Access"', _STALE_NOTE, _CLOSING_NOTE)


def manual_lines() -> list[Line]:
    """The page, not wrapped."""
    lines: list[Line] = [line((" KEYS ", "badge"), ("  esc closes", "dim"))]
    for title, keys in SECTIONS:
        lines += [(), line((title, "title"))]
        lines += [line((f"  {key:<10}", "key"), words) for key, words in keys]
    lines.append(())
    for note in _NOTES:
        lines.append(line((note, "dim")))
    return lines


class Manual(ModalScreen[None]):
    """The help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "leave", "Close", show=False),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """A box with the page."""
        with Vertical(classes="dialog tall"):
            yield Page(hang=12)

    def on_mount(self) -> None:
        """Write it."""
        self.query_one(Page).show(manual_lines())

    def action_scroll(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one(Page).scroll_relative(y=step, animate=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
