"""Exceptions to taint: a source that is forgiven, an action that is allowed, until a date and on somebody's word.

`source` is compared with the URL of what was read (without its query), `action` with the URL of what is about to be
done. Before the latter a class or a method may stand, or stand alone: `publish`, `POST https://api.example.com/*`,
`publish *.example.com/v1/`. A URL is written as a `path` of section `suppress`: `*` and `?`, what stands before the
first slash is held against the host alone, a host alone means all of its paths, no scheme means any.
"""

from __future__ import annotations

import msgspec

from pipelock.detect.globs import glob_match
from pipelock.engine._suppress import matches_path
from pipelock.engine.taint.classes import ActionClass

__all__ = ["Override"]

_CLASSES = frozenset(ActionClass)


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One exception. Where it has both conditions both must hold.

    Attributes:
        source: Which sources are forgiven; empty for any.
        action: Which actions are allowed; empty for any.
        expires: Seconds since the epoch.
        by: Who granted it. reason: Why.
    """

    source: str = ""
    action: str = ""
    expires: float
    by: str = ""
    reason: str = ""

    def forgives(self, url: str) -> bool:
        """Whether what was read at `url` is forgiven."""
        return not self.source or _is_at(self.source, url)

    def allows(self, what: ActionClass, method: str, url: str) -> bool:
        """Whether it is about this action."""
        if not self.action:
            return True
        word, space, pattern = self.action.strip().partition(" ")
        if not space:
            word, pattern = (word, "") if word.casefold() in _CLASSES else ("", word)
        if word and not (word.casefold() == what or glob_match(word.upper(), method.upper())):
            return False
        return not pattern.strip() or _is_at(pattern.strip(), url)

    @property
    def words(self) -> str:
        """How it is told in a record: who, what and why."""
        about = ", ".join(text for text in (self.source and f"read {self.source}", self.action) if text)
        said = f"{about} by {self.by or 'config'}"
        return f"{said}: {self.reason}" if self.reason else said


def _is_at(pattern: str, url: str) -> bool:
    if "://" not in pattern:
        pattern = f"*://{pattern}"
    scheme, _, rest = pattern.partition("://")
    return matches_path(pattern if "/" in rest else f"{scheme}://{rest}/*", url)
