"""How things are called and counted on the screen: glyphs, verdict words, sizes, times.

State is never told by colour alone: each verdict has a glyph and a word as well.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from pipelock.model import Outcome, TaintLevel, Verdict

__all__ = [
    "GLYPHS",
    "OUTCOMES",
    "TAINTS",
    "ago",
    "clock_time",
    "countdown",
    "number",
    "size",
    "span",
    "verdict_words",
]

GLYPHS = {
    Verdict.ALLOW: "✓",
    Verdict.WARN: "!",
    Verdict.STRIP: "≈",
    Verdict.REDACT: "≈",
    Verdict.ASK: "?",
    Verdict.REDIRECT: "→",
    Verdict.BLOCK: "✗",
}

OUTCOMES = {
    Outcome.APPROVED: "allowed",
    Outcome.REDACTED: "sent changed",
    Outcome.GRANTED: "allowed before",
    Outcome.DENIED: "denied",
    Outcome.DENIED_BEFORE: "denied before",
    Outcome.EXPIRED: "expired, denied once",
    Outcome.UNATTENDED: "nobody was there, denied once",
    Outcome.QUEUE_FULL: "queue full, denied once",
    Outcome.ABANDONED: "client gone",
    Outcome.WITHDRAWN: "withdrawn",
}

TAINTS = {
    TaintLevel.TRUSTED: "has read nothing that is not trusted",
    TaintLevel.INTERNAL: "has read what it made itself",
    TaintLevel.REFERENCE: "has read references that you trust",
    TaintLevel.LOW_RISK: "has read content from outside, of low risk",
    TaintLevel.UNTRUSTED: "has read content from outside that nobody vouches for",
    TaintLevel.HOSTILE: "has read content that tried to give it orders",
}
"""What was read, said of whoever has read it."""


def verdict_words(verdict: Verdict) -> str:
    """Glyph and word, at most ten cells."""
    return f"{GLYPHS[verdict]} {verdict.value}"


def clock_time(at: float, zone: tzinfo | None = None) -> str:
    """Seconds since the epoch as a wall clock shows it in `zone` (the machine's own if `None`)."""
    try:
        return datetime.fromtimestamp(at, zone).strftime("%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "--:--:--"


def size(count: int) -> str:
    """Bytes in at most five cells: 0, 912, 1.2k, 340k, 12M; decimal thousands."""
    if count < 1000:
        return str(count)
    value = float(count)
    for unit in "kMGT":
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return ">999T"


def number(count: int) -> str:
    """A count with thin groups: 1 204."""
    return f"{count:,}".replace(",", " ")


def span(seconds: float) -> str:
    """A duration in two units at most: 312 µs, 4.1 ms, 2.5 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def countdown(expires_at: float, now: float) -> str:
    """What is left before a deadline as m:ss, rounded up; `no limit` where `expires_at` is 0."""
    if not expires_at:
        return "no limit"
    left = max(0, -int((now - expires_at) // 1))
    return f"{left // 60}:{left % 60:02d}"


def ago(seconds: float) -> str:
    """How long something has been the case, in whole units: 4 s, 3 min, 2 h."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h"
