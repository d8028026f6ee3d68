"""A conversation whose lines are kept."""

from __future__ import annotations

import pytest

from pipelock.model import Pending
from pipelock_tui import testing
from pipelock_tui.plain import Conversation


class Talk:
    """A conversation with a scripted link."""

    def __init__(self) -> None:
        self.link = testing.FakeLink()
        self.lines: list[str] = []
        self.clock = testing.StillClock()
        self.conversation = Conversation(self.link, self.lines.append, self.clock)

    async def connect(self, *waiting: Pending) -> None:
        self.link.now_pending = list(waiting) or [testing.pending("7", twins=2)]
        await self.conversation.show(testing.connected())

    async def obey(self, typed: str) -> str:
        self.lines.clear()
        await self.conversation.obey(typed)
        return "\n".join(self.lines)


@pytest.fixture
def talk() -> Talk:
    return Talk()
