"""Where the views are: mounted when first asked for, one of them shown, and replaced by the reason when they break."""

from __future__ import annotations

from collections.abc import Callable

from textual.containers import Container
from textual.dom import DOMNode
from textual.widget import Widget

from pipelock_tui.catalogue import Place, place_of
from pipelock_tui.states import broken_lines
from pipelock_tui.views import Shell, View
from pipelock_tui.widgets.paint import VIEWS, Page, Painted

__all__ = ["Switcher"]


class Switcher(Container):
    """The part of the screen that is one view at a time."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(id=VIEWS)
        self._shell = shell
        self._views: dict[str, View] = {}
        self._broken: dict[str, Page] = {}
        self.current = ""
        self.before = ""

    @property
    def view(self) -> View | None:
        """The view on the screen; `None` where it broke."""
        return self._views.get(self.current)

    @property
    def mounted(self) -> tuple[View, ...]:
        """All that were asked for and work."""
        return tuple(self._views.values())

    def parts(self) -> tuple[Widget, ...]:
        """What can have the focus on the screen now."""
        return tuple(widget for widget in self.screen.focus_chain if isinstance(widget, Widget))

    def go(self, name: str) -> None:
        """Show a view; one that broke is made anew."""
        place = place_of(name)
        if place is None:
            return
        if name != self.current:
            old = self.view
            if old is not None:
                self.guard(old, old.closed)
            self.before, self.current = self.current, name
        page = self._broken.pop(name, None)
        if page is not None:
            page.remove()
        if name not in self._views:
            self._build(place)
        for widget in self.children:
            widget.display = widget is self._views.get(name) or widget is self._broken.get(name)
        view = self.view
        if view is not None:
            self.guard(view, view.opened)
        self.call_after_refresh(self.take_focus)

    def on_view_ready(self) -> None:
        """A view that was just made can have the focus now, and be drawn."""
        self.take_focus()
        self._shell.draw()

    def on_painted_broke(self, message: Painted.Broke) -> None:
        """Something in a view could not be drawn."""
        message.stop()
        view = self.owner(message.widget)
        if view is not None:
            self.breaks(view, message.error)

    def take_focus(self) -> None:
        """Give the focus to the view, unless it has it already."""
        view = self.view
        focused = self.screen.focused
        if view is None:
            page = self._broken.get(self.current)
            if page is not None:
                page.focus()
        elif focused is None or view not in focused.ancestors_with_self:
            self.guard(view, view.take_focus)

    def guard(self, view: View, call: Callable[[], object]) -> None:
        """Call into a view; what it raises is shown in its place instead of ending the dashboard."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - any defect of a view ends that view alone
            self.breaks(view, error)

    def owner(self, node: DOMNode | None) -> View | None:
        """The view that a widget is part of."""
        while node is not None:
            if isinstance(node, View) and node in self._views.values():
                return node
            node = node.parent if isinstance(node.parent, DOMNode) else None
        return None

    def breaks(self, view: View, error: Exception) -> None:
        """Show why the view can't be shown, in its place."""
        if self._views.get(view.NAME) is not view:
            return
        del self._views[view.NAME]
        view.display = False
        view.remove()
        place = place_of(view.NAME)
        if place is not None:
            self._fail(place, error)

    def _build(self, place: Place) -> None:
        try:
            view = place.build(self._shell)
        except Exception as error:  # noqa: BLE001 - as in `guard`
            self._fail(place, error)
        else:
            self._views[place.name] = view
            self._add(view)

    def _fail(self, place: Place, error: Exception) -> None:
        page = Page(id=f"broken-{place.name}")
        self._broken[place.name] = page
        page.display = place.name == self.current
        self._add(page)
        page.show(broken_lines(place.title, f"{type(error).__name__}: {error}", str(place.number)))
        self._shell.say(f"The view {place.title} broke: {type(error).__name__}: {error}", "error")

    def _add(self, widget: Widget) -> None:
        self.mount(widget)
