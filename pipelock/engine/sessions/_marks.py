"""What a final decision leaves behind: a row that is counted on, points, and what these bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelock.engine.facts import Facts
from pipelock.engine.sessions import airlock, levels
from pipelock.engine.sessions._ledger import REQUESTS, Ledger, is_exempt
from pipelock.engine.sessions.account import Account, account_of
from pipelock.engine.sessions.bursts import begins_burst
from pipelock.engine.sessions.changes import Change, What
from pipelock.engine.sessions.policy import AirlockSettings
from pipelock.engine.sessions.rows import Row
from pipelock.engine.sessions.scoring import ANOMALY, BURST_POINTS, Signal, is_clean, is_tool, signal_of
from pipelock.model import Action, ActionSummary, Decision, Kind, Outcome, SessionNote, Tier, Verdict

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["FORBIDDEN_SECONDS", "MAX_BODIES", "MAX_FORBIDDEN", "count", "mark", "tell_refused"]

MAX_BODIES = 16
"""Bodies of which is remembered that they gave points, for each account."""
MAX_FORBIDDEN = 64
FORBIDDEN_SECONDS = 300.0
"""How long a host that only a setting forbids gives no more points, and of how many that is remembered."""


def count(
    ledger: Ledger, action: Action, shown: ActionSummary, decision: Decision, *, facts: Facts, policy: Policy
) -> Row:
    """Count on the session's row, a new one if need be."""
    row = ledger.rows.get(shown.session)
    if row is None:
        row = _new_row(ledger, action, shown, facts.wall)
    else:
        if row.ended and action.kind in REQUESTS and decision.outcome is not Outcome.ABANDONED:
            row.begin(facts.wall)  # what was under way when it was ended is no new beginning
        if decision.layer != "escalation":
            # A session to which everything is refused grows old for all its trying.
            ledger.rows.seen(row.key)
            row.last_seen_at = facts.wall
        if action.identity is not row.identity:
            row.identity, row.account, row.agent = action.identity, account_of(action), shown.agent
    is_asking = action.kind in REQUESTS
    row.requests += is_asking
    if decision.verdict is Verdict.BLOCK:
        row.blocked += 1
        return row
    if not action.kind.is_part:
        row.bytes += action.size or len(action.body)
    if is_asking:
        row.meet(ledger.domain(action.host, policy))
    return row


def meet(ledger: Ledger, action: Action, shown: ActionSummary, wall: float) -> None:
    """Something waits: list its session although nothing is decided yet, for a person may want to end it."""
    if ledger.rows.get(shown.session) is None:
        _new_row(ledger, action, shown, wall)


def _new_row(ledger: Ledger, action: Action, shown: ActionSummary, wall: float) -> Row:
    row = Row(
        key=shown.session,
        account=account_of(action),
        agent=shown.agent,
        client=action.client,
        started_at=wall,
        last_seen_at=wall,
        identity=action.identity,
    )
    gone = ledger.rows.add(row, ledger.settings.max_sessions)
    if gone:
        ledger.listener(Change(what=What.EVICTED, session="", count=gone, trigger="full"))
    return row


def mark(ledger: Ledger, row: Row, action: Action, decision: Decision, *, policy: Policy) -> None:
    """Give or take points for a final decision, where section `session_profiling` is on."""
    adaptive = policy.sessions.adaptive
    profiling = policy.sessions.profiling
    if profiling is None:
        return
    account = ledger.accounts.use(row.account)
    passes = action.kind in REQUESTS and decision.verdict is not Verdict.BLOCK
    if passes and begins_burst(account, ledger.domain(action.host, policy), profiling, ledger.now):
        detail = f"more than {profiling.burst} new domains within {profiling.window / 60:g} minutes"
        _score(ledger, row, account, Signal("domain_burst", BURST_POINTS, action.host, detail))
    if is_clean(action, decision):
        if adaptive is not None and account.score:
            levels.wash(account, adaptive, ledger.now)
    elif (decision.findings or decision.verdict is Verdict.BLOCK) and not (adaptive and is_exempt(action, adaptive)):
        signal = signal_of(action, decision)
        signal = signal and _fresh(ledger, account, action, signal)
        if signal is not None:
            _score(ledger, row, account, signal)
    ledger.accounts.settle(account)


def tell_refused(ledger: Ledger, row: Row, account: Account, action: Action, decision: Decision) -> None:
    """Tell of what only level or tier refused."""
    was = decision.upgraded
    ledger.tell(
        What.DENIED if was is None else What.UPGRADE,
        account,
        row,
        detail=decision.reason,
        before=account.tier.value if was is None else was.value,
        after=decision.verdict.value,
        trigger=decision.layer,
        transport=action.transport.value,
        action_class=airlock.action_class(action),
        action_id=action.id,
    )


def _fresh(ledger: Ledger, account: Account, action: Action, signal: Signal) -> Signal | None:
    """The part of a signal that counts: a body counts once, in however many parts it comes."""
    adaptive = ledger.settings.adaptive
    if signal.setting and _is_known(account, hash(action.host), ledger.now):
        return None
    if signal.type == "near_miss" and adaptive is not None and adaptive.downweight and is_tool(action):
        signal = msgspec.structs.replace(signal, points=signal.points / 2)
    if action.kind is Kind.MESSAGE:
        return signal
    scored, key = account.scored, (action.id, action.comes_in)
    given = scored.pop(key, 0.0)
    scored[key] = max(given, signal.points)
    if len(scored) > MAX_BODIES:
        del scored[next(iter(scored))]
    if signal.points <= given:
        return None
    return msgspec.structs.replace(signal, points=signal.points - given) if given else signal


def _is_known(account: Account, host: int, now: float) -> bool:
    """Whether it counted already that a setting forbids this host; from now on it has."""
    known = account.forbidden
    if known.get(host, 0.0) > now:
        return True
    known.pop(host, None)
    known[host] = now + FORBIDDEN_SECONDS
    if len(known) > MAX_FORBIDDEN:
        del known[next(iter(known))]
    return False


def _score(ledger: Ledger, row: Row, account: Account, signal: Signal) -> None:
    """Points, and what they bring."""
    settings, now = ledger.settings, ledger.now
    severity = signal.severity.value if signal.severity is not None else ""
    detail = signal.detail[:300]
    account.remember(
        SessionNote(now + ledger.ahead, "signal", signal.type, signal.target, detail, severity, signal.points)
    )
    is_anomaly = signal.points >= ANOMALY
    if is_anomaly:
        ledger.tell(What.ANOMALY, account, row, detail=detail, after=signal.type, score=signal.points)
    if settings.adaptive is not None:
        before = account.level
        if levels.raise_score(account, signal.points, settings.adaptive, now):
            why = f"{signal.type.replace('_', ' ')} brought the score to {account.score:g}"
            ledger.level_moved(What.ESCALATION, account, before, signal.type, why)
            if settings.airlock is not None:
                wanted = settings.airlock.on_level[account.level.rank]
                _enter(ledger, account, wanted, trigger="level", why=f"level {account.level}")
    if settings.airlock is not None:
        _trigger(ledger, account, signal, settings.airlock, is_anomaly=is_anomaly)


def _trigger(ledger: Ledger, account: Account, signal: Signal, settings: AirlockSettings, *, is_anomaly: bool) -> None:
    """The airlock's own triggers, besides levels."""
    worst, severity = settings.on_severity, signal.severity
    if worst is not None and signal.refused and severity is not None and severity.rank >= worst.rank:
        _enter(ledger, account, Tier.HARD, trigger="severity", why=f"a refused finding of severity {severity}")
    if settings.anomaly_count and is_anomaly:
        recent = [at for at in account.anomalies if ledger.now - at < settings.anomaly_window]
        account.anomalies = [*recent, ledger.now][-settings.anomaly_count :]
        if len(account.anomalies) >= settings.anomaly_count:
            why = f"{settings.anomaly_count} anomalies within {settings.anomaly_window / 60:g} minutes"
            _enter(ledger, account, Tier.HARD, trigger="anomalies", why=why)


def _enter(ledger: Ledger, account: Account, tier: Tier, *, trigger: str, why: str) -> None:
    before, settings = account.tier, ledger.settings.airlock
    if settings is not None and airlock.enter(account, tier, why, settings, ledger.now):
        ledger.tier_moved(What.AIRLOCK, account, before, trigger, why)
