"""A score for texts in which no single phrase gives the attack away.

A rule with a `weight` is a cue: something that honest texts say as well ("act as", "the user's birth date", "in
reverse order"), so it proves nothing alone. Cues that stand together add up. Of what stands within `NEAR` bytes little
is needed, of what stands within `FAR` bytes more: a page about chat bots says all these things somewhere. Both windows
advance by steps, so cues always meet that are within `NEAR - STEP` bytes, or within half of `FAR`. In a window

* a cue counts once, however often it occurs;
* of the cues of one kind the two heaviest count: saying the same thing in many words makes nothing worse;
* a cue with a negative weight says that a text *writes about* attacks. Together they take off `RELIEF` at most, for
  whoever attacks can write such words as well.

A near window is worth a warning from `WARNS` on and believed from `BLOCKS` on; a far one is believed from `BLOCKS_FAR`
on. Only presence in a window counts, never the number or place of matches, so both engines give one verdict. Work is
linear: a byte is seen by two far windows, and by `NEAR / STEP` near ones in each of those that hold enough.

Of several forms of a large text the windows are looked at in which one differs from those before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipelock.detect._shared import news_of
from pipelock.detect.excerpt import excerpt
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import Rule, patterns_of, samples_of
from pipelock.detect.views import SEPARATOR, View, locate
from pipelock.model import Finding, Severity

__all__ = ["BLOCKS", "BLOCKS_FAR", "FAR", "NAME", "NEAR", "RELIEF", "STEP", "WARNS", "CueScorer"]

NAME = "Suspicious Instructions"
"""The rule that findings of the score name."""
NEAR = 256
STEP = 64
FAR = 1_024
BLOCKS = 9
BLOCKS_FAR = 15
WARNS = 8
_COARSE, _FINE = 12, 4
"""Far windows whose cues are first asked about together."""
RELIEF = 4
_COUNTED = 2
"""Cues of one kind that count."""
MAX_FINDINGS = 8


class _Evidence(NamedTuple):
    """What was found in a window: the sum, what it is measured by, and the cues."""

    score: int
    limit: int
    cues: tuple[int, ...]

    @property
    def blocks(self) -> bool:
        """Whether it is believed."""
        return self.score >= self.limit


class _Region(NamedTuple):
    """Neighbouring far windows that are worth a warning: the offsets of the first and last, and the best of each."""

    first: int
    last: int
    evidence: _Evidence


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
        news = news_of([view.data for view in views], FAR)
        parts = [view.data[start:end] for view, ranges in zip(views, news, strict=True) for start, end in ranges]
        whole = parts[0] if len(parts) == 1 else SEPARATOR.join(parts)
        # Most texts end here: all their cues in one place would not be enough.
        if self._score(self._matcher.propose(whole), relieved=False) < WARNS:
            return []
        found: list[Finding] = []
        seen: set[tuple[int, ...]] = set()
        for view, ranges in zip(views, news, strict=True):
            for region in self._regions(view.data, ranges):
                if view.path and region.evidence.cues in seen:
                    # Another view of what was told already.
                    continue
                seen.add(region.evidence.cues)
                if len(found) == MAX_FINDINGS:
                    found.append(_finding(self._rules, view, region, None))
                    return found
                found.append(_finding(self._rules, view, region, self._extent(view.data, region)))
        return found

    def _regions(self, data: bytes, ranges: Sequence[tuple[int, int]]) -> Iterator[_Region]:
        """Far windows in `ranges` that are worth a warning; those that overlap are put together."""
        region: _Region | None = None
        for start in self._starts(data, ranges):
            evidence = self._evidence(data[start : start + FAR])
            if evidence is None:
                continue
            if region is not None and start - region.last < FAR:
                region = _Region(region.first, start, max(region.evidence, evidence, key=_worth))
                continue
            if region is not None:
                yield region
            region = _Region(start, start, evidence)
        if region is not None:
            yield region

    def _starts(self, data: bytes, ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
        """Where the far windows start that may hold enough: those in parts that do, taken together."""
        step = FAR // 2
        windows = len(range(0, max(len(data) - step, 1), step))
        told = 0
        for start, end in ranges:
            # A window that ends in the range, or starts there.
            first, told = max(told, start // step - 1), min(windows, end // step + 1)
            for coarse in _portions(range(first * step, told * step, step), _COARSE):
                if self._may_hold(data, coarse):
                    for fine in _portions(coarse, _FINE):
                        if self._may_hold(data, fine):
                            yield from fine

    def _may_hold(self, data: bytes, starts: range) -> bool:
        """Whether the cues of all these far windows would be enough in one place."""
        return self._score(self._matcher.propose(data[starts[0] : starts[-1] + FAR]), relieved=False) >= WARNS

    def _evidence(self, part: bytes) -> _Evidence | None:
        """The best evidence in a far window, if it is worth a warning."""
        cues = tuple(self._matcher.propose(part))
        score = self._score(cues)
        if score >= BLOCKS_FAR or score < WARNS:
            return _Evidence(score, BLOCKS_FAR, cues) if score >= WARNS else None
        best: _Evidence | None = None
        for start in range(0, max(len(part) - NEAR + STEP, 1), STEP):
            near = tuple(self._matcher.propose(part[start : start + NEAR]))
            score = self._score(near)
            if score >= WARNS and (best is None or score > best.score):
                best = _Evidence(score, BLOCKS, near)
            if best is not None and best.blocks:
                break
        return best

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

    def _extent(self, data: bytes, region: _Region) -> tuple[int, int]:
        """From the first cue of a region to the end of the last one, as offsets of the view."""
        head = data[region.first : region.first + FAR]
        tail = data[region.last : region.last + FAR]
        starts = [
            hit.start for number in self._matcher.propose(head) for hit in islice(self._matcher.hits(number, head), 1)
        ]
        ends = [hit.end for number in self._matcher.propose(tail) for hit in self._matcher.hits(number, tail)]
        return region.first + min(starts, default=0), region.last + max(ends, default=len(tail))


def _portions(starts: range, size: int) -> Iterator[range]:
    for first in range(0, len(starts), size):
        yield starts[first : first + size]


def _worth(evidence: _Evidence) -> tuple[bool, int]:
    return evidence.blocks, evidence.score


def _finding(rules: Sequence[Rule], view: View, region: _Region, extent: tuple[int, int] | None) -> Finding:
    score, limit, cues = region.evidence
    told = ", ".join(f"{rules[number].name} ({rules[number].weight:+d})" for number in cues)
    via = f" ({' → '.join(view.path)})" if view.path else ""
    return Finding(
        scanner="response_scan",
        rule=NAME,
        severity=Severity.HIGH,
        message=f"{NAME} found in {view.place.name or 'the text'}{via}: {told} add up to {score} of {limit}",
        place=view.place.name,
        span=locate(view, *extent) if extent else None,
        path=view.path,
        excerpt=excerpt(view.data, *extent, ()) if extent else "",
        warns=not region.evidence.blocks,
    )
