"""A score for texts in which no single phrase gives the attack away.

A rule with a `weight` is a cue: something that honest texts say as well ("act as", "the user's birth date", "in
reverse order"), so it proves nothing alone. Cues that stand close together add up. The text is looked at through a
window of `WINDOW` bytes that advances by half of itself, so any cues within half a window meet in one. In a window

* a cue counts once, however often it occurs;
* of the cues of one kind the two heaviest count: saying the same thing in many words makes nothing worse;
* a cue with a negative weight says that a text *writes about* attacks. Together they take off `RELIEF` at most, for
  whoever attacks can write such words as well.

From `WARNS` on the text is worth a warning, from `BLOCKS` on it is believed. Only presence in a window counts, never
the number or place of matches, so both engines give one verdict. Work is linear: each byte is seen by two windows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipelock.detect.excerpt import excerpt
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import Rule, patterns_of, samples_of
from pipelock.detect.views import SEPARATOR, View, locate
from pipelock.model import Finding, Severity

__all__ = ["BLOCKS", "NAME", "RELIEF", "WARNS", "WINDOW", "CueScorer"]

NAME = "Suspicious Instructions"
"""The rule that findings of the score name."""
WINDOW = 1_024
"""Bytes that are looked at together."""
BLOCKS = 9
WARNS = 8
RELIEF = 4
_COUNTED = 2
"""Cues of one kind that count."""
MAX_FINDINGS = 8


class _Region(NamedTuple):
    """Neighbouring windows that are worth a warning: the offsets of the first and last, the best score, its cues."""

    first: int
    last: int
    score: int
    cues: tuple[int, ...]


class CueScorer:
    """Adds up the cues of a rule set. Pure, and safe to share between threads.

    Args:
        rules: Rules with a weight; the others are left out.
        cache: Directory for compiled pattern databases (0700), or `None`.
        native: Use Hyperscan where it is there.

    Raises:
        MatcherError: a pattern can't be compiled.
    """

    def __init__(self, rules: Sequence[Rule], *, cache: Path | None = None, native: bool = True) -> None:
        self._rules = tuple(rule for rule in rules if rule.weight)
        self._matcher = Matcher(
            patterns_of(self._rules),
            literals=[rule.literals for rule in self._rules],
            samples=samples_of(self._rules),
            cache=cache,
            native=native,
        )

    def find(self, views: Sequence[View]) -> list[Finding]:
        """What adds up in `views`; where there is more than `MAX_FINDINGS`, one more without a span says so.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not self._rules or not views:
            return []
        whole = views[0].data if len(views) == 1 else SEPARATOR.join([view.data for view in views])
        # Most texts end here: all their cues in one place would not be enough.
        if self._score(self._matcher.propose(whole), relieved=False) < WARNS:
            return []
        found: list[Finding] = []
        seen: set[tuple[int, ...]] = set()
        for view in views:
            for region in self._regions(view.data):
                if view.path and region.cues in seen:
                    # Another view of what was told already.
                    continue
                seen.add(region.cues)
                if len(found) == MAX_FINDINGS:
                    found.append(_finding(self._rules, view, region, None))
                    return found
                found.append(_finding(self._rules, view, region, self._extent(view.data, region)))
        return found

    def _regions(self, data: bytes) -> Iterator[_Region]:
        """Windows that are worth a warning; those that overlap are put together."""
        step = WINDOW // 2
        known: dict[tuple[int, ...], int] = {}
        region: _Region | None = None
        for start in range(0, max(len(data) - step, 1), step):
            cues = tuple(self._matcher.propose(data[start : start + WINDOW]))
            score = known.get(cues)
            if score is None:
                score = known[cues] = self._score(cues)
            if score < WARNS:
                continue
            if region is not None and start - region.last < WINDOW:
                best = (region.score, region.cues) if region.score >= score else (score, cues)
                region = _Region(region.first, start, *best)
                continue
            if region is not None:
                yield region
            region = _Region(start, start, score, cues)
        if region is not None:
            yield region

    def _score(self, cues: Sequence[int], *, relieved: bool = True) -> int:
        """What `cues` add up to."""
        kinds: dict[str, list[int]] = defaultdict(list)
        relief = 0
        for number in cues:
            rule = self._rules[number]
            if rule.weight > 0:
                kinds[rule.kind].append(rule.weight)
            else:
                relief -= rule.weight
        total = sum(sum(sorted(weights)[-_COUNTED:]) for weights in kinds.values())
        return total - min(relief, RELIEF) if relieved else total

    def _report(self, view: View, region: _Region) -> Finding:
        return _finding(self._rules, view, region, hits=self._extent(view.data, region))

    def _extent(self, data: bytes, region: _Region) -> tuple[int, int]:
        """From the first cue of a region to the end of the last one, as offsets of the view."""
        head = data[region.first : region.first + WINDOW]
        tail = data[region.last : region.last + WINDOW]
        starts = [
            hit.start for number in self._matcher.propose(head) for hit in islice(self._matcher.hits(number, head), 1)
        ]
        ends = [hit.end for number in self._matcher.propose(tail) for hit in self._matcher.hits(number, tail)]
        return region.first + min(starts, default=0), region.last + max(ends, default=len(tail))


def _finding(rules: Sequence[Rule], view: View, region: _Region, extent: tuple[int, int] | None) -> Finding:
    told = ", ".join(f"{rules[number].name} ({rules[number].weight:+d})" for number in region.cues)
    via = f" ({' → '.join(view.path)})" if view.path else ""
    return Finding(
        scanner="response_scan",
        rule=NAME,
        severity=Severity.HIGH,
        message=f"{NAME} found in {view.place.name or 'the text'}{via}: {told} add up to {region.score} of {BLOCKS}",
        place=view.place.name,
        span=locate(view, *extent) if extent else None,
        path=view.path,
        excerpt=excerpt(view.data, *extent, ()) if extent else "",
        warns=region.score < BLOCKS,
    )
