from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.control import frames
from pipelock.model import ConfigReview
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_the_page_is_asked_for_anew_when_another_policy_is_in_force(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("7")
        assert "4 keys changed" in show.text
        show.link.replies[frames.ReviewConfig] = frames.ConfigReply(ConfigReview("/etc/pipelock.yaml", "bb", "bb"))
        show.app.poll()
        await show.settle()
        assert "4 keys changed" in show.text, "nothing has changed yet"
        show.link.now_status = testing.status(policy="bb")
        for _ in range(2):  # the first asks for the status, the second sees it
            show.app.poll()
            await show.settle()
        assert "The file is what is in force." in show.text
