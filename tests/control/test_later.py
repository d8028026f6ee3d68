"""Verbs that are answered later, without a socket."""

from __future__ import annotations

import pytest

from pipelock.control import frames
from pipelock.control._later import MAX_DAYS, MAX_FOUND, MAX_QUERY, Slow
from pipelock.control._verbs import start
from pipelock.control._wire import PAGE
from pipelock.control.testing import FakeBackend
from pipelock.model import HistoryPage, Kept
from tests.factories import a_decision, a_record

BY = "command (pid 7)"


def told(backend: FakeBackend, question: Slow) -> frames.Result:
    results: list[frames.Result] = []
    start(backend, question, BY, results.append)
    (result,) = results
    return result


@pytest.mark.parametrize(
    "question",
    [
        frames.SearchHistory(1, "x" * (MAX_QUERY + 1)),
        frames.SearchHistory(1, limit=0),
        frames.SearchHistory(1, limit=MAX_FOUND + 1),
        frames.SearchHistory(1, before=-1),
        frames.SearchHistory(1, ")"),
        frames.ProposeFix(1, ""),
        frames.ProposeFix(1, "a" * 101),
        frames.ProposeFix(1, "a1", finding=-1),
        frames.ProposeFix(1, "a1", days=0),
        frames.ProposeFix(1, "a1", days=MAX_DAYS + 1),
        frames.ApplyFix(1, ""),
        frames.RemoveSuppression(1, "x" * 101),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused(backend: FakeBackend, question: Slow) -> None:
    result = told(backend, question)
    assert isinstance(result, frames.Failed)
    assert result.code == "bad_request"


def test_a_proposal_is_applied_by_whom_it_says(backend: FakeBackend) -> None:
    proposed = told(backend, frames.ProposeFix(1, "a1", 2, 7))
    assert proposed == frames.FixReply(backend.fix)
    assert told(backend, frames.ApplyFix(2, "f1")) == frames.Ok(detail="applied")
    assert told(backend, frames.RemoveSuppression(3, "e1")) == frames.Ok(detail="removed")
    assert isinstance(told(backend, frames.ApplyFix(4, "f2")), frames.Failed)
    assert backend.asked == [
        ("propose", "a1", 2, 7),
        ("apply", "f1", BY),
        ("unsuppress", "e1", BY),
        ("apply", "f2", BY),
    ]


def test_a_page_that_is_too_long_for_a_frame_is_cut_and_says_where_to_go_on(backend: FakeBackend) -> None:
    wide = a_record(decision=a_decision(reason="x" * 4_000))
    backend.page = HistoryPage(tuple(Kept(row, wide) for row in range(1_000, 0, -1)), before=0, total=1_000)
    reply = told(backend, frames.SearchHistory(1, limit=1_000))
    assert isinstance(reply, frames.HistoryReply)
    assert 0 < len(reply.page.items) < 1_000
    assert reply.page.before == reply.page.items[-1].row
    assert len(reply.page.items) * 4_000 <= PAGE


def test_a_verb_that_breaks_says_so_and_no_more(backend: FakeBackend) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    backend.doctor = broken  # type: ignore[assignment,method-assign]
    result = told(backend, frames.RunDoctor(1))
    assert result == frames.Failed("failed", "the daemon met an error of its own; its log has the details")
