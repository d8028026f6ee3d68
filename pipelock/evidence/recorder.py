"""What is written for each decision, and where."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipelock.evidence.audit import AuditLog
from pipelock.evidence.line import AdminEntry, admin_line, audit_line, error_line, tunnel_line
from pipelock.evidence.session_line import SessionEntry, session_line
from pipelock.evidence.text import text_line
from pipelock.model import Action, Record, TunnelClosed, Verdict

__all__ = ["Recorder"]

_log = logging.getLogger(__name__)


class Recorder:
    """One line a decision to the log, and to `echo` (standard output) if one is given.

    `include_allowed` and `include_blocked` are `logging`'s switches; they thin out the log, never the event stream.
    `include_allowed` is about what passed without a remark: warnings and what a person let through stay.
    An echo that fails is dropped until the next one is set: the file is the record.
    """

    def __init__(
        self,
        log: AuditLog,
        *,
        include_allowed: bool = True,
        include_blocked: bool = True,
        echo: Callable[[bytes], object] | None = None,
        echo_text: bool = False,
    ) -> None:
        self.log = log
        self.include_allowed = include_allowed
        self.include_blocked = include_blocked
        self.echo = echo
        self.echo_text = echo_text

    def write(self, record: Record) -> None:
        """Write one decision.

        Raises:
            OSError: the log could not be written.
        """
        if not self._is_wanted(record):
            return
        line = audit_line(record)
        self.log.write(line)
        if self.echo is not None:
            self._repeat(text_line(record) if self.echo_text else line)

    def write_tunnel(self, closed: TunnelClosed, at: float) -> None:
        """Write a tunnel's end.

        Raises:
            OSError: the log could not be written.
        """
        if self.include_allowed:
            self._write(tunnel_line(closed, at))

    def write_error(self, action: Action, why: str, at: float) -> None:
        """Write that an allowed action could not be carried out.

        Raises:
            OSError: the log could not be written.
        """
        self._write(error_line(action, why, at))

    def write_admin(self, call: AdminEntry, at: float) -> None:
        """Write a call of the admin API.

        Raises:
            OSError: the log could not be written.
        """
        self._write(admin_line(call, at))

    def write_session(self, entry: SessionEntry, at: float) -> None:
        """Write what happened to a session.

        Raises:
            OSError: the log could not be written.
        """
        self._write(session_line(entry, at))

    def _write(self, line: bytes) -> None:
        """A line that is no decision; in text form the echo has none for it."""
        self.log.write(line)
        if not self.echo_text:
            self._repeat(line)

    def _is_wanted(self, record: Record) -> bool:
        decision = record.decision
        if decision.verdict is Verdict.BLOCK:
            return self.include_blocked
        noticed = bool(decision.findings or decision.suppressed)
        unremarkable = decision.verdict is Verdict.ALLOW and not noticed and decision.outcome is None
        return self.include_allowed or not unremarkable

    def _repeat(self, line: bytes) -> None:
        if self.echo is None:
            return
        try:
            self.echo(line)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self.echo = None
            _log.warning("decisions are no longer written to standard output: %s", error)
