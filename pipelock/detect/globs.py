"""Shell-style `*` and `?` in linear time: the text may come from the network."""

from __future__ import annotations

__all__ = ["glob_match"]


def glob_match(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches `pattern`; `*` spans anything, `?` is one character, no classes.

    Greedy with one remembered star, so the cost is at most len(pattern) * len(text) and never exponential.
    """
    p = t = 0
    star = -1
    mark = 0
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, mark = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            p += 1
            t += 1
        elif star >= 0:
            mark += 1
            p, t = star + 1, mark
        else:
            return False
    return pattern[p:].strip("*") == ""
