"""What a webhook is told. Every text is escaped and masked as for a screen; no body of a request is in it."""

from __future__ import annotations

import msgspec

from pipelock.model import Lifetime, Outcome, Pending, Scope, escape

__all__ = ["Choice", "ClosedMessage", "HeldMessage", "brief", "closed_message", "held_message", "words"]

_WORDS = 500
_TARGET = 300


class Choice(msgspec.Struct, frozen=True):
    """A scope that an answer may name, in plain words, and the lifetimes that go with it."""

    scope: Scope
    words: str
    lifetimes: tuple[Lifetime, ...]


class HeldMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="held"):
    """Something waits. `deadline` is seconds since the epoch; the answer has to name `id` and `binding`."""

    id: str
    words: str
    reason: str
    agent: str
    target: str
    held_at: float
    deadline: float
    binding: str
    scopes: tuple[Choice, ...] = ()
    answer_url: str = ""


class ClosedMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="closed"):
    """It waits no more; `by` is who answered, empty where nobody did."""

    id: str
    outcome: Outcome
    by: str = ""


def held_message(pending: Pending, answer_url: str, *, wide: bool) -> bytes:
    """The body for something that waits; with `wide` scopes are offered, else only what is shown, once."""
    action = pending.action
    offers = pending.offers if wide else pending.offers[:1]
    message = HeldMessage(
        id=pending.id,
        words=words(pending),
        reason=escape(pending.reason, _WORDS),
        agent=escape(action.agent or action.client, 80),
        target=escape(action.url or f"{action.host}:{action.port}", _TARGET),
        held_at=pending.held_at,
        deadline=pending.expires_at,
        binding=pending.binding,
        scopes=tuple(
            Choice(
                offer.scope,
                escape(offer.allow, _WORDS),
                tuple(life for life in offer.lifetimes if life is not Lifetime.FOREVER) if wide else (Lifetime.ONCE,),
            )
            for offer in offers
        ),
        answer_url=answer_url,
    )
    return msgspec.json.encode(message)


def words(pending: Pending) -> str:
    """One line that says who wants what."""
    action = pending.action
    who = escape(action.agent or action.client or "somebody", 80)
    target = f"{action.method} {action.url}".strip() or f"{action.host}:{action.port}"
    return f"{who} asks: {escape(target, _TARGET)}"


def brief(pending: Pending) -> str:
    """The same for a screen that others may see: the host, and nothing of what is sent there."""
    action = pending.action
    who = escape(action.agent or action.client or "somebody", 80)
    return f"{who} asks: {escape(f'{action.method} to {action.host}'.strip(), 120)}"


def closed_message(pending_id: str, outcome: Outcome, by: str) -> bytes:
    """The body for something that waits no more."""
    return msgspec.json.encode(ClosedMessage(id=pending_id, outcome=outcome, by=escape(by, 200)))
