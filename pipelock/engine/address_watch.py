"""Two wallet addresses that look alike within one session: one of them is poison.

Whoever poisons an address shows the agent one with the ends of another that it works with. No list is needed to notice
that: both pass here, in answers or requests. The second of two is told.

Only hashes are remembered: at most `MAX_FINGERPRINTS` a session, `MAX_SESSIONS` sessions and `MAX_TOTAL` over all (a
hundred bytes each), the least recently seen out first. A session is a client's address: names that agents give
themselves don't divide it. Of a body the first and last `MAX_LOOKED_AT` bytes are read.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from pipelock.detect.wallets import LABEL, Address, Wallets, addresses, shown
from pipelock.model import Action, Finding, Kind, Severity

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["MAX_FINGERPRINTS", "MAX_LOOKED_AT", "MAX_SESSIONS", "MAX_TOTAL", "POISON_RULE", "AddressWatch"]

POISON_RULE = "Address Poisoning"
MAX_FINGERPRINTS = 1_000
MAX_SESSIONS = 10_000
MAX_TOTAL = 100_000
MAX_LOOKED_AT = 131_072


class AddressWatch:
    """A tracker (`pipelock.engine.trackers`)."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._sessions: OrderedDict[str, OrderedDict[int, int]] = OrderedDict()
        self._total = 0

    def __len__(self) -> int:
        """How many fingerprints are remembered."""
        return self._total

    def judge(self, action: Action, policy: Policy, now: float, *, again: bool) -> tuple[Finding, ...]:
        """Tell the second of two addresses that agree in chain, length and both ends, and in nothing else."""
        wallets = policy.wallets
        if wallets is None or action.kind not in (Kind.REQUEST, Kind.RESPONSE):
            return ()
        body = action.body
        if len(body) > 2 * MAX_LOOKED_AT:
            body = body[:MAX_LOOKED_AT] + b"\n" + body[-MAX_LOOKED_AT:]
        places = [("body", body)]
        if action.kind is Kind.REQUEST:
            places.append(("url", action.url.encode("utf-8", "surrogatepass")))
        findings = [
            _finding(address, place, action)
            for place, data in places
            for address, _, _ in addresses(data, wallets.chains)
            if self._is_second(action.client or action.session, address, wallets)
        ]
        return tuple(findings[:1])

    def _is_second(self, session: str, address: Address, wallets: Wallets) -> bool:
        looks = self._hash(repr(wallets.fingerprint(address)))
        itself = self._hash(f"{address.chain}:{address.key}")
        seen = self._sessions.setdefault(session, OrderedDict())
        self._sessions.move_to_end(session)
        first = seen.get(looks)
        if first is None:
            seen[looks] = itself
            self._total += 1
            self._make_room(seen)
        else:
            seen.move_to_end(looks)
        return first is not None and first != itself

    def _make_room(self, seen: OrderedDict[int, int]) -> None:
        if len(seen) > MAX_FINGERPRINTS:
            seen.popitem(last=False)
            self._total -= 1
        while len(self._sessions) > 1 and (len(self._sessions) > MAX_SESSIONS or self._total > MAX_TOTAL):
            self._total -= len(self._sessions.popitem(last=False)[1])

    def _hash(self, text: str) -> int:
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=self._key).digest(), "big")


def _finding(address: Address, place: str, action: Action) -> Finding:
    return Finding(
        scanner=LABEL,
        rule=POISON_RULE,
        severity=Severity.CRITICAL,
        message=(
            f"the address {shown(address.text)} in {place} has the ends of another one that was seen in this session; "
            "one of the two was made to be taken for the other"
        ),
        place=place,
        # What an answer says is only a picture of an address; the request that pays is what must not pass.
        warns=action.kind is Kind.RESPONSE,
    )
