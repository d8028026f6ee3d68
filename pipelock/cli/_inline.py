"""Comments in files that excuse a finding on their line: `pipelock:ignore`, `pipelock:ignore RULE, RULE`."""

from __future__ import annotations

__all__ = ["MARK", "ignored"]

MARK = "pipelock:ignore"
_FAR = 512
"""Characters behind the mark that may name rules."""
_CLOSERS = ("*/", "-->", "--%>", "#}", "%>", "]]>", "-}", "*)")
_REASONS = (" -- ", " - ", " # ", " // ", " — ", ";")


def ignored(line: str, rule: str) -> bool:
    """Whether `line` excuses findings of `rule`.

    The mark alone excuses every rule. Names after it, with commas between them and without regard to case, excuse
    those; brackets around them are allowed, a reason may follow behind ` -- `. A name that is no rule's excuses
    nothing.
    """
    at = _find(line)
    if at < 0:
        return False
    rest = line[at + len(MARK) : at + len(MARK) + _FAR]
    if rest and (rest[0].isalnum() or rest[0] in "_-"):
        return False  # another word that begins like ours
    for end in (*_CLOSERS, *_REASONS):
        rest = rest.partition(end)[0]
    names = [name.strip(" \t\r\n[]:\"'`").casefold() for name in rest.split(",")]
    named = [name for name in names if name]
    return not named or rule.casefold() in named


def _find(line: str) -> int:
    at = line.find(MARK)
    return at if at >= 0 else line.lower().find(MARK)
