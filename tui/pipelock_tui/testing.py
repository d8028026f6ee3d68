"""For tests and demonstrations: a scripted link, a clock that stands still, and made-up things to show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, tzinfo

from pipelock import __version__
from pipelock.control import frames
from pipelock.control.aio import Connected, ControlError
from pipelock.model import (
    ActionSummary,
    AnswerWord,
    BlockReason,
    Decided,
    Decision,
    Direction,
    Event,
    Finding,
    Held,
    KillSwitchState,
    Kind,
    Outcome,
    Payload,
    Pending,
    Record,
    Session,
    Severity,
    Span,
    Status,
    Transport,
    Verdict,
)
from pipelock_tui.ports import Clock, Item

__all__ = [
    "FINDING",
    "NOON",
    "FakeLink",
    "StillClock",
    "blocked",
    "busy_day",
    "connected",
    "decided",
    "event",
    "held",
    "pending",
    "record",
    "status",
    "summary",
]

NOON = 1_790_000_000.0
"""The wall-clock time of all tests: 2026-09-21 14:13:20 UTC."""


class StillClock(Clock):
    """Moves when told to."""

    zone: tzinfo | None = UTC

    def __init__(self) -> None:
        self.now = NOON

    def wall(self) -> float:
        """The time it was set to."""
        return self.now

    def monotonic(self) -> float:
        """Moves with the wall clock."""
        return self.now - NOON + 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class FakeLink:
    """Yields what it is fed, remembers what it was told, and fails when `failing` is set."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self.answers: list[tuple[str, AnswerWord, str, str]] = []
        self.kills: list[bool] = []
        self.reloads = 0
        self.failing: ControlError | None = None
        self.now_pending: list[Pending] = []
        self.now_status = status()
        self.count = 1

    def feed(self, *items: Item) -> None:
        """Have `items` yield these next."""
        for item in items:
            self._queue.put_nowait(item)

    def end(self) -> None:
        """Have `items` end."""
        self._queue.put_nowait(None)

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
        """None."""
        self._check()
        return ()

    async def answer(self, pending_id: str, word: AnswerWord, note: str = "", binding: str = "") -> frames.Ok:
        """Remember the answer; the prompt is gone then."""
        self._check()
        self.answers.append((pending_id, word, note, binding))
        self.now_pending = [pending for pending in self.now_pending if pending.id != pending_id]
        return frames.Ok(self.count)

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


def connected(epoch: str = "one", *, may_decide: bool = True, why: str = "", version: str = __version__) -> Connected:
    """The link is up."""
    return Connected(frames.Welcome(frames.PROTOCOL, version, epoch, may_decide, why))


def status(**changes: object) -> Status:
    """A status, with changes."""
    values: dict[str, object] = {
        "version": __version__,
        "pid": 4242,
        "mode": "balanced",
        "enforce": True,
        "listen": "127.0.0.1:8888",
        "config_path": "/home/dev/.pipelock/config.yaml",
        "policy": "3f9a1c2e55d0b7aa",
        "started_at": NOON - 3600,
        "kill_switch": KillSwitchState(active=False, sources={"config": False, "api": False}),
        "requests": 1204,
        "allowed": 1180,
        "blocked": 12,
        "warned": 3,
    }
    return Status(**(values | changes))  # type: ignore[arg-type]


def summary(
    host: str = "api.example.com",
    path: str = "/v1/models",
    *,
    method: str = "GET",
    agent: str = "claude",
    size: int = 0,
    kind: Kind = Kind.REQUEST,
    status: int = 0,
    headers: tuple[tuple[str, str], ...] = (),
    preview: str = "",
) -> ActionSummary:
    """An action."""
    inbound = kind is Kind.RESPONSE
    return ActionSummary(
        id="00c0ffee",
        kind=kind,
        transport=Transport.FORWARD,
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        session=f"{agent}|127.0.0.1",
        agent=agent,
        client="127.0.0.1",
        method=method,
        url=f"https://{host}{path}",
        host=host,
        port=443,
        status=status,
        size=size,
        content_type="application/json" if size else "",
        headers=headers,
        preview=preview,
    )


FINDING = Finding(
    scanner="dlp",
    rule="AWS Access ID",
    severity=Severity.CRITICAL,
    message="An AWS access key id is in the query.",
    place="url:query:token",
    span=Span(12, 32),
    path=("base64", "url"),
    excerpt="token=[masked]&region=eu",
)


def record(
    action: ActionSummary | None = None,
    verdict: Verdict = Verdict.ALLOW,
    *,
    at: float = NOON,
    layer: str = "",
    reason: str = "",
    code: BlockReason | None = None,
    findings: tuple[Finding, ...] = (),
    hint: str = "",
    outcome: Outcome | None = None,
    held_ms: int = 0,
    rule: str = "",
    note: str = "",
) -> Record:
    """A decision on it."""
    action = action or summary()
    decision = Decision(
        action_id=action.id,
        verdict=verdict,
        reason=reason,
        layer=layer,
        code=code,
        status=403 if verdict is Verdict.BLOCK else 0,
        findings=findings,
        hint=hint,
        addresses=("192.0.2.7",),
        policy="3f9a1c2e55d0b7aa",
        outcome=outcome,
        held_ms=held_ms,
        rule=rule,
        note=note,
    )
    return Record(at=at, action=action, decision=decision, took_us=312)


def blocked(at: float = NOON) -> Record:
    """A decision that stopped a credential."""
    return record(
        summary(
            "collector.example.net",
            "/[redacted]",
            method="POST",
            size=1240,
            headers=(("host", "collector.example.net"), ("authorization", "Bearer [41 characters]")),
        ),
        Verdict.BLOCK,
        at=at,
        layer="dlp",
        reason="A credential would leave this machine.",
        code=BlockReason.DLP_MATCH,
        findings=(FINDING,),
        hint="Remove the key from the request, or allow it with a dlp.suppress entry.",
    )


def pending(number: str = "7", *, twins: int = 1, left: float = 60.0, host: str = "deploy.example.com") -> Pending:
    """A held request."""
    return Pending(
        id=number,
        group=f"group{number}",
        action=summary(
            host,
            "/v1/releases",
            method="POST",
            size=1240,
            headers=(("content-type", "application/json"), ("authorization", "Bearer [41 characters]")),
            preview='{"release": "2.4.1", "notes": "[not markup]"}',
        ),
        reason="Publishing asks a person first.",
        held_at=NOON,
        expires_at=NOON + left if left else 0.0,
        rule="publishing",
        twins=twins,
        binding=f"{int(number):064x}",
    )


def event(seq: int, payload: Payload, at: float = NOON) -> Event:
    """A numbered event."""
    return Event(seq, at, payload)


def decided(seq: int, made: Record | None = None, at: float = NOON) -> Event:
    """A decision as an event."""
    return event(seq, Decided(made or record(at=at)), at)


def held(seq: int, item: Pending | None = None, at: float = NOON) -> Event:
    """A held request as an event."""
    return event(seq, Held(item or pending()), at)


def busy_day() -> list[Event]:
    """Forty decisions of every kind, in order."""
    rows: list[Record] = []
    for turn in range(8):
        at = NOON - 400 + turn * 50
        rows += [
            record(summary("api.anthropic.com", "/v1/messages", method="POST", size=18_400), at=at),
            record(summary("pypi.org", "/simple/requests/", agent="pip"), at=at + 7),
            record(
                summary("docs.example.org", "/guide?page=2", kind=Kind.RESPONSE, status=200, size=52_300),
                Verdict.WARN,
                at=at + 15,
                layer="response_scan",
                reason="An instruction is hidden in the page.",
                findings=(
                    Finding("response_scan", "Hidden instruction", Severity.MEDIUM, "Reads like an order.", "body"),
                ),
            ),
            blocked(at + 23),
            record(
                summary("git.example.com", "/team/app.git/git-receive-pack", method="POST", agent="git", size=9_200),
                at=at + 31,
                layer="egress",
                outcome=Outcome.APPROVED,
                held_ms=3_200,
                rule="pushes",
            ),
        ]
    return [decided(number, made, made.at) for number, made in enumerate(rows, 1)]
