"""Held requests to tell of."""

from __future__ import annotations

from typing import Any

import msgspec

from pipelock.model import Pending
from tests.factories import a_summary


def a_pending(**changes: Any) -> Pending:
    base = Pending(
        id="7",
        group="g",
        action=a_summary(method="POST", url="http://api.example/submit", agent="helper"),
        reason="rule uploads asks",
        held_at=1000.0,
        expires_at=1060.0,
        binding="bound",
    )
    return msgspec.structs.replace(base, **changes)
