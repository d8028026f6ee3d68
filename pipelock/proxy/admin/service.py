"""The admin API as a service of the base in `pipelock.proxy.api`: who may ask, what is answered, what is written down.

Checked in this order: route, method, token configured, token, caller, rate; then the body is read and the daemon asked.
Only calls that may be made use up what others may make. The route for signed answers has no token: what it is sent
proves itself, and is counted where that is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from pipelock.admin.wire import AnswerDone
from pipelock.door.edges import Clock
from pipelock.identity import Root
from pipelock.proxy.admin.body import WrongBodyError
from pipelock.proxy.admin.calls import Calls
from pipelock.proxy.admin.desk import AdminCall, AdminDesk, DeskError, SignedError
from pipelock.proxy.admin.gate import RETRY_SECONDS, Refusals, Turnstile, bearer, is_known
from pipelock.proxy.admin.routes import Ask, Route, RouteError, find_route, is_admin_path
from pipelock.proxy.api import ApiAnswer
from pipelock.proxy.http1 import RequestHead

__all__ = ["MAX_BODY", "AdminService", "SignedAnswers"]

MAX_BODY = 65_536
"""Bytes of a body; the kill switch's routes take 1 024."""

_STATUSES = {"not_found": 404, "stale": 409, "forbidden": 403, "bad_request": 400, "unavailable": 503}


class SignedAnswers(Protocol):
    """Takes answers that prove by a signature who sent them."""

    def take(self, signature: str, body: bytes) -> tuple[str, AnswerDone]:
        """Give the answer; the held request's id, and what it did.

        Raises:
            SignedError: it is not genuine, too old, was sent before, or says what may not be said this way.
            DeskError: as `AdminDesk.answer`.
        """


class AdminService:
    """Answers the admin API. One for the daemon, whichever listener a call comes by.

    `objection` says what stands against a caller's deciding, given the root process of its session; empty for nothing.
    """

    def __init__(
        self,
        desk: AdminDesk,
        clock: Clock,
        wall: Callable[[], float],
        objection: Callable[[Root | None], str] = lambda _root: "",
    ) -> None:
        self.signed: SignedAnswers | None = None
        self._desk = desk
        self._clock = clock
        self._objection = objection
        self._calls = Calls(desk, wall)
        self._turns = Turnstile()
        self._refusals = Refusals()

    def is_exempt(self, path: str) -> bool:
        """Whether the kill switch leaves a path usable on the main listener, where `kill_switch.api_exempt` is on."""
        return not path.startswith("/api/v1/adaptive")

    def serves(self, path: str) -> bool:
        """Whether a local path of the main listener is one of these, and there is something to serve it with."""
        if not is_admin_path(path):
            return False
        return bool(self._desk.token()) or (self.signed is not None and path == "/api/v1/answers")

    # -- before the body -------------------------------------------------------------------------------------------

    def refusal(self, head: RequestHead, client: str, root: Root | None) -> ApiAnswer | None:
        """The answer that needs no body to be read, or `None`."""
        try:
            route = find_route(_path(head.target))
        except RouteError as error:
            return self._refuse(_action(head.target), client, text(error.status, str(error)))
        answer = self._unfit(route, head) or self._unwelcome(route.ask, root) or self._too_often(route.ask)
        return self._refuse(route.ask.value, client, answer, route.key) if answer is not None else None

    def _unfit(self, route: Route, head: RequestHead) -> ApiAnswer | None:
        ask = route.ask
        if head.method != ask.method:
            return text(405, f"only {ask.method} allowed", (("allow", ask.method),))
        if ask is Ask.SIGNED:
            return None if self.signed is not None else text(503, "signed answers not configured")
        token = self._desk.token()
        if not token:
            kill = ask in (Ask.KILL, Ask.KILL_STATUS)
            return text(503, "kill switch API not configured" if kill else "session API not configured")
        if not is_known(bearer(head), token):
            return text(401, "unauthorized", (("www-authenticate", 'Bearer realm="pipelock"'),))
        return None

    def _unwelcome(self, ask: Ask, root: Root | None) -> ApiAnswer | None:
        """Whoever reads the operator's files has the token; a known agent may look, and not decide, all the same."""
        why = "" if ask.method == "GET" else self._objection(root)
        return text(403, f"you may watch but not decide: {why}") if why else None

    def _too_often(self, ask: Ask) -> ApiAnswer | None:
        if self._turns.passes(ask, self._clock.seconds()):
            return None
        return text(429, "too many calls of this kind; try again in a minute", (("retry-after", str(RETRY_SECONDS)),))

    def too_large(self) -> ApiAnswer:
        """The answer to a body over the limit."""
        return self._refuse("unknown", "", text(400, f"the body is larger than {MAX_BODY} bytes"))

    def malformed(self, why: str) -> ApiAnswer:
        """The answer to what is no sound HTTP request."""
        return self._refuse("unknown", "", text(400, why))

    def _refuse(self, action: str, client: str, answer: ApiAnswer, key: str = "") -> ApiAnswer:
        if self._refusals.take(self._clock.seconds()):
            self._write(AdminCall(action, client, answer.status, key, answer.body.decode().strip()))
        return answer

    def _write(self, call: AdminCall) -> None:
        self._desk.called(msgspec.structs.replace(call, left_out=self._refusals.left_out()))

    # -- the call --------------------------------------------------------------------------------------------------

    def ask(
        self, head: RequestHead, body: bytes, client: str, answer: Callable[[ApiAnswer], None]
    ) -> Callable[[], None]:
        """Do what is asked; `answer` is called at once."""
        route = find_route(_path(head.target))
        if route.ask is Ask.SIGNED:
            answer(self._answer_signed(head, body, client))
            return _nothing
        try:
            done = self._calls.carry_out(route, head, body, client)
            said, result = ApiAnswer(done.status, msgspec.json.encode(done.value)), done.result
        except UnicodeEncodeError:
            said, result = text(500, "the answer holds what JSON can't say"), "done, but could not be told"
        except WrongBodyError as error:
            said, result = text(400, str(error)), str(error)
        except DeskError as error:
            said, result = text(_STATUSES.get(error.code, 500), error.message), error.message
        self._write(AdminCall(route.ask.value, client, said.status, route.key, result))
        answer(said)
        return _nothing

    def _answer_signed(self, head: RequestHead, body: bytes, client: str) -> ApiAnswer:
        signed, action = self.signed, Ask.SIGNED.value
        if signed is None:
            return self._refuse(action, client, text(503, "signed answers not configured"))
        given = [value for name, value in head.headers if name == "x-pipelock-signature"]
        try:
            pending, done = signed.take(given[0] if len(given) == 1 else "", body)
        except SignedError as error:
            return self._refuse(action, client, text(error.status, str(error)))
        except DeskError as error:
            said = text(_STATUSES.get(error.code, 500), error.message)
            self._write(AdminCall(action, client, said.status, "", error.message))
            return said
        self._write(AdminCall(action, client, 200, pending, f"{done.count} answered"))
        return ApiAnswer(200, msgspec.json.encode(done))


def text(status: int, words: str, headers: tuple[tuple[str, str], ...] = ()) -> ApiAnswer:
    """An answer for people."""
    return ApiAnswer(status, f"{words}\n".encode("utf-8", "replace"), headers, "text/plain; charset=utf-8")


def _path(target: str) -> str:
    """The path and query of a target in either form; a proxy's client may write the whole URL."""
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    return "/" + rest.partition("/")[2]


def _action(target: str) -> str:
    path = _path(target).partition("?")[0]
    return path.removeprefix("/api/v1/").partition("/")[0] if is_admin_path(path) else "unknown"


def _nothing() -> None:
    """Calls are answered at once: there is nothing to give up."""
