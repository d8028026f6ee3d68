"""Answers to those who asked for a reload and want to hear when it is over."""

from __future__ import annotations

from pipelock.control.backend import BackendError, Then

__all__ = ["MAX_ASKING", "ReloadAnswers"]

MAX_ASKING = 64
"""Whoever asks beyond that is told at once that the reload is under way."""


class ReloadAnswers:
    """Tells each the outcome of the reload that read the files after it had asked, not of one that was under way."""

    def __init__(self) -> None:
        self._now: list[Then[str]] = []
        self._next: list[Then[str]] = []

    def add(self, then: Then[str], *, is_under_way: bool) -> None:
        """Somebody asks. `is_under_way` says that a reload had read the files before, and that another will follow."""
        if len(self._now) + len(self._next) >= MAX_ASKING:
            then("it takes effect as soon as it is compiled")
        else:
            (self._next if is_under_way else self._now).append(then)

    def refuse(self, then: Then[str], error: BackendError) -> None:
        """What stands in the files can't be used, so that no reload follows for this one."""
        for waiting in (self._now, self._next):
            for place, one in enumerate(waiting):
                if one is then:
                    del waiting[place]
                    then(error)
                    return

    def done(self, outcome: str | BackendError) -> None:
        """A reload is over; whoever asked while it was under way waits for the one that follows."""
        told, self._now, self._next = self._now, self._next, []
        for then in told:
            then(outcome)
