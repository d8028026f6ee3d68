"""The other side of a webhook, and a clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.notify.post import PostError
from pipelock.notify.webhook import Webhook, WebhookSettings

SECRET = b"0123456789abcdef"


class Far:
    """The other side: `answers` are statuses or exceptions, the last one for good. `slow` leaves calls in `waiting`."""

    def __init__(self, *answers: int | Exception, slow: bool = False) -> None:
        self.clock = Clock()
        self.answers = list(answers) or [200]
        self.seen: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.complaints: list[str] = []
        self.slow = slow
        self.waiting: list[Callable[[], None]] = []
        self.webhook = Webhook(
            self._run, self._post, self.clock, lambda: 1_700_000_000 + self.clock.seconds(), self.complaints.append
        )
        self.webhook.settings = WebhookSettings("https://hook.example/x", SECRET)

    def _post(self, url: str, body: bytes, headers: dict[str, str], seconds: float) -> int:
        assert (url, seconds) == ("https://hook.example/x", 5.0)
        self.seen.append(body)
        self.heads.append(headers)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _run(self, call: Callable[[], int], then: Callable[[Any], None]) -> None:
        def go() -> None:
            try:
                result: Any = call()
            except PostError:
                result = Failure()
            then(result)

        if self.slow:
            self.waiting.append(go)
        else:
            go()
