"""Section `suppress`: findings the operator declared harmless at a place.

The rule's name is compared without case. The place is compared with the action's URL: exactly; as a prefix when it
ends in `/`; as a glob when it has `*` or `?`; a pattern without a scheme also matches the URL without its scheme, and
as a path suffix (`docs/*.md` matches `https://host/a/docs/x.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from pipelock.engine._glob import glob_match

__all__ = ["Suppressions"]


class Suppressions:
    """The list, grouped by rule."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        self._by_rule: dict[str, list[str]] = {}
        for rule, path in entries:
            self._by_rule.setdefault(rule.casefold(), []).append(path.replace("\\", "/"))

    def covers(self, rule: str, target: str) -> bool:
        """Whether a finding of `rule` in `target` (a URL) is suppressed."""
        if not self._by_rule:
            return False
        patterns = self._by_rule.get(rule.casefold())
        if not patterns:
            return False
        target = _canonical(target)
        return any(_matches(pattern, target) for pattern in patterns)


def _canonical(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if (parts.scheme, port) in (("http", 80), ("https", 443)):
        return url.replace(f":{port}", "", 1)
    return url


def _matches(pattern: str, target: str) -> bool:
    without_scheme = target.partition("://")[2] or target
    for text in (target, without_scheme):
        if pattern == text or (pattern.endswith("/") and text.startswith(pattern)):
            return True
        if ("*" in pattern or "?" in pattern) and glob_match(pattern, text):
            return True
    return "://" not in pattern and glob_match(f"*/{pattern}", without_scheme)
