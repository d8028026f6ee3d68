from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.control.errors import ControlError
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_sessions_are_asked_for_only_where_one_is_suspicious(stage: Open) -> None:
    async with stage(start="overview") as show:
        show.link.now_status = testing.status(sessions=5, levels={"normal": 5}, tiers={"none": 5})
        await show.connect()
        show.app.poll()
        await show.settle()
        assert show.app.board.sessions == ()
        show.link.now_status = testing.status(sessions=5, levels={"normal": 4, "critical": 1}, tiers={"none": 5})
        show.app.poll()
        await show.settle()
        show.app.poll()
        await show.settle()
        assert "codex@5120|127.0.0.1  critical, hard" in show.text
        show.link.failing = ControlError("timeout", "no answer")
        show.app.poll()
        await show.settle()
        assert "codex@5120|127.0.0.1  critical, hard" in show.text, "what is known stays"
