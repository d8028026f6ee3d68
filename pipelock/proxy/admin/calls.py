"""What each route of the admin API does, once it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import UNSET

from pipelock.admin import views
from pipelock.admin.wire import (
    AirlockWish,
    AnswerDone,
    AnswerWish,
    Flushed,
    KillStatus,
    KillSwitched,
    KillWish,
    PendingList,
    Reasoned,
    SessionList,
    TaskWish,
    TrustDone,
    TrustWish,
)
from pipelock.identity.names import sanitise_agent
from pipelock.model import AnswerWord, Pending, SessionActed, SessionVerb
from pipelock.proxy.admin.body import WrongBodyError, answer_of, read_body
from pipelock.proxy.admin.desk import AdminDesk, DeskError, SessionOrder
from pipelock.proxy.admin.routes import Ask, Route
from pipelock.proxy.http1 import RequestHead

__all__ = ["Calls", "Done"]

MAX_KILL_BODY = 1024
MAX_LISTED = 1000
"""Held requests in one answer."""
_NOT_RESETTABLE = "the session of a single invocation cannot be reset"

T = TypeVar("T", bound=msgspec.Struct)


class Done(NamedTuple):
    """What came of a call: what is answered, and one sentence for the record."""

    value: object
    result: str = ""
    status: int = 200


class _Call(NamedTuple):
    """A call on its way. `by` says who, for events and records."""

    route: Route
    head: RequestHead
    body: bytes
    client: str

    @property
    def by(self) -> str:
        return f"admin API, {self.client}"

    def wish(self, kind: type[T]) -> T:
        return read_body(self.body, kind)

    def asked(self, name: str) -> str:
        """A parameter of the query string; empty where it is missing or repeated, or the string is none."""
        try:
            values = parse_qs(self.route.query, max_num_fields=10).get(name, [""])
        except ValueError:
            return ""
        return values[0] if len(values) == 1 else ""


class Calls:
    """Carries out calls at the daemon's desk. `wall` gives seconds since the epoch."""

    def __init__(self, desk: AdminDesk, wall: Callable[[], float]) -> None:
        self._desk = desk
        self._wall = wall
        self._doers: dict[Ask, Callable[[_Call], Done]] = {
            Ask.KILL: self._kill,
            Ask.KILL_STATUS: self._kill_status,
            Ask.LIST: self._list,
            Ask.INSPECT: self._inspect,
            Ask.EXPLAIN: self._explain,
            Ask.AIRLOCK: self._airlock,
            Ask.RESET: self._reset,
            Ask.TERMINATE: self._terminate,
            Ask.TASK: self._task,
            Ask.TRUST: self._trust,
            Ask.STATUS: self._status,
            Ask.FLUSH: self._flush,
            Ask.WHOAMI: self._whoami,
            Ask.PENDING: self._pending,
            Ask.ANSWER: self._answer,
        }

    def carry_out(self, route: Route, head: RequestHead, body: bytes, client: str) -> Done:
        """Do what is asked.

        Raises:
            WrongBodyError: the body or the query is not what the route takes.
            DeskError: the daemon could not do it.
        """
        doer = self._doers.get(route.ask)
        if doer is None:
            raise DeskError("failed", f"nothing carries out {route.ask.value}")
        return doer(_Call(route, head, body, client))

    # -- the kill switch -------------------------------------------------------------------------------------------

    def _kill(self, call: _Call) -> Done:
        wish = read_body(call.body, KillWish, MAX_KILL_BODY)
        state = self._desk.switch_kill(wish.active, call.by)
        return Done(KillSwitched(state.active, "api", state.message or UNSET), f"api {'on' if wish.active else 'off'}")

    def _kill_status(self, _call: _Call) -> Done:
        state = self._desk.kill_state()
        return Done(KillStatus(state.active, state.sources, state.message or UNSET))

    # -- looking at sessions ---------------------------------------------------------------------------------------

    def _list(self, call: _Call) -> Done:
        try:
            found = views.in_tier(self._desk.sessions(), call.asked("tier"))
        except ValueError as error:
            raise WrongBodyError(str(error)) from error
        return Done(SessionList(tuple(map(views.snapshot, found)), len(found)), f"{len(found)} listed")

    def _inspect(self, call: _Call) -> Done:
        return Done(views.inspection(self._desk.inspect(call.route.key)))

    def _explain(self, call: _Call) -> Done:
        return Done(views.explanation(self._desk.inspect(call.route.key), self._wall()))

    # -- acting on them --------------------------------------------------------------------------------------------

    def _act(self, call: _Call, verb: SessionVerb, reason: str) -> SessionActed:
        return self._desk.act(SessionOrder(key=call.route.key, verb=verb, reason=reason, by=call.by))

    def _airlock(self, call: _Call) -> Done:
        wish = call.wish(AirlockWish)
        order = SessionOrder(
            key=call.route.key, verb=SessionVerb.AIRLOCK, tier=wish.wanted, reason=wish.reason, by=call.by
        )
        acted = self._desk.act(order)
        return Done(views.airlock_done(acted), f"{acted.previous_tier.value} to {acted.new_tier.value}")

    def _reset(self, call: _Call) -> Done:
        wish = call.wish(Reasoned)
        if views.is_invocation(call.route.key):
            return Done({"error": _NOT_RESETTABLE}, _NOT_RESETTABLE, 400)
        acted = self._act(call, SessionVerb.RESET, wish.reason)
        return Done(views.reset_done(acted), f"was {acted.previous_level.value}, {acted.previous_score:g} points")

    def _terminate(self, call: _Call) -> Done:
        acted = self._act(call, SessionVerb.TERMINATE, call.wish(Reasoned).reason)
        return Done(views.terminate_done(acted), f"connections ended: {acted.ended}")

    def _task(self, call: _Call) -> Done:
        wish = call.wish(TaskWish)
        order = SessionOrder(
            key=call.route.key, verb=SessionVerb.TASK, label=wish.label, reason=wish.reason, by=call.by
        )
        acted = self._desk.act(order)
        return Done(views.task_done(acted), f"task {acted.current_task_id}")

    def _trust(self, call: _Call) -> Done:
        wish = call.wish(TrustWish)
        if not (wish.source_match or wish.action_match):
            raise WrongBodyError("source_match or action_match is needed: trust has to be about something")
        if wish.expires_at.tzinfo is None:
            raise WrongBodyError("expires_at needs a zone, for example 2027-01-31T12:00:00Z")
        until = wish.expires_at.timestamp()
        if until <= self._wall():
            raise WrongBodyError("expires_at must lie in the future")
        order = SessionOrder(
            key=call.route.key,
            verb=SessionVerb.TRUST,
            reason=wish.reason,
            source_match=wish.source_match,
            action_match=wish.action_match,
            expires_at=until,
            by=f"{call.by} for {wish.granted_by}" if wish.granted_by else call.by,
        )
        acted = self._desk.act(order)
        done = TrustDone(
            key=acted.key,
            scope=wish.scope,
            source_match=wish.source_match,
            action_match=wish.action_match,
            expires_at=views.stamp(until),
            granted_by=wish.granted_by,
            reason=wish.reason,
            task_id=acted.current_task_id,
        )
        return Done(done, f"trusted until {done.expires_at}")

    # -- all of them -----------------------------------------------------------------------------------------------

    def _status(self, _call: _Call) -> Done:
        details = []
        for session in self._desk.sessions():
            try:
                details.append(self._desk.inspect(session.key))
            except DeskError:
                continue  # forgotten between the two questions
        return Done(views.adaptive_status(details, self._desk.lockdown_seconds(), listed=True))

    def _flush(self, call: _Call) -> Done:
        call.wish(Reasoned)
        flushed = skipped = 0
        cleared = False
        for session in tuple(self._desk.sessions()):
            if views.is_invocation(session.key):
                skipped += 1
                continue
            try:
                acted = self._desk.act(
                    SessionOrder(key=session.key, verb=SessionVerb.RESET, reason="flush", by=call.by)
                )
            except DeskError:
                continue
            flushed += 1
            cleared = cleared or acted.ip_state_cleared
        return Done(Flushed(flushed, flushed, skipped, cleared), f"reset: {flushed}")

    def _whoami(self, call: _Call) -> Done:
        claimed = next((value for name, value in call.head.headers if name == "x-pipelock-agent"), "")
        said = claimed or call.asked("agent")
        agent = sanitise_agent(said) if said else ""
        found = views.own_session(self._desk.sessions(), agent, call.client)
        return Done(views.whoami(call.client, agent, found, self._desk.lockdown_seconds()))

    # -- what waits for a person -----------------------------------------------------------------------------------

    def _pending(self, _call: _Call) -> Done:
        waiting: tuple[Pending, ...] = tuple(self._desk.pending())[:MAX_LISTED]
        return Done(PendingList(waiting, len(waiting)), f"{len(waiting)} listed")

    def _answer(self, call: _Call) -> Done:
        wish = call.wish(AnswerWish)
        count, grant = self._desk.answer(call.route.key, answer_of(wish, call.by), wish.binding)
        word = "denied" if wish.word is AnswerWord.DENY else "let pass"
        return Done(AnswerDone(count, grant if grant is not None else UNSET), f"{count} {word}")
