from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelock.evidence.audit import AuditLog
from pipelock.evidence.line import audit_line
from pipelock.evidence.recorder import Recorder
from pipelock.evidence.session_line import SessionEntry
from pipelock.evidence.text import text_line
from pipelock.model import Decision, Outcome, TunnelClosed, Verdict
from tests.factories import a_finding, a_record, an_action

CLOSED = TunnelClosed("t-1", "h:443", 1, 2, 3)
RISEN = SessionEntry(event="adaptive_escalation", level="warn", message="level high", session="a")


@pytest.fixture
def log(tmp_path: Path):
    log = AuditLog(tmp_path / "audit.jsonl")
    yield log
    log.close()


def record(verdict: Verdict = Verdict.ALLOW, **changes: Any):
    return a_record(decision=Decision(action_id="t-1", verdict=verdict, **changes))


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


ALLOWED = record()
BLOCKED = record(Verdict.BLOCK)
WARNED = record(Verdict.WARN)
FOUND = record(Verdict.ALLOW, findings=(a_finding(),))
SUPPRESSED = record(Verdict.ALLOW, suppressed=(a_finding(),))
APPROVED = record(Verdict.ALLOW, outcome=Outcome.APPROVED)


def test_each_decision_is_one_line(log: AuditLog) -> None:
    recorder = Recorder(log)
    for one in (ALLOWED, BLOCKED, WARNED):
        recorder.write(one)
    assert lines(log) == [audit_line(one) for one in (ALLOWED, BLOCKED, WARNED)]


@pytest.mark.parametrize(
    ("switches", "kept"),
    [
        ({}, [ALLOWED, BLOCKED, WARNED, FOUND, SUPPRESSED, APPROVED]),
        ({"include_allowed": False}, [BLOCKED, WARNED, FOUND, SUPPRESSED, APPROVED]),
        ({"include_blocked": False}, [ALLOWED, WARNED, FOUND, SUPPRESSED, APPROVED]),
        ({"include_allowed": False, "include_blocked": False}, [WARNED, FOUND, SUPPRESSED, APPROVED]),
    ],
)
def test_the_switches_thin_out_what_is_unremarkable(log: AuditLog, switches: dict[str, bool], kept: list) -> None:
    recorder = Recorder(log, **switches)
    for one in (ALLOWED, BLOCKED, WARNED, FOUND, SUPPRESSED, APPROVED):
        recorder.write(one)
    assert lines(log) == [audit_line(one) for one in kept]


def test_the_echo_repeats_lines_or_tells_people(log: AuditLog) -> None:
    echoed: list[bytes] = []
    recorder = Recorder(log, echo=echoed.append)
    recorder.write(BLOCKED)
    recorder.write_tunnel(CLOSED, 0.0)
    recorder.write_error(an_action(), "why", 0.0)
    recorder.write_session(RISEN, 0.0)
    assert echoed == lines(log)
    echoed.clear()
    recorder.echo_text = True
    recorder.write(BLOCKED)
    recorder.write_tunnel(CLOSED, 0.0)
    recorder.write_error(an_action(), "why", 0.0)
    recorder.write_session(RISEN, 0.0)
    assert echoed == [text_line(BLOCKED)]
    assert len(lines(log)) == 8


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("write to closed file")])
def test_an_echo_that_fails_is_dropped_and_the_record_stays(
    log: AuditLog, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_line: bytes) -> None:
        raise error

    recorder = Recorder(log, echo=broken)
    recorder.write(BLOCKED)
    recorder.write(BLOCKED)
    assert recorder.echo is None
    assert len(lines(log)) == 2
    assert len(caplog.records) == 1


def test_tunnels_end_unrecorded_where_allowed_traffic_is(log: AuditLog) -> None:
    recorder = Recorder(log, include_allowed=False)
    recorder.write_tunnel(CLOSED, 0.0)
    recorder.write_error(an_action(), "why", 0.0)
    assert [b'"event":"error"' in line for line in lines(log)] == [True]


def test_a_log_that_fails_is_the_callers_business(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "write", full)
    echoed: list[bytes] = []
    recorder = Recorder(log, echo=echoed.append)
    for write in (
        lambda: recorder.write(BLOCKED),
        lambda: recorder.write_tunnel(CLOSED, 0.0),
        lambda: recorder.write_error(an_action(), "why", 0.0),
        lambda: recorder.write_session(RISEN, 0.0),
    ):
        with pytest.raises(OSError, match="No space"):
            write()
    assert echoed == []
