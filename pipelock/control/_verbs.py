"""Carrying out what a client asks for, all but subscriptions. Knows no sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from twisted.logger import Logger

from pipelock.control import frames
from pipelock.control._later import Slow, begin, sound_id
from pipelock.control._wire import fit, fit_page, newer_than
from pipelock.control.backend import Backend, BackendError, SessionWish
from pipelock.control.protocol import MAX_NUMBER
from pipelock.model import MAX_EDIT, MAX_NOTE, Answer, SessionDetail

__all__ = ["Question", "decides", "perform", "start"]

MAX_KEY = 400
"""Characters of a session's key."""

Quick = (
    frames.QueryStatus
    | frames.ListPending
    | frames.ListSessions
    | frames.AnswerPending
    | frames.LookAt
    | frames.ReadBody
    | frames.ListGrants
    | frames.RevokeGrant
    | frames.ReviewGrants
    | frames.InspectSession
    | frames.ActOnSession
    | frames.ListRules
    | frames.SwitchKill
    | frames.Reload
)
Question = Quick | Slow

_DECIDES = (
    frames.AnswerPending
    | frames.LookAt
    | frames.ReadBody
    | frames.RevokeGrant
    | frames.ReviewGrants
    | frames.ActOnSession
    | frames.ApplyFix
    | frames.RemoveSuppression
    | frames.SwitchKill
    | frames.Reload
)

_log = Logger()


def decides(question: Question) -> bool:
    """Whether the verb needs the right to decide: it changes what the daemon does, or shows what is masked."""
    return isinstance(question, _DECIDES)


def start(
    backend: Backend, question: Question, by: str, then: Callable[[frames.Result], None]
) -> Callable[[], None] | None:
    """Carry out `question`, asked by the peer that `by` names, whose rights have been checked. Never raises.

    `then` gets the result, once: at once, in which case `None` is returned, or later; what is returned then gives the
    question up.
    """
    if not isinstance(question, Slow):
        then(perform(backend, question, by))
        return None
    try:
        return begin(backend, question, by, then)
    except BackendError as error:
        then(frames.Failed(error.code, error.message))
    except Exception:  # noqa: BLE001 - as in perform
        then(_own_fault(question))
    return None


def perform(backend: Backend, question: Quick, by: str) -> frames.Result:
    """The result of a question that is answered at once. Never raises."""
    try:
        return _perform(backend, question, by)
    except BackendError as error:
        return frames.Failed(error.code, error.message)
    except Exception:  # noqa: BLE001 - the fault of one verb, of whatever kind, must not take the daemon down
        return _own_fault(question)


def _own_fault(question: Question) -> frames.Failed:
    _log.failure("control verb {verb} failed", verb=type(question).__name__)
    return frames.Failed("failed", "the daemon met an error of its own; its log has the details")


def _perform(backend: Backend, question: Quick, by: str) -> frames.Result:  # noqa: C901, PLR0912 - one case a verb
    result: frames.Result
    match question:
        case frames.QueryStatus():
            result = frames.StatusReply(backend.status())
        case frames.ListPending():
            waiting = newer_than(backend.pending(), lambda item: item.id, question.after)
            result = frames.PendingReply(*fit_page(waiting))
        case frames.ListSessions():
            result = frames.SessionsReply(*fit_page(backend.sessions()[_offset(question.offset) :]))
        case frames.AnswerPending():
            result = _answer(backend, question, by)
        case frames.LookAt():
            backend.look_at(sound_id(question.pending))
            result = frames.Ok()
        case frames.ReadBody():
            result = frames.BodyReply(*backend.held_body(sound_id(question.pending), question.binding))
        case frames.ListGrants():
            page = fit_page(backend.grants()[_offset(question.offset) :])
            result = frames.GrantsReply(*page, backend.unreviewed_grants())
        case frames.RevokeGrant():
            result = frames.Ok(detail=backend.revoke_grant(sound_id(question.grant), by))
        case frames.ReviewGrants():
            result = frames.Ok(detail=backend.review_grants(by))
        case frames.InspectSession():
            result = _inspect(backend, question)
        case frames.ActOnSession():
            result = _act(backend, question, by)
        case frames.ListRules():
            result = frames.RulesReply(*fit_page(backend.rules()[_offset(question.offset) :]))
        case frames.SwitchKill():
            result = frames.KillReply(backend.switch_kill(question.active, by))
        case frames.Reload():
            result = frames.Ok(detail=backend.reload())
        case _:
            assert_never(question)
    return result


def _answer(backend: Backend, question: frames.AnswerPending, by: str) -> frames.Result:
    answer = question.answer
    _short(answer.note, "a note")
    if answer.body is not None and len(answer.body) > MAX_EDIT:
        raise BackendError("bad_request", f"an edited body has at most {MAX_EDIT} bytes")
    signed = Answer(answer.word, answer.scope, answer.lifetime, answer.note, by, answer.body)
    return frames.AnsweredReply(*backend.answer(sound_id(question.pending), signed, question.binding))


def _inspect(backend: Backend, question: frames.InspectSession) -> frames.Result:
    detail: SessionDetail
    detail, size = fit(backend.inspect_session(_key(question.key)))
    if not size:
        return frames.Failed("failed", "this session can't be put into a frame")
    return frames.SessionReply(detail)


def _act(backend: Backend, question: frames.ActOnSession, by: str) -> frames.Result:
    for text in (question.label, question.reason, question.source_match, question.action_match):
        _short(text, "a label, reason or pattern")
    wish = SessionWish(
        key=_key(question.key),
        verb=question.verb,
        tier=question.tier,
        label=question.label,
        reason=question.reason,
        source_match=question.source_match,
        action_match=question.action_match,
        expires_at=question.expires_at,
        by=by,
    )
    return frames.ActedReply(backend.act_on_session(wish))


def _offset(offset: int) -> int:
    if not 0 <= offset <= MAX_NUMBER:
        raise BackendError("bad_request", "offset is a count of items")
    return offset


def _key(text: str) -> str:
    if not 0 < len(text) <= MAX_KEY:
        raise BackendError("bad_request", "this is no key of a session")
    return text


def _short(text: str, what: str) -> None:
    if len(text) > MAX_NOTE:
        raise BackendError("bad_request", f"{what} has at most {MAX_NOTE} characters")
