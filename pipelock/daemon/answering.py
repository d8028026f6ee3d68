"""What waits for a person and what persons answered, for the control socket and the admin API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelock.control.backend import BackendError
from pipelock.daemon.grants_file import GrantsFile, GrantsFileError
from pipelock.daemon.watch import FileWatch
from pipelock.door.door import Door
from pipelock.door.edges import Clock
from pipelock.engine import BadAnswerError, StaleAnswerError
from pipelock.evidence.session_line import SessionEntry
from pipelock.model import Answer, Grant, GrantsChanged, Lifetime, Notice, Pending, escape

__all__ = ["Answering"]


class Answering:
    """Answers, grants and approvals.yaml. The file's grants are in force from the beginning.

    `write` writes a line of the audit log; raises OSError where it can't.
    """

    def __init__(
        self, door: Door, file: GrantsFile, clock: Clock, write: Callable[[SessionEntry, float], None]
    ) -> None:
        self._door = door
        self._write = write
        self._file = file
        self._clock = clock
        self._approvals = door.approvals
        self._approvals.keep = self._keep
        self._watch = FileWatch(file.path, clock, self._file_changed)
        self._told: tuple[str, ...] = ()

    def start(self) -> None:
        """Put in force what the file holds, and look after it from now on.

        A file that can't be used is said to be so; none of it is in force, so people are asked again.
        """
        try:
            kept = self._file.load()
        except GrantsFileError as error:
            self._tell("error", f"no answer that was to hold for good is in force: {error}")
        else:
            self._approvals.grants.replace_kept(kept, self._clock.seconds())
            if kept:
                self._tell("info", f"{len(kept)} answers of {self._file.path.name} are in force")
        self._watch.start()

    def stop(self) -> None:
        """Look after it no more."""
        self._watch.stop()

    def sweep(self) -> None:
        """Forget what was answered for sessions that are over."""
        ended = self._approvals.grants.end_sessions(lambda key: self._door.engine.sessions.one(key) is not None)
        if ended:
            self._door.bus.publish(GrantsChanged(f"{ended} answers ended with their sessions"))

    # -- what waits ------------------------------------------------------------------------------------------------

    def pending(self) -> Sequence[Pending]:
        """What waits for a person, oldest first."""
        return self._approvals.waiting()

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """A person's answer; how many actions it settled, and the grant that it left.

        Raises:
            BackendError: stale, bad_request.
        """
        try:
            answered = self._door.holding.answer(pending_id, answer, binding)
        except StaleAnswerError as error:
            raise BackendError("stale", str(error)) from error
        except BadAnswerError as error:
            raise BackendError("bad_request", str(error)) from error
        if answered.grant is not None:
            self._record("approval_given", answered.grant.words, answer.by, answered.grant)
        return answered.count, answered.grant

    def look_at(self, pending_id: str) -> None:
        """Somebody looks at it.

        Raises:
            BackendError: not_found.
        """
        try:
            self._door.holding.look_at(pending_id)
        except StaleAnswerError as error:
            raise BackendError("not_found", str(error)) from error

    def held_body(self, pending_id: str, binding: str) -> tuple[bytes, str]:
        """What would be sent.

        Raises:
            BackendError: stale, bad_request.
        """
        try:
            body = self._door.holding.body(pending_id, binding)
        except StaleAnswerError as error:
            raise BackendError("stale", str(error)) from error
        if body is None:
            raise BackendError("bad_request", "this has no text that can be changed")
        return body

    # -- what was answered -----------------------------------------------------------------------------------------

    def grants(self) -> Sequence[Grant]:
        """Answers that hold, newest first."""
        return self._approvals.grants.all(self._clock.seconds())

    def unreviewed(self) -> tuple[str, ...]:
        """What somebody else changed in approvals.yaml, as lines of a diff."""
        return self._file.unreviewed()

    def revoke(self, grant_id: str, by: str) -> str:
        """Take one back; what it let pass before is not undone.

        Raises:
            BackendError: not_found; failed, where the file can't be written: the grant then stays.
        """
        grants = self._approvals.grants
        grant = grants.get(grant_id)
        if grant is None:
            raise BackendError("not_found", f"no answer that holds is called {escape(grant_id, 64)}")
        if grant.lifetime is Lifetime.FOREVER:
            try:
                self._file.write(tuple(one for one in grants.kept() if one.id != grant_id))
            except GrantsFileError as error:
                raise BackendError("failed", str(error)) from error
        grants.remove(grant_id)
        said = f"no longer in force: {grant.words}"
        self._door.bus.publish(GrantsChanged(said, by))
        self._record("approval_revoked", said, by, grant)
        return said

    def review(self, by: str) -> str:
        """Put approvals.yaml in force as it is now.

        Raises:
            BackendError: failed, with what is wrong with the file; what was in force stays so.
        """
        changed = self._file.unreviewed()
        try:
            kept = self._file.load()
        except GrantsFileError as error:
            raise BackendError("failed", str(error)) from error
        self._approvals.grants.replace_kept(kept, self._clock.seconds())
        self._told = ()
        if not changed:
            return f"nothing had changed; answers in force of {self._file.path.name}: {len(kept)}"
        said = f"{self._file.path.name} was reviewed; answers of it in force: {len(kept)}"
        self._door.bus.publish(GrantsChanged(said, by))
        self._record("approvals_reviewed", said, by)
        return said

    def _keep(self, grants: tuple[Grant, ...]) -> None:
        try:
            self._file.write(grants)
        except GrantsFileError as error:
            raise BadAnswerError(f"this can't be kept for good: {error}") from error

    def _file_changed(self) -> None:
        lines = self._file.unreviewed()
        if lines and lines != self._told:
            self._tell(
                "warn",
                f"{self._file.path.name} was changed by somebody else; that is not in force until "
                "`pipelock approvals review`",
            )
        self._told = lines

    def _record(self, event: str, message: str, by: str, grant: Grant | None = None) -> None:
        more = {"answered_by": by}
        if grant is not None:
            more |= {
                "grant": grant.id,
                "scope": grant.scope.value,
                "lifetime": grant.lifetime.value,
                "note": grant.note,
            }
        session = grant.session if grant is not None else ""
        entry = SessionEntry(event=event, level="info", message=message, session=session, more=more)
        try:
            self._write(entry, self._door.wall())
        except OSError as error:
            self._tell("error", f"the audit log cannot be written: {error}")

    def _tell(self, level: str, text: str) -> None:
        self._door.bus.publish(Notice(level, escape(text, 500)))
