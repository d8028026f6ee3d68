"""The airlock: what a session that is closed in may still do.

| | none, soft | hard | drain |
|---|---|---|---|
| `/fetch`, questions to the scan API | yes | yes | only the scan API |
| forward, intercepted and reverse requests | yes | GET, HEAD and OPTIONS without a body | no |
| CONNECT | yes | where the tunnel is opened and its requests are judged | no |
| WebSocket messages | yes | from the server only | from the server only, until it is ended |
| more of an upload | yes | no | no |
| closed tunnels, and WebSockets that are open | yes | ended | ended |
| answers to what was let through | yes | yes | yes, until they are ended |
| a transport that is not listed | yes | no | no |

A session goes up at once and down by timers alone, drain to hard to soft to none; a tier that a person has set is the
floor until a person releases it. In soft everything is as before, and is noted.
"""

from __future__ import annotations

from pipelock.engine.sessions.account import FOREVER, Account
from pipelock.engine.sessions.policy import AirlockSettings
from pipelock.model import Action, Kind, Tier, Transport

__all__ = ["action_class", "advance", "enter", "objection", "set_by_hand"]

_TIERS = tuple(Tier)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ASKS = frozenset({Transport.SCAN_API, Transport.COMMAND})
_REQUESTS = frozenset({Transport.FORWARD, Transport.INTERCEPT, Transport.REVERSE, Transport.WEBSOCKET})


def objection(tier: Tier, action: Action) -> str:
    """Why `tier` refuses `action`: a sentence, empty where it does not. What it does not know it refuses."""
    if tier is Tier.NONE or tier is Tier.SOFT or action.kind is Kind.SCAN or action.comes_in:
        return ""
    if tier is Tier.HARD:
        return _hard(action)
    return "this session is being closed down (airlock, tier drain): nothing new is let through"


def _hard(action: Action) -> str:
    transport = action.transport
    match action.kind:
        case Kind.REQUEST if transport is Transport.FETCH or transport in _ASKS:
            return ""
        case Kind.REQUEST if transport in _REQUESTS:
            if action.method.upper() in _READS and not (action.body or action.size or action.partial):
                return ""
            return "this session may only read (airlock, tier hard): GET, HEAD or OPTIONS without a body"
        case Kind.CONNECT | Kind.CLIENT_HELLO:
            if action.opened:
                return ""
            return "this session may only read (airlock, tier hard), and nobody sees what goes through a closed tunnel"
        case _:
            return "this session may only read (airlock, tier hard): nothing more is sent"


def action_class(action: Action) -> str:
    """What kind of thing was refused, for the metric: read, write, connect, message."""
    if action.kind in (Kind.CONNECT, Kind.CLIENT_HELLO):
        return "connect"
    if action.kind is Kind.MESSAGE:
        return "message"
    return "read" if action.kind is Kind.REQUEST and action.method.upper() in _READS else "write"


def enter(account: Account, tier: Tier, why: str, settings: AirlockSettings, now: float) -> bool:
    """Close the session in as far as `tier`, or for longer if it is; whether the tier rose. Never opens it."""
    if tier.rank < account.tier.rank or tier is Tier.NONE:
        return False
    rose = tier is not account.tier
    account.tier = tier
    account.tier_until = FOREVER if tier is account.floor else now + settings.lasts(tier)
    if rose:
        account.tier_since, account.tier_why = now, why
        account.end_by = now + settings.drain_timeout if tier is Tier.DRAIN and settings.drain_timeout else FOREVER
        account.must_close = tier.rank >= Tier.HARD.rank
    return rose


def set_by_hand(account: Account, tier: Tier, why: str, settings: AirlockSettings, now: float) -> None:
    """A person says which tier it is; it stays until a person says another."""
    account.floor, account.floor_why = tier, why
    account.tier, account.tier_since, account.tier_until = tier, now, FOREVER
    account.tier_why = why if tier is not Tier.NONE else ""
    account.end_by = now + settings.drain_timeout if tier is Tier.DRAIN and settings.drain_timeout else FOREVER
    account.must_close = tier.rank >= Tier.HARD.rank


def advance(account: Account, settings: AirlockSettings, now: float) -> bool:
    """Go down as many tiers as timers have run out; whether any has."""
    before = account.tier
    while account.tier is not Tier.NONE and now >= account.tier_until:
        account.tier_since = account.tier_until
        account.tier = _TIERS[account.tier.rank - 1]
        if account.tier is account.floor:
            account.tier_until, account.tier_why = FOREVER, account.floor_why
        else:
            account.tier_until = account.tier_since + settings.lasts(account.tier)
    if account.tier is Tier.NONE:
        account.tier_why = ""
    return account.tier is not before
