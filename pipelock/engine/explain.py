"""Making a judgement understandable: what each layer did, and which settings would really have changed the outcome.

Nothing here judges. The steps are read off a decision and what an observer was told; a setting is only proposed, with
the configuration that has it, and whoever explains judges again by that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from pipelock.config import Config
from pipelock.config.core_names import CORE_NAMES
from pipelock.config.schema_operations import EgressRule
from pipelock.config.schema_scanning import Suppression
from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.hosts import HostSet
from pipelock.detect.url_reasons import DNS_RULE, METADATA_RULE
from pipelock.engine.content import folded
from pipelock.engine.policy import Policy
from pipelock.model import Action, Decision, Finding, Kind, ScanKind, Verdict

__all__ = ["STOPPED", "Knob", "Step", "StepResult", "knobs", "steps"]

STOPPED = "stopped"
"""Stands in the times for whatever came after the last layer that was done."""
StepResult = Literal["passed", "warned", "suppressed", "blocked", "held", "off", "not reached", "not asked"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer did. `took_us` is 0 where it did nothing, or nothing that took time of its own."""

    layer: str
    looked_at: str
    result: StepResult
    took_us: int = 0
    rules: tuple[str, ...] = ()


_URL_STEPS = (
    ("scheme", "the scheme"),
    ("crlf_injection", "line breaks, encoded or not"),
    ("parser", "the URL's parts: one reading, or none"),
    ("path_traversal", "dot-dot segments"),
    ("allowlist", "api_allowlist (mode strict)"),
    ("blocklist", "fetch_proxy.monitoring.blocklist"),
    ("core_ssrf", "the host, as an address"),
    ("dlp", "the URL and its parts, decoded and joined, for secrets"),
    ("entropy", "path and query, for encoded or random data"),
    ("subdomain_entropy", "the host's labels, for encoded data"),
    ("content", "headers and body"),
    ("session", "what it adds up to with what went before"),
    ("egress_rules", "egress_rules and egress_default"),
    ("ssrf", "the addresses of the host"),
    ("limits", "length of the URL; rate and data limits, from nothing"),
)
_INBOUND_STEPS = (
    ("content", "headers and body of the answer, for instructions"),
    ("session", "what it adds up to with what went before"),
)
_TEXT_STEPS = {
    ScanKind.DLP: (("secrets", "the text as something that leaves, for secrets"),),
    ScanKind.PROMPT_INJECTION: (("instructions", "the text as something an agent reads, for instructions"),),
    ScanKind.TOOL_CALL: (("tool call", "the arguments, for secrets and for instructions"),),
}
_LIMITS = frozenset({"ratelimit", "length", "databudget"})
_SESSION = frozenset({"address_protection", "cross_request", "cross_request_entropy"})
_FLOOR = frozenset({"core_ssrf", "ssrf_metadata"})
_OWN = frozenset(name for name, _ in _URL_STEPS) - {"content", "session", "limits"}


def steps(action: Action, policy: Policy, decision: Decision, took_us: Mapping[str, int]) -> tuple[Step, ...]:
    """Every layer that such an action passes, in order.

    Args:
        action: What was judged.
        policy: By which policy.
        decision: The outcome.
        took_us: The layers that were done, and the microseconds each took, as an observer was told.
    """
    names = _names(action)
    found = _by_step(names, decision.findings, took_us)
    excused = _by_step(names, decision.suppressed, took_us)
    results = [_result(action, policy, name, found.get(name, ()), decision) for name, _ in names]
    last = next((index for index, result in enumerate(results) if result == "blocked"), len(names))
    out: list[Step] = []
    for index, (name, looked_at) in enumerate(names):
        result = results[index]
        took = took_us.get(name, 0)
        if index == last or len(names) == 1:
            took = took or took_us.get(STOPPED, 0)
        elif result == "passed" and (index > last or (last == len(names) and name not in took_us)):
            result = "not reached"
        if result == "passed" and excused.get(name):
            result = "suppressed"
        if name == "allowlist" and policy.mode != "strict":
            result = "off"
        rules = dict.fromkeys(finding.rule for finding in (*found.get(name, ()), *excused.get(name, ())))
        out.append(Step(layer=name, looked_at=looked_at, result=result, took_us=took, rules=tuple(rules)))
    return tuple(out)


def _names(action: Action) -> tuple[tuple[str, str], ...]:
    if action.kind is Kind.RESPONSE:
        return _INBOUND_STEPS
    if action.kind is Kind.SCAN and action.scan is not None and action.scan is not ScanKind.URL:
        return _TEXT_STEPS[action.scan]
    return _URL_STEPS


def _by_step(
    names: Sequence[tuple[str, str]], findings: Sequence[Finding], took_us: Mapping[str, int]
) -> dict[str, list[Finding]]:
    out: dict[str, list[Finding]] = {}
    for finding in findings:
        out.setdefault(names[0][0] if len(names) == 1 else _step_of(finding, took_us), []).append(finding)
    return out


def _step_of(finding: Finding, took_us: Mapping[str, int]) -> str:
    """The step that a finding came from, by its label."""
    label = finding.scanner
    if label in _FLOOR:
        # The floor speaks twice: of a literal, and of what a name resolved to.
        return "ssrf" if "core_ssrf" in took_us else "core_ssrf"
    if label == "core_dlp":
        return "dlp"
    if label in _LIMITS:
        return "limits"
    if label in _OWN:
        return label
    return "session" if label in _SESSION else "content"


def _result(action: Action, policy: Policy, name: str, here: Sequence[Finding], decision: Decision) -> StepResult:
    if name == "egress_rules" and decision.layer == "egress_rules":
        return _word(decision.verdict)
    if not here:
        return "passed"
    verdicts = [policy.verdict_for(action, finding) for finding in here]
    worst = max(verdicts, key=lambda verdict: verdict.rank)
    softened = worst.rank > Verdict.WARN.rank and not policy.enforce and not any(finding.hard for finding in here)
    return "warned" if softened else _word(worst)


def _word(verdict: Verdict) -> StepResult:
    if verdict is Verdict.ALLOW:
        return "passed"
    if verdict is Verdict.ASK:
        return "held"
    return "blocked" if verdict in (Verdict.BLOCK, Verdict.REDIRECT, Verdict.STRIP, Verdict.REDACT) else "warned"


class Knob(msgspec.Struct, frozen=True):
    """One change of the configuration: the key, what to write there, and the configuration that has it."""

    key: str
    value: str
    config: Config


def knobs(config: Config, action: Action, decision: Decision, addresses: Sequence[str] = ()) -> Iterator[Knob]:
    """Settings that may lift what decided, the narrowest first. Whether one does is for the caller to find out.

    Args:
        config: What was judged by.
        action: What was judged.
        decision: The refusal; its first finding, or its egress rule, is what is to be lifted.
        addresses: What the host resolved to, where it was looked up.
    """
    host = folded(action.host) or _host_of(action.url)
    if decision.layer == "egress_rules":
        yield from _egress(config, host)
        return
    if not decision.findings:
        return
    finding = decision.findings[0]
    match finding.scanner:
        case "allowlist":
            yield _with(config, "api_allowlist", f"[{host}]", api_allowlist=(*config.api_allowlist, host))
        case "blocklist" | "entropy" | "subdomain_entropy" | "length":
            yield from _monitoring(config, finding, action, host)
        case "core_ssrf" | "ssrf" | "ssrf_metadata":
            yield from _addresses(config, finding, host, addresses)
    yield from _suppress(config, finding, action)
    yield from _sections(config, finding, action, host)


def _with(config: Config, key: str, value: str, **changes: object) -> Knob:
    return Knob(key, value, msgspec.structs.replace(config, **changes))


def _egress(config: Config, host: str) -> Iterator[Knob]:
    if host:
        rule = EgressRule(name=f"allow {host}", action="allow", host=host)
        value = f"- {{name: allow {host}, action: allow, host: {host}}} as the first rule"
        yield _with(config, "egress_rules", value, egress_rules=(rule, *config.egress_rules))


def _monitoring(config: Config, finding: Finding, action: Action, host: str) -> Iterator[Knob]:
    section = config.fetch_proxy.monitoring
    change: dict[str, object]
    if finding.scanner == "blocklist":
        kept = tuple(pattern for pattern in section.blocklist if host not in HostSet([pattern]))
        gone = ", ".join(pattern for pattern in section.blocklist if pattern not in kept)
        key, value, change = "blocklist", f"without {gone}", {"blocklist": kept}
    elif finding.scanner == "length":
        key, value, change = "max_url_length", str(len(action.url)), {"max_url_length": len(action.url)}
    else:
        in_query = finding.place.startswith("url:query")
        key = "query_entropy_exclusions" if in_query else "subdomain_entropy_exclusions"
        value, change = f"[{host}]", {key: (*getattr(section, key), host)}
    fetch = msgspec.structs.replace(config.fetch_proxy, monitoring=msgspec.structs.replace(section, **change))
    yield _with(config, f"fetch_proxy.monitoring.{key}", value, fetch_proxy=fetch)


def _addresses(config: Config, finding: Finding, host: str, addresses: Sequence[str]) -> Iterator[Knob]:
    if finding.rule in (METADATA_RULE, DNS_RULE):
        return
    try:
        literal = fold_host(host).address
    except HostError:
        return
    if literal is None:
        yield _with(config, "trusted_domains", f"[{host}]", trusted_domains=(*config.trusted_domains, host))
    private = [str(literal)] if literal is not None else list(addresses)
    networks = tuple(f"{address}/{128 if ':' in address else 32}" for address in private)
    ssrf = msgspec.structs.replace(config.ssrf, ip_allowlist=(*config.ssrf.ip_allowlist, *networks))
    yield _with(config, "ssrf.ip_allowlist", f"[{', '.join(networks)}]", ssrf=ssrf)


def _suppress(config: Config, finding: Finding, action: Action) -> Iterator[Knob]:
    if finding.rule.casefold() in CORE_NAMES:
        return  # no file with such an entry loads
    path = action.url.partition("#")[0].partition("?")[0] or "*"
    field = finding.place if finding.place.startswith(("url", "header:")) else ""
    entry = Suppression(rule=finding.rule, path=path, field=field)
    shown = f'- {{rule: "{finding.rule}", path: "{path}"' + (f', field: "{field}"' if field else "") + "}"
    yield _with(config, "suppress", shown, suppress=(*config.suppress, entry))


def _sections(config: Config, finding: Finding, action: Action, host: str) -> Iterator[Knob]:
    """Wider settings: a pattern's own exemptions, a host's, an action of a whole section."""
    replace = msgspec.structs.replace
    own = [pattern for pattern in config.dlp.patterns if pattern.name == finding.rule]
    if own and host and action.kind is not Kind.RESPONSE:
        exempt = tuple(
            replace(one, exempt_domains=(*one.exempt_domains, host)) if one in own else one
            for one in config.dlp.patterns
        )
        key = f"dlp.patterns, {finding.rule}: exempt_domains"
        yield _with(config, key, f"[{host}]", dlp=replace(config.dlp, patterns=exempt))
    if action.kind is Kind.RESPONSE and host:
        section = config.response_scanning
        exempted = replace(section, exempt_domains=(*section.exempt_domains, host))
        yield _with(config, "response_scanning.exempt_domains", f"[{host}]", response_scanning=exempted)
    if action.kind is Kind.RESPONSE:
        warns = replace(config.response_scanning, action="warn")
        yield _with(config, "response_scanning.action", "warn", response_scanning=warns)
    if finding.scanner in ("body_dlp", "header_dlp"):
        bodies = replace(config.request_body_scanning, action="warn")
        yield _with(config, "request_body_scanning.action", "warn", request_body_scanning=bodies)


def _host_of(url: str) -> str:
    try:
        return folded(urlsplit(url).hostname or "")
    except ValueError:
        return ""
