"""Reading the bodies that are sent to the admin API: strictly, and bounded."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pipelock.admin.wire import MAX_BINDING, MAX_TEXT, AnswerWish
from pipelock.model import Answer, AnswerWord
from pipelock.proxy.unique_keys import has_unique_keys

__all__ = ["WrongBodyError", "answer_of", "read_body"]

T = TypeVar("T", bound=msgspec.Struct)


class WrongBodyError(ValueError):
    """The body is not what this route takes; the text says why."""


def read_body(body: bytes, kind: type[T], limit: int = 65_536) -> T:
    """One JSON object of a `kind` whose fields all may be left out, or that is asked for.

    Raises:
        WrongBodyError: more than `limit` bytes, not exactly one object, an unknown or repeated key, a wrong value, or
            a text of more than 500 characters.
    """
    if len(body) > limit:
        raise WrongBodyError(f"the body is larger than {limit} bytes")
    body = body.strip(b" \t\r\n") or b"{}"
    try:
        wish = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise WrongBodyError(f"the body does not have the right form: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WrongBodyError("the body is not one JSON object") from error
    if not has_unique_keys(body):
        raise WrongBodyError("the body has a key twice")
    for name in wish.__struct_fields__:
        value = getattr(wish, name)
        most = MAX_BINDING if name == "binding" else MAX_TEXT
        if isinstance(value, str) and len(value) > most:
            raise WrongBodyError(f"{name} has at most {most} characters")
    return wish


def answer_of(wish: AnswerWish, by: str) -> Answer:
    """The answer as the daemon takes it.

    Raises:
        WrongBodyError: another body can't be sent this way, or nothing says what is let through.
    """
    if wish.word is AnswerWord.EDIT:
        raise WrongBodyError("a request is edited in the dashboard, where it can be seen")
    if wish.word is not AnswerWord.DENY and not wish.binding:
        raise WrongBodyError("the binding of what was shown is needed to let it pass")
    return Answer(wish.word, wish.scope, wish.lifetime, wish.note, by)
