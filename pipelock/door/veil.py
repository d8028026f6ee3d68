"""What was hidden of a request is hidden of its answer too.

A request whose URL holds something that was found may go on all the same: the operator has suppressed the finding, or
nothing is enforced. Its own record then has the host alone. The answer, and every later part of either, is an action of
the same id with the same URL, in which nobody looks again; so what was shown of the request is remembered.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pipelock.engine import summarise
from pipelock.engine.summary import REDUCED
from pipelock.model import Action, ActionSummary, Decision, Verdict

__all__ = ["MAX_VEILED", "Veil"]

MAX_VEILED = 4_096
"""Requests that are remembered; the oldest go first."""


class Veil:
    """Summarises actions in the order in which they are decided."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    def summarise(self, action: Action, decision: Decision) -> ActionSummary:
        """`pipelock.engine.summarise`, less what was hidden of the request that it belongs to."""
        shown = summarise(action, decision)
        if action.comes_in or action.kind.is_part:
            known = self._known.get(action.id) if self._known else None
            if known is None:
                return shown
            url, host, path = known
            return msgspec.structs.replace(shown, url=url, host=host, path=path)
        if decision.verdict is not Verdict.BLOCK and shown.url.endswith(REDUCED):
            self._known[action.id] = (shown.url, shown.host, shown.path)
            while len(self._known) > MAX_VEILED:
                self._known.popitem(last=False)
        return shown
