from __future__ import annotations

import pytest

from pipelock.query import parse
from pipelock_tui import testing
from pipelock_tui.filters import shows
from pipelock_tui.rows import Row

BLOCKED = Row(0, testing.blocked())
REMARK = Row(0, text="! warning: the disk is nearly full")
GAP = Row(0, text="missing", gap=True)


@pytest.mark.parametrize(
    ("source", "row", "shown"),
    [
        ("", REMARK, True),
        ("verdict:block", BLOCKED, True),
        ("!verdict:block", BLOCKED, False),
        ("disk", REMARK, True),
        ("host:disk", REMARK, False),
        ("verdict:block", REMARK, False),
        ("verdict:block", GAP, True),
        ("!missing", GAP, True),
        ('text:"nearly full"', REMARK, True),
    ],
)
def test_a_row_is_shown(source: str, row: Row, *, shown: bool) -> None:
    assert shows(parse(source), row) is shown
