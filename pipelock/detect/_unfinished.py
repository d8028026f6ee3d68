"""What is said where a text holds more than was looked into."""

from __future__ import annotations

from pipelock.model import Finding, Severity

__all__ = ["LIMIT_RULE", "unfinished"]

LIMIT_RULE = "Encoding Limit"


def unfinished(scanner: str, place: str, what: str = "more encodings than are looked into") -> Finding:
    """A finding that refuses: what was not looked into may hold anything. `what` completes "… holds"."""
    return Finding(
        scanner=scanner,
        rule=LIMIT_RULE,
        severity=Severity.CRITICAL,
        message=f"{place or 'the text'} holds {what}; send it in a plainer form",
        place=place,
    )
