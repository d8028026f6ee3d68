"""The narrowest suppression that would have let one refused action pass, or why none may.

Pure. Whether it does what it says is for the caller to find out, by judging records again with it (`rejudge`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from urllib.parse import urlsplit

import msgspec

from pipelock.config.core_names import CORE_NAMES
from pipelock.config.schema_scanning import Suppression
from pipelock.engine._outline import REDUCED, origin_of
from pipelock.engine._suppress import CROWDED, FULL, is_never_suppressed
from pipelock.engine.content import folded
from pipelock.engine.policy import Policy
from pipelock.engine.settle import hint_for
from pipelock.model import ActionSummary, Decision, Finding, Record, Verdict

__all__ = ["Proposal", "propose", "why_not"]

MAX_PATH = 1024
"""Characters of an entry's path."""
_STOPPED = frozenset({Verdict.BLOCK, Verdict.ASK, Verdict.WARN, Verdict.STRIP})


class Proposal(msgspec.Struct, frozen=True):
    """What to write, or why nothing. `words` says either in plain words, the consequence included."""

    words: str
    entry: Suppression | None = None


def propose(record: Record, finding: int, days: int, now: float, policy: Policy) -> Proposal:
    """How the finding with this number (0: the deciding one) would be kept from counting for `days` (1 to 3650).

    `now` is seconds since the epoch.

    Raises:
        IndexError: The record has no such finding, though it has some.
    """
    decision = record.decision
    if not decision.findings:
        return Proposal(why_not(record, None, policy))
    one = decision.findings[finding]
    refusal = why_not(record, one, policy)
    if refusal:
        return Proposal(refusal)
    path, shown = _path(record.action)
    if not path:
        return Proposal(shown)
    field = one.place if one.place.startswith(("url", "header", "body")) else ""
    expires = dt.datetime.fromtimestamp(int(now) + days * 86_400, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = Suppression(
        rule=one.rule,
        path=path,
        host=folded(record.action.host),
        field=field,
        expires=expires,
        reason=f"made from {record.action.id}",
    )
    return Proposal(_words(entry, one, record.action, shown), entry)


def why_not(record: Record, finding: Finding | None, policy: Policy) -> str:
    """Why no suppression may lift this, and what would; empty where one may."""
    decision = record.decision
    if decision.verdict not in _STOPPED and decision.outcome is None:
        return "this action was let through; there is nothing to lift"
    if finding is None:
        return _no_finding(decision, policy)
    hint = hint_for(policy, finding.scanner, finding.rule)
    then = f"; {hint}" if hint else ""
    if finding.rule.casefold() in CORE_NAMES or finding.scanner.startswith("core_"):
        return f"{finding.rule} belongs to the core floor, which no setting lifts{then}"
    if finding.hard or is_never_suppressed(finding.scanner):
        return f"{finding.scanner} is no judgement of content and can't be suppressed{then}"
    often = Counter(one.rule for one in decision.findings)[finding.rule]
    if often >= CROWDED or len(decision.findings) >= FULL:
        return f"{finding.rule} was met so often here that not all places were listed; an entry would not hold"
    return ""


def _no_finding(decision: Decision, policy: Policy) -> str:
    if decision.layer == "egress_rules":
        named = f'the egress rule "{decision.rule}"' if decision.rule else "egress_default"
        return f"{named} decides here, not a finding; change it in egress_rules"
    hint = decision.hint or hint_for(policy, decision.layer)
    return f"{decision.layer or 'nothing'} decides here, not a finding" + (f"; {hint}" if hint else "")


def _path(action: ActionSummary) -> tuple[str, str]:
    """The `path` of the entry, and what it means in words; without a path why there can't be one."""
    if not folded(action.host):
        return "", "the host was not kept, because what was found stood in it; an entry would hold for every host"
    if "[redacted]@" in action.url:
        return "", "the URL has a user name in it, and no entry means such a URL"
    if not action.url.endswith(REDUCED):
        return _written_path(action)
    origin = origin_of(action)
    if not action.path:
        return f"{origin}/*", f"any path of {action.host}, because this one's was not kept"
    return origin + action.path, _said(action.host, action.path)


def _written_path(action: ActionSummary) -> tuple[str, str]:
    try:
        parts = urlsplit(action.url.removesuffix("…"))
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        return "", "the URL has more than one reading, and no entry means such a URL"
    if not parts.scheme or not parts.netloc:
        return "", "the action has no URL"
    path = parts.path or "/"
    if len(origin + path) > MAX_PATH or (action.url.endswith("…") and not parts.query):
        path = path[: min(MAX_PATH - len(origin) - 1, len(path) // 2)] + "*"
    return origin + path, _said(action.host, path)


def _said(host: str, path: str) -> str:
    below = " and everything below it" if path.endswith("/") else ""
    stars = ", where * is any text" if "*" in path else ""
    return f"{host}{path}{below}{stars}"


def _words(entry: Suppression, finding: Finding, action: ActionSummary, shown: str) -> str:
    way = "an answer from" if action.status or action.kind.value == "response" else "a request to"
    where = f" in {entry.field}" if entry.field else ""
    return (
        f"{finding.rule}{where} of {way} {shown} will not count until {entry.expires[:10]}: whatever this rule would "
        "find there passes, whoever sends it. All other rules go on looking."
    )
