"""The admin API in this daemon: what it asks of which part, and its listener."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pipelock.admin.wire import AnswerDone
from pipelock.config.validate_admin import TOKEN_VARIABLE
from pipelock.control.backend import BackendError, SessionWish
from pipelock.daemon.notifying import Notifying
from pipelock.door.edges import Clock
from pipelock.evidence.line import AdminEntry
from pipelock.model import Answer, Grant, KillSwitchState, Pending, Session, SessionActed, SessionDetail
from pipelock.notify.answers import RefusedError
from pipelock.proxy.admin.desk import AdminCall, DeskError, SessionOrder, SignedError
from pipelock.proxy.admin.service import MAX_BODY, AdminService
from pipelock.proxy.api import ApiContext, ApiLimits

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon

__all__ = ["Admin"]

CONNECTIONS = 32
SECONDS = 10.0
"""For a request to arrive, and for an answer to be taken."""


class Admin:
    """The service, and the listener it may have of its own."""

    def __init__(self, daemon: Daemon, clock: Clock, environ: Mapping[str, str], notifying: Notifying) -> None:
        self.address = ""
        """Where its own listener is; empty where it has none."""
        self._counter = _Counter(daemon, environ)
        self._notifying = notifying
        self.service = AdminService(self._counter, clock, time.time, daemon.identifying.objection)
        limits = ApiLimits(connections=CONNECTIONS, body=MAX_BODY, read_seconds=SECONDS, write_seconds=SECONDS)
        self.context = ApiContext(self.service, clock, limits)

    def configure(self) -> None:
        """Take over what was reloaded."""
        takes_answers = self._notifying.reader.settings is not None
        self.service.signed = _Signed(self._notifying, self._counter) if takes_answers else None


class _Counter:
    """The daemon's `AdminDesk`."""

    _log = Logger()

    def __init__(self, daemon: Daemon, environ: Mapping[str, str]) -> None:
        self._daemon = daemon
        self._environ = environ

    def token(self) -> str:
        """The environment's, else the configuration's."""
        return self._environ.get(TOKEN_VARIABLE) or self._daemon.loaded.config.kill_switch.api_token

    def kill_state(self) -> KillSwitchState:
        """All sources."""
        return self._daemon.kill.state

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - on or off is all there is
        """The source that the control socket has too."""
        return self._daemon.switch_kill(active, by)

    def sessions(self) -> Sequence[Session]:
        """Who has been talking."""
        return self._daemon.oversight.sessions()

    def inspect(self, key: str) -> SessionDetail:
        """One of them."""
        try:
            return self._daemon.oversight.inspect(key)
        except BackendError as error:
            raise DeskError(error.code, error.message) from error

    def act(self, order: SessionOrder) -> SessionActed:
        """Do something to one."""
        wish = SessionWish(
            key=order.key,
            verb=order.verb,
            tier=order.tier,
            label=order.label,
            reason=order.reason,
            source_match=order.source_match,
            action_match=order.action_match,
            expires_at=order.expires_at,
            by=order.by,
        )
        try:
            return self._daemon.oversight.act(wish)
        except BackendError as error:
            raise DeskError(error.code, error.message) from error

    def lockdown_seconds(self) -> float:
        """As long as the table remembers a silent session."""
        return self._daemon.loaded.config.session_profiling.session_ttl_minutes * 60.0

    def pending(self) -> Sequence[Pending]:
        """What waits."""
        return self._daemon.answering.pending()

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """A person's answer."""
        try:
            return self._daemon.answering.answer(pending_id, answer, binding)
        except BackendError as error:
            raise DeskError(error.code, error.message) from error

    def called(self, call: AdminCall) -> None:
        """Write it down. The kill switch has to work with a full disk too, so a log that fails stops nothing here."""
        entry = AdminEntry(call.action, call.client, call.status, call.session, call.result, call.left_out)
        try:
            self._daemon.recorder.write_admin(entry, time.time())
        except OSError as error:
            self._log.error("a call of the admin API could not be written down: {error}", error=error)


class _Signed:
    """Takes a webhook's answers to the same place as all others."""

    def __init__(self, notifying: Notifying, counter: _Counter) -> None:
        self._notifying = notifying
        self._counter = counter

    def take(self, signature: str, body: bytes) -> tuple[str, AnswerDone]:
        """Give the answer."""
        try:
            pending, answer, binding = self._notifying.reader.read(signature, body)
        except RefusedError as error:
            raise SignedError(error.status, str(error)) from error
        count, _ = self._counter.answer(pending, answer, binding)
        return pending, AnswerDone(count)
