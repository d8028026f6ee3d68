"""A finding of the record as another policy would tell it: not at all, or with its own severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from pipelock.detect.hosts import HostSet
from pipelock.detect.ruleset import Rule
from pipelock.engine.policy import Policy
from pipelock.model import Action, Finding, Severity

__all__ = ["LENGTH_UNKNOWN", "LIMITS", "LIMITS_DEPEND", "Retold", "RuleBook"]

LIMITS_DEPEND = "limits depend on what else was sent"
LENGTH_UNKNOWN = "the length of the URL was not kept"
"""Reasons why a limit may not refuse again."""

LIMITS = {"ratelimit": "max_requests_per_minute", "databudget": "max_data_per_minute"}
"""Layers that count, and the limit of each in a policy."""
_SECTIONS = {
    "media_policy": "media",
    "redaction": "redaction",
    "address_protection": "wallets",
    "cross_request": "cross_request",
    "a2a_card": "a2a",
    "a2a_dlp": "a2a",
    "a2a_injection": "a2a",
    "a2a_limit": "a2a",
    "a2a_session": "a2a",
    "a2a_url": "a2a",
}
_SECRETS = frozenset({"dlp", "body_dlp", "header_dlp"})


class RuleBook(msgspec.Struct, frozen=True):
    """The rules of a policy by folded name, and the names of all rules there may have been when records were made.

    A rule that is in neither is one that code looks for.
    """

    rules: Mapping[str, Rule]
    known: frozenset[str]

    def gone(self, name: str) -> bool:
        """Whether the policy has a rule no more."""
        key = name.casefold()
        return key in self.known and key not in self.rules


class Retold:
    """Tells findings anew by one policy."""

    def __init__(self, policy: Policy, book: RuleBook) -> None:
        self._policy = policy
        self._book = book
        settings = policy.layers.settings
        self._exempt = {
            name: HostSet((*rule.audience, *rule.exempt))
            for name, rule in book.rules.items()
            if (rule.audience or rule.exempt) and not rule.judge
        }
        self._labels = HostSet(settings.subdomain_entropy_exclusions)
        self._queries = HostSet(settings.query_entropy_exclusions)
        self._off: Mapping[str, Callable[[Finding, Action, str], bool]] = {
            "body_dlp": self._no_bodies,
            "header_dlp": self._no_header,
            "response_scan": self._no_answers,
            "entropy": self._no_entropy,
            "subdomain_entropy": self._no_entropy,
        }

    def anew(self, finding: Finding, action: Action, host: str, doubts: list[str]) -> Finding | None:
        """The finding as the policy tells it; `None` where it looks for it no more.

        `host` is folded and may be unknown (empty). Reasons why it may be otherwise are added to `doubts`.
        """
        label, key = finding.scanner, finding.rule.casefold()
        if finding.hard or label.startswith("core_"):
            return finding
        if label in LIMITS or label == "length":
            return self._limit(finding, action, doubts)
        if self._is_off(finding, action, host) or self._book.gone(key):
            return None
        if host and label in _SECRETS and key in self._exempt and host in self._exempt[key]:
            return None
        rule = self._book.rules.get(key)
        if rule is None or label not in _SECRETS:
            return finding
        # A finding that only tells that something was taken out stays what it is.
        warns = finding.warns if finding.place == "media" else rule.warns
        severity = rule.severity if rule.severity.rank > Severity.INFO.rank else finding.severity
        return msgspec.structs.replace(finding, warns=warns, severity=severity)

    def _limit(self, finding: Finding, action: Action, doubts: list[str]) -> Finding | None:
        if finding.scanner in LIMITS:
            if getattr(self._policy, LIMITS[finding.scanner]) == 0:
                return None
            doubts.append(LIMITS_DEPEND)
            return finding
        limit = self._policy.layers.settings.max_url_length
        if limit > 0 and len(action.url) < limit:
            doubts.append(LENGTH_UNKNOWN)
        return finding if limit > 0 else None

    def _is_off(self, finding: Finding, action: Action, host: str) -> bool:
        """Whether what looked for it then is switched off, or does not look there."""
        section = _SECTIONS.get(finding.scanner)
        if section is not None and getattr(self._policy, section) is None:
            return True
        looks_off = self._off.get(finding.scanner)
        return looks_off is not None and looks_off(finding, action, host)

    def _no_bodies(self, _finding: Finding, action: Action, _host: str) -> bool:
        return not self._policy.scan_bodies and not action.comes_in

    def _no_header(self, finding: Finding, _action: Action, _host: str) -> bool:
        name = finding.place.partition(":")[2]
        return not self._policy.scan_headers or bool(name and not self._policy.scans_header(name))

    def _no_answers(self, _finding: Finding, _action: Action, host: str) -> bool:
        return not self._policy.scan_responses or host in self._policy.response_exempt

    def _no_entropy(self, finding: Finding, _action: Action, host: str) -> bool:
        settings = self._policy.layers.settings
        if finding.scanner == "subdomain_entropy":
            return _is_below(finding, settings.subdomain_entropy_threshold) or host in self._labels
        excluded = self._queries if finding.place.startswith("url:query") else self._labels
        return _is_below(finding, settings.entropy_threshold) or host in excluded


def _is_below(finding: Finding, threshold: float) -> bool:
    """Whether bits per character, which a finding's score tells as an eighth, are no longer too many."""
    return threshold <= 0 or finding.score * 8 <= threshold
