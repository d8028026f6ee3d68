"""The webhook's queue: what is told, in its order, tried up to three times, never in the way of anything.

tell ──▶ queue (64, the newest is dropped) ──▶ one message under way, in a thread ──▶ delivered, or given up
                                                    │  ▲
                                                    ▼  │ after 1 s, 4 s
                                                    waits
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from twisted.python.failure import Failure

from pipelock.door.edges import Call, Clock
from pipelock.notify.post import PostError
from pipelock.notify.signature import HEADER, sign

__all__ = ["ATTEMPTS", "QUEUE", "SECONDS", "Post", "Webhook", "WebhookSettings"]

QUEUE = 64
"""Messages that wait behind the one under way."""
ATTEMPTS = 3
SECONDS = 5.0
"""For one attempt."""
_PAUSES = (1.0, 4.0)


class Post(Protocol):
    """Sends one message, blocking; see `pipelock.notify.post.post`."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str], seconds: float, /) -> int:
        """The status of the answer. Raises `PostError`."""


class InThread(Protocol):
    """Runs something that blocks in a thread."""

    def __call__(self, call: Callable[[], int], then: Callable[[int | Failure], None], /) -> None:
        """Run `call` there and `then` on the reactor's thread, with what it returned or how it failed."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to, and what it is signed with."""

    url: str
    secret: bytes


class _Message(NamedTuple):
    topic: str
    body: bytes


class Webhook:
    """Delivers messages. `complain` is told, at most once a minute, that it does not work; `wall` is for signing."""

    def __init__(
        self,
        in_thread: InThread,
        post: Post,
        clock: Clock,
        wall: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        self.settings: WebhookSettings | None = None
        self._in_thread = in_thread
        self._post = post
        self._clock = clock
        self._wall = wall
        self._complain = complain
        self._queue: deque[_Message] = deque()
        self._current: _Message | None = None
        self._tries = 0
        self._busy = False
        self._pause: Call | None = None
        self._complained = float("-inf")

    def tell(self, topic: str, body: bytes) -> None:
        """Send a message when those before it are through; dropped where too many wait, or no webhook is set."""
        if self.settings is None:
            return
        if len(self._queue) >= QUEUE:
            self._say("too many messages wait; this one is dropped")
            return
        self._queue.append(_Message(topic, body))
        self._go_on()

    def withdraw(self, topic: str) -> bool:
        """Take back what waits about `topic` and was not tried yet; false where there is no such message."""
        for index, message in enumerate(self._queue):
            if message.topic == topic:
                del self._queue[index]
                return True
        return False

    def stop(self) -> None:
        """Send nothing more, unless settings come again. What is under way in a thread ends by its own deadline."""
        self._queue.clear()
        self._current = None
        self._tries = 0
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self._pause = None
        self.settings = None

    def _go_on(self) -> None:
        settings = self.settings
        if self._busy or self._pause is not None or settings is None:
            return
        if self._current is None:
            if not self._queue:
                return
            self._current = self._queue.popleft()
        self._busy = True
        message = self._current
        # Signed anew for each attempt: the time in it has to be fresh.
        headers = {HEADER: sign(settings.secret, message.body, int(self._wall())), "User-Agent": "pipelock"}
        self._in_thread(
            lambda: self._post(settings.url, message.body, headers, SECONDS),
            lambda result: self._sent(message, result),
        )

    def _sent(self, message: _Message, result: int | Failure) -> None:
        self._busy = False
        # Where all was stopped meanwhile, the outcome is nobody's.
        if message is self._current:
            self._weigh(result)
        self._go_on()

    def _weigh(self, result: int | Failure) -> None:
        if isinstance(result, int) and 200 <= result < 300:
            self._done()
            return
        self._tries += 1
        why = f"answered with status {result}" if isinstance(result, int) else _reason(result)
        # What a server refuses for good (any other 4xx, or a redirect) it will refuse again.
        hopeless = isinstance(result, int) and result < 500 and result not in (408, 429)
        if hopeless or self._tries >= ATTEMPTS:
            self._say(why)
            self._done()
        else:
            self._pause = self._clock.callLater(_PAUSES[self._tries - 1], self._again)

    def _again(self) -> None:
        self._pause = None
        self._go_on()

    def _done(self) -> None:
        self._tries = 0
        self._current = None

    def _say(self, why: str) -> None:
        now = self._clock.seconds()
        if now - self._complained >= 60:
            self._complained = now
            self._complain(f"notifications.webhook: {why}")


def _reason(failure: Failure) -> str:
    return str(failure.value) if isinstance(failure.value, PostError) else f"failed ({type(failure.value).__name__})"
