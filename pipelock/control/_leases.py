"""What launchers ask for: facts to plan by, and a lease on the daemon's service for the agent that they launch.

Descriptors come beside the bytes of a `Contain` (SCM_RIGHTS, unix(7)), so they are there before the frame can be read.
Until it is read nobody owns them; whatever else is said while they wait is a fault, and closes them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from twisted.logger import Logger

from pipelock.control import frames
from pipelock.control.backend import Backend, BackendError, ContainWish, Lease
from pipelock.control.peers import PeerFacts, Rights
from pipelock.model import MAX_HANDED

__all__ = ["MAX_NAME", "Leasing", "Tenant", "close_all"]

MAX_NAME = 64
"""Characters of a profile's name."""

Leasing = frames.AskContainment | frames.Contain | frames.ReportDenial

_log = Logger()


def close_all(descriptors: Sequence[int]) -> None:
    """Close them; one that is closed already is passed over."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


class Tenant:
    """One peer, as far as it launches agents.

    Args:
        backend: The daemon.
        lease: The peer's connection.
        spare: How many more descriptors may wait, all peers together.
    """

    def __init__(self, backend: Backend, lease: Lease, spare: Callable[[], int]) -> None:
        self._backend = backend
        self._lease = lease
        self._spare = spare
        self._waiting: list[int] = []
        self.holds = False
        """Whether the daemon serves an agent for it."""

    @property
    def waiting(self) -> int:
        """Descriptors that came and were not claimed yet."""
        return len(self._waiting)

    def take(self, descriptor: int) -> str:
        """A descriptor came. What is wrong with that, empty for nothing; where something is, all are closed."""
        # Twisted does not ask for close-on-exec as it receives.
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
        spare = self._spare()
        self._waiting.append(descriptor)
        if len(self._waiting) <= MAX_HANDED and spare > 0:
            return ""
        self.drop()
        return f"more than {MAX_HANDED} descriptors, or too many of all launchers together"

    def drop(self) -> None:
        """Close what was not claimed."""
        waiting, self._waiting = self._waiting, []
        close_all(waiting)

    def end(self) -> None:
        """The connection is over; harmless when done already."""
        self.drop()
        if self.holds:
            self.holds = False
            self._backend.release(self._lease)

    def answer(self, question: Leasing, rights: Rights, facts: PeerFacts | None) -> frames.Result:
        """What comes of a question by a peer with these rights. Never raises."""
        try:
            match question:
                case frames.AskContainment():
                    return self._facts(question, rights)
                case frames.Contain():
                    return self._contain(question, rights, facts)
                case frames.ReportDenial():
                    return frames.Ok(int(self._backend.report_denial(self._lease, question.denial)))
        except BackendError as error:
            return frames.Failed(error.code, error.message)
        except Exception:  # noqa: BLE001 - as for every verb: one that fails must not take the daemon down
            _log.failure("control verb {verb} failed", verb=type(question).__name__)
            return frames.Failed("failed", "the daemon met an error of its own; its log has the details")

    def _facts(self, question: frames.AskContainment, rights: Rights) -> frames.Result:
        if len(question.profile) > MAX_NAME:
            raise BackendError("bad_request", f"a profile's name has at most {MAX_NAME} characters")
        if not rights.may_contain:
            raise _forbidden(rights)
        found = self._backend.containment_facts(question.profile, may_decide=rights.may_decide)
        return frames.ContainmentReply(found)

    def _contain(self, question: frames.Contain, rights: Rights, facts: PeerFacts | None) -> frames.Result:
        handed, self._waiting = tuple(self._waiting), []
        try:
            self._check(question, rights, len(handed))
        except BackendError:
            close_all(handed)
            raise
        wish = ContainWish(
            contained=question.contained,
            sockets=question.sockets,
            descriptors=handed,
            rules=question.rules,
            ancestors=facts.ancestors if facts is not None else (),
            may_decide=rights.may_decide,
            inside=rights.inside,
            shared=rights.shared,
        )
        session = self._backend.contain(self._lease, wish)
        self.holds = True
        return frames.ContainReply(session)

    def _check(self, question: frames.Contain, rights: Rights, handed: int) -> None:
        if not rights.may_contain:
            raise _forbidden(rights)
        if self.holds:
            raise BackendError("bad_request", "this connection holds a sandbox already; use one for each")
        if handed != len(question.sockets):
            raise BackendError(
                "bad_request", f"{len(question.sockets)} sockets are named and {handed} descriptors came with them"
            )


def _forbidden(rights: Rights) -> BackendError:
    return BackendError("forbidden", f"no sandbox may be started from here: {rights.why}")
