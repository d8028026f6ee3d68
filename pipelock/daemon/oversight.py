"""Sessions as the operator sees and handles them."""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.control.backend import BackendError, SessionWish
from pipelock.engine import Engine
from pipelock.model import Session, SessionActed, SessionDetail

__all__ = ["Oversight"]


class Oversight:
    """The engine's sessions, and the connections that belong to them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sessions(self) -> Sequence[Session]:
        """Known sessions, most recently seen first."""
        return self._engine.sessions.known()

    def inspect(self, key: str) -> SessionDetail:
        """One session.

        Raises:
            BackendError: not_found.
        """
        raise BackendError("not_found", "session not found")

    def act(self, wish: SessionWish) -> SessionActed:
        """Do something to one.

        Raises:
            BackendError: not_found.
        """
        raise BackendError("not_found", "session not found")
