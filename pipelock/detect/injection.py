"""Instructions hidden in what comes in, aimed at the agent that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from pipelock.detect._context import is_documented, is_mention
from pipelock.detect._folded import FoldedPhrases
from pipelock.detect._unfinished import unfinished
from pipelock.detect.charsets import charset_of, respelled
from pipelock.detect.cues import CueScorer
from pipelock.detect.decode import Decoder, Gate
from pipelock.detect.excerpt import excerpt
from pipelock.detect.fields import read_fields
from pipelock.detect.html import HtmlText
from pipelock.detect.languages import LanguageScanner
from pipelock.detect.matcher import Matcher
from pipelock.detect.normalise import fold_text, has_invisible, hidden_tags, spaced_text, unusual
from pipelock.detect.phrasebook import Vocabulary, builtin_vocabulary
from pipelock.detect.removal import strip
from pipelock.detect.ruleset import Rule, RuleSet, patterns_of, samples_of
from pipelock.detect.views import Place, Sighting, View, is_utf8, locate, sightings, to_bytes
from pipelock.model import Finding, Span

__all__ = ["InjectionScanner", "strip"]

MAX_FINDINGS = 64
_PER_RULE = 32
_TRIED = 1_000
_MARKUP = (b"</", b"<!--", b"<br", b"<td")
_TAGS = frozenset(map(chr, range(0xE0020, 0xE007F)))
_VALUE = 256
_EDGES = b" \t\r\n\"'`"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_JSON_STARTS = frozenset({b"{", b"[", b'"'})


class InjectionScanner:
    """Finds prompt injection. Pure, and safe to share between threads.

    Args:
        rules: What to look for (`RuleSet.builtin("injection", …)`).
        cache: Directory for compiled pattern databases (0700), or `None`.
        native: Use Hyperscan where it is there; the verdicts are the same without.
        languages: Look for instructions in other languages as well (`languages.py`).

    Raises:
        MatcherError: a pattern can't be compiled.
    """

    def __init__(
        self, rules: RuleSet, *, cache: Path | None = None, native: bool = True, languages: bool = True
    ) -> None:
        self._rules = tuple(rule for rule in rules.rules if not rule.weight)
        # Compiling takes seconds where nothing is cached, and the compiler lets other threads run meanwhile.
        with ThreadPoolExecutor(1) as apart:
            matcher = apart.submit(
                Matcher,
                patterns_of(self._rules),
                literals=[rule.literals for rule in self._rules],
                samples=samples_of(self._rules),
                cache=cache,
                native=native,
            )
            self._folded = FoldedPhrases(self._rules, cache=cache, native=native)
            self._cues = CueScorer(rules.rules, cache=cache, native=native)
            vocabulary = builtin_vocabulary() if languages else Vocabulary((), ())
            self._languages = LanguageScanner(vocabulary, cache=cache, native=native)
            self._decoder = Decoder(cache=cache, native=native)
            self._matcher = matcher.result()

    @property
    def engine(self) -> str:
        """Which matcher runs: `hyperscan` or `re2`."""
        return self._matcher.engine

    def warm(self) -> None:
        """Compile what is otherwise compiled when a text first needs it."""
        self._languages.warm()

    def scan(
        self, data: bytes | str, place: str, content_type: str = "", *, value: bool = False
    ) -> tuple[Finding, ...]:
        """What in `data` tries to give orders. Spans count bytes of bytes and characters of text.

        Args:
            data: The text.
            place: Where it stands, as findings show it.
            content_type: What its sender says it is.
            value: It is one value that is asked about by itself (a default, an entry of a list), not a document.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not data:
            return ()
        raw = to_bytes(data)
        origin = Place(place, raw, data if isinstance(data, str) else None)
        views, complete = self._views(origin, content_type)
        proposed, matches = sightings(self._matcher, views)
        matches = [
            [one for one in group if value and _is_all(one)] if self._rules[number].value else group
            for number, group in zip(proposed, matches, strict=True)
        ]
        findings = self._plain_findings(views, proposed, matches)
        findings += self._disguised(views, findings, matches)
        findings += self._cues.find(views)
        findings += self._languages.find(views)
        if charset_of(content_type) is None:
            findings.append(unfinished("response_scan", place, "text in a charset that is not read"))
        if not complete:
            findings.append(unfinished("response_scan", place))
        findings.sort(key=lambda finding: (finding.warns, -finding.severity.rank))
        return tuple(findings)

    def _plain_findings(
        self, views: Sequence[View], proposed: Sequence[int], matches: Sequence[list[Sighting]]
    ) -> list[Finding]:
        """What the rules' own patterns found; phrases that are merely written about come last and only warn."""
        kept: list[tuple[Rule, Sighting]] = []
        warned: list[tuple[Rule, Sighting]] = []
        cut: list[Rule] = []
        for number, group in zip(proposed, matches, strict=True):
            rule = self._rules[number]
            believed, documented = _by_context(rule, group[:_TRIED])
            once = _each_once(believed)
            if len(group) > _TRIED or len(once) > _PER_RULE:
                cut.append(rule)
            kept.extend((rule, one) for one in once[:_PER_RULE])
            warned.extend((rule, one) for one in _each_once(documented)[:_PER_RULE])
        findings = [_finding(rule, one) for rule, one in kept[:MAX_FINDINGS]]
        if len(kept) > MAX_FINDINGS:
            cut.append(kept[MAX_FINDINGS][0])
        if cut:
            # There is more than is listed. A finding without a span keeps `strip` from passing the rest.
            findings.append(_unlisted(cut[0], views[0].place))
        room = MAX_FINDINGS - len(findings)
        findings += [msgspec.structs.replace(_finding(rule, one), warns=True) for rule, one in warned[: max(room, 0)]]
        return findings

    def _views(self, origin: Place, content_type: str) -> tuple[list[View], bool]:
        """The forms of a text that are scanned, and whether these are all."""
        raw = origin.data
        views = [View(origin, raw)]
        complete = True
        other = respelled(raw, content_type)
        if other:
            views.append(View(origin, other, ("charset",)))
        # Of what is no JSON the escapes are undone once, by the decoder.
        if b"\\" in raw and ("json" in content_type or raw[:64].lstrip(_BLANK)[:1] in _JSON_STARTS):
            fields = read_fields(raw, content_type)
            if fields.lines:
                views.append(View(origin, fields.lines, ("fields",)))
        for view in tuple(views):
            gates = self._decoder.gates(view.data)
            if not view.data.isascii() or Gate.CONTROL in gates:
                views.extend(_plain(view))
            if Gate.TAGGED in gates or any(sign in view.data for sign in _MARKUP):
                views.extend(_read_as_markup(view))
            if gates:
                derivation = self._decoder.derive(view.data, gates)
                complete = complete and derivation.complete
                for derived in derivation.texts:
                    inner = View(origin, derived.data, (*view.path, *derived.path), derived=derived, outer=view)
                    views.append(inner)
                    if not derived.data.isascii() and (derived.run or is_utf8(derived.data)):
                        views.extend(_plain(inner))
        return views, complete

    def _disguised(
        self, views: Sequence[View], findings: Sequence[Finding], matches: Sequence[list[Sighting]]
    ) -> list[Finding]:
        """Phrases that only the hard fold shows; families that were found already are not asked again.

        Where phrases were found that are merely written about, the fold sees the text without them: they must not come
        back as disguised ones, nor may they keep a disguised one of their family from being found.
        """
        seen = {finding.rule for finding in findings if not finding.warns}
        excused = {finding.rule for finding in findings} - seen
        quoted = _quoted_ranges(matches) if excused else {}
        found = []
        # What is cut out of one form stays in another one where it is not documented.
        known = None if quoted or len(views) == 1 else self._folded.seen()
        for view in views:
            for rule in self._folded.find(_without(view.data, quoted.get(id(view), ())), known):
                if rule.name not in seen:
                    seen.add(rule.name)
                    found.append(
                        Finding(
                            scanner=_label(rule),
                            rule=rule.name,
                            severity=rule.severity,
                            message=f"{rule.name} found in {view.place.name or 'the text'} under a disguise",
                            place=view.place.name,
                            path=(*view.path, "folded"),
                        )
                    )
        return found


def _is_all(one: Sighting) -> bool:
    """Whether a match is all there is to its view, blanks and quotation marks aside."""
    data, hit = one.view.data, one.hit
    return len(data) <= _VALUE and data[hit.start : hit.end].strip(_EDGES) == data.strip(_EDGES)


def _by_context(rule: Rule, group: Sequence[Sighting]) -> tuple[list[Sighting], list[Sighting]]:
    """The matches that count, and those that are merely written about; of the core only bare mentions are."""
    test = is_mention if rule.core else is_documented
    believed: list[Sighting] = []
    documented: list[Sighting] = []
    for one in group:
        (documented if _is_quoted(one, test) else believed).append(one)
    return believed, documented


def _is_quoted(one: Sighting, test: Callable[..., bool] = is_documented) -> bool:
    structured = not one.view.path and one.view.data[:64].lstrip(_BLANK)[:1] in _JSON_STARTS
    return test(one.view.data, one.hit.start, one.hit.end, structured=structured)


def _quoted_ranges(matches: Sequence[list[Sighting]]) -> dict[int, list[tuple[int, int]]]:
    """The ranges of each view that hold a documented phrase, by the view's identity."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for group in matches:
        for one in group[:_TRIED]:
            if _is_quoted(one):
                ranges.setdefault(id(one.view), []).append((one.hit.start, one.hit.end))
    return ranges


def _without(data: bytes, ranges: Sequence[tuple[int, int]]) -> bytes:
    """`data` with `ranges` cut out, and in the place of each a letter that keeps what is left apart."""
    if not ranges:
        return data
    out: list[bytes] = []
    position = 0
    for start, end in sorted(ranges):
        out.append(data[position:start])
        position = max(position, end)
    out.append(data[position:])
    return b" q ".join(out)


def _unlisted(rule: Rule, place: Place) -> Finding:
    """More matches than are looked at one by one."""
    return Finding(
        scanner=_label(rule),
        rule=rule.name,
        severity=rule.severity,
        message=f"{rule.name} found in {place.name or 'the text'} more often than is listed",
        place=place.name,
    )


def _plain(view: View) -> list[View]:
    """The text without disguises of single characters; twice where invisible ones may stand for spaces."""
    text = view.data.decode("utf-8", "replace")
    out: list[View] = []
    chars = unusual(text)
    folded = fold_text(text, chars).encode("utf-8", "surrogatepass")
    if folded != view.data:
        can_lead_back = not view.path or view.derived is not None
        out.append(view._replace(data=folded, path=(*view.path, "normalised"), folded=can_lead_back))
    if has_invisible(text, chars):
        out.append(View(view.place, spaced_text(text, chars).encode("utf-8", "surrogatepass"), (*view.path, "spaced")))
        hidden = "" if _TAGS.isdisjoint(chars) else hidden_tags(text)
        if hidden:
            out.append(View(view.place, hidden.encode(), (*view.path, "hidden tags")))
    return out


def _read_as_markup(view: View) -> list[View]:
    """What a browser shows, what it hides, and the text with its tags cut out or made spaces."""
    page = HtmlText(view.data.decode("utf-8", "replace"), 2 * len(view.data))
    removed, spaced = _without_tags(view.data)
    texts = {
        "tags removed": removed,
        "tags as spaces": spaced,
        "page": page.text.encode("utf-8", "replace"),
        "hidden in page": page.hidden.encode("utf-8", "replace"),
    }
    return [View(view.place, text, (*view.path, name)) for name, text in texts.items() if text]


def _without_tags(data: bytes) -> tuple[bytes, bytes]:
    """Markup cut out, so that a word it divides is whole, and made spaces; linear. An unclosed tag stays."""
    first, *parts = data.replace(b"**", b"").split(b"<")
    # A part is what a tag leaves behind it; what has no end starts with the sign again, and takes no space.
    pieces = [part.partition(b">") for part in parts]
    removed = [after if closed else b"<" + tag for tag, closed, after in pieces]
    spaced = [b" " + after if closed else b"<" + tag for tag, closed, after in pieces]
    return first + b"".join(removed), first + b"".join(spaced)


def _each_once(group: list[Sighting]) -> list[Sighting]:
    """The matches to report: those of the first view with any, as other views show the same ones again.

    What was decoded is not the same one, though it reads alike: it stands elsewhere.
    """
    if not group:
        return []
    first = [one for one in group if one.view is group[0].view]
    rest = [one for one in group if one.view is not group[0].view and one.view.path and not one.view.folded]
    seen = {one.view.data[one.hit.start : one.hit.end] for one in first}
    told = {_origin_of(one.view) for one in first}
    kept = [one for one in rest if one.view.data[one.hit.start : one.hit.end] not in seen][:1]
    spans = [locate(one.view, one.hit.start, one.hit.end) for one in first[:_PER_RULE]]
    for one in [one for one in rest if one.view.derived is not None][:_PER_RULE]:
        origin = _origin_of(one.view)
        if origin:
            new = origin not in told
            told.add(origin)
        else:
            span = locate(one.view, one.hit.start, one.hit.end)
            new = not any(_overlap(span, known) for known in spans)
            spans.append(span)
        kept += [one] if new and one not in kept else []
    return first + kept


def _overlap(one: Span | None, other: Span | None) -> bool:
    return one is None or (other is not None and one.start < other.end and other.start < one.end)


def _origin_of(view: View) -> bytes:
    """The outermost run that was decoded on the way to a view; empty where there is none."""
    run = b""
    derived = view.derived
    while derived is not None:
        run = derived.run or run
        derived = derived.parent
    return run


def _label(rule: Rule) -> str:
    return "core_response" if rule.core else "response_scan"


def _finding(rule: Rule, sighting: Sighting) -> Finding:
    view, hit = sighting.view, sighting.hit
    via = f" ({' → '.join(view.path)})" if view.path else ""
    return Finding(
        scanner=_label(rule),
        rule=rule.name,
        severity=rule.severity,
        message=f"{rule.name} found in {view.place.name or 'the text'}{via}",
        place=view.place.name,
        span=locate(view, hit.start, hit.end),
        path=view.path,
        excerpt=excerpt(view.data, hit.start, hit.end, ()),
    )
