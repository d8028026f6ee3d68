from __future__ import annotations

import json
from typing import Any

import pytest

from pipelock.model import Answer, AnswerWord, Lifetime, Scope
from pipelock.notify.answers import ANSWERS_PER_MINUTE, MAX_NONCES, AnswerSettings, RefusedError, SignedReader
from pipelock.notify.signature import FRESH_SECONDS, sign

SECRET = b"0123456789abcdef"
SAID: dict[str, Any] = {"id": "7", "binding": "bound", "nonce": "n" * 16, "word": "allow"}


class Desk:
    def __init__(self, *, allow_scopes: bool = False) -> None:
        self.now = 1_700_000_000.0
        self.reader = SignedReader(lambda: self.now)
        self.reader.settings = AnswerSettings(SECRET, allow_scopes)

    def hears(self, said: Any, at: float | None = None) -> tuple[str, Answer, str]:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.reader.read(sign(SECRET, body, int(at or self.now)), body)

    def refuses(self, said: Any, at: float | None = None) -> int:
        with pytest.raises(RefusedError) as caught:
            self.hears(said, at)
        return caught.value.status


def test_an_answer_is_taken_once() -> None:
    desk = Desk()
    assert desk.hears(SAID) == ("7", Answer(AnswerWord.ALLOW, by="webhook"), "bound")
    assert desk.refuses(SAID) == 409
    said = SAID | {"nonce": "m" * 16, "word": "deny", "note": "no", "by": "Ann"}
    assert desk.hears(said)[1] == Answer(AnswerWord.DENY, note="no", by="webhook (Ann)")


def test_a_message_cannot_be_sent_again_while_it_is_fresh() -> None:
    desk = Desk()
    signed_ahead = desk.now + FRESH_SECONDS
    desk.hears(SAID, signed_ahead)
    for later in (1, FRESH_SECONDS, 2 * FRESH_SECONDS - 1):
        desk.now = 1_700_000_000.0 + later
        assert desk.refuses(SAID, signed_ahead) == 409
    desk.now = 1_700_000_000.0 + 2 * FRESH_SECONDS + 1
    assert desk.refuses(SAID, signed_ahead) == 401


def test_where_too_many_answers_come_none_is_forgotten() -> None:
    desk = Desk()
    began = desk.now
    for number in range(MAX_NONCES):
        if number % ANSWERS_PER_MINUTE == 0:
            desk.now -= 60  # a clock that goes back: none grows old
        desk.reader._remember(f"{number:016}", desk.now)
    desk.now -= 60
    assert desk.refuses(SAID) == 403
    desk.now = began + 2 * FRESH_SECONDS
    assert desk.hears(SAID)[0] == "7"


def test_so_many_a_minute_and_neither_forgeries_nor_repeats_use_that_up() -> None:
    desk = Desk()
    for number in range(ANSWERS_PER_MINUTE):
        with pytest.raises(RefusedError):
            desk.reader.read(sign(b"another secret", b"{}", int(desk.now)), b"{}")
        desk.hears(SAID | {"nonce": f"{number:016}"})
        assert desk.refuses(SAID | {"nonce": f"{number:016}"}) == 409
    assert desk.refuses(SAID) == 429
    desk.now += 60
    assert desk.hears(SAID)[0] == "7"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"word": "edit"}, 403), ({"word": "maybe"}, 400), ({"more": 1}, 400), ({"nonce": "short"}, 400),
        ({"nonce": "n" * 129}, 400), ({"binding": ""}, 400), ({"id": ""}, 400), ({"id": 7}, 400),
        ({"note": "n" * 501}, 400), ({"by": "b" * 81}, 400), ({"scope": "host"}, 403), ({"lifetime": "1h"}, 403),
        ({"lifetime": "forever"}, 403), ({"scope": "world"}, 400),
    ],
    ids=repr,
)  # fmt: skip
def test_what_may_not_be_said(change: dict[str, Any], status: int) -> None:
    desk = Desk()
    assert desk.refuses(SAID | change) == status
    assert desk.hears(SAID)[0] == "7"  # a refused one has not used up its nonce


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 5_000], ids=range(6))
def test_what_is_no_answer(body: bytes) -> None:
    assert Desk().refuses(body) == 400


def test_wider_answers_where_they_are_allowed() -> None:
    desk = Desk(allow_scopes=True)
    said = SAID | {"scope": "host", "lifetime": "1h"}
    assert desk.hears(said)[1] == Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1, by="webhook")
    assert desk.refuses(SAID | {"nonce": "m" * 16, "lifetime": "forever"}) == 403


def test_our_own_messages_are_no_answers() -> None:
    held = b'{"event":"held","id":"7","words":"w","binding":"bound"}'
    assert Desk().refuses(held) == 400


def test_nothing_is_believed_without_a_secret() -> None:
    desk = Desk()
    desk.reader.settings = None
    assert desk.refuses(SAID) == 401
