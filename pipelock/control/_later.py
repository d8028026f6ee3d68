"""Verbs that take a while: what searches, compiles or reads files. The daemon does that in its threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, assert_never

import msgspec

from pipelock.control import frames
from pipelock.control._wire import fit, fit_page
from pipelock.control.backend import Backend, BackendError
from pipelock.control.protocol import MAX_NUMBER
from pipelock.model import HistoryPage

__all__ = ["MAX_QUERY", "Slow", "begin", "sound_id"]

MAX_QUERY = 500
"""Characters of a search."""
MAX_FOUND = 1_000
"""Decisions in one page of a search."""
MAX_DAYS = 3_650
_MAX_ID = 100

Slow = (
    frames.SearchHistory
    | frames.ProposeFix
    | frames.ApplyFix
    | frames.RemoveSuppression
    | frames.ReviewConfig
    | frames.RunDoctor
    | frames.ReadAudit
)

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


def begin(  # noqa: PLR0911 - one return a verb
    backend: Backend, question: Slow, by: str, then: Callable[[frames.Result], None]
) -> Callable[[], None]:
    """Begin to answer; `then` gets the result later. What is returned gives it up.

    Raises:
        BackendError: what is asked makes no sense.
    """
    match question:
        case frames.SearchHistory():
            return _search(backend, question, then)
        case frames.ProposeFix():
            if not (0 <= question.finding <= _MAX_ID and 1 <= question.days <= MAX_DAYS):
                raise BackendError("bad_request", f"a finding is named by its number; days are 1 to {MAX_DAYS}")
            return backend.propose_fix(
                sound_id(question.action),
                question.finding,
                question.days,
                _told(then, lambda fix: frames.FixReply(_fit(fix))),
            )
        case frames.ApplyFix():
            return backend.apply_fix(sound_id(question.fix), by, _told(then, lambda text: frames.Ok(detail=text)))
        case frames.RemoveSuppression():
            return backend.remove_suppression(
                sound_id(question.entry), by, _told(then, lambda text: frames.Ok(detail=text))
            )
        case frames.ReviewConfig():
            return backend.review_config(_told(then, lambda review: frames.ConfigReply(_fit(review))))
        case frames.RunDoctor():
            return backend.doctor(_told(then, lambda checks: frames.DoctorReply(fit_page(checks)[0])))
        case frames.ReadAudit():
            return backend.read_audit(_told(then, lambda state: frames.AuditReply(_fit(state))))
        case _:
            assert_never(question)


def _search(
    backend: Backend, question: frames.SearchHistory, then: Callable[[frames.Result], None]
) -> Callable[[], None]:
    if len(question.query) > MAX_QUERY:
        raise BackendError("bad_request", f"a search has at most {MAX_QUERY} characters")
    if not (0 <= question.before <= MAX_NUMBER and 1 <= question.limit <= MAX_FOUND):
        raise BackendError("bad_request", f"limit is 1 to {MAX_FOUND}, before the number of a row")
    return backend.search_history(
        question.query,
        question.before,
        question.limit,
        question.since,
        _told(then, lambda page: frames.HistoryReply(_fit_history(page))),
    )


def _fit_history(page: HistoryPage) -> HistoryPage:
    """As much of `page` as a reply holds; the next search goes on where it ends."""
    items, more = fit_page(page.items)
    if not more or not items:
        return msgspec.structs.replace(page, items=items)
    return msgspec.structs.replace(page, items=items, before=items[-1].row)


def _fit(value: S) -> S:
    fitted, size = fit(value)
    if not size:
        raise BackendError("failed", "the answer can't be put into a frame")
    return fitted


def _told(
    then: Callable[[frames.Result], None], made: Callable[[T], frames.Result]
) -> Callable[[T | BackendError], None]:
    def tell(outcome: T | BackendError) -> None:
        result: frames.Result
        if isinstance(outcome, BackendError):
            result = frames.Failed(outcome.code, outcome.message)
        else:
            try:
                result = made(outcome)
            except BackendError as error:
                result = frames.Failed(error.code, error.message)
        then(result)

    return tell


def sound_id(text: str) -> str:
    """An id of anything, which has 1 to 100 characters.

    Raises:
        BackendError: it is none.
    """
    if not 0 < len(text) <= _MAX_ID:
        raise BackendError("bad_request", "this is no id")
    return text
