"""How often a session asks: whoever asks all the time hopes for a person who no longer reads."""

from __future__ import annotations

from collections import OrderedDict, deque

__all__ = ["MAX_PROMPTS", "PROMPT_SECONDS", "PromptRate"]

MAX_PROMPTS = 10
"""Prompts of one session within `PROMPT_SECONDS` that are nothing to speak of."""
PROMPT_SECONDS = 60.0
_MAX_SESSIONS = 1000


class PromptRate:
    """Counts prompts for each session, at most 1 000 of them; the one that asked longest ago is forgotten first."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Asked] = OrderedDict()

    def asked(self, session: str, now: float) -> bool:
        """Count one prompt; whether that is one too many, and nobody was told within the last minute."""
        asked = self._of(session)
        asked.times.append(now)
        crowded = len(asked.times) > MAX_PROMPTS and now - asked.times[0] < PROMPT_SECONDS
        return crowded and asked.tell(now)

    def refused(self, session: str, now: float) -> bool:
        """A prompt had no room; whether somebody should be told, which is once a minute."""
        return self._of(session).tell(now)

    def _of(self, session: str) -> _Asked:
        asked = self._sessions.pop(session, None) or _Asked()
        self._sessions[session] = asked
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return asked


class _Asked:
    __slots__ = ("times", "told_at")

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=MAX_PROMPTS + 1)
        self.told_at: float | None = None

    def tell(self, now: float) -> bool:
        if self.told_at is not None and now - self.told_at < PROMPT_SECONDS:
            return False
        self.told_at = now
        return True
