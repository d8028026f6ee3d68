"""Credentials and other secrets in what leaves the machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

from pipelock.detect import checksums
from pipelock.detect._packed import is_packed
from pipelock.detect._stretches import Kind, is_noise, strings
from pipelock.detect._terminal import has_sequences
from pipelock.detect._unfinished import unfinished
from pipelock.detect.assignments import Judgement, judge_all
from pipelock.detect.charsets import charset_of, respelled
from pipelock.detect.decode import Decoder, Gate
from pipelock.detect.excerpt import excerpt
from pipelock.detect.fields import read_fields
from pipelock.detect.hosts import HostSet
from pipelock.detect.matcher import Matcher
from pipelock.detect.normalise import fold_text, hidden_tags
from pipelock.detect.ruleset import Rule, RuleSet, patterns_of, samples_of
from pipelock.detect.views import Place, Sighting, View, is_utf8, locate, sightings, to_bytes
from pipelock.detect.watch import Found, Watcher
from pipelock.model import Finding

__all__ = ["SecretScanner"]

MAX_FINDINGS = 64
"""Most findings of one scan; the decision needs one, a person a few."""
MAX_CUT = 16_384
"""Bytes of joined values in which other encodings than unbroken runs are looked for: they may be cut anywhere too."""
# What values that don't belong together make by chance.
_CHANCE = frozenset({Gate.SPELLED, Gate.CODES, Gate.BASE58, Gate.BASE85, Gate.REVERSED})
_PER_RULE = 8
_BETWEEN = b"\n\n"
"""Stands between texts that are asked about together; two line ends, as one may stand inside wrapped base64."""
_NOISE = Kind(bytes([*range(32), 127]))


class SecretScanner:
    """Finds secrets. Pure, and safe to share between threads.

    Args:
        rules: What to look for (`RuleSet.builtin("credentials", …)`).
        watchers: What else looks at the views: known values, seed phrases and the like.
        cache: Directory for compiled pattern databases (0700), or `None`.
        native: Use Hyperscan where it is there; the verdicts are the same without.

    Raises:
        MatcherError: a pattern can't be compiled.
    """

    def __init__(
        self, rules: RuleSet, *, watchers: Sequence[Watcher] = (), cache: Path | None = None, native: bool = True
    ) -> None:
        self._rules = rules.rules
        # What joined views make of names and values is noise, and there may be much of it.
        self._apart = frozenset(number for number, rule in enumerate(rules.rules) if rule.judge and rule.loose)
        self._matcher = Matcher(
            patterns_of(rules.rules),
            literals=[rule.literals for rule in rules.rules],
            samples=samples_of(rules.rules),
            cache=cache,
            native=native,
        )
        self._decoder = Decoder(cache=cache, native=native, spelled=True)
        self._watchers = tuple(watchers)
        self._hosts = {
            rule.name: HostSet((*rule.audience, *rule.exempt)) for rule in rules.rules if rule.audience or rule.exempt
        }

    @property
    def engine(self) -> str:
        """Which matcher runs: `hyperscan` or `re2`."""
        return self._matcher.engine

    def scan(self, data: bytes | str, place: str, *, host: str = "", content_type: str = "") -> tuple[Finding, ...]:
        """What `data` gives away.

        Args:
            data: A body as bytes, or a text. Spans count in bytes or characters accordingly.
            place: Where it stands (`body`, `url:path`, `header:x-api-key`).
            host: Where it goes: a vendor's own key may travel to the vendor.
            content_type: JSON, form and multipart bodies are also scanned value by value and with values joined.

        Raises:
            MatcherError: the matcher failed; block.
        """
        if not data:
            return ()
        raw = to_bytes(data)
        origin = Place(place, raw, data if isinstance(data, str) else None)
        views = [View(origin, raw)]
        left: tuple[Finding, ...] = ()
        if place == "body" or content_type:
            other = respelled(raw, content_type)
            if other:
                views.append(View(origin, other, ("charset",)))
            fields = read_fields(other or _readable(raw, content_type), content_type)
            problem = fields.problem
            if charset_of(content_type) is None:
                problem = "text in a charset that is not read"
            if problem:
                left = (unfinished(_label(place, core=False), place, problem),)
            if fields.lines:
                views.append(View(origin, fields.lines, ("fields",)))
            views.extend(View(origin, one, ("joined",), joined=True) for one in fields.joined)
            views.extend(View(origin, one, ("mixed",), joined=True) for one in fields.mixed)
        return left + self._judge(views, host, pieces=True)

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str = "") -> tuple[Finding, ...]:
        """What a list of (place, text) gives away: all are scanned in one pass, a finding names its own place.

        A place that ends in `~` says that its text was put together from several: weak rules are not believed there.

        Raises:
            MatcherError: the matcher failed; block.
        """
        views = []
        for name, text in values:
            if text:
                place = Place(name, to_bytes(text), text)
                views.append(View(place, place.data, joined=name.endswith("~")))
        return self._judge(views, host) if views else ()

    def scan_joined(
        self, values: Sequence[tuple[str, str]], *, host: str = "", decoded: bool = False
    ) -> tuple[Finding, ...]:
        """Like `scan_values` for texts that were put together from several, with encoded runs in them if `decoded`.

        Raises:
            MatcherError: the matcher failed; block.
        """
        views = []
        for name, text in values:
            place = Place(name, to_bytes(text), text)
            views.append(View(place, place.data, ("joined",), joined=True))
        return self._judge(views, host, pieces=decoded) if views else ()

    def _judge(self, views: list[View], host: str, *, pieces: bool = False) -> tuple[Finding, ...]:
        views, findings = self._with_derived(views, pieces=pieces)
        found = [one for watcher in self._watchers for one in watcher.find(views, host)]
        proposed, matches = sightings(self._matcher, views, apart=self._apart)
        if not proposed and not found:
            return tuple(findings)
        kept: list[tuple[Rule, Sighting]] = []
        formed: list[Sighting] = []
        known: list[Sighting] = []
        named: list[tuple[Rule, list[Sighting]]] = []
        for number, group in zip(proposed, matches, strict=True):
            rule = self._rules[number]
            if rule.judge:
                named.append((rule, group))
                continue
            formed += group
            believed = _believed(rule, group)
            known += believed
            if not (host and rule.name in self._hosts and host in self._hosts[rule.name]):
                kept.extend((rule, sighting) for sighting in believed)
        # What a rule that knows its form has found, or has let go to where it belongs, is not told again by its name.
        told = _hidden(known, found) if named else {}
        judged = [(rule, *one) for rule, group in named for one in judge_all(rule.judge, group, told, loose=rule.loose)]
        # Repetitions and what no check believed are hidden too: they may stand next to what is shown.
        hidden = _hidden([*formed, *[sighting for _, sighting, _ in judged]], found)
        findings += [_noticed(one, hidden) for one in found if not one.late]
        findings += [_finding(rule, sighting, hidden) for rule, sighting in kept]
        findings += [_finding(rule, sighting, hidden, verdict) for rule, sighting, verdict in judged]
        findings += [_noticed(one, hidden) for one in found if one.late]
        findings.sort(key=lambda finding: -finding.severity.rank)
        return tuple(findings[:MAX_FINDINGS])

    def _with_derived(self, views: list[View], *, pieces: bool) -> tuple[list[View], list[Finding]]:
        """The views and what is hidden in them: disguised characters, fused lines, encodings; and what is left over.

        With `pieces` an encoded run may have been cut over values that were joined.
        """
        if len(views) > 1 and not pieces and self._is_plain(views):
            return views, []
        result = list(views)
        left: dict[str, Finding] = {}
        for view in views:
            data = view.data
            folded = data
            if not data.isascii():
                text = data.decode("utf-8", "replace")
                # All of the Tags block begins with these two bytes.
                tags = hidden_tags(text) if b"\xf3\xa0" in data else ""
                if tags:
                    result.append(View(view.place, tags.encode(), (*view.path, "hidden tags"), view.joined))
                folded = fold_text(text).encode("utf-8", "surrogatepass")
                if folded != data:
                    result.append(View(view.place, folded, (*view.path, "normalised"), view.joined, not view.path))
            fused = _fused(folded)
            if len(fused) != len(folded):
                result.append(View(view.place, fused, (*view.path, "joined lines"), joined=True))
            if not view.joined or (pieces and view.path == ("joined",)):
                derived, complete = self._hidden_in(view)
                if folded != data:
                    # The alphabet of an encoding may have been in disguise.
                    form = result[-1 if len(fused) == len(folded) else -2]
                    more, whole = self._hidden_in(form, {*self._decoder.gates(data)} - {Gate.RUN, Gate.HEX_GROUPS})
                    derived, complete = derived + more, complete and whole
                result += derived
                if not complete:
                    name = view.place.name
                    left[name] = unfinished(_label(name, core=False), name)
        return result, list(left.values())

    def _hidden_in(self, view: View, done: Collection[int] = ()) -> tuple[list[View], bool]:
        """What encodings hide in a view, those behind the gates `done` left out; and whether that is all."""
        if view.joined and len(view.data) > MAX_CUT:
            # What else values hide is found in each of them.
            gates: list[int] = [Gate.RUN] if self._decoder.has_runs(view.data) else []
        elif view.joined:
            gates = [gate for gate in self._decoder.gates(view.data) if gate not in _CHANCE]
        else:
            gates = [gate for gate in self._decoder.gates(view.data) if gate not in done]
        if not gates or (gates == [Gate.CONTROL] and not has_sequences(view.data) and not is_packed(view.data)):
            return [], True
        derivation = self._decoder.derive(view.data, gates)
        views = []
        for derived in derivation.texts:
            path = (*view.path, *derived.path)
            inner = View(view.place, derived.data, path, view.joined or derived.is_loose, derived=derived, outer=view)
            views.append(inner)
            # What is no text was folded before it was respelled; both are done for text alone.
            if not derived.data.isascii() and (derived.run or is_utf8(derived.data)):
                plain = fold_text(derived.data.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
                views.append(inner._replace(data=plain, path=(*path, "normalised"), folded=True))
        return views, derivation.complete and not derivation.cut

    def _is_plain(self, views: list[View]) -> bool:
        """Whether nothing can be hidden in any of the views: asked of all together, as a request has many."""
        whole = _BETWEEN.join([view.data for view in views])
        # The breaks are the only noise there may be.
        if not whole.isascii() or len(_NOISE.without(whole)) + len(_BETWEEN) * (len(views) - 1) != len(whole):
            return False
        return self._decoder.is_plain(_BETWEEN.join([view.data for view in views if not view.joined]))


def _readable(data: bytes, content_type: str) -> bytes:
    """What may have values in it: of noise the strings, unless its type says where its parts are."""
    return strings(data) if is_noise(data) and not content_type.lstrip().lower().startswith("multipart/") else data


def _believed(rule: Rule, group: list[Sighting]) -> list[Sighting]:
    """The matches that pass the rule's check, each text once, at most `_PER_RULE`."""
    check = checksums.CHECKS.get(rule.validator)
    seen: set[bytes] = set()
    kept: list[Sighting] = []
    for sighting in group:
        if rule.loose and sighting.view.joined:
            continue
        hit = sighting.hit
        inner = sighting.view.data[hit.inner_start : hit.inner_end]
        if inner in seen:
            continue
        seen.add(inner)
        if check is None or check(inner.decode("latin-1")):
            kept.append(sighting)
            if len(kept) >= _PER_RULE:
                break
    return kept


def _hidden(sighted: Sequence[Sighting], found: Sequence[Found]) -> dict[int, list[tuple[int, int]]]:
    """The ranges of each view that must not be shown, ascending and apart from each other."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for sighting in sighted:
        ranges.setdefault(id(sighting.view), []).append((sighting.hit.inner_start, sighting.hit.inner_end))
    for one in found:
        ranges.setdefault(id(one.view), []).append((one.start, one.end))
    return {view: _united(group) for view, group in ranges.items()}


def _united(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    ranges.sort()
    out = [ranges[0]]
    for start, end in ranges[1:]:
        if start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _fused(data: bytes) -> bytes:
    """The text on one line: YAML, HTTP and mail go on on an indented line where a value is too long for one."""
    if b"\n" in data and (b"\n " in data or b"\n\t" in data):
        lines = data.split(b"\n")
        data = b"".join([lines[0], *(_continued(before, line) for before, line in pairwise(lines))])
    return _NOISE.without(data)


def _continued(before: bytes, line: bytes) -> bytes:
    """`line` without its indentation where both sides of the break look like the inside of a key."""
    tail = before[-6:]
    if not tail.isalnum() or tail.isalpha():
        return line
    rest = line.lstrip(b" \t")
    head = rest[:6]
    return rest if head.isalnum() and not head.isalpha() else line


def _label(place: str, *, core: bool) -> str:
    if place.startswith("header"):
        return "header_dlp"
    if place.startswith("body"):
        return "body_dlp"
    return "core_dlp" if core else "dlp"


def _via(path: tuple[str, ...]) -> str:
    return f" ({' → '.join(path)})" if path else ""


def _finding(
    rule: Rule, sighting: Sighting, hidden: dict[int, list[tuple[int, int]]], verdict: Judgement | None = None
) -> Finding:
    view, hit = sighting.view, sighting.hit
    message = f"{rule.name} found in {view.place.name or 'the text'}{_via(view.path)}"
    if verdict is not None and verdict.name:
        message += f": a value is given to {verdict.name!r}" + (f", of {verdict.vendor}" if verdict.vendor else "")
    inner = view.data[hit.inner_start : hit.inner_end].decode("latin-1")
    if rule.grade:
        good = checksums.GRADES[rule.grade](inner)
        message += "; its checksum is right" if good else "; its checksum is not that of an issued token"
    return Finding(
        scanner=_label(view.place.name, core=rule.core),
        rule=rule.name,
        severity=rule.severity,
        message=message,
        place=view.place.name,
        span=locate(view, hit.inner_start, hit.inner_end),
        path=view.path,
        excerpt=excerpt(view.data, hit.start, hit.end, hidden[id(view)]),
        warns=rule.warns or (verdict is not None and verdict.warns),
    )


def _noticed(found: Found, hidden: dict[int, list[tuple[int, int]]]) -> Finding:
    view = found.view
    return Finding(
        scanner=found.scanner or _label(view.place.name, core=False),
        rule=found.rule,
        severity=found.severity,
        message=f"{found.what} found in {view.place.name or 'the text'}{_via(view.path)}",
        place=view.place.name,
        span=locate(view, found.start, found.end),
        path=view.path,
        excerpt=excerpt(view.data, found.start, found.end, hidden[id(view)], ends=False),
        warns=found.warns,
    )
