"""Looking into the text of a file: the engine's own judgement, and where in the text each finding stands.

The engine lists a few matches of each rule, as one is enough to refuse a request. Of a file everything is to be told,
so each match that is found is blanked and the engine asked again, while it has listed as many as it lists at most.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from pipelock.cli._hits import Excuse, Hit, HitKind
from pipelock.cli._inline import ignored
from pipelock.detect._unfinished import LIMIT_RULE
from pipelock.detect.excerpt import excerpt
from pipelock.detect.invisible import Hidden, hidden_characters
from pipelock.engine import CROWDED, FULL, Engine, Facts, Lookup
from pipelock.model import Action, Finding, Kind, ScanKind, Transport

__all__ = ["MAX_FILE_HITS", "Inspector", "Looked"]

MAX_FILE_HITS = 1000
"""Hits of one file that are listed."""
_MAX_ROUNDS = 24
_NARROWED = 8
"""Findings without a place that are looked for line by line, in each file."""
_WINDOW = 256
_BLANK = bytes([10 if byte == 10 else 32 for byte in range(256)])
_NEWLINE = b"\n"

_Found = tuple[Finding, HitKind, Excuse]


class Looked(msgspec.Struct, frozen=True):
    """What one text holds. `problem` says why it was not searched to its end; empty if it was."""

    hits: tuple[Hit, ...]
    problem: str = ""


class Inspector:
    """Judges texts by the engine's policy.

    Args:
        engine: Asked with actions of kind `SCAN`.
        instructions: Look for instructions to an agent, and for hidden characters, as well as for secrets.
        excuses: Heed `pipelock:ignore` comments and section `suppress`; otherwise everything counts.
    """

    def __init__(self, engine: Engine, *, instructions: bool = True, excuses: bool = True) -> None:
        self._engine = engine
        self._instructions = instructions
        self._excuses = excuses

    def look(self, path: str, data: bytes) -> Looked:
        """What `data`, the text of the file `path`, holds.

        Raises:
            MatcherError: a scanner failed.
        """
        text = _Text(path, data)
        found: list[_Found] = []
        problem = ""
        for kind, scan in self._kinds():
            some, said = self._all(text, kind, scan)
            found += some
            problem = problem or said
        hits = self._placed(text, found)
        if self._instructions:
            hits += [self._excused(text, hit) for hit in _hidden(text)]
        hits.sort(key=lambda hit: (hit.line, hit.col, hit.rule))
        if len(hits) > MAX_FILE_HITS:
            problem = f"more than {MAX_FILE_HITS} findings; the rest is not listed"
        return Looked(tuple(_numbered(hits[:MAX_FILE_HITS])), problem)

    def _kinds(self) -> tuple[tuple[HitKind, ScanKind], ...]:
        secrets = (HitKind.SECRET, ScanKind.DLP)
        return (secrets, (HitKind.INSTRUCTION, ScanKind.PROMPT_INJECTION)) if self._instructions else (secrets,)

    def _all(self, text: _Text, kind: HitKind, scan: ScanKind) -> tuple[list[_Found], str]:
        """Everything of one kind, and what was not searched."""
        left = bytearray(text.data)
        out: list[_Found] = []
        seen: set[tuple[str, str]] = set()
        for _ in range(_MAX_ROUNDS):
            found = self._judged(text.path, bytes(left), scan)
            new = False
            for finding, excuse in found:
                if finding.rule == LIMIT_RULE:
                    continue
                spans = _spans(text.data, left, finding)
                key = (finding.rule, finding.excerpt)
                if spans or key not in seen:
                    new = new or bool(spans)
                    out += [(_at(finding, span), kind, excuse) for span in spans] or [(finding, kind, excuse)]
                seen.add(key)
                for start, end in spans:
                    left[start:end] = left[start:end].translate(_BLANK)
            limited = any(finding.rule == LIMIT_RULE for finding, _ in found)
            if not _is_crowded(found):
                return out, "it holds more encoded data than is looked into" if limited else ""
            if not new or len(out) > MAX_FILE_HITS:
                break
        return out, "it holds more findings than are listed"

    def _judged(self, path: str, data: bytes, scan: ScanKind) -> list[tuple[Finding, Excuse]]:
        action = Action(
            id="scan",
            kind=Kind.SCAN,
            transport=Transport.COMMAND,
            scan=scan,
            url=path if self._excuses else "",
            body=data,
        )
        decision = self._engine.adjudicate(action, Facts(now=time.monotonic(), wall=time.time()))
        if isinstance(decision, Lookup):
            raise TypeError("a text has no host to look up")
        counted: list[tuple[Finding, Excuse]] = [(finding, "") for finding in decision.findings]
        excused: Excuse = "config" if self._excuses else ""
        return counted + [(finding, excused) for finding in decision.suppressed]

    def _placed(self, text: _Text, found: Sequence[_Found]) -> list[Hit]:
        hidden = _merged(
            (one.span.start, one.span.end) for one, kind, _ in found if one.span is not None and kind is HitKind.SECRET
        )
        narrowed = 0
        hits: list[Hit] = []
        for finding, kind, excuse in found[: MAX_FILE_HITS + 1]:
            lines = (0, 0)
            if finding.span is None and narrowed < _NARROWED:
                narrowed += 1
                lines = self._narrow(text, finding.rule, kind)
            hit = text.hit(finding, kind, hidden, lines, excuse)
            hits.append(self._excused(text, hit))
        return hits

    def _narrow(self, text: _Text, rule: str, kind: HitKind) -> tuple[int, int]:
        """The lines, from 1, that hold a finding which has no place of its own; the scans cost twice the text's."""
        scan = ScanKind.DLP if kind is HitKind.SECRET else ScanKind.PROMPT_INJECTION
        first, last = 0, text.count
        while last - first > 1:
            middle = (first + last) // 2
            for low, high in ((first, middle), (middle, last)):
                if any(one.rule == rule for one, _ in self._judged(text.path, text.lines(low, high), scan)):
                    first, last = low, high
                    break
            else:
                break
        return first + 1, last

    def _excused(self, text: _Text, hit: Hit) -> Hit:
        if not self._excuses or hit.excuse or not hit.line:
            return hit
        # A range of lines that nobody could narrow down has no line of its own.
        lines = range(hit.line, hit.end_line + 1) if hit.end_col or hit.line == hit.end_line else ()
        for number in lines[:100]:
            if ignored(text.around(number, hit), hit.rule):
                return msgspec.structs.replace(hit, excuse="inline")
        return hit


class _Text:
    """A text and where its lines begin."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self._starts = [0]
        at = data.find(_NEWLINE)
        while at >= 0:
            self._starts.append(at + 1)
            at = data.find(_NEWLINE, at + 1)

    @property
    def count(self) -> int:
        """Lines, a last one without a line feed included."""
        return len(self._starts)

    def lines(self, first: int, last: int) -> bytes:
        """Lines `first` to `last` (counted from 0, half open)."""
        return self.data[self._starts[first] : self._end(last - 1)]

    def around(self, line: int, hit: Hit) -> str:
        """Line `line` as far as it may hold a comment about `hit`: 64 KiB, from its end if the line is longer."""
        start, end = self._starts[line - 1], self._end(line - 1)
        return self.data[max(start, end - 65_536) : end].decode("utf-8", "replace")

    def _end(self, index: int) -> int:
        return self._starts[index + 1] if index + 1 < len(self._starts) else len(self.data)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a byte; the column counts characters."""
        index = bisect_right(self._starts, offset) - 1
        return index + 1, len(self.data[self._starts[index] : offset].decode("utf-8", "replace")) + 1

    def shown(self, start: int, end: int, hidden: Sequence[tuple[int, int]]) -> str:
        """The line that the match begins in, as far as it is near, with `hidden` masked."""
        index = bisect_right(self._starts, start) - 1
        first = max(self._starts[index], start - _WINDOW)
        last = min(self._end(index), max(end, start + 1) + _WINDOW)
        here = [
            (max(left, first) - first, min(right, last) - first)
            for left, right in _overlapping(hidden, first, last)
            if right > first and left < last
        ]
        return excerpt(self.data[first:last], start - first, min(end, last) - first, here).strip()

    def hit(
        self,
        finding: Finding,
        kind: HitKind,
        hidden: Sequence[tuple[int, int]],
        lines: tuple[int, int],
        excuse: Excuse,
    ) -> Hit:
        """A finding as a hit; `lines` is where one without a span was narrowed down to."""
        (line, col), (end_line, end_col) = (lines[0], 0), (lines[1], 0)
        shown = finding.excerpt
        if finding.span is not None:
            line, col = self.position(finding.span.start)
            end_line, end_col = self.position(finding.span.end)
            shown = self.shown(finding.span.start, finding.span.end, hidden)
        return Hit(
            path=self.path,
            line=line,
            col=col,
            end_line=end_line,
            end_col=end_col,
            rule=finding.rule,
            severity=finding.severity,
            kind=kind,
            message=finding.message.replace(" in text", "", 1),
            excerpt=shown,
            decode_path=finding.path,
            excuse=excuse,
        )


def _is_crowded(found: Sequence[tuple[Finding, Excuse]]) -> bool:
    """Whether the engine may have left something out."""
    return len(found) >= FULL or max(Counter(one.rule for one, _ in found).values(), default=0) >= CROWDED


def _spans(data: bytes, left: bytearray, finding: Finding) -> list[tuple[int, int]]:
    """Where the text of a finding stands and was not blanked: the engine tells of equal ones once."""
    span = finding.span
    if span is None or span.end <= span.start:
        return []
    needle = data[span.start : span.end]
    out: list[tuple[int, int]] = []
    at = left.find(needle)
    while at >= 0 and len(out) <= MAX_FILE_HITS:
        out.append((at, at + len(needle)))
        at = left.find(needle, at + len(needle))
    return out


def _at(finding: Finding, span: tuple[int, int]) -> Finding:
    return msgspec.structs.replace(finding, span=type(finding.span)(*span)) if finding.span is not None else finding


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _overlapping(spans: Sequence[tuple[int, int]], first: int, last: int) -> Iterator[tuple[int, int]]:
    for number in range(bisect_right(spans, first, key=lambda span: span[1]), len(spans)):
        if spans[number][0] >= last:
            return
        yield spans[number]


def _hidden(text: _Text) -> Iterator[Hit]:
    """Invisible characters, line by line, so that columns and excerpts are cheap."""
    if text.data.isascii() and not text.data.translate(None, _SEEN):
        return
    for number, raw in enumerate(text.data.split(_NEWLINE), 1):
        line = raw.decode("utf-8", "replace")
        if number > 1 or not line.startswith("\ufeff"):
            yield from (_hidden_hit(text.path, number, line, one) for one in hidden_characters(line))
        else:
            yield from (_hidden_hit(text.path, 1, line[1:], one) for one in hidden_characters(line[1:]))


_SEEN = bytes([*range(9, 14), *range(32, 127)])


def _hidden_hit(path: str, number: int, line: str, one: Hidden) -> Hit:
    near = line[max(0, one.start - 40) : one.end + 40].encode("utf-8", "replace")
    return Hit(
        path=path,
        line=number,
        col=one.start + 1,
        end_line=number,
        end_col=one.end + 1,
        rule="Hidden Unicode",
        severity=one.severity,
        kind=HitKind.HIDDEN_UNICODE,
        message=f"invisible characters ({one.kind}) from U+{one.code_point:04X} {one.name}",
        excerpt=excerpt(near, 0, len(near), ()),
        code_point=f"U+{one.code_point:04X}",
        name=one.name,
        category=one.kind,
        count=one.end - one.start,
    )


def _numbered(hits: Sequence[Hit]) -> Iterator[Hit]:
    """Equal hits of a file told apart by their order."""
    often: Counter[tuple[str, str]] = Counter()
    for hit in hits:
        key = (hit.rule, hit.excerpt)
        yield msgspec.structs.replace(hit, number=often[key]) if often[key] else hit
        often[key] += 1
