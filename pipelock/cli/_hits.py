"""What a scan of files found, in the form that all outputs are made from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import msgspec

from pipelock.model import Severity, escape

__all__ = ["Excuse", "Hit", "HitKind", "Report", "Skipped", "hit_lines"]


class HitKind(StrEnum):
    """What was looked for."""

    SECRET = "secret"  # noqa: S105 - a word, not a credential
    INSTRUCTION = "instruction"
    HIDDEN_UNICODE = "hidden_unicode"


Excuse = Literal["", "inline", "config"]
"""Why a hit does not count: a comment on its line, or an entry of section `suppress`."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One finding in a file, safe to show: the secret is masked.

    Attributes:
        path: The file's name as it was given, with `/` between folders.
        line: From 1; 0 where only a transformed text matched and nobody knows where it stands.
        col: In characters, from 1; 0 likewise.
        end_line: The last line of the match.
        end_col: The column behind it; 0 where the match has none.
        excerpt: The line around the match, masked, at most 200 characters.
        decode_path: By which transformations it was found.
        number: The how-manieth hit of its rule with this excerpt in the file, from 0: tells equal ones apart.
        code_point: `U+200B`, with `name`, `category` and `count` for hidden characters alone.
        excuse: Why it does not count, empty if it does.
    """

    path: str
    line: int
    col: int
    rule: str
    severity: Severity
    kind: HitKind
    message: str
    end_line: int = 0
    end_col: int = 0
    excerpt: str = ""
    decode_path: tuple[str, ...] = ()
    number: int = 0
    code_point: str = ""
    name: str = ""
    category: str = ""
    count: int = 0
    excuse: Excuse = ""


class Skipped(msgspec.Struct, frozen=True):
    """A file that was not (wholly) looked at. `matters` where it could have held something."""

    path: str
    reason: str
    matters: bool = True


class Report(msgspec.Struct):
    """The outcome of a scan. At most `MAX_HITS` hits are kept; what comes after is only counted."""

    hits: list[Hit] = []
    excused: list[Hit] = []
    skipped: list[Skipped] = []
    files: int = 0
    unlisted: int = 0

    def add(self, hits: Iterable[Hit]) -> None:
        """Keep what was found in one file."""
        for hit in hits:
            kept = self.excused if hit.excuse else self.hits
            if len(kept) < MAX_HITS:
                kept.append(hit)
            else:
                self.unlisted += not hit.excuse

    @property
    def is_partial(self) -> bool:
        """Whether something that could matter was not looked at."""
        return any(one.matters for one in self.skipped)


MAX_HITS = 10_000


def hit_lines(hit: Hit) -> tuple[str, str]:
    """A hit as two lines for a terminal: where and what, and the masked text."""
    place = escape(hit.path, 1024)
    if hit.line:
        end = f"-{hit.end_line}" if hit.end_line > hit.line else ""
        place += f":{hit.line}:{hit.col}" if hit.col else f":{hit.line}{end}"
    what = f"{hit.severity.value}: {escape(hit.rule, 256)}"
    if hit.code_point:
        what += f" {hit.code_point} {hit.name}" + (f", {hit.count} of its kind" if hit.count > 1 else "")
    if hit.decode_path:
        what += f" (by way of {escape(' → '.join(hit.decode_path), 256)})"
    return f"{place}: {what}", f"    {escape(hit.excerpt.strip(), 400)}" if hit.excerpt else ""
