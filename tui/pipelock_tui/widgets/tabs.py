"""The line of views: their numbers and titles, the one on the screen marked, and how much waits."""

from __future__ import annotations

from pipelock_tui.catalogue import PLACES
from pipelock_tui.text import Line, Part, width_of
from pipelock_tui.widgets.paint import Bar

__all__ = ["Tabs", "tabs_line"]


_SHORT = 4


def tabs_line(current: str, badges: dict[str, str], width: int) -> Line:
    """The line; where there is no room for all titles they are shortened, then only the current one is written.

    `badges` maps names of views to a word that stands behind their title.
    """
    for letters in (None, _SHORT, 0):
        line = _drawn(current, badges, letters)
        if width_of(line) <= width:
            break
    return line


def _drawn(current: str, badges: dict[str, str], letters: int | None) -> Line:
    parts: list[Part] = []
    for place in PLACES:
        here = place.name == current
        title = place.title if here else place.title[:letters]
        badge = badges.get(place.name, "")
        parts.append(Part("▐" if here else " ", "cursor"))
        parts.append(Part(f"{place.number} {title}".strip(), "tab" if here else "dim"))
        if badge:
            parts.append(Part(f"◆{badge}", "badge"))
        parts.append(Part("▌" if here else " ", "cursor"))
    return tuple(parts)


class Tabs(Bar):
    """One line, always there. Clicking a number is not needed: the keys are its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._state: tuple[str, tuple[tuple[str, str], ...]] = ("", ())

    def update(self, current: str, badges: dict[str, str]) -> None:
        """Show another state."""
        state = (current, tuple(badges.items()))
        if state != self._state:
            self._state = state
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """The line."""
        current, badges = self._state
        return [tabs_line(current, dict(badges), width)]
