"""Findings and a ruling become one decision."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipelock.config.core_names import CORE_NAMES
from pipelock.detect.removal import strip
from pipelock.detect.url_layers import block_reason
from pipelock.engine.content import inspect_content
from pipelock.engine.egress import Ruling
from pipelock.engine.facts import Content
from pipelock.engine.policy import Policy
from pipelock.model import Action, BlockReason, Decision, Finding, Verdict, strictest

__all__ = ["code_for", "hint_for", "refuse", "rewritten", "settle"]

_CODES = {
    "body_dlp": BlockReason.DLP_MATCH,
    "header_dlp": BlockReason.DLP_MATCH,
    "response_scan": BlockReason.PROMPT_INJECTION,
    "core_response": BlockReason.PROMPT_INJECTION,
    "egress_rules": BlockReason.REQUEST_POLICY_DENY,
    "a2a_card": BlockReason.TOOL_POISONING,
    "a2a_dlp": BlockReason.DLP_MATCH,
    "a2a_injection": BlockReason.PROMPT_INJECTION,
    "a2a_limit": BlockReason.PARSE_ERROR,
    "a2a_session": BlockReason.PROMPT_INJECTION,
    "a2a_url": BlockReason.DOMAIN_BLOCKLIST,
    "media_policy": BlockReason.MEDIA_POLICY,
    "redaction": BlockReason.REDACTION_FAILURE,
    "address_protection": BlockReason.DLP_MATCH,
    "cross_request": BlockReason.CROSS_REQUEST_DENY,
    "taint": BlockReason.REQUEST_POLICY_DENY,
}
_TEXTS = frozenset({"body_dlp", "header_dlp"})
_CORE_HINT = "this rule belongs to the core floor and can't be suppressed; keep the credential out of the request"
_STATUSES = {"ratelimit": 429, "databudget": 429}
_HINTS = {
    "address_protection": "if the address is right, add it to address_protection.allowed_addresses",
    "cross_request": "section cross_request_detection says how much may leave within how long; what "
    "was sent is forgotten when that time has passed",
    "body_dlp": "if this is a false positive, add a `suppress` entry for the rule and this URL",
    "header_dlp": "if the host may have this, add a `suppress` entry for rule and URL with the header as its `field`",
    "response_scan": "if you trust this host's text, add it to response_scanning.exempt_domains",
    "core_response": "this belongs to the core floor; read the page in a browser instead",
    "egress_rules": "add or change a rule in egress_rules",
    "a2a_card": "if the agent was meant to change, start the daemon anew; a2a_scanning.detect_card_drift",
    "a2a_dlp": "section a2a_scanning says what is done about messages between agents",
    "a2a_injection": "section a2a_scanning says what is done about messages between agents",
    "a2a_limit": "section a2a_scanning says what is done about messages between agents",
    "a2a_session": "a2a_scanning.session_smuggling_detection",
    "a2a_url": "section a2a_scanning says what is done about messages between agents",
    "media_policy": "section media_policy says which images, sound and film may pass",
    "redaction": "if this host may have bodies that can't be redacted, list it in redaction.allowlist_unparseable",
}


def code_for(layer: str, rule: str = "") -> BlockReason:
    """The client-visible code of a layer's rule."""
    return _CODES.get(layer) or block_reason(layer, rule)


def hint_for(policy: Policy, layer: str, rule: str = "") -> str:
    """The operator's way out of a refusal."""
    if layer in _TEXTS and rule.casefold() in CORE_NAMES:
        return _CORE_HINT
    return _HINTS.get(layer) or policy.layers.hint(layer, rule)


def refuse(
    action: Action,
    policy: Policy,
    code: BlockReason,
    reason: str,
    *,
    layer: str = "",
    status: int = 403,
    hint: str = "",
    hard: bool = True,
) -> Decision:
    """A refusal that no scanner made and no mode softens."""
    return Decision(
        action_id=action.id,
        verdict=Verdict.BLOCK,
        reason=reason,
        layer=layer or code.value,
        code=code,
        status=status,
        hint=hint,
        policy=policy.hash,
        hard=hard,
    )


def settle(
    action: Action,
    policy: Policy,
    findings: tuple[Finding, ...],
    ruling: Ruling,
    addresses: tuple[str, ...] = (),
) -> Decision:
    """The strictest of what was found and what the rules say; a finding speaks before a rule of equal strictness.

    `addresses` go into the decision unless it blocks.
    """
    if not findings and ruling.action is Verdict.ALLOW:
        return Decision(
            action_id=action.id, verdict=Verdict.ALLOW, addresses=addresses, rule=ruling.rule, policy=policy.hash
        )
    decision = _weigh(action, policy, findings, ruling)
    if not addresses or decision.verdict is Verdict.BLOCK:
        return decision
    return msgspec.structs.replace(decision, addresses=addresses)


def rewritten(decision: Decision, action: Action, policy: Policy, content: Content) -> Decision:
    """`decision` with the body that goes on instead of the one that came, unless it blocks.

    Where findings only count and nothing is enforced, an answer is left as it is; what leaves is redacted all the same.
    """
    if decision.verdict is Verdict.BLOCK or content.body is None:
        return decision
    outbound = not action.comes_in
    if not outbound and not policy.enforce:
        return decision
    verdict = decision.verdict
    if verdict in (Verdict.ALLOW, Verdict.WARN):
        verdict = Verdict.REDACT if outbound else Verdict.STRIP
    said = ", ".join(f"{count} {kind}" for kind, count in content.redactions.items())
    return msgspec.structs.replace(
        decision,
        verdict=verdict,
        body=content.body if decision.body is None else decision.body,
        redactions=content.redactions,
        layer=decision.layer or ("redaction" if outbound else "media_policy"),
        reason=decision.reason or (f"placeholders stand for {said}" if outbound else "the body was made harmless"),
    )


def _weigh(action: Action, policy: Policy, findings: tuple[Finding, ...], ruling: Ruling) -> Decision:
    verdicts = [policy.verdict_for(action, finding) for finding in findings]
    found = strictest(verdicts)
    hard = any(finding.hard for finding in findings)
    if ruling.action.rank > found.rank or (ruling.own and not hard):
        return _by_rule(action, policy, findings, ruling)
    # Where a mode would soften the rest, it is the hard finding that refuses, and its reason that must be given.
    deciding = next(f for f, v in zip(findings, verdicts, strict=True) if v is found and f.hard is hard)
    ordered = (deciding, *(finding for finding in findings if finding is not deciding))
    verdict, enforced = _in_mode(policy, found, hard=hard)
    body = None
    if verdict is Verdict.STRIP:
        # What only warns may stay; it is taken out too where that can be done.
        body = _stripped(
            action, policy, findings, [f for f, v in zip(findings, verdicts, strict=True) if v is Verdict.STRIP]
        )
        if body is None:
            verdict = Verdict.BLOCK
    layer = deciding.scanner
    blocks = verdict is Verdict.BLOCK
    return Decision(
        action_id=action.id,
        verdict=verdict,
        reason=deciding.message,
        layer=layer,
        code=code_for(layer, deciding.rule) if blocks else None,
        status=_STATUSES.get(layer, 403) if blocks else 0,
        findings=ordered,
        hint=hint_for(policy, layer, deciding.rule),
        rule=ruling.rule,
        policy=policy.hash,
        enforced=enforced,
        body=body,
        hard=hard,
    )


def _stripped(action: Action, policy: Policy, findings: Sequence[Finding], needed: Sequence[Finding]) -> bytes | None:
    """The body without what was found, at least without what is `needed` to go.

    `None` where that can't be had: it stands elsewhere, nothing came out, or what is left is judged like the whole
    (removal may join what it stood between, and another copy may be hidden in another way).
    """
    if not all(finding.place.startswith("body") for finding in needed):
        return None
    if action.seen and any(finding.span is None or finding.span.start < action.seen for finding in needed):
        return None  # its beginning can't be taken back
    body = strip(action.body, [finding for finding in findings if finding.place.startswith("body")])
    if body is None:
        body = strip(action.body, needed)
    if body is None or body == action.body:
        return None
    left = inspect_content(msgspec.structs.replace(action, body=body), policy).findings
    return None if any(policy.verdict_for(action, one).rank > Verdict.WARN.rank for one in left) else body


def _by_rule(action: Action, policy: Policy, findings: tuple[Finding, ...], ruling: Ruling) -> Decision:
    verdict, enforced = _in_mode(policy, ruling.action, hard=ruling.own)
    blocks = verdict is Verdict.BLOCK
    return Decision(
        action_id=action.id,
        verdict=verdict,
        reason=_rule_reason(ruling, response=action.comes_in),
        layer="egress_rules",
        code=BlockReason.REQUEST_POLICY_DENY if blocks else None,
        status=403 if blocks else 0,
        findings=findings,
        hint=ruling.hint or _HINTS["egress_rules"],
        rule=ruling.rule,
        policy=policy.hash,
        enforced=enforced,
    )


def _rule_reason(ruling: Ruling, *, response: bool) -> str:
    if response or ruling.own:
        return ruling.reason
    if not ruling.rule:
        return f"no egress rule names this request, and egress_default is {ruling.action.value}"
    verb = {Verdict.ASK: "asks a person about", Verdict.BLOCK: "blocks", Verdict.WARN: "warns about"}
    said = f'the egress rule "{ruling.rule}" {verb.get(ruling.action, "stops")} this request'
    return f"{said}: {ruling.reason}" if ruling.reason else said


def _in_mode(policy: Policy, verdict: Verdict, *, hard: bool) -> tuple[Verdict, bool]:
    """The verdict as the mode enforces it, and whether it does."""
    if policy.enforce or hard or verdict.rank <= Verdict.WARN.rank:
        return verdict, True
    return Verdict.WARN, False
