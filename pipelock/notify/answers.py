"""Answers that come back from a webhook: signed, fresh, each once, about exactly what was shown."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec

from pipelock.model import MAX_NOTE, Answer, AnswerWord, Lifetime, Scope
from pipelock.notify.signature import FRESH_SECONDS, SignatureError, check

__all__ = ["ANSWERS_PER_MINUTE", "MAX_NONCES", "AnswerSettings", "RefusedError", "SignedReader"]

MAX_NONCES = 10_000
"""Nonces that are remembered; each for twice the time that a message may be old."""
ANSWERS_PER_MINUTE = 60
"""That are taken; others use nothing up."""
_MAX_ID = 100


class RefusedError(Exception):
    """The answer is not taken.

    `status` is an HTTP status: 400 wrong form, 401 not genuine, 403 may not, 409 again, 429 too often.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AnswerSettings(msgspec.Struct, frozen=True):
    """What answers are signed with, and whether they may cover more than what was shown, for longer than once."""

    secret: bytes
    allow_scopes: bool = False


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: str
    binding: str
    nonce: str
    word: AnswerWord
    scope: Scope = Scope.PAYLOAD
    lifetime: Lifetime = Lifetime.ONCE
    note: str = ""
    by: str = ""


class SignedReader:
    """Reads signed answers. `wall` gives seconds since the epoch."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.settings: AnswerSettings | None = None
        self._wall = wall
        self._nonces: OrderedDict[str, float] = OrderedDict()
        self._latest: deque[float] = deque(maxlen=ANSWERS_PER_MINUTE)

    def read(self, signature: str, body: bytes) -> tuple[str, Answer, str]:
        """The held request's id, the answer and the binding that `body` names.

        Raises:
            RefusedError: it is not to be heeded.
        """
        settings, now = self.settings, self._wall()
        if settings is None:
            raise RefusedError(401, "signed answers are not taken")
        try:
            check(settings.secret, signature, body, now)
        except SignatureError as error:
            raise RefusedError(401, str(error)) from error
        message = _decoded(body)
        _check(message, settings)
        self._remember(message.nonce, now)
        by = f"webhook ({message.by})" if message.by else "webhook"
        answer = Answer(message.word, message.scope, message.lifetime, message.note, by)
        return message.id, answer, message.binding

    def _remember(self, nonce: str, now: float) -> None:
        nonces = self._nonces
        while nonces and next(iter(nonces.values())) <= now - 2 * FRESH_SECONDS:
            nonces.popitem(last=False)
        if nonce in nonces:
            raise RefusedError(409, "this nonce was used before")
        # Counted here, so that nobody uses it up with what is not signed, or with what was overheard.
        if len(self._latest) == ANSWERS_PER_MINUTE and abs(now - self._latest[0]) < 60:
            raise RefusedError(429, f"more than {ANSWERS_PER_MINUTE} answers in a minute")
        if len(nonces) >= MAX_NONCES:
            # Forgetting one that is still fresh would let it be sent again.
            raise RefusedError(403, "too many answers in a short time")
        nonces[nonce] = now
        self._latest.append(now)


def _decoded(body: bytes) -> _Message:
    try:
        return msgspec.json.decode(body, type=_Message)
    except msgspec.ValidationError as error:
        raise RefusedError(400, f"the answer does not have the right form: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(400, "the answer is not one JSON object") from error


def _check(message: _Message, settings: AnswerSettings) -> None:
    if not 0 < len(message.id) <= _MAX_ID or not 0 < len(message.binding) <= 128:
        raise RefusedError(400, "id and binding are needed, as the message named them")
    if not 16 <= len(message.nonce) <= 128:
        raise RefusedError(400, "a nonce has 16 to 128 characters")
    if len(message.note) > MAX_NOTE or len(message.by) > 80:
        raise RefusedError(400, f"a note has at most {MAX_NOTE} characters, a name 80")
    if message.word is AnswerWord.EDIT:
        raise RefusedError(403, "a request is edited in the dashboard, where it can be seen")
    if message.lifetime is Lifetime.FOREVER:
        raise RefusedError(403, "what holds for good is decided at the machine itself")
    wide = message.scope is not Scope.PAYLOAD or message.lifetime is not Lifetime.ONCE
    if wide and not settings.allow_scopes:
        raise RefusedError(403, "only once, and only what was shown: notifications.webhook.allow_scopes is off")
