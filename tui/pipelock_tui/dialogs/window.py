"""What all windows over the screen have in common."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.screen import ModalScreen

__all__ = ["Palette", "Window"]

T = TypeVar("T")


class Window(ModalScreen[T]):
    """A window that closes once. Keys that were typed ahead of its end do nothing more to it, or to what it covered."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close with a result, if this is the window at the top."""
        # Textual would take away whatever is at the top by then, in the end the screen itself.
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Palette(CommandPalette):
    """Textual's palette, which closes once too."""

    def dismiss(self, result: object = None) -> AwaitComplete:
        """Close, if this is the window at the top."""
        return super().dismiss(None) if self.is_active else AwaitComplete()
