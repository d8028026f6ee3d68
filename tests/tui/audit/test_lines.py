from __future__ import annotations

import msgspec

from pipelock.model import AuditState
from pipelock_tui import testing
from pipelock_tui.audit.lines import audit_lines
from pipelock_tui.testing import StillClock
from pipelock_tui.text import plain


def text_of(state: AuditState) -> str:
    return "\n".join(plain(line) for line in audit_lines(state, 100, StillClock.zone))


def test_what_is_wrong_comes_first() -> None:
    text = text_of(testing.audit_state())
    for words in [
        "SOMETHING IS WRONG",
        "line 812 is no JSON object",
        "lines      40 210",
        "broken     1",
        "0644 !",
        "from, to   2026-09-17 14:13:20 to 2026-09-21 14:13:17",
    ]:
        assert words in text
    assert text.index("line 812") < text.index("READ")


def test_a_log_that_is_well_a_part_of_it_and_none() -> None:
    whole = testing.audit_state()
    good = msgspec.structs.replace(whole, broken=0, problems=(), complete=False, read_bytes=5_000_000, first_at=1e300)
    text = text_of(good)
    assert "Nothing is wrong with it" in text
    assert "the newest 5.0MB only" in text
    assert "from, to   - to" in text
    backwards = text_of(msgspec.structs.replace(good, backwards=2))
    assert "lines older than the one before" in backwards
    assert "There is no audit file" in text_of(AuditState(problems=("it can't be written",)))
    assert "it can't be written" in text_of(AuditState(problems=("it can't be written",)))
