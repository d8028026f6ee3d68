"""What a person's answer covers, and for how long."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Grant", "Lifetime", "Offer", "Scope"]


class Scope(StrEnum):
    """How much like the request that was shown another one must be, narrowest first."""

    PAYLOAD = "payload"
    """Equal in everything that goes out."""
    URL = "url"
    """The same method and URL, any body."""
    PATH = "path"
    """The same method, host and port, and a path below the same folder."""
    HOST = "host"
    """Anything to this host and port."""
    DOMAIN = "domain"
    """Anything to any host of the registrable domain."""
    PROCESS = "process"
    """Anything that this program sends anywhere, as far as it is asked about for the same reason."""

    @property
    def rank(self) -> int:
        """0 (payload) to 5 (process)."""
        return _SCOPES.index(self)


_SCOPES = tuple(Scope)


class Lifetime(StrEnum):
    """How long an answer holds, shortest first."""

    ONCE = "once"
    SESSION = "session"
    """While this session lasts."""
    M5 = "5m"
    H1 = "1h"
    H12 = "12h"
    RESTART = "restart"
    """Until the daemon is started anew."""
    FOREVER = "forever"
    """Written to approvals.yaml."""

    @property
    def seconds(self) -> float:
        """How long, where that is a fixed time; 0 otherwise."""
        return _SECONDS.get(self, 0.0)

    @property
    def words(self) -> str:
        """How a person says it."""
        return _WORDS[self]


_SECONDS = {Lifetime.M5: 300.0, Lifetime.H1: 3600.0, Lifetime.H12: 43_200.0}
_WORDS = {
    Lifetime.ONCE: "this once",
    Lifetime.SESSION: "for this session",
    Lifetime.M5: "for 5 minutes",
    Lifetime.H1: "for 1 hour",
    Lifetime.H12: "for 12 hours",
    Lifetime.RESTART: "until the daemon restarts",
    Lifetime.FOREVER: "for good (written to approvals.yaml)",
}


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scope that a person may choose for what is held, in plain words.

    Attributes:
        scope: Which.
        allow: What allowing it means, a clause without the lifetime: "claude may send anything to api.example.com".
        deny: What denying it means, likewise.
        lifetimes: Those that may be chosen.
        covers: How many other held actions the same answer would settle now.
        broad: It lets through much more than what is shown: ask once more.
    """

    scope: Scope
    allow: str
    deny: str
    lifetimes: tuple[Lifetime, ...] = (Lifetime.ONCE,)
    covers: int = 0
    broad: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer that holds for more than once.

    Attributes:
        id: Short, unique over restarts for those that are kept for good.
        allow: False refuses what it covers, without asking.
        scope, lifetime: As chosen.
        words: The clause that the person was shown, lifetime included.
        created_at, expires_at: Seconds since the epoch; `expires_at` 0 does not expire by time.
        by: Who answered. note: What they said.
        session: Where the lifetime is `SESSION`, the only session it holds in.
        agent: The agent it holds for; empty for any.
        program: For scope `PROCESS`, the program.
        kind: Kind of action (`request`, `response`…).
        method, url, host, port, path, domain: The condition, as far as the scope looks at it.
        layer, rules: Why it was asked: only what is asked about for the same reason is covered.
        digest: For scope `PAYLOAD`, the payload's fingerprint in hex; never written to a file.
        hits: How often it decided. last_hit_at: When it last did.
    """

    id: str
    allow: bool
    scope: Scope
    lifetime: Lifetime
    words: str
    created_at: float
    expires_at: float = 0.0
    by: str = ""
    note: str = ""
    session: str = ""
    agent: str = ""
    program: str = ""
    kind: str = ""
    method: str = ""
    url: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    domain: str = ""
    layer: str = ""
    rules: tuple[str, ...] = ()
    digest: str = ""
    hits: int = 0
    last_hit_at: float = 0.0
