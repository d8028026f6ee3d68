"""Looking into the text of a file: the engine's own judgement, and where in the text each finding stands.

The engine lists a few matches of each rule, as one is enough to refuse a request. Of a file everything is to be told,
so a text in which it has listed as many as it lists at most is looked into piece by piece.
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
_SMALLEST = 4096
_OVERLAP = 512
"""Bytes that a piece of a dense text shares with the next one; a longer match was found in the text as a whole."""
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
        found = self._judged(text.path, text.data, scan)
        limited = any(finding.rule == LIMIT_RULE for finding, _ in found)
        gathered = _Gathered(text.data, kind)
        gathered.add(found, 0)
        if not _is_crowded(found):
            return gathered.found, "it holds more encoded data than is looked into" if limited else ""
        complete = self._dense(text, scan, gathered)
        return gathered.found, "" if complete else "it holds more findings than are listed"

    def _dense(self, text: _Text, scan: ScanKind, gathered: _Gathered) -> bool:
        """Look into a text with many matches piece by piece; whether that was all.

        Pieces shrink where there are too many matches, and grow where there are few, so the text is scanned about
        three times. The smallest pieces are scanned again with what was found in them blanked.
        """
        at = 0
        size = len(text.data) // 2
        while at < len(text.data):
            if len(gathered.found) > MAX_FILE_HITS:
                return False
            end = text.cut(at, size)
            found = self._judged(text.path, gathered.rest(at, end), scan)
            if _is_crowded(found) and end - at > _SMALLEST:
                size = max((end - at) // 2, _SMALLEST // 2)
                continue
            for _ in range(_MAX_ROUNDS):
                if not gathered.add(found, at) or not _is_crowded(found) or len(gathered.found) > MAX_FILE_HITS:
                    break
                found = self._judged(text.path, gathered.rest(at, end), scan)
            at = end if end == len(text.data) else max(end - _OVERLAP, at + 1)
            size *= 2
        return True

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
        left = _Budget(3 * len(text.data))
        hits: list[Hit] = []
        for finding, kind, excuse in found[: MAX_FILE_HITS + 1]:
            lines = (0, 0) if finding.span is not None else self._narrow(text, finding.rule, kind, left)
            hit = text.hit(finding, kind, hidden, lines, excuse)
            hits.append(self._excused(text, hit))
        return hits

    def _narrow(self, text: _Text, rule: str, kind: HitKind, left: _Budget) -> tuple[int, int]:
        """The lines, from 1, that hold a finding which has no place of its own, as far as the budget reaches."""
        scan = ScanKind.DLP if kind is HitKind.SECRET else ScanKind.PROMPT_INJECTION
        first, last = 0, text.count
        while last - first > 1:
            middle = (first + last) // 2
            for low, high in ((first, middle), (middle, last)):
                part = text.lines(low, high)
                if not left.spend(len(part)):
                    return first + 1, last
                if any(one.rule == rule for one, _ in self._judged(text.path, part, scan)):
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


class _Budget:
    """Bytes that may still be scanned."""

    def __init__(self, size: int) -> None:
        self._left = size

    def spend(self, size: int) -> bool:
        """Whether that much is left; it is gone then."""
        self._left -= size
        return self._left >= 0


class _Gathered:
    """What was found in one text so far, each match blanked in a copy of it."""

    def __init__(self, data: bytes, kind: HitKind) -> None:
        self.found: list[_Found] = []
        self._data = data
        self._kind = kind
        self._left = bytearray(data)
        self._seen: set[tuple[str, str]] = set()

    def rest(self, start: int, end: int) -> bytes:
        """A piece of the text without what was found."""
        return bytes(self._left[start:end])

    def add(self, found: Sequence[tuple[Finding, Excuse]], at: int) -> bool:
        """Take what was found in the piece from `at`, every place of each match; whether a place is new."""
        new = False
        for finding, excuse in found:
            if finding.rule == LIMIT_RULE or len(self.found) > MAX_FILE_HITS:
                continue
            spans = self._places(finding, at)
            key = (finding.rule, finding.excerpt)
            if spans or key not in self._seen:
                new = new or bool(spans)
                self.found += [(_at(finding, span), self._kind, excuse) for span in spans] or [
                    (finding, self._kind, excuse)
                ]
            self._seen.add(key)
            for start, end in spans:
                self._left[start:end] = self._left[start:end].translate(_BLANK)
        return new

    def _places(self, finding: Finding, at: int) -> list[tuple[int, int]]:
        """Where the text of a finding stands and was not blanked: the engine tells of equal ones once."""
        span = finding.span
        if span is None or span.end <= span.start:
            return []
        needle = self._data[at + span.start : at + span.end]
        out: list[tuple[int, int]] = []
        start = self._left.find(needle)
        while start >= 0 and len(out) <= MAX_FILE_HITS:
            out.append((start, start + len(needle)))
            start = self._left.find(needle, start + len(needle))
        return out


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

    def cut(self, at: int, size: int) -> int:
        """Where a piece of about `size` bytes from `at` ends: behind a line, if one ends in its second half."""
        if at + size >= len(self.data):
            return len(self.data)
        return self.data.rfind(_NEWLINE, at + size // 2, at + size) + 1 or at + size

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

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        """A match without the white space at its ends, which rules use as an edge; 64 bytes of it are looked at."""
        head, tail = self.data[start : min(end, start + 64)], self.data[max(start, end - 64) : end]
        if not head.strip():
            return start, end
        return start + len(head) - len(head.lstrip()), end - (len(tail) - len(tail.rstrip()))

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
            start, end = self.trimmed(finding.span.start, finding.span.end)
            line, col = self.position(start)
            end_line, end_col = self.position(end)
            shown = self.shown(start, end, hidden)
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
