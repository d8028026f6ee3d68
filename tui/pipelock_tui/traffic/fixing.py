"""The proposal of a fix as lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from pipelock.model import Finding, Fix, Verdict
from pipelock_tui.explain import item
from pipelock_tui.rules.lines import day_time
from pipelock_tui.text import Line, line
from pipelock_tui.words import verdict_words

__all__ = ["DAYS", "USUAL_DAYS", "days_line", "finding_line", "fix_lines", "places_of", "title_line"]

DAYS = (1, 7, 30, 90)
"""For how many days a suppression may be written."""
USUAL_DAYS = 30
"""Where nobody chooses; that of `pipelock suppress` too."""


def days_line(chosen: int) -> Line:
    """The lengths that may be chosen, the chosen one in brackets."""
    words = [(f"[{days} d]" if days == chosen else f" {days} d ", "badge" if days == chosen else "") for days in DAYS]
    return line(("  for      ", "dim"), *words, ("   ↑ ↓", "key"))


def places_of(findings: Sequence[Finding]) -> tuple[int, ...]:
    """The numbers of the findings that differ in rule or place, the deciding one first."""
    seen: dict[tuple[str, str], int] = {}
    for number, finding in enumerate(findings):
        seen.setdefault((finding.rule, finding.place), number)
    return tuple(seen.values()) or (0,)


def finding_line(finding: Finding, number: int, count: int) -> Line:
    """Which of the findings the proposal is about."""
    where = f" in {finding.place}" if finding.place else ""
    return line(
        ("  finding  ", "dim"), (f"[{number} of {count}]", "badge"), f" {finding.rule}{where}", ("   ← →", "key")
    )


def title_line(fix: Fix | None) -> Line:
    """What the page is about; `fix` is the proposal once it is there."""
    if fix is not None and not fix.possible:
        return line((" NO SUPPRESSION MAY LIFT THIS ", "alarm"))
    return line((" KEEP THIS FROM HAPPENING AGAIN? ", "badge"))


def fix_lines(fix: Fix, days: int, zone: tzinfo | None = None, *, choosing: bool = True) -> list[Line]:
    """What would be written, what it would do to this refusal, and what else it would let through; not wrapped.

    `choosing` says that another number of days is one of `DAYS` and a key away.
    """
    if not fix.possible:
        return [item("why", fix.words, "strong")]
    lines: list[Line] = [
        item("what", fix.words, "strong"),
        (),
        days_line(days) if choosing else item("for", f"{days} days"),
        _this_one(fix),
        _replay(fix, zone),
    ]
    lines += [line(("             ", ""), (each, "dim")) for each in fix.examples]
    lines += [(), line(("TO BE WRITTEN", "title"), ("  to suppressions.yaml", "dim"))]
    lines += [line(("  " + each, "note")) for each in fix.entry.rstrip("\n").split("\n")]
    return lines


def _this_one(fix: Fix) -> Line:
    if fix.verdict is None:
        return item("this one", "may pass or be refused for something else: the record can't tell", "warn")
    if fix.verdict is Verdict.BLOCK:
        return item("this one", "would still be refused, as far as the record tells", "warn")
    return item("this one", f"would be: {verdict_words(fix.verdict)}", fix.verdict.value)


def _replay(fix: Fix, zone: tzinfo | None) -> Line:
    since = f" since {day_time(fix.since, zone)}" if fix.since else ""
    unknown = f"; {fix.unknown} could not be judged again" if fix.unknown else ""
    if not fix.others:
        return item("others", f"no other refusal for this rule is recorded{since}{unknown}", "allow")
    words = f"would also un-block {fix.unblocked} of {fix.others} others{since}{unknown}"
    return item("others", words, "warn" if fix.unblocked or fix.unknown else "allow")
