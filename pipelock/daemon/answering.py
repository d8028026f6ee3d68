"""What waits for a person and what persons answered, for the control socket and the admin API."""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.control.backend import BackendError
from pipelock.door.door import Door
from pipelock.engine import StaleAnswerError
from pipelock.model import Answer, Grant, Pending

__all__ = ["Answering"]


class Answering:
    """Answers, grants and approvals.yaml."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def pending(self) -> Sequence[Pending]:
        """What waits for a person, oldest first."""
        return self._door.approvals.waiting()

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """A person's answer; how many actions it settled, and the grant that it left.

        Raises:
            BackendError: stale.
        """
        try:
            answered = self._door.answer(pending_id, answer, binding)
            return answered.count, answered.grant
        except StaleAnswerError as error:
            raise BackendError("stale", str(error)) from error

    def look_at(self, pending_id: str) -> None:
        """Somebody looks at it."""

    def held_body(self, pending_id: str, binding: str) -> tuple[bytes, str]:
        """What would be sent."""
        raise BackendError("bad_request", "this can't be edited")

    def grants(self) -> Sequence[Grant]:
        """Answers that hold, newest first."""
        return ()

    def unreviewed(self) -> tuple[str, ...]:
        """What somebody else wrote into approvals.yaml."""
        return ()

    def revoke(self, grant_id: str, by: str) -> str:
        """Take one back."""
        raise BackendError("not_found", f"no grant is called {grant_id}")

    def review(self, by: str) -> str:
        """Take over approvals.yaml as it is."""
        return "nothing changed"
