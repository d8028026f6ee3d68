"""What is only visible over several actions of one session.

A tracker is asked after the content scan, once for each action that nothing has refused yet, and remembers what it
needs. Its memory is bounded by itself; its docstring says by how much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipelock.model import Action, Finding

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["Tracker"]


class Tracker(Protocol):
    """Remembers, and judges by what it remembers. Not for several threads."""

    def judge(self, action: Action, policy: Policy, now: float, *, again: bool) -> tuple[Finding, ...]:
        """What `action` adds up to with those before it.

        Args:
            action: A request, CONNECT or response.
            policy: The policy in force; what it switches off is neither judged nor remembered.
            now: Monotonic seconds.
            again: This very action was judged before (it was held): judge it, but don't count it twice.
        """
        ...
