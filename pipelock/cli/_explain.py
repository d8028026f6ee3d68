"""The explanation of one judgement as a value: steps, findings with their rule's reason, and what would lift it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import msgspec

from pipelock.cli._engine import Bench
from pipelock.config import Config, Loaded
from pipelock.config.digest import policy_hash
from pipelock.config.loader import name_allowlist
from pipelock.detect.excerpt import MASK
from pipelock.detect.url_secrets import secret_views
from pipelock.detect.url_view import UrlError, parse_url, split_url
from pipelock.engine import Answers, Engine, Facts, Lookup
from pipelock.engine.compile import rule_named
from pipelock.engine.explain import STOPPED, Step, knobs, steps
from pipelock.model import Action, Decision, Finding, Kind, Verdict

__all__ = ["Explained", "ExplainedFinding", "Lift", "Views", "explain"]

_SEARCHED = frozenset({"core_dlp", "dlp"})
_MAX_KNOBS = 6
_STOPS = frozenset({Verdict.BLOCK, Verdict.ASK, Verdict.STRIP, Verdict.REDACT, Verdict.REDIRECT})
_UNRESOLVED = Answers(addresses=("1.1.1.1",))
"""Stands for the addresses that nobody asked for: a public one, so that what comes after the lookup is judged too."""


class ExplainedFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finding and what its rule says of itself.

    Attributes:
        caret: Blanks and `^` that go under `excerpt`.
        kind: The rule's family.
        protects: The vendor's hosts, to which the key may travel.
        check: What the match passed, or not, besides the pattern.
    """

    layer: str
    rule: str
    severity: str
    message: str
    place: str = ""
    start: int = -1
    end: int = -1
    decode_path: tuple[str, ...] = ()
    excerpt: str = ""
    caret: str = ""
    kind: str = ""
    protects: tuple[str, ...] = ()
    check: str = ""
    rule_hint: str = ""
    core: bool = False
    suppressed: bool = False


class Lift(msgspec.Struct, frozen=True):
    """What would change the outcome: keys and what to write there. `verdict` is what was judged with all of them."""

    settings: tuple[tuple[str, str], ...] = ()
    verdict: str = ""
    tried: tuple[str, ...] = ()


class Views(msgspec.Struct, frozen=True):
    """How many texts were made of a URL, by the way they were made."""

    made: tuple[tuple[str, int], ...] = ()
    complete: bool = True


class Explained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One judgement. `lift` is set where something was refused or held."""

    subject: str
    verdict: str
    enforced: bool = True
    layer: str = ""
    reason: str = ""
    block_reason: str = ""
    hint: str = ""
    policy: str = ""
    layers: tuple[Step, ...] = ()
    findings: tuple[ExplainedFinding, ...] = ()
    views: Views | None = None
    lift: Lift | None = None
    resolved: bool = False
    addresses: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether it would go on as it is."""
        return Verdict(self.verdict) not in _STOPS


class _Stopwatch:
    """Notes the microseconds from one layer to the next."""

    def __init__(self) -> None:
        self.took_us: dict[str, int] = {}
        self._at = time.perf_counter_ns()

    def looked(self, layer: str) -> None:
        """A layer is done."""
        now = time.perf_counter_ns()
        self.took_us[layer] = (now - self._at) // 1000
        self._at = now


class _Judge:
    """Judges one action again and again, by different policies, from nothing each time."""

    def __init__(self, bench: Bench, action: Action, resolve: Callable[[str], Answers] | None) -> None:
        self._bench = bench
        self._action = action
        self._resolve = resolve
        self._answers: Answers | None = None
        self.assumed = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """What the host resolved to, if it was looked up."""
        return self._answers.addresses if self._answers is not None else ()

    def by(self, engine: Engine, watch: _Stopwatch | None = None) -> Decision:
        """The decision of `engine`, with the answers of the first lookup."""
        result = engine.adjudicate(self._action, _facts(watch))
        if not isinstance(result, Lookup):
            return result
        if self._resolve is not None and self._answers is None:
            self._answers = self._resolve(result.host)
        self.assumed = self._answers is None
        if watch is not None:
            watch.looked("lookup")
        return result.resume(self._answers or _UNRESOLVED, _facts(watch))

    def with_config(self, loaded: Loaded) -> Decision:
        """The decision of a policy compiled of `loaded`."""
        return self.by(self._bench.engine(loaded))


def explain(
    bench: Bench, engine: Engine, action: Action, subject: str, resolve: Callable[[str], Answers] | None
) -> Explained:
    """Judge `action` and say how the decision came about.

    Args:
        bench: Makes policies for what would have been.
        engine: Judges by the policy in question; used once.
        action: What is judged.
        subject: What to call it.
        resolve: Looks the host up; without it a public address is assumed.

    Raises:
        MatcherError: a scanner failed.
        CommandError: a policy can't be made.
    """
    judge = _Judge(bench, action, resolve)
    watch = _Stopwatch()
    decision = judge.by(engine, watch)
    watch.looked(STOPPED)
    told = steps(action, engine.policy, decision, watch.took_us)
    found = [_finding(bench, action, finding, suppressed=False) for finding in decision.findings]
    found += [_finding(bench, action, finding, suppressed=True) for finding in decision.suppressed]
    return Explained(
        subject=subject,
        verdict=decision.verdict.value,
        enforced=decision.enforced,
        layer=decision.layer,
        reason=decision.reason,
        block_reason=decision.code.value if decision.code is not None else "",
        hint=decision.hint,
        policy=decision.policy,
        layers=tuple(map(_unasked, told) if judge.assumed else told),
        findings=tuple(found),
        views=_views(action) if any(finding.scanner in _SEARCHED for finding in decision.findings) else None,
        lift=_lift(judge, bench, action, decision) if decision.verdict in _STOPS else None,
        resolved=judge.addresses != (),
        addresses=decision.addresses if judge.addresses else (),
    )


def _unasked(step: Step) -> Step:
    """Nobody looked the host up, so nobody knows what its addresses would have been judged to be."""
    if step.layer != "ssrf" or step.result != "passed":
        return step
    return msgspec.structs.replace(step, result="not asked", looked_at="the addresses of the host (--resolve asks)")


def _facts(watch: _Stopwatch | None) -> Facts:
    return Facts(now=time.monotonic(), wall=time.time(), observer=watch)


def _lift(judge: _Judge, bench: Bench, action: Action, decision: Decision) -> Lift:
    """Change one setting after the other, each only if judging anew shows that it helps."""
    loaded = bench.loaded
    chosen: list[tuple[str, str]] = []
    tried: list[str] = []
    while decision.verdict in _STOPS and len(chosen) < _MAX_KNOBS:
        for knob in knobs(loaded.config, action, decision, judge.addresses):
            changed = _changed(loaded, knob.config)
            after = judge.with_config(changed)
            tried.append(knob.key)
            if after.verdict not in _STOPS or _key(after) != _key(decision):
                chosen.append((knob.key, knob.value))
                loaded, decision = changed, after
                break
        else:
            # What else was lifted is of no use.
            return Lift(tried=tuple(dict.fromkeys(tried)))
    if decision.verdict in _STOPS:
        return Lift(tried=tuple(dict.fromkeys(tried)))
    return Lift(tuple(chosen), decision.verdict.value, tuple(dict.fromkeys(tried)))


def _key(decision: Decision) -> tuple[str, str, str]:
    """What decided: if a setting only changes this, another obstacle came to light."""
    first = decision.findings[0] if decision.findings else None
    return decision.layer, first.rule if first else decision.rule, first.place if first else ""


def _changed(loaded: Loaded, config: Config) -> Loaded:
    config = name_allowlist(config)
    return msgspec.structs.replace(loaded, config=config, policy_hash=policy_hash(config))


def _finding(bench: Bench, action: Action, finding: Finding, *, suppressed: bool) -> ExplainedFinding:
    rule = rule_named(bench.loaded.config, finding.rule)
    start, end = (finding.span.start, finding.span.end) if finding.span is not None else (-1, -1)
    return ExplainedFinding(
        layer=finding.scanner,
        rule=finding.rule,
        severity=finding.severity.value,
        message=finding.message,
        place=finding.place,
        start=start,
        end=end,
        decode_path=finding.path,
        excerpt=finding.excerpt,
        caret=_caret(action, finding),
        kind=rule.kind if rule else "",
        protects=rule.audience if rule else (),
        check=_check(finding, rule.validator if rule else "", graded=bool(rule and rule.grade)),
        rule_hint=rule.hint if rule else "",
        core=bool(rule and rule.core),
        suppressed=suppressed,
    )


def _check(finding: Finding, validator: str, *, graded: bool) -> str:
    if graded and "checksum" in finding.message:
        return finding.message.partition("; ")[2]
    return f"the {validator} check holds" if validator else ""


def _caret(action: Action, finding: Finding) -> str:
    """What goes under the excerpt: the mask, or the words where nothing is masked."""
    text = finding.excerpt
    at = _mask_at(text)
    if at >= 0:
        start, end = at, at + len(MASK)
        while start and _is_shown(text[start - 1]) and at - start < 4:
            start -= 1
        while end < len(text) and _is_shown(text[end]) and end - at - len(MASK) < 2:
            end += 1
        return " " * start + "^" * (end - start)
    if finding.span is None or not finding.place.startswith(("text", "body")):
        return ""
    words = action.body[finding.span.start : finding.span.end].decode("utf-8", "replace")
    at = text.find(words) if words else -1
    return " " * at + "^" * len(words) if at >= 0 else ""


def _mask_at(text: str) -> int:
    """The mask that stands for the match: its ends are shown, those of what is merely kept quiet are not."""
    at = first = text.find(MASK)
    while at >= 0:
        if at >= 4 and all(map(_is_shown, text[at - 4 : at])) and all(map(_is_shown, text[at + 4 : at + 6])):
            return at
        at = text.find(MASK, at + 1)
    return first


def _is_shown(char: str) -> bool:
    return char.isalnum() or char in "_-+/"


def _views(action: Action) -> Views | None:
    """The texts that are made of the URL, counted by how they are made."""
    if action.kind is Kind.SCAN:
        return None
    try:
        made, complete = secret_views(parse_url(split_url(action.url)))
    except UrlError:
        return None
    often = Counter(" → ".join(path) or "as sent" for _, _, path in made)
    return Views(tuple(often.most_common(12)), complete)
