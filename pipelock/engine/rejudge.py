"""What another policy would have made of a decision that was recorded.

The record holds no body and, where something was found in a URL, no URL. So what was found then is weighed anew, and
only what is kept in clear is searched again: URL, host, egress rules, addresses. Where the record can't tell, the
answer is that it can't, and why. New rules for bodies are what it can never tell of: they would have to see the bodies.

What a policy does not decide stays as it was: the kill switch, sessions, faults, what a person answered (the question
is whether they would be asked).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

import msgspec

from pipelock.detect.addresses import HostError
from pipelock.detect.hosts import HostSet
from pipelock.detect.url_reasons import DNS_RULE
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.engine._outline import has_no_unknown, is_whole, matcher, origin_of
from pipelock.engine._paths import rule_paths
from pipelock.engine._retold import LENGTH_UNKNOWN, LIMITS, LIMITS_DEPEND, Retold, RuleBook
from pipelock.engine._suppress import CROWDED, FULL
from pipelock.engine.content import folded
from pipelock.engine.egress import Ruling
from pipelock.engine.policy import Policy
from pipelock.model import Action, ActionSummary, Finding, Kind, Record, Verdict, strictest

__all__ = ["Judge", "Rejudged", "RuleBook", "verdict_then"]

_URL_CONTENT = frozenset({"dlp", "core_dlp", "entropy", "subdomain_entropy"})
_URL_HOST = frozenset({"allowlist", "blocklist", "core_ssrf", "ssrf_metadata"})
_URL_FORM = frozenset({"scheme", "parser", "crlf_injection", "path_traversal", "context"})
_URL = _URL_CONTENT | _URL_HOST | _URL_FORM
_RESOLVED = frozenset({"ssrf", "ssrf_metadata", "core_ssrf"})
_SESSION = frozenset({"airlock", "budget", "escalation", "session", "taint"})
_ALLOW = Ruling(Verdict.ALLOW)
_ADDRESS_UNKNOWN = "the address that it resolved to was not kept"
_ABOUT_BLOCKS = frozenset({LIMITS_DEPEND, LENGTH_UNKNOWN, _ADDRESS_UNKNOWN})


class Rejudged(msgspec.Struct, frozen=True):
    """The verdict, what decides, and where the record can't tell, `None` and why.

    Attributes:
        verdict: What would be done; `None` where it isn't known.
        layer: What decides; empty for a plain allow.
        rule: The rule that decides.
        why: Why it isn't known, or on what it depends.
    """

    verdict: Verdict | None
    layer: str = ""
    rule: str = ""
    why: str = ""


def verdict_then(record: Record) -> Verdict:
    """What the policy said then: before a person answered, and before the session's level made it stricter."""
    decision = record.decision
    if decision.upgraded is not None:
        return decision.upgraded
    return Verdict.ASK if decision.outcome is not None else decision.verdict


class _Case(msgspec.Struct):
    """One record on its way. `doubts` are reasons why it may be otherwise, `maybe` findings that may be excused."""

    record: Record
    action: Action
    host: str
    is_whole: bool
    view: UrlView | None = None
    findings: list[Finding] = []
    maybe: list[Finding] = []
    doubts: list[str] = []
    ruling: Ruling = _ALLOW


class Judge:
    """Judges records by one policy. Pure; for one thread."""

    def __init__(self, policy: Policy, book: RuleBook) -> None:
        self._policy = policy
        self._retold = Retold(policy, book)
        settings = policy.layers.settings
        self._quiet_hosts = HostSet(settings.subdomain_entropy_exclusions)
        self._quiet_queries = HostSet(settings.query_entropy_exclusions)
        self._trusted = HostSet(settings.trusted_domains)

    def judge(self, record: Record) -> Rejudged:
        """What the policy would have made of it."""
        decision, summary = record.decision, record.action
        then = verdict_then(record)
        if summary.kind is Kind.SCAN:
            return Rejudged(then, decision.layer, why="nothing was sent")
        found = decision.findings or decision.suppressed
        if not found and decision.layer not in ("", "egress_rules", "redaction", "media_policy"):
            return Rejudged(then, decision.layer, why="no matter of policy")
        if decision.layer in _SESSION:
            return Rejudged(then, decision.layer, why="it depended on the session")
        case = _Case(record, _action_of(summary), folded(summary.host), is_whole(summary.url))
        if summary.kind in (Kind.REQUEST, Kind.CONNECT):
            stopped = self._outbound(case)
            if stopped is not None:
                return stopped
        else:
            self._take(case, (*decision.findings, *decision.suppressed))
        return self._settle(case, then)

    # -- what is found -----------------------------------------------------------------------------------------------

    def _outbound(self, case: _Case) -> Rejudged | None:
        decision = case.record.decision
        recorded = (*decision.findings, *decision.suppressed)
        self._take(case, (one for one in recorded if one.scanner not in _URL | _RESOLVED | {"length", *LIMITS}))
        stopped = self._whole_url(case) if case.is_whole else self._host_alone(case, recorded)
        if stopped is not None:
            return stopped
        self._take(case, (one for one in recorded if one.scanner in LIMITS))
        self._rule(case)
        self._resolved(case, recorded)
        return None

    def _whole_url(self, case: _Case) -> Rejudged | None:
        """The URL is there: it is searched again."""
        layers, url = self._policy.layers, case.action.url
        inspection = layers.before_dns(url, partial(self._is_excused, case))
        if inspection.view is None:
            return Rejudged(Verdict.BLOCK, inspection.findings[0].scanner, inspection.findings[0].rule)
        case.view = inspection.view
        self._take(case, (*inspection.findings, *layers.length(url)))
        return None

    def _host_alone(self, case: _Case, recorded: tuple[Finding, ...]) -> Rejudged | None:
        """The URL was reduced: its host is judged again, and what was found in the rest is weighed anew."""
        deciding = recorded[0] if recorded else None
        self._take(case, (one for one in recorded if one.scanner in _URL_CONTENT | _URL_FORM | {"length"}))
        if not case.host:
            case.doubts.append("its host was not kept")
            return None
        case.view = _view_of(case.record.action)
        if case.view is not None:
            origin = origin_of(case.record.action)
            fresh = self._policy.layers.before_dns(f"{origin}/", partial(self._is_excused, case)).findings
            self._take(case, (one for one in fresh if one.scanner in _URL_HOST | {"subdomain_entropy"}))
        if deciding is not None and deciding.scanner in _URL_HOST:
            case.doubts.append("the host was refused before the rest of the URL was searched")
        elif deciding is not None and deciding.scanner == "dlp" and self._measures(case):
            case.doubts.append("whether the URL looks random was not looked at, because a rule refused it first")
        elif not recorded and case.record.decision.layer != "egress_rules":
            case.doubts.append("the URL was not kept")
        return None

    def _measures(self, case: _Case) -> bool:
        """Whether what was not kept of the path, or the query, may be refused for its entropy."""
        settings = self._policy.layers.settings
        path = not has_no_unknown(case.record.action.path) and case.host not in self._quiet_hosts
        query = case.host not in self._quiet_queries
        return self._policy.enforce and settings.entropy_threshold > 0 and (path or query)

    def _resolved(self, case: _Case, recorded: tuple[Finding, ...]) -> None:
        """The addresses, where they were kept; else what was said of them."""
        layers, addresses = self._policy.layers, case.record.decision.addresses
        if addresses and case.view is not None:
            self._take(case, layers.after_dns(case.view, addresses))
            return
        for finding in recorded:
            if finding.scanner not in _RESOLVED or (finding.scanner in _URL_HOST and _is_literal(case)):
                continue
            settings = layers.settings
            opens = settings.ip_allowlist or not settings.internal or case.host in self._trusted
            if finding.scanner == "ssrf" and finding.rule != DNS_RULE and opens:
                case.doubts.append(_ADDRESS_UNKNOWN)
            case.findings.append(finding)

    def _rule(self, case: _Case) -> None:
        """What the egress rules say."""
        action, egress = case.action, self._policy.egress
        host = case.view.host.name if case.view is not None else case.host
        port = case.view.port if case.view is not None else action.port
        method = action.method.upper()
        ruling: Ruling | None
        outline = case.record.action.path
        path = case.view.decoded_path if case.is_whole and case.view else outline if has_no_unknown(outline) else ""
        if path:
            paths = rule_paths(path)
            ruling = egress.rule(method=method, host=host, port=port, paths=paths, agent=action.agent)
        else:
            ruling = egress.rule_without_path(method=method, host=host, port=port, agent=action.agent)
        if action.kind is Kind.CONNECT and ruling is not None:
            opened = egress.rule_opened(host=host, port=port, agent=action.agent)
            if opened.action is not ruling.action:
                same = verdict_then(case.record)
                ruling = opened if opened.action is same else ruling if ruling.action is same else None
        if ruling is None:
            case.doubts.append("an egress rule depends on what was not kept")
        case.ruling = ruling or _ALLOW

    # -- what counts -------------------------------------------------------------------------------------------------

    def _take(self, case: _Case, found: Iterable[Finding]) -> None:
        """Sort what was found: it counts, it may be excused, or it is."""
        current = [
            anew for one in found if (anew := self._retold.anew(one, case.action, case.host, case.doubts)) is not None
        ]
        often = Counter(one.rule for one in current)
        for finding in current:
            crowded = often[finding.rule] >= CROWDED
            excused = False if len(current) >= FULL else self._excuse(case, finding, crowded=crowded)
            if excused is None:
                case.maybe.append(finding)
            elif not excused:
                case.findings.append(finding)

    def _is_excused(self, case: _Case, finding: Finding) -> bool:
        return self._excuse(case, finding) is True

    def _excuse(self, case: _Case, finding: Finding, *, crowded: bool = False) -> bool | None:
        return self._policy.suppressions.may_cover(
            finding, case.record.at, host=case.host, matches=matcher(case.record.action), crowded=crowded
        )

    # -- the verdict -------------------------------------------------------------------------------------------------

    def _settle(self, case: _Case, then: Verdict) -> Rejudged:
        sure, layer, rule = self._weigh(case, case.findings, then)
        worst, worst_layer, worst_rule = self._weigh(case, [*case.findings, *case.maybe], then)
        if sure.rank >= Verdict.BLOCK.rank and not _is_doubtful_block(case):
            return Rejudged(sure, layer, rule)
        if worst is not sure:
            return Rejudged(
                None, worst_layer, worst_rule, "where a suppression's path or field would have to hold was not kept"
            )
        if case.doubts:
            return Rejudged(None, layer, rule, case.doubts[0])
        lifted = then is Verdict.BLOCK and sure is not Verdict.BLOCK and _is_request(case)
        return Rejudged(sure, layer, rule, _condition(case.record) if lifted else "")

    def _weigh(self, case: _Case, findings: list[Finding], then: Verdict) -> tuple[Verdict, str, str]:
        policy, decision = self._policy, case.record.decision
        verdicts = [policy.verdict_for(case.action, finding) for finding in findings]
        found = strictest(verdicts)
        if case.ruling.action.rank > found.rank:
            verdict, layer, rule = case.ruling.action, "egress_rules", case.ruling.rule
        else:
            deciding = next((f for f, v in zip(findings, verdicts, strict=True) if v is found), None)
            layer, rule = (deciding.scanner, deciding.rule) if deciding is not None else ("", "")
            verdict = found
        hard = any(finding.hard for finding in findings)
        if verdict.rank > Verdict.WARN.rank and not policy.enforce and not hard:
            verdict = Verdict.WARN
        if verdict is Verdict.STRIP and then is Verdict.BLOCK and decision.layer == layer:
            verdict = Verdict.BLOCK  # it could not be taken out then either
        if verdict in (Verdict.ALLOW, Verdict.WARN) and then in (Verdict.REDACT, Verdict.STRIP):
            rewrites = policy.media if case.action.comes_in else policy.redaction
            enforced = policy.enforce or not case.action.comes_in
            if rewrites is not None and enforced and not _was_stripped(case.record):
                return then, layer or decision.layer, rule
        return verdict, layer, rule


def _condition(record: Record) -> str:
    """On what else it depends that a refusal is lifted: what comes after it was not looked at."""
    decision = record.decision
    if decision.findings and decision.layer in _URL:
        return "unless its headers, body or address are refused, which were not looked at"
    return "" if decision.addresses else "unless its address is refused, which was not looked up"


def _is_doubtful_block(case: _Case) -> bool:
    """Whether a doubt is about what blocks."""
    return not _ABOUT_BLOCKS.isdisjoint(case.doubts)


def _was_stripped(record: Record) -> bool:
    """Whether what was found was taken out, which other findings would not have."""
    return record.decision.layer in ("response_scan", "core_response")


def _is_request(case: _Case) -> bool:
    return case.action.kind in (Kind.REQUEST, Kind.CONNECT)


def _is_literal(case: _Case) -> bool:
    return case.view is not None and case.view.host.is_address


def _view_of(action: ActionSummary) -> UrlView | None:
    """The host and port of a URL that was reduced."""
    try:
        return parse_url(split_url(f"{origin_of(action)}/"))
    except (UrlError, HostError):
        return None


def _action_of(summary: ActionSummary) -> Action:
    """As much of the action as there is left."""
    return Action(
        id=summary.id,
        kind=summary.kind,
        transport=summary.transport,
        direction=summary.direction,
        session=summary.session,
        agent=summary.agent,
        client=summary.client,
        method=summary.method,
        url=summary.url,
        host=summary.host,
        port=summary.port,
        headers=summary.headers,
        content_type=summary.content_type,
        status=summary.status,
        size=summary.size,
    )
