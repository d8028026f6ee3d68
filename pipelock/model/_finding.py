"""One thing a scanner noticed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock.model._reason import Severity

__all__ = ["Category", "Finding", "Span"]


class Category(StrEnum):
    """What kind of trouble a finding is; sessions are scored by it."""

    THREAT = "threat"
    PROTECTIVE = "protective"
    """A limit did its work (rate, budget): no suspicion."""
    CONFIG_MISMATCH = "config_mismatch"
    INFRASTRUCTURE = "infrastructure_error"
    """The world failed (DNS): still refused, never scored."""


class Span(msgspec.Struct, frozen=True):
    """Half-open offsets into the scanned value: bytes for bodies, characters for text places."""

    start: int
    end: int


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a scanner noticed, safe to show and to log: it never holds the secret itself.

    Attributes:
        scanner: The layer's label (`dlp`, `ssrf`, `response_scan`…); the audit log's `scanner`.
        rule: The rule's public name (`AWS Access ID`); the layer's label where the layer has one rule.
        severity: How bad.
        message: One sentence for a person.
        place: Where: `url`, `url:query:token`, `header:authorization`, `body`.
        span: Offsets of the match in that place's original value; `None` where only a transformed
            view matched and no original range can be named.
        path: Transformations from the outside in by which it was found (`("base64", "url")`).
        excerpt: The surroundings with the matched text masked; at most 200 characters.
        score: 0..1, the reference's scale for URL layers.
        category: What kind of trouble.
        hard: A person may not approve it away and no mode turns it into a warning.
        warns: The rule itself asks for no more than a warning (`action: warn` on a user's pattern).
    """

    scanner: str
    rule: str
    severity: Severity
    message: str
    place: str = ""
    span: Span | None = None
    path: tuple[str, ...] = ()
    excerpt: str = ""
    score: float = 1.0
    category: Category = Category.THREAT
    hard: bool = False
    warns: bool = False
