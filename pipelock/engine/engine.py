"""The door: one synchronous judgement for every action.

    gates (kill switch, faults) ─▶ URL layers before DNS ─▶ headers and body ─▶ egress rules
        ─▶ [Lookup: addresses of the host] ─▶ ssrf ─▶ rate, length and data limits ─▶ verdict

No socket, clock or file is touched: time and addresses come in as `Facts` and `Answers`. The first URL layer that
refuses decides; otherwise the strictest of what was found and what the egress rules say. Whatever the mode, what is
`hard` blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import assert_never

import msgspec

from pipelock.detect.overriding import OVERRIDING_HEADERS
from pipelock.detect.url_reasons import DNS_RULE
from pipelock.detect.url_view import UrlView
from pipelock.engine._paths import rule_paths
from pipelock.engine.a2a_tracker import A2aTracker
from pipelock.engine.address_watch import AddressWatch
from pipelock.engine.content import folded, inspect_content
from pipelock.engine.cross_request import CrossRequest
from pipelock.engine.egress import EgressRules, OwnRules, Ruling
from pipelock.engine.facts import Answers, Content, Facts, Lookup
from pipelock.engine.killswitch import KillSwitch
from pipelock.engine.limits import SlidingWindow
from pipelock.engine.policy import Policy
from pipelock.engine.sessions import Sessions, account_of
from pipelock.engine.settle import refuse, rewritten, settle
from pipelock.engine.taint import Taints
from pipelock.engine.trackers import Tracker
from pipelock.model import (
    Action,
    ActionSummary,
    BlockReason,
    Category,
    Decision,
    Fault,
    Finding,
    Kind,
    ScanKind,
    Severity,
    Transport,
    Verdict,
)

__all__ = ["Engine"]


class _Case(msgspec.Struct):
    """One action on its way through the stages."""

    action: Action
    policy: Policy
    facts: Facts
    findings: list[Finding] = []
    ruling: Ruling | None = None
    addresses: tuple[str, ...] = ()
    suppressed: list[Finding] = []
    content: Content | None = None

    def take(self, found: Iterable[Finding]) -> None:
        """Count what was found, unless the operator has declared it harmless there."""
        kept, suppressed = self.policy.suppressions.split(tuple(found), self.action, self.facts.wall)
        self.findings.extend(kept)
        self.suppressed.extend(suppressed)

    def looked(self, layer: str) -> None:
        """Tell whoever explains."""
        if self.facts.observer is not None:
            self.facts.observer.looked(layer)


class Engine:
    """Judges. Holds the policy in force and the little state that judgements share; not for several threads."""

    def __init__(self, policy: Policy, kill: KillSwitch) -> None:
        self.policy = policy
        self.kill = kill
        self.sessions = Sessions()
        self.sessions.obey(policy)
        self.cross_request = CrossRequest()
        self.sessions.forget_pieces = self.cross_request.forget
        self.taints = Taints()
        self.sessions.taints = self.taints
        self.trackers: tuple[Tracker, ...] = (self.cross_request, AddressWatch(), A2aTracker())
        self.own_ports: frozenset[int] = frozenset()
        self.own_rules: dict[str, tuple[OwnRules, ...]] = {}  # of launched agents, by session; all must allow
        self._requests = SlidingWindow()
        self._bytes = SlidingWindow()

    def replace_policy(self, policy: Policy) -> None:
        """Judge by `policy` from the next action on; windows and sessions stay."""
        self.policy = policy
        self.sessions.obey(policy)

    def inspect(self, action: Action) -> Content:
        """The content scan alone, which any thread may do ahead of `adjudicate`.

        Raises:
            MatcherError: the matcher failed; block.
        """
        return inspect_content(action, self.policy)

    def adjudicate(self, action: Action, facts: Facts) -> Decision | Lookup:
        """Judge `action`, or say which addresses are needed first.

        Raises:
            MatcherError: a scanner failed; the caller blocks.
        """
        case = _Case(action, self.policy, facts)
        stopped = self.stopped(action) or self.sessions.gate(action, facts, self.policy)
        if stopped is not None:
            return stopped
        match action.kind:
            case Kind.REQUEST | Kind.CONNECT:
                return self._outbound(case)
            case Kind.RESPONSE | Kind.PIECE | Kind.EVENT | Kind.MESSAGE:
                return self._inbound(case)
            case Kind.CLIENT_HELLO:
                return self._hello(case)
            case Kind.SCAN:
                return self._outbound(case) if action.scan is ScanKind.URL else self._text(case)
            case Kind.TUNNEL_DATA:
                # Bytes inside a tunnel are only ever brought here by a gate.
                return settle(action, self.policy, (), Ruling(Verdict.ALLOW))
        assert_never(action.kind)

    def note(self, action: Action, shown: ActionSummary, decision: Decision, facts: Facts) -> None:
        """Take a final decision into account: the session (as `shown`), and the bytes that a response brought in."""
        if action.kind is Kind.SCAN:
            return
        blocked = decision.verdict is Verdict.BLOCK
        if action.comes_in and self.policy.max_data_per_minute and not blocked:
            self._bytes.add(self.policy.layers.registrable_host(action.host), action.size, facts.now)
        self.sessions.note(action, shown, decision, facts, self.policy)
        key = account_of(action)
        for told in self.taints.note(key, action, shown, decision, policy=self.policy, wall=facts.wall):
            self.sessions.taint_moved(key, told)

    def carried(self, action: Action, size: int, facts: Facts) -> str:
        """Count bytes of a tunnel that nobody reads, opened by `action`; why no more may go, empty where they may."""
        return self.sessions.carried(action, size, facts, self.policy)

    def overtakes(self, action: Action, decision: Decision, wall: float) -> bool:
        """Whether what waits under `decision` would now be refused: by where its session has got, or what that read."""
        if self.sessions.overtakes(action, decision, self.policy):
            return True
        return self.taints.weigh(account_of(action), action, decision, self.policy, wall).verdict is Verdict.BLOCK

    def stopped(self, action: Action) -> Decision | None:
        """The gates alone, which hold whatever policy says or a person answered: kill switch, then faults."""
        if self.kill.applies_to(action.client, action.session):
            return refuse(
                action,
                self.policy,
                BlockReason.KILL_SWITCH_ACTIVE,
                self.kill.message,
                layer="kill_switch",
                status=503,
                hint=f"the kill switch is held by: {self.kill.source}; `pipelock status` lists all sources",
            )
        return None if action.fault is None else _faulty(action, self.policy, action.fault)

    def _content(self, case: _Case) -> tuple[Finding, ...]:
        content = case.facts.content
        if content is None or content.policy != case.policy.hash:
            content = inspect_content(case.action, case.policy)
        case.content = content
        if content.body is not None:
            # From here on it is the body that will be sent which is judged.
            case.action = msgspec.structs.replace(case.action, body=content.body)
        return content.findings

    def _track(self, case: _Case) -> None:
        """Ask the trackers, unless the answer is a refusal already or nothing is sent."""
        action, facts = case.action, case.facts
        if self.trackers and action.kind is not Kind.SCAN and not self._is_refused(case):
            for tracker in self.trackers:
                case.take(tracker.judge(action, case.policy, facts.now, again=facts.again))

    def _text(self, case: _Case) -> Decision:
        case.take(self._content(case))
        return self._settle(case)

    def _outbound(self, case: _Case) -> Decision | Lookup:
        action, policy = case.action, case.policy
        inspection = policy.layers.before_dns(action.url, _excuses(case), case.facts.observer)
        case.take(finding for finding in inspection.findings if not _is_chosen(finding, action))
        view = inspection.view
        if view is None or self._is_refused(case):
            return self._settle(case)
        case.take(self._content(case))
        case.looked("content")
        self._track(case)
        case.looked("session")
        case.ruling = self._rule(action, view, policy)
        if action.kind is Kind.SCAN and case.ruling.action is not Verdict.BLOCK:
            case.ruling = _NO_RULING  # nothing is sent, so there is nothing to hold
        if self._is_refused(case):
            return self._settle(case)
        case.looked("egress_rules")
        known = policy.known_addresses(view.host)
        if known:
            return self._after_dns(case, view, Answers(addresses=known))

        def resume(answers: Answers, facts: Facts) -> Decision:
            case.facts = facts
            # While the name was looked up, somebody may have pulled the switch or closed the session in.
            stopped = self.stopped(action) or self.sessions.stopped(action, self.policy)
            return stopped if stopped is not None else self._after_dns(case, view, answers)

        return Lookup(view.host.name, resume)

    def _rule(self, action: Action, view: UrlView, policy: Policy) -> Ruling:
        ruling = _rule(action, view, policy.egress)
        if action.named and action.kind is Kind.CONNECT:
            # A port of this machine, granted by its number: rules are heeded, and where there is none it is allowed.
            return ruling if ruling.rule else _NO_RULING
        # Where config's word is only a warning, that of the sandbox's own lists is not.
        if ruling.action is not Verdict.BLOCK or not policy.enforce:
            for own in self.own_rules.get(action.session, ()):
                if _rule(action, view, own.rules).action is Verdict.BLOCK:
                    return own.refusal(unread=action.kind is Kind.CONNECT and not action.opened)
        return ruling

    def _after_dns(self, case: _Case, view: UrlView, answers: Answers) -> Decision:
        policy = case.policy
        judged = policy.layers.after_dns(view, answers.addresses or None, answers.error)
        case.findings.extend(finding for finding in judged if not _is_chosen(finding, case.action))
        if view.port in self.own_ports and any(map(_is_this_machine, answers.addresses)):
            case.findings.append(_OWN_LISTENER)
        if not self._is_refused(case):
            case.looked("ssrf")
            case.addresses = answers.addresses
            key = policy.layers.registrable(view)
            case.findings.extend(self._limits(case, key))
            case.looked("limits")
            if _is_counted(case) and policy.max_requests_per_minute and not self._is_refused(case):
                # Counted last, so that a request refused for another reason uses up nobody's quota.
                self._requests.add(key, 1, case.facts.now)
        return self._settle(case)

    def _limits(self, case: _Case, key: str) -> list[Finding]:
        policy, now = case.policy, case.facts.now
        rate = policy.max_requests_per_minute if _is_counted(case) else 0
        if rate and self._requests.total(key, now) >= rate:
            return [
                _protective(
                    "ratelimit",
                    f"more than {rate} requests to {key} within a minute",
                    0.7,
                )
            ]
        length = policy.layers.length(case.action.url)
        if length:
            return list(length)
        if policy.max_data_per_minute and self._bytes.total(key, now) >= policy.max_data_per_minute:
            return [
                _protective(
                    "databudget", f"more than {policy.max_data_per_minute} bytes from {key} within a minute", 0.8
                )
            ]
        return []

    def _inbound(self, case: _Case) -> Decision:
        case.take(self._content(case))
        case.looked("content")
        self._track(case)
        case.looked("session")
        return self._settle(case)

    def _hello(self, case: _Case) -> Decision:
        action = case.action
        name = action.server_name
        host = folded(action.host)
        if not name or not case.policy.sni_verification or (host and folded(name) == host):
            return settle(action, case.policy, (), Ruling(Verdict.ALLOW))
        # The name was never scanned, and may be what was to be carried out.
        shown = name[:255] if not case.policy.secrets.scan(name, "url:host") else "another host"
        return refuse(
            action,
            case.policy,
            BlockReason.AUTHORITY_MISMATCH,
            f"the TLS handshake names {shown}, but the tunnel was opened to {action.host}",
            layer="sni_mismatch",
            hint="a client that fronts one name behind another is refused; forward_proxy.sni_verification",
        )

    def _is_refused(self, case: _Case) -> bool:
        """Whether the answer is a refusal already, so that nothing later need be looked at (or looked up)."""
        blocks = case.ruling is not None and case.ruling.action is Verdict.BLOCK
        if not blocks:
            if not case.findings:
                return False
            verdicts = (case.policy.verdict_for(case.action, finding) for finding in case.findings)
            blocks = Verdict.BLOCK in verdicts
        own = case.ruling is not None and case.ruling.own
        return blocks and (case.policy.enforce or own or any(finding.hard for finding in case.findings))

    def _settle(self, case: _Case) -> Decision:
        decision = settle(case.action, case.policy, tuple(case.findings), case.ruling or _NO_RULING, case.addresses)
        if case.content is not None and case.content.body is not None:
            decision = rewritten(decision, case.action, case.policy, case.content)
        if case.suppressed:
            decision = msgspec.structs.replace(decision, suppressed=tuple(case.suppressed[:MAX_SUPPRESSED]))
        decision = self.taints.weigh(account_of(case.action), case.action, decision, case.policy, case.facts.wall)
        return self.sessions.upgrade(case.action, decision, case.policy)


def _rule(action: Action, view: UrlView, egress: EgressRules) -> Ruling:
    if action.kind is Kind.CONNECT and action.opened:
        return egress.rule_opened(host=view.host.name, port=view.port, agent=action.agent)
    if egress.heeds_overrides and any(name in OVERRIDING_HEADERS for name, _ in action.headers):
        return egress.rule_overridden(host=view.host.name, port=view.port, agent=action.agent)
    return egress.rule(
        method=action.method.upper(),
        host=view.host.name,
        port=view.port,
        paths=rule_paths(view.decoded_path) if egress.look_at_paths else _ANY_PATH,
        agent=action.agent,
    )


def _excuses(case: _Case) -> Callable[[Finding], bool] | None:
    """What `suppress` excuses, for the URL layers: it must not keep later ones from looking."""
    suppressions = case.policy.suppressions
    if not suppressions:
        return (lambda finding: _is_chosen(finding, case.action)) if case.action.named else None
    return lambda finding: (
        _is_chosen(finding, case.action) or suppressions.covers(finding, case.action, case.facts.wall)
    )


def _is_counted(case: _Case) -> bool:
    """Whether requests a minute are counted: not twice, not what is only asked about, and not to a chosen host.

    What comes through an opened tunnel was counted with it: the limit is one of tunnels, and installing a project's
    packages takes hundreds of requests to one registry.
    """
    action = case.action
    return not (case.facts.again or action.named or action.kind is Kind.SCAN or action.transport is Transport.INTERCEPT)


def _is_chosen(finding: Finding, action: Action) -> bool:
    """Whether it is only about a host that the operator has chosen. Metadata services are nobody's choice."""
    return action.named and finding.scanner in _CHOSEN and finding.rule != DNS_RULE


MAX_SUPPRESSED = 64
"""Suppressed findings that a decision tells of."""
_CHOSEN = frozenset({"allowlist", "core_ssrf", "ssrf"})
_ANY_PATH = ("/", "/")
_NO_RULING = Ruling(Verdict.ALLOW)


def _faulty(action: Action, policy: Policy, fault: Fault) -> Decision:
    layer = fault.layer or ("parser" if fault.reason is BlockReason.BAD_REQUEST else fault.reason.value)
    # An agent reads the page: what a certificate is called must not be what no body may say.
    detail = fault.instead if fault.instead and policy.injection.scan(fault.detail, "text") else fault.detail
    return refuse(action, policy, fault.reason, detail, layer=layer, status=fault.status or 403)


def _is_this_machine(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or address.is_unspecified


_OWN_LISTENER = Finding(
    scanner="core_ssrf",
    rule="own listener",
    severity=Severity.CRITICAL,
    message="the request leads back to this proxy's own listener",
    place="url:host",
    hard=True,
)


def _protective(label: str, message: str, score: float) -> Finding:
    return Finding(
        scanner=label,
        rule=label,
        severity=Severity.MEDIUM,
        message=message,
        place="url",
        score=score,
        category=Category.PROTECTIVE,
    )
