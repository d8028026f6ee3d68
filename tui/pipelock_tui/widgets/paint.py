"""From lines with roles to strips on the screen. All that is drawn goes through `Painted.paint`, which escapes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from pipelock.model import escape
from pipelock_tui.actions import LISTS, bindings
from pipelock_tui.text import Line, wrap

__all__ = ["ROLES", "STYLES", "VIEWS", "Bar", "Page", "Painted"]

VIEWS = "views"
"""Id of the part of the screen where views are."""
ROLES = (
    "alarm",
    "allow",
    "ask",
    "badge",
    "block",
    "brand",
    "cursor",
    "dim",
    "follow",
    "head",
    "key",
    "match",
    "note",
    "redact",
    "redirect",
    "strip",
    "strong",
    "tab",
    "title",
    "warn",
)
"""The meanings a part can have; the style sheet has a `.role--NAME` for each."""
STYLES = frozenset({*(f"role--{role}" for role in ROLES), "row--selected"})
"""Classes of the style sheet that the app itself has, as its components: worked out once, not by every widget."""


class Painted(Widget):
    """A widget that draws lines. How roles look is asked of the app; where that has none, all look alike."""

    @dataclass
    class Broke(Message):
        """Drawing `widget` raised this."""

        widget: Widget
        error: Exception

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw; a defect in a view is told to who can end that view alone, and leaves a blank meanwhile."""
        try:
            return super().render_lines(crop)
        except Exception as error:
            if not any(node.id == VIEWS for node in self.ancestors):
                raise
            self.post_message(self.Broke(self, error))
            return [Strip.blank(crop.width)] * crop.height

    def paint(self, line: Line, width: int, *, selected: bool = False) -> Strip:
        """Draw one line in exactly `width` cells."""
        base = self.rich_style
        if selected:
            base += self._style("row--selected")
        parts = [part for part in line if part.text]
        segments = [Segment(escape(part.text, 8192), base + self._style(f"role--{part.role}")) for part in parts]
        return Strip(segments).adjust_cell_length(width, base)

    def notify_style_update(self) -> None:
        """The theme, or something else that decides on looks, changed."""
        super().notify_style_update()
        self._looks().clear()

    def _looks(self) -> dict[str, Style]:
        looks: dict[str, Style] = self.__dict__.setdefault("_looked_up", {})
        return looks

    def _style(self, name: str) -> Style:
        looks = self._looks()
        if name not in looks:
            components = self.app._component_styles  # noqa: SLF001 - widgets can ask for theirs, apps can't
            looks[name] = components[name].partial_rich_style if name in components else Style.null()
        return looks[name]


class Bar(Painted):
    """A few lines that don't scroll. Subclasses give `content`; the height follows it."""

    def content(self, width: int) -> list[Line]:
        """The lines at this width."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are."""
        return len(self.content(width))

    def render_line(self, y: int) -> Strip:
        """One line of the content."""
        width = self.size.width
        lines = self.content(width)
        return self.paint(lines[y] if y < len(lines) else (), width)


class Page(Painted, ScrollView, can_focus=True):
    """Text that is wrapped to the width and scrolled up and down."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        LISTS[:-1],
        {
            "list.down": "scroll_down",
            "list.up": "scroll_up",
            "list.page_down": "page_down",
            "list.page_up": "page_up",
            "list.first": "scroll_home",
            "list.last": "scroll_end",
        },
    )

    def __init__(self, hang: int = 0, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._hang = hang
        self._source: list[Line] = []
        self._wrapped: list[Line] = []
        self._width = 0

    def show(self, lines: list[Line]) -> None:
        """Replace the text; the place scrolled to is kept where it still exists."""
        # Textual gives a part its size without a word about it when the screen scrolls just as the part appears.
        if lines == self._source and self._width == self.scrollable_content_region.width:
            return
        self._source = lines
        self._layout(force=True)

    def on_resize(self) -> None:
        """Wrap again at the new width."""
        self._layout()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the text has at this width."""
        return sum(len(wrap(line, width, self._hang)) for line in self._source)

    def _layout(self, *, force: bool = False) -> None:
        width = self.scrollable_content_region.width
        if width == 0:
            # Not on the screen: wrapping would make a long text, and a scrollbar that stays. It is done when it is.
            self._width = 0
            return
        if not force and width == self._width:
            return
        self._width = width
        self._wrapped = [piece for line in self._source for piece in wrap(line, max(width, 4), self._hang)]
        self.virtual_size = Size(width, len(self._wrapped))
        # Only where the height follows the text does the rest of the screen have to move.
        self.refresh(layout=force and self.styles.height is not None and self.styles.height.is_auto)

    def render_line(self, y: int) -> Strip:
        """One wrapped line."""
        place = y + self.scroll_offset.y
        return self.paint(self._wrapped[place] if place < len(self._wrapped) else (), self.size.width)
