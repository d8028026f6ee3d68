"""A scripted link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import msgspec

from pipelock.control import frames
from pipelock.control.aio import ControlError
from pipelock.model import Answer, KillSwitchState, Lifetime, Pending, Session, SessionActed, Status
from pipelock_tui.ports import Item
from pipelock_tui.testing import _oversight as made
from pipelock_tui.testing._traffic import status

__all__ = ["FakeLink"]

R = TypeVar("R", bound=msgspec.Struct)
Reply = frames.Result | ControlError | Callable[[frames.ClientFrame], frames.Result]


class FakeLink:
    """Yields what it is fed, remembers what it was told, and fails when `failing` is set.

    Attributes:
        answers: Answers that were given: id, answer, binding.
        asked: Frames that came through `ask`, in order.
        replies: What `ask` gives, by type of frame: a reply, an error, or what makes a reply of the frame.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self.answers: list[tuple[str, Answer, str]] = []
        self.asked: list[frames.ClientFrame] = []
        self.replies: dict[type, Reply] = dict(_REPLIES)
        self.kills: list[bool] = []
        self.reloads = 0
        self.failing: ControlError | None = None
        self.now_pending: list[Pending] = []
        self.now_sessions: tuple[Session, ...] = made.sessions()
        self.now_status = status()
        self.count = 1

    def feed(self, *items: Item) -> None:
        """Have `items` yield these next."""
        for item in items:
            self._queue.put_nowait(item)

    def end(self) -> None:
        """Have `items` end."""
        self._queue.put_nowait(None)

    def told(self, kind: type[R]) -> list[R]:
        """The frames of this type that came through `ask`."""
        return [frame for frame in self.asked if isinstance(frame, kind)]

    async def items(self) -> AsyncGenerator[Item, None]:
        """See `Watch.items`."""
        while (item := await self._queue.get()) is not None:
            yield item

    async def status(self) -> Status:
        """The status as it is set."""
        self._check()
        return self.now_status

    async def pending(self) -> tuple[Pending, ...]:
        """The prompts as they are set."""
        self._check()
        return tuple(self.now_pending)

    async def sessions(self) -> tuple[Session, ...]:
        """The sessions as they are set."""
        self._check()
        return self.now_sessions

    async def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        """Remember the answer; the prompt is gone then. What holds for more than once leaves a grant."""
        self._check()
        self.answers.append((pending_id, answer, binding))
        self.now_pending = [pending for pending in self.now_pending if pending.id != pending_id]
        grant = None if answer.lifetime is Lifetime.ONCE else made.grant_of(answer)
        return frames.AnsweredReply(self.count, grant)

    async def ask(self, make: Callable[[int], frames.ClientFrame], kind: type[R], timeout: float = 0.0) -> R:  # noqa: ASYNC109 - as the link has it
        """Remember the frame, and give what `replies` holds for it."""
        self._check()
        frame = make(len(self.asked) + 1)
        self.asked.append(frame)
        reply = self.replies[type(frame)]
        if isinstance(reply, ControlError):
            raise reply
        result = reply(frame) if callable(reply) else reply
        if not isinstance(result, kind):
            raise TypeError(f"{type(frame).__name__} is answered by {type(result).__name__}, not {kind.__name__}")
        return result

    async def kill(self, active: bool) -> KillSwitchState:  # noqa: FBT001 - the verb's one argument
        """Remember, and report the state asked for."""
        self._check()
        self.kills.append(active)
        return KillSwitchState(active=active, sources={"api": active}, message="Emergency deny-all active")

    async def reload(self) -> frames.Ok:
        """Count."""
        self._check()
        self.reloads += 1
        return frames.Ok(detail="policy 00ff00ff00ff00ff, nothing weaker")

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing


def _acted(frame: frames.ClientFrame) -> frames.Result:
    if not isinstance(frame, frames.ActOnSession):
        return frames.Failed("bad_request", "not an act on a session")
    return frames.ActedReply(SessionActed(key=frame.key, verb=frame.verb, new_tier=frame.tier, ended=3))


def _inspected(frame: frames.ClientFrame) -> frames.Result:
    key = frame.key if isinstance(frame, frames.InspectSession) else ""
    return frames.SessionReply(made.session_detail(key))


_REPLIES: dict[type, Reply] = {
    frames.LookAt: frames.Ok(),
    frames.ReadBody: frames.BodyReply(b'{"release": "2.4.1"}', "application/json"),
    frames.ListGrants: frames.GrantsReply(made.grants()),
    frames.RevokeGrant: frames.Ok(detail="revoked; what it covered is asked about again"),
    frames.ReviewGrants: frames.Ok(detail="approvals.yaml taken over: 3 grants"),
    frames.InspectSession: _inspected,
    frames.ActOnSession: _acted,
    frames.SearchHistory: frames.HistoryReply(made.history_page()),
    frames.ProposeFix: frames.FixReply(made.fix()),
    frames.ApplyFix: frames.Ok(detail="written to suppressions.yaml and in force"),
    frames.RemoveSuppression: frames.Ok(detail="taken out of suppressions.yaml"),
    frames.ListRules: frames.RulesReply(made.rules()),
    frames.ReviewConfig: frames.ConfigReply(made.config_review()),
    frames.RunDoctor: frames.DoctorReply(made.checks()),
    frames.ReadAudit: frames.AuditReply(made.audit_state()),
}
