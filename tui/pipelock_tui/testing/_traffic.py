"""Made-up decisions, prompts and events."""

from __future__ import annotations

import msgspec

from pipelock import __version__
from pipelock.control import frames
from pipelock.control.aio import Connected
from pipelock.model import (
    ActionSummary,
    BlockReason,
    Decided,
    Decision,
    Direction,
    Event,
    Finding,
    Held,
    KillSwitchState,
    Kind,
    Lifetime,
    Offer,
    Outcome,
    Payload,
    Pending,
    Process,
    Record,
    Scope,
    Severity,
    Span,
    Status,
    TaintLevel,
    TaintWeighed,
    Transport,
    Verdict,
)
from pipelock_tui.testing._clock import NOON

__all__ = [
    "FINDING",
    "blocked",
    "busy_day",
    "connected",
    "decided",
    "event",
    "held",
    "offers",
    "pending",
    "processes",
    "record",
    "renamed",
    "status",
    "summary",
    "weighed",
]


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


_TIMES = (Lifetime.ONCE, Lifetime.SESSION, Lifetime.M5, Lifetime.H1, Lifetime.H12, Lifetime.RESTART)


def offers(host: str = "deploy.example.com", *, covers: int = 0) -> tuple[Offer, ...]:
    """The scopes for a request that a rule asks about."""
    path, domain = f"https://{host}/v1/", ".".join(host.split(".")[-2:])
    lasting = (*_TIMES, Lifetime.FOREVER)
    url = f"https://{host}/v1/releases"
    return (
        Offer(
            Scope.PAYLOAD,
            f"claude may send exactly this to {url}",
            f"claude may not send exactly this to {url}",
            _TIMES,
        ),
        Offer(Scope.URL, f"claude may POST anything to {url}", f"claude may not POST to {url}", lasting, covers),
        Offer(
            Scope.PATH, f"claude may POST anything below {path}", f"claude may not POST below {path}", lasting, covers
        ),
        Offer(Scope.HOST, f"claude may send anything to {host}", f"claude may send nothing to {host}", lasting, covers),
        Offer(
            Scope.DOMAIN,
            f"claude may send anything to any host of {domain}",
            f"claude may send nothing to any host of {domain}",
            lasting,
            covers,
            broad=True,
        ),
        Offer(Scope.PROCESS, "curl may send anything anywhere", "curl may send nothing", _TIMES, covers, broad=True),
    )


def pending(
    number: str = "7",
    *,
    twins: int = 1,
    left: float = 60.0,
    host: str = "deploy.example.com",
    flagged: bool = False,
    **changes: object,
) -> Pending:
    """A held request, with changes; `flagged` is one that something was found in."""
    made = Pending(
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
        reason="A credential would leave this machine." if flagged else "Publishing asks a person first.",
        held_at=NOON,
        expires_at=NOON + left if left else 0.0,
        rule="" if flagged else "publishing",
        findings=(FINDING,) if flagged else (),
        twins=twins,
        binding=f"{int(number):064x}",
        offers=offers(host)[:2] if flagged else offers(host),
        processes=processes(),
        editable=True,
        redactable=flagged,
    )
    return msgspec.structs.replace(made, **changes)


def processes() -> tuple[Process, ...]:
    """A client, its shell and the agent that started both."""
    return (
        Process(4730, 99_120, "curl", "curl -X POST https://deploy.example.com/v1/releases -d @release.json"),
        Process(4728, 99_100, "bash", "bash -c ./release.sh"),
        Process(4711, 98_000, "claude", "claude --resume"),
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


def weighed(**changes: object) -> TaintWeighed:
    """What taint had to say, with changes."""
    made = TaintWeighed(
        level=TaintLevel.UNTRUSTED,
        action_class="publish",
        sensitivity="elevated",
        authority="user_broad",
        verdict=Verdict.ASK,
        source="https://forum.example.com/thread/7",
        source_kind="response",
    )
    return msgspec.structs.replace(made, **changes)


def renamed(made: Record, action_id: str) -> Record:
    """The same decision about an action of another id."""
    return msgspec.structs.replace(
        made,
        action=msgspec.structs.replace(made.action, id=action_id),
        decision=msgspec.structs.replace(made.decision, action_id=action_id),
    )


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
    return [decided(number, renamed(made, f"7f3a-{number}"), made.at) for number, made in enumerate(rows, 1)]
