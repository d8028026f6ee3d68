"""`POST /api/v1/scan`: a verdict for whoever asks with a token, on a listener of its own.

Checked in this order: path, method, token, rate, kill switch; then the body is read, and its JSON, kind and fields are
checked. What is asked goes through the door like all else, so it is judged once and recorded once. A scan that is not
done in time is an error, never an allow.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipelock.door.door import Door, Ticket
from pipelock.door.edges import Call, Clock
from pipelock.engine.limits import TokenBuckets
from pipelock.identity import NOBODY, Agents, Caller, Root, resolve
from pipelock.model import Action, BlockReason, Decision, Direction, Kind, ScanKind, Transport
from pipelock.proxy.api import ApiAnswer
from pipelock.proxy.http1 import RequestHead
from pipelock.proxy.scan_wire import (
    Asked,
    WrongInputError,
    answer,
    decision_word,
    failure,
    new_scan_id,
    read_request,
)

__all__ = ["PATH", "ScanService", "ScanSettings"]

PATH = "/api/v1/scan"


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Section `scan_api`; replaced as a whole by a reload. Sizes in bytes, times in seconds."""

    tokens: tuple[str, ...] = ()
    agents: Agents = NOBODY
    per_minute: int = 600
    burst: int = 50
    max_body: int = 1_048_576
    field_limits: dict[str, int] = field(default_factory=dict)
    scan_seconds: float = 5.0
    kinds: frozenset[ScanKind] = frozenset(ScanKind)


class ScanService:
    """Answers what the scan API is asked."""

    def __init__(self, door: Door, clock: Clock, settings: ScanSettings, new_id: Callable[[], str]) -> None:
        self.settings = settings
        self._door = door
        self._clock = clock
        self._new_id = new_id
        self._buckets = TokenBuckets()

    # -- before the body -------------------------------------------------------------------------------------------

    def refusal(self, head: RequestHead, client: str, _root: Root | None = None) -> ApiAnswer | None:
        """The answer that needs no body to be read, or `None`."""
        if head.target.partition("?")[0] != PATH:
            return self._error(404, "not_found", f"there is nothing here but {PATH}")
        if head.method != "POST":
            return self._error(405, "method_not_allowed", "only POST allowed", headers=(("allow", "POST"),))
        token = _bearer(head)
        if not self._is_known(token):
            return self._error(401, "unauthorized", "a bearer token of scan_api.auth.bearer_tokens is needed")
        settings = self.settings
        if not self._buckets.take(token, settings.per_minute, settings.burst, self._clock.seconds()):
            retry = (("retry-after", "1"),)
            return self._error(429, "rate_limited", "too many requests", retryable=True, headers=retry)
        if self._door.engine.kill.applies_to(client):
            return self._stopped(client)
        return None

    def _is_known(self, token: str) -> bool:
        given = token.encode("utf-8", "surrogateescape")
        # Every token is compared, so that the time taken tells nothing.
        same = [hmac.compare_digest(given, known.encode()) for known in self.settings.tokens]
        return any(same)

    def _stopped(self, client: str) -> ApiAnswer:
        """Have the door say so, as it writes down every refusal."""
        action = Action(
            id=self._new_id(), kind=Kind.SCAN, transport=Transport.SCAN_API, client=client, scan=ScanKind.DLP
        )
        self._door.judge(action, lambda _decision: None)
        return self._error(503, "kill_switch_active", self._door.engine.kill.message)

    def too_large(self) -> ApiAnswer:
        """The answer to a body over the limit."""
        return self._error(400, "body_too_large", f"the body is larger than {self.settings.max_body} bytes")

    def malformed(self, why: str) -> ApiAnswer:
        """The answer to what is no sound HTTP request."""
        return self._error(400, "read_error", why)

    # -- the question ----------------------------------------------------------------------------------------------

    def ask(
        self, _head: RequestHead, body: bytes, client: str, answer: Callable[[ApiAnswer], None]
    ) -> Callable[[], None]:
        """Judge what `body` asks; `answer` is called once, unless what is returned is called first."""
        try:
            asked = read_request(body, self.settings.field_limits, self.settings.kinds)
        except WrongInputError as error:
            answer(self._error(400, error.code, str(error), kind=error.kind))
            return _nothing
        scan = _Scan(self, asked, self._action(asked, client), answer)
        scan.start(self._door, self._clock, self.settings.scan_seconds)
        return scan.cancel

    def _action(self, asked: Asked, client: str) -> Action:
        identity = resolve(Caller(client), asked.agent, "", self.settings.agents)
        is_url = asked.kind is ScanKind.URL
        return Action(
            id=self._new_id(),
            kind=Kind.SCAN,
            transport=Transport.SCAN_API,
            direction=Direction.INBOUND if asked.kind is ScanKind.PROMPT_INJECTION else Direction.OUTBOUND,
            session=identity.session,
            agent=identity.agent,
            identity=identity,
            client=client,
            url=asked.text if is_url else "",
            host=_host(asked.text) if is_url else "",
            body=b"" if is_url else asked.text.encode(),
            content_type="application/json" if asked.kind is ScanKind.TOOL_CALL else "",
            scan=asked.kind,
        )

    def scanned(self, asked: Asked, decision: Decision, seconds: float) -> ApiAnswer:
        """The answer for a decision."""
        stats = self._door.stats.scans
        scan_id = new_scan_id()
        if decision.code is BlockReason.KILL_SWITCH_ACTIVE:
            return self._error(503, "kill_switch_active", decision.reason, kind=asked.kind)
        if decision.code is BlockReason.PATTERN_UNAVAILABLE:
            return self._error(500, "internal_error", decision.reason, kind=asked.kind, retryable=True)
        stats.completed(asked.kind, decision_word(decision), decision.findings, seconds)
        return ApiAnswer(200, answer(asked, scan_id, decision, seconds * 1000))

    def late(self, asked: Asked) -> ApiAnswer:
        """The answer where the verdict did not come in time."""
        text = f"no verdict within {self.settings.scan_seconds:g} s"
        return self._error(503, "scan_deadline_exceeded", text, kind=asked.kind, retryable=True)

    def in_flight(self, delta: int) -> None:
        """A scan began or ended."""
        self._door.stats.scans.in_flight += delta

    def _error(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "",
        retryable: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> ApiAnswer:
        self._door.stats.scans.failed(kind, code, status)
        return ApiAnswer(status, failure(code, message, new_scan_id(), kind=kind, retryable=retryable), headers)


class _Scan:
    """One question on its way: ends by a verdict, the deadline or the client's departure, whichever comes first."""

    def __init__(self, service: ScanService, asked: Asked, action: Action, answer: Callable[[ApiAnswer], None]) -> None:
        self._service = service
        self._asked = asked
        self._action = action
        self._answer: Callable[[ApiAnswer], None] | None = answer
        self._ticket: Ticket | None = None
        self._deadline: Call | None = None
        self._began = time.perf_counter()

    def start(self, door: Door, clock: Clock, seconds: float) -> None:
        """Ask the door."""
        self._service.in_flight(1)
        ticket = door.judge(self._action, self._decided)
        if self._answer is not None:
            self._ticket = ticket
            self._deadline = clock.callLater(seconds, self._late)

    def cancel(self) -> None:
        """The client has left."""
        self._end(None)

    def _decided(self, decision: Decision) -> None:
        self._end(lambda: self._service.scanned(self._asked, decision, time.perf_counter() - self._began))

    def _late(self) -> None:
        self._deadline = None
        self._end(lambda: self._service.late(self._asked))

    def _end(self, make: Callable[[], ApiAnswer] | None) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        self._service.in_flight(-1)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._ticket is not None:
            self._ticket.abandon()  # harmless after the decision
        if make is not None:
            answer(make())


def _bearer(head: RequestHead) -> str:
    """The one token of the request (RFC 6750); empty where there is none, or more than one."""
    values = [value for name, value in head.headers if name == "authorization"]
    if len(values) != 1:
        return ""
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _host(url: str) -> str:
    """The host for the record; the engine reads the URL itself."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _nothing() -> None:
    pass
