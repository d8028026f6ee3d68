"""The forms of a path that egress rules are held against.

Servers disagree about which paths are one: some fold case, some cut `;parameters` (RFC 3986 §3.3 leaves them to the
scheme), some trim blanks. A rule that stops something must hold for all of them, a rule that lets something pass only
where none is in doubt. So a path has an exact form and a loose one: whoever stops matches either, whoever allows both.
"""

from __future__ import annotations

import unicodedata

__all__ = ["RulePaths", "rule_paths"]

RulePaths = tuple[str, str]


def rule_paths(decoded: str) -> RulePaths:
    """The exact and the loose form of a decoded path.

    Exact: repeated slashes, `/./` and backslashes folded. Loose: also parameters cut, blanks and control characters
    dropped, NFKC and case folded.
    """
    exact = _folded_segments(decoded)
    if exact.isascii() and exact.islower() and ";" not in exact and " " not in exact and exact.isprintable():
        return exact, exact
    shown = "".join(char for char in unicodedata.normalize("NFKC", decoded) if char.isprintable() and char != " ")
    cut = "/".join(segment.partition(";")[0] for segment in shown.replace("\\", "/").split("/"))
    return exact, _folded_segments(cut).casefold()


def _folded_segments(path: str) -> str:
    segments = path.replace("\\", "/").split("/")
    kept = [segment for segment in segments[:-1] if segment not in ("", ".")]
    last = "" if segments[-1] == "." else segments[-1]
    return "/" + "/".join([*kept, last])
