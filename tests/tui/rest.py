"""When a dashboard under test has come to rest: told by its event loop, not by a clock."""

from __future__ import annotations

import asyncio
import contextlib

from textual._context import active_app
from textual.screen import Screen
from textual.worker import WorkerCancelled

MAX_TURNS = 20_000
"""Turns of the loop that one key may cost; what never comes to rest is a defect."""
LASTING = "listen"
"""The worker that ends with the dashboard."""


async def rest(_least: float = 0.0, _most: float = 0.0) -> None:
    """Wait until no task can go on and the screen shows the state.

    In place of Textual's `wait_for_idle`, which takes a process that was given no time by a busy machine for idle.

    Raises:
        AssertionError: it never comes to rest.
    """
    loop, app = asyncio.get_running_loop(), active_app.get()
    for _ in range(MAX_TURNS):
        await asyncio.sleep(0)
        if loop._ready:  # type: ignore[attr-defined]  # the loop tells nobody
            continue
        if not app.screen_stack or not _drawing(app.screen):
            return
        # What the screen does by itself at its next sixtieth of a second.
        app.screen._on_timer_update()
    raise AssertionError("the dashboard never comes to rest")


async def rest_and_work() -> None:
    """As `rest`, with all that was asked for answered."""
    await rest()
    app = active_app.get()
    while passing := [worker for worker in app.workers if worker.name != LASTING]:
        with contextlib.suppress(WorkerCancelled):  # a newer question took its place
            await app.workers.wait_for_complete(passing)
        await rest()


def _drawing(screen: Screen[object]) -> bool:
    """Whether something waits for the next time the screen is drawn."""
    if screen.app._batch_count or not screen.is_current:
        return False
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
