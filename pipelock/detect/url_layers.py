"""The URL pipeline: what a URL is checked for before and after its host is looked up, first refusal wins.

    scheme ─▶ crlf_injection ─▶ (parser) ─▶ path_traversal ─▶ allowlist, blocklist ─▶ core_ssrf, ssrf_metadata
        ─▶ dlp ─▶ entropy ─▶ subdomain_entropy ─▶ [DNS] ─▶ ssrf ─▶ length

Nothing that could carry data out happens before the host is looked up, because the lookup itself carries the name
out. `ratelimit` and `databudget` need memory and belong to the engine; this module only names the domain they count.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from pipelock.detect.address_ranges import (
    DEFAULT_INTERNAL,
    METADATA_NAMES,
    AddressClass,
    AddressPolicy,
    classify,
)
from pipelock.detect.addresses import Host, HostError, fold_host, parse_address
from pipelock.detect.hosts import HostSet, registrable_domain
from pipelock.detect.url_entropy import opaque_part, opaque_subdomain
from pipelock.detect.url_reasons import DNS_RULE, METADATA_RULE, PRIVATE_RULE, block_reason, hint
from pipelock.detect.url_secrets import Secrets, find_secrets
from pipelock.detect.url_syntax import has_line_break, is_overencoded, leaves_its_folder
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.model import Category, Finding, Severity

__all__ = ["Inspection", "UrlLayers", "UrlSettings", "block_reason"]

_SCHEMES = frozenset({"http", "https"})


class UrlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator set.

    Attributes:
        mode_strict: Hosts outside `api_allowlist` are refused.
        api_allowlist: Host patterns; outside strict mode they only tell a private answer of a known host from a threat.
        blocklist: Host patterns, in every mode.
        internal: CIDR networks that names may not resolve to; empty switches the check off for names.
        trusted_domains: Host patterns whose names may resolve to private addresses.
        ip_allowlist: CIDR networks that are not private to us.
        max_url_length: Characters; 0 for no limit.
        entropy_threshold: Bits per character for path and query; 0 or less switches the layer off.
        subdomain_entropy_threshold: Likewise for host labels.
        subdomain_entropy_exclusions: Host patterns whose path and labels are not judged by entropy.
        query_entropy_exclusions: Host patterns whose query is not.
    """

    mode_strict: bool = False
    api_allowlist: tuple[str, ...] = ()
    blocklist: tuple[str, ...] = ()
    internal: tuple[str, ...] = DEFAULT_INTERNAL
    trusted_domains: tuple[str, ...] = ()
    ip_allowlist: tuple[str, ...] = ()
    max_url_length: int = 2048
    entropy_threshold: float = 4.5
    subdomain_entropy_threshold: float = 4.0
    subdomain_entropy_exclusions: tuple[str, ...] = ()
    query_entropy_exclusions: tuple[str, ...] = ()


class Inspection(msgspec.Struct, frozen=True):
    """The outcome before DNS. `view` is `None` where the URL could not be taken apart, and then a finding is hard.

    `findings` are those of the first layer that refuses, after what earlier layers only warn about.
    """

    view: UrlView | None
    findings: tuple[Finding, ...] = ()


class UrlLayers:
    """The stateless layers, compiled from settings once. Thread-safe; no sockets, no clock."""

    def __init__(self, settings: UrlSettings, secrets: Secrets) -> None:
        """Compile host lists and networks.

        Raises:
            ValueError: a pattern or network of `settings` can't be read; the message names it.
        """
        self._settings = settings
        self._secrets = secrets
        self._allowed = HostSet(settings.api_allowlist)
        self._blocked = HostSet(settings.blocklist)
        self._trusted = HostSet(settings.trusted_domains)
        self._subdomain_exempt = HostSet(settings.subdomain_entropy_exclusions)
        self._query_exempt = HostSet(settings.query_entropy_exclusions)
        self._addresses = AddressPolicy(settings.internal, settings.ip_allowlist)
        # Agents talk to few hosts: what depends on the host alone is judged once for the last 4 096 of them.
        self._judge_host = lru_cache(maxsize=4096)(self._host_findings)

    def before_dns(self, url: str) -> Inspection:
        """Everything that can be said without looking the host up. Never raises on any text.

        Raises:
            MatcherError: only what the secret scanner itself raises; the caller blocks.
        """
        try:
            parts = split_url(url)
        except UrlError as error:
            return Inspection(None, (_unreadable(error),))
        if parts.scheme not in _SCHEMES:
            return Inspection(None, (_finding("scheme", "the URL is not http or https; use one of them", hard=True),))
        broken = has_line_break(parts)
        try:
            view = parse_url(parts)
        except UrlError as error:
            return Inspection(None, (_line_break(hard=True) if broken else _unreadable(error),))
        if broken:
            return Inspection(view, (_line_break(hard=False),))
        if leaves_its_folder(view.path):
            return Inspection(view, (_traversal(),))
        refused = self._judge_host(view.host)
        if refused:
            return Inspection(view, refused)
        return Inspection(view, self._content(view))

    def after_dns(self, view: UrlView, answers: Sequence[str] | None, error: str = "") -> tuple[Finding, ...]:
        """Judge every address that `view`'s host resolved to, or that it could not be resolved.

        One private answer among many refuses, metadata whatever is allowed or trusted.
        """
        if error or not answers:
            return (_unresolved(view.host, error or "it has no addresses"),)
        private = ""
        for answer in answers:
            try:
                address = parse_address(answer)
            except HostError as problem:
                return (_unresolved(view.host, str(problem)),)
            match classify(address, self._addresses, literal=view.host.is_address):
                case AddressClass.METADATA:
                    return (_metadata(f"{view.host.name} resolves to {address}, a cloud metadata service"),)
                case AddressClass.PRIVATE:
                    private = private or str(address)
                case AddressClass.PUBLIC:
                    continue
        if not private or self._is_trusted(view.host):
            return ()
        known = view.host.name in self._allowed
        return (
            _finding(
                "ssrf",
                f"{view.host.name} resolves to the private address {private}; if that is your own service, "
                "list its network in ssrf.ip_allowlist or its name in trusted_domains",
                rule=PRIVATE_RULE,
                severity=Severity.HIGH,
                category=Category.CONFIG_MISMATCH if known else Category.THREAT,
            ),
        )

    def length(self, url: str) -> tuple[Finding, ...]:
        """The `length` layer: a finding where `url` has more characters than `max_url_length`."""
        limit = self._settings.max_url_length
        if limit <= 0 or len(url) <= limit:
            return ()
        message = f"the URL has {len(url)} characters, fetch_proxy.monitoring.max_url_length is {limit}"
        return (_finding("length", message, severity=Severity.MEDIUM, score=0.8),)

    def registrable(self, view: UrlView) -> str:
        """The domain that rate and data limits count by."""
        return registrable_domain(view.host)

    def registrable_host(self, host: str) -> str:
        """Likewise for a host as received; text that is no host counts as itself, lower-cased."""
        try:
            return registrable_domain(fold_host(host))
        except HostError:
            return host.lower()

    def hint(self, label: str, rule: str = "") -> str:
        """What the operator can change about a refusal by layer `label` (and `rule`); empty for an unknown label."""
        return hint(label, rule)

    def _host_findings(self, host: Host) -> tuple[Finding, ...]:
        """The layers that look at the host alone: lists and the address floor."""
        name = host.name
        if self._settings.mode_strict and name not in self._allowed:
            message = f"{name} is not in api_allowlist, and mode is strict; add it there if agents need it"
            return (_finding("allowlist", message, severity=Severity.MEDIUM),)
        if name in self._blocked:
            message = f"{name} is on fetch_proxy.monitoring.blocklist"
            return (_finding("blocklist", message, severity=Severity.HIGH),)
        if name in METADATA_NAMES:
            return (_metadata(f"{name} is a cloud metadata service"),)
        if host.address is None:
            return ()
        match classify(host.address, self._addresses, literal=True):
            case AddressClass.METADATA:
                return (_metadata(f"{name} is a cloud metadata service"),)
            case AddressClass.PRIVATE:
                return (_private_literal(host),)
            case AddressClass.PUBLIC:
                return ()

    def _content(self, view: UrlView) -> tuple[Finding, ...]:
        """The layers that look for data on its way out."""
        findings = find_secrets(view, self._secrets)
        if is_overencoded(view):
            findings = (*findings, _overencoded())
        if any(not finding.warns for finding in findings):
            return findings
        settings = self._settings
        name = view.host.name
        host_exempt = name in self._subdomain_exempt
        if settings.entropy_threshold > 0:
            place, entropy = opaque_part(
                view, settings.entropy_threshold, path=not host_exempt, query=name not in self._query_exempt
            )
            if place:
                return (*findings, _opaque(place, entropy))
        if settings.subdomain_entropy_threshold > 0 and not host_exempt:
            entropy = opaque_subdomain(view, settings.subdomain_entropy_threshold)
            if entropy:
                return (*findings, _opaque_subdomain(view.host, entropy))
        return findings

    def _is_trusted(self, host: Host) -> bool:
        return host.address is None and host.name in self._trusted


def _finding(
    label: str,
    message: str,
    *,
    rule: str = "",
    severity: Severity = Severity.HIGH,
    place: str = "url",
    score: float = 1.0,
    category: Category = Category.THREAT,
    hard: bool = False,
) -> Finding:
    return Finding(
        scanner=label,
        rule=rule or label,
        severity=severity,
        message=message,
        place=place,
        score=score,
        category=category,
        hard=hard,
    )


def _unreadable(error: UrlError) -> Finding:
    return _finding("parser", str(error), severity=Severity.MEDIUM, hard=True)


def _line_break(*, hard: bool) -> Finding:
    message = "the URL holds a line break (CR or LF, encoded or not), which can split a request in two; remove it"
    return _finding("crlf_injection", message, score=0.9, hard=hard)


def _traversal() -> Finding:
    message = "the path climbs out of its folder with a dot-dot segment; send the path it stands for"
    return _finding("path_traversal", message, severity=Severity.MEDIUM, place="url:path", score=0.7)


def _metadata(message: str) -> Finding:
    return _finding(
        "ssrf_metadata",
        f"{message}; no setting opens it to agents",
        rule=METADATA_RULE,
        severity=Severity.CRITICAL,
        place="url:host",
        hard=True,
    )


def _private_literal(host: Host) -> Finding:
    written = f" (written as {host.written[:64]})" if host.spellings else ""
    return _finding(
        "core_ssrf",
        f"{host.name}{written} is a private or special address; if it is your own service, list its network in "
        "ssrf.ip_allowlist",
        rule=PRIVATE_RULE,
        severity=Severity.CRITICAL,
        place="url:host",
        hard=True,
    )


def _unresolved(host: Host, error: str) -> Finding:
    return _finding(
        "ssrf",
        f"{host.name} could not be resolved ({error}), so nobody knows where the request would go; check the name "
        "and your DNS",
        rule=DNS_RULE,
        severity=Severity.MEDIUM,
        place="url:host",
        category=Category.INFRASTRUCTURE,
        hard=True,
    )


def _overencoded() -> Finding:
    message = "the URL escapes plain letters or digits several times over, which only hides them; send them as they are"
    return _finding("dlp", message, rule="Layered Percent Encoding")


def _opaque(place: str, entropy: float) -> Finding:
    where = "path" if place == "url:path" else "query"
    message = (
        f"a part of the {where} looks like encoded or random data ({entropy:.1f} bits per character); if the host "
        f"needs that, add it to {_EXEMPTIONS[place]}"
    )
    return _finding("entropy", message, severity=Severity.MEDIUM, place=place, score=min(entropy / 8, 1.0))


def _opaque_subdomain(host: Host, entropy: float) -> Finding:
    message = (
        f"the labels below {registrable_domain(host)} look like encoded data, which a DNS lookup would carry out; if "
        "the host is yours, add it to fetch_proxy.monitoring.subdomain_entropy_exclusions"
    )
    return _finding(
        "subdomain_entropy", message, severity=Severity.MEDIUM, place="url:host", score=min(entropy / 8, 1.0)
    )


_EXEMPTIONS = {
    "url:path": "fetch_proxy.monitoring.subdomain_entropy_exclusions",
    "url:query": "fetch_proxy.monitoring.query_entropy_exclusions",
}
