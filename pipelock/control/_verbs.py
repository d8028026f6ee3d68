"""Carrying out what a client asks for, all but subscriptions. Knows no sockets."""

from __future__ import annotations

from typing import assert_never

from twisted.logger import Logger

from pipelock.control import frames
from pipelock.control._wire import fit_page, newer_than
from pipelock.control.backend import Backend, BackendError
from pipelock.control.protocol import MAX_NUMBER
from pipelock.model import Answer

__all__ = ["MAX_NOTE", "Question", "decides", "perform"]

MAX_NOTE = 500
"""Characters of an operator's note."""
_MAX_ID = 100

Question = (
    frames.QueryStatus
    | frames.ListPending
    | frames.ListSessions
    | frames.AnswerPending
    | frames.SwitchKill
    | frames.Reload
)

_log = Logger()


def decides(question: Question) -> bool:
    """Whether the verb changes what the daemon does, and so needs the right to decide."""
    return isinstance(question, frames.AnswerPending | frames.SwitchKill | frames.Reload)


def perform(backend: Backend, question: Question, by: str) -> frames.Result:
    """The result of `question`, asked by the peer that `by` names, whose rights have been checked. Never raises."""
    try:
        return _perform(backend, question, by)
    except BackendError as error:
        return frames.Failed(error.code, error.message)
    except Exception:  # noqa: BLE001 - the fault of one verb, of whatever kind, must not take the daemon down
        _log.failure("control verb {verb} failed", verb=type(question).__name__)
        return frames.Failed("failed", "the daemon met an error of its own; its log has the details")


def _perform(backend: Backend, question: Question, by: str) -> frames.Result:
    result: frames.Result
    match question:
        case frames.QueryStatus():
            result = frames.StatusReply(backend.status())
        case frames.ListPending():
            waiting = newer_than(backend.pending(), lambda item: item.id, question.after)
            result = frames.PendingReply(*fit_page(waiting))
        case frames.ListSessions():
            result = _list_sessions(backend, question.offset)
        case frames.AnswerPending():
            result = _answer(backend, question, by)
        case frames.SwitchKill():
            result = frames.KillReply(backend.switch_kill(question.active, by))
        case frames.Reload():
            result = frames.Ok(detail=backend.reload())
        case _:
            assert_never(question)
    return result


def _list_sessions(backend: Backend, offset: int) -> frames.Result:
    if not 0 <= offset <= MAX_NUMBER:
        return frames.Failed("bad_request", "offset is a count of sessions")
    return frames.SessionsReply(*fit_page(backend.sessions()[offset:]))


def _answer(backend: Backend, question: frames.AnswerPending, by: str) -> frames.Result:
    if len(question.note) > MAX_NOTE:
        return frames.Failed("bad_request", f"a note has at most {MAX_NOTE} characters")
    if not 0 < len(question.pending) <= _MAX_ID:
        return frames.Failed("bad_request", "this is no id of a pending item")
    return frames.Ok(backend.answer(question.pending, Answer(question.word, question.note, by), question.binding))
