"""What is only visible over several A2A messages: a card that changes, an order spread over a conversation.

* **Cards.** The first card of a URL, for each `Authorization` it was asked for with, is the one that is trusted.
  Another one later is a finding each time, and the first stays what later ones are held against. 1 000 cards, the
  longest unseen out.
* **Conversations.** The texts of a `contextId` are read together, each direction by itself: an order cut into several
  messages is whole again. `max_context_messages` messages and 16 KiB of each conversation, `max_contexts` of them, the
  longest unseen out; one that went out and comes back is a finding, because nobody knows what it said before. 10 000 of
  those names (as digests) are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, TypeVar

from pipelock.detect.a2a import Json, Sort
from pipelock.detect.a2a_walk import walk
from pipelock.engine.a2a import A2aSettings, read_a2a, said_together
from pipelock.model import Action, Finding, Kind, Severity

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["MAX_CARDS", "MAX_CONTEXT_CHARS", "A2aTracker"]

MAX_CARDS = 1000
MAX_CONTEXT_CHARS = 16_384
_MAX_ASKED = 1000
_MAX_GONE = 10_000
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class A2aTracker:
    """A tracker (`pipelock.engine.trackers`)."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, bytes] = OrderedDict()
        self._cards: OrderedDict[bytes, bytes] = OrderedDict()
        self._contexts: OrderedDict[bytes, deque[str]] = OrderedDict()
        self._gone: OrderedDict[bytes, None] = OrderedDict()

    def judge(self, action: Action, policy: Policy, now: float, *, again: bool) -> tuple[Finding, ...]:
        """What `action` adds up to with those before it."""
        settings = policy.a2a
        if settings is None or not (settings.drift or settings.sessions) or action.kind is Kind.CONNECT:
            return ()
        sort, read, _ = read_a2a(action, settings)
        if sort is Sort.CARD:
            return self._card(action, read) if settings.drift else ()
        if sort is Sort.MESSAGE and settings.sessions:
            return self._message(action, read, policy, settings, again=again)
        return ()

    # -- cards -----------------------------------------------------------------------------------------------------

    def _card(self, action: Action, read: list[Json]) -> tuple[Finding, ...]:
        if not action.comes_in:
            # The answer will not say with whose authority it was asked for.
            authority = next((value for name, value in action.headers if name == "authorization"), "")
            _put(self._asked, action.id, _digest(authority), _MAX_ASKED)
            return ()
        if action.status != 200 or not read:
            return ()
        key = _digest(action.url) + self._asked.get(action.id, _digest(""))
        card = _digest(json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=True))
        first = self._cards.get(key)
        _put(self._cards, key, card if first is None else first, MAX_CARDS)
        if first is None or first == card:
            return ()
        return (
            Finding(
                scanner="a2a_card",
                rule="Agent Card Drift",
                severity=Severity.HIGH,
                message="the agent's card is not the one that was seen first at this address",
                place="a2a",
            ),
        )

    # -- conversations ---------------------------------------------------------------------------------------------

    def _message(
        self, action: Action, read: list[Json], policy: Policy, settings: A2aSettings, *, again: bool
    ) -> tuple[Finding, ...]:
        seen = walk(read)
        text = said_together(seen)[:MAX_CONTEXT_CHARS]
        found: list[Finding] = []
        for context in dict.fromkeys(seen.contexts[:8]):
            key = _digest(f"{action.host.lower()}\0{action.direction}\0{context}")
            if key in self._gone:
                found.append(_returned())
            said = self._contexts.get(key) or deque(maxlen=settings.max_messages)
            before = list(said)
            if not again and text:
                said.append(text)
                while sum(map(len, said)) > MAX_CONTEXT_CHARS:
                    said.popleft()
                self._remember(key, said, settings.max_contexts)
            if before and text:
                found += _smuggled(before, text, policy)
        return tuple(found)

    def _remember(self, key: bytes, said: deque[str], limit: int) -> None:
        self._contexts[key] = said
        self._contexts.move_to_end(key)
        while len(self._contexts) > limit:
            gone, _ = self._contexts.popitem(last=False)
            _put(self._gone, gone, None, _MAX_GONE)


def _smuggled(before: list[str], text: str, policy: Policy) -> list[Finding]:
    """What the conversation says as a whole and this message alone does not, nor those before it."""
    whole = [*before, text]
    found = policy.injection.scan(f"{' '.join(whole)}\n\n{''.join(whole)}", "a2a")
    if not found:
        return []
    known = {finding.rule for finding in policy.injection.scan(text, "a2a")}
    known |= {finding.rule for finding in policy.injection.scan(" ".join(before), "a2a")}
    return [
        Finding(
            scanner="a2a_session",
            rule=finding.rule,
            severity=finding.severity,
            message=f"{finding.rule} over several messages of one conversation",
            place="a2a",
            warns=finding.warns,
        )
        for finding in found
        if finding.rule not in known
    ][:8]


def _returned() -> Finding:
    return Finding(
        scanner="a2a_session",
        rule="A2A Context Returned",
        severity=Severity.LOW,
        message="a conversation goes on whose beginning is no longer remembered",
        place="a2a",
        warns=True,
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _put(table: OrderedDict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > limit:
        table.popitem(last=False)
