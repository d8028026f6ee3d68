"""The URL pipeline: what a URL is checked for before and after its host is looked up, first refusal wins.

    scheme ─▶ crlf_injection ─▶ (parser) ─▶ path_traversal ─▶ allowlist, blocklist ─▶ core_ssrf, ssrf_metadata
        ─▶ dlp ─▶ entropy ─▶ subdomain_entropy ─▶ [DNS] ─▶ ssrf ─▶ length

Nothing that could carry data out happens before the host is looked up, because the lookup itself carries the name
out. `ratelimit` and `databudget` need memory and belong to the engine; this module only names the domain they count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from pipelock.detect import url_findings as findings
from pipelock.detect.address_ranges import (
    DEFAULT_INTERNAL,
    METADATA_NAMES,
    AddressClass,
    AddressPolicy,
    classify,
)
from pipelock.detect.addresses import Host, HostError, IPAddress, fold_host, parse_address
from pipelock.detect.hosts import HostSet, registrable_domain
from pipelock.detect.observe import Observer
from pipelock.detect.url_entropy import opaque_part, opaque_subdomain
from pipelock.detect.url_reasons import block_reason, hint
from pipelock.detect.url_secrets import Secrets, find_secrets
from pipelock.detect.url_syntax import has_line_break, is_overencoded, leaves_its_folder
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.model import Finding, Severity

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
        self.settings = settings
        self._secrets = secrets
        self._allowed = HostSet(settings.api_allowlist)
        self._blocked = HostSet(settings.blocklist)
        self._trusted = HostSet(settings.trusted_domains)
        self._subdomain_exempt = HostSet(settings.subdomain_entropy_exclusions)
        self._query_exempt = HostSet(settings.query_entropy_exclusions)
        self._addresses = AddressPolicy(settings.internal, settings.ip_allowlist)
        # Agents talk to few hosts: what depends on the host alone is judged once for the last 4 096 of them.
        self._judge_host = lru_cache(maxsize=4096)(self._host_findings)
        self._classify = lru_cache(maxsize=4096)(self._class_of)

    def before_dns(
        self, url: str, excuses: Callable[[Finding], bool] | None = None, observer: Observer | None = None
    ) -> Inspection:
        """Everything that can be said without looking the host up. Never raises on any text.

        Args:
            url: As received.
            excuses: Says of a finding that it refuses nothing, so that later layers look too.
            observer: Is told of each layer.

        Raises:
            MatcherError: only what the secret scanner itself raises; the caller blocks.
        """
        looked = observer.looked if observer is not None else _unwatched
        try:
            parts = split_url(url)
        except UrlError as error:
            return Inspection(None, (findings.unreadable(error),))
        if parts.scheme not in _SCHEMES:
            return Inspection(None, (findings.scheme(),))
        looked("scheme")
        broken = has_line_break(parts)
        try:
            view = parse_url(parts)
        except UrlError as error:
            return Inspection(None, (findings.line_break(hard=True) if broken else findings.unreadable(error),))
        if broken:
            return Inspection(view, (findings.line_break(hard=False),))
        looked("crlf_injection")
        looked("parser")
        return Inspection(view, self._judge(view, excuses, looked))

    def after_dns(self, view: UrlView, answers: Sequence[str] | None, error: str = "") -> tuple[Finding, ...]:
        """Judge every address that `view`'s host resolved to, or that it could not be resolved.

        One private answer among many refuses, metadata whatever is allowed or trusted.
        """
        if error or not answers:
            return (findings.unresolved(view.host, error or "it has no addresses"),)
        private = ""
        for answer in answers:
            try:
                kind = self._classify(answer, view.host.is_address)
            except HostError as problem:
                return (findings.unresolved(view.host, str(problem)),)
            match kind:
                case AddressClass.METADATA:
                    return (
                        findings.metadata(
                            f"{findings.shown_host(view.host.name)} resolves to {answer}, a cloud metadata service"
                        ),
                    )
                case AddressClass.PRIVATE:
                    private = private or answer
                case AddressClass.PUBLIC:
                    continue
        if not private or self._is_trusted(view.host):
            return ()
        return (findings.private_answer(view.host, private, known=view.host.name in self._allowed),)

    def length(self, url: str) -> tuple[Finding, ...]:
        """The `length` layer: a finding where `url` has more characters than `max_url_length`."""
        limit = self.settings.max_url_length
        if limit <= 0 or len(url) <= limit:
            return ()
        message = f"the URL has {len(url)} characters, fetch_proxy.monitoring.max_url_length is {limit}"
        return (findings.finding("length", message, severity=Severity.MEDIUM, score=0.8),)

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

    def _judge(
        self, view: UrlView, excuses: Callable[[Finding], bool] | None, looked: Callable[[str], None]
    ) -> tuple[Finding, ...]:
        if leaves_its_folder(view.path):
            return (findings.traversal(),)
        looked("path_traversal")
        found = self._judge_host(view.host)
        if _refuses(found, excuses):
            return found
        for layer in _HOST_LAYERS:
            looked(layer)
        return (*found, *self._content(view, excuses, looked))

    def _class_of(self, answer: str, literal: bool) -> AddressClass:  # noqa: FBT001 - a key of the cache
        return classify(parse_address(answer), self._addresses, literal=literal)

    def _host_findings(self, host: Host) -> tuple[Finding, ...]:
        """The layers that look at the host alone: lists and the address floor."""
        name, shown = host.name, findings.shown_host(host.name)
        if self.settings.mode_strict and name not in self._allowed:
            message = f"{shown} is not in api_allowlist, and mode is strict; add it there if agents need it"
            return (findings.finding("allowlist", message, severity=Severity.MEDIUM),)
        if name in self._blocked:
            message = f"{shown} is on the operator's list of refused hosts, fetch_proxy.monitoring.blocklist"
            return (findings.finding("blocklist", message),)
        if name in METADATA_NAMES:
            return (findings.metadata(f"{name} is a cloud metadata service"),)
        return () if host.address is None else self._literal_findings(host, host.address)

    def _literal_findings(self, host: Host, address: IPAddress) -> tuple[Finding, ...]:
        match classify(address, self._addresses, literal=True):
            case AddressClass.METADATA:
                return (findings.metadata(f"{host.name} is a cloud metadata service"),)
            case AddressClass.PRIVATE:
                return (findings.private_literal(host),)
            case AddressClass.PUBLIC:
                return ()

    def _content(
        self, view: UrlView, excuses: Callable[[Finding], bool] | None, looked: Callable[[str], None]
    ) -> tuple[Finding, ...]:
        """The layers that look for data on its way out."""
        found = find_secrets(view, self._secrets, excuses)
        if is_overencoded(view):
            found = (*found, findings.overencoded())
        looked("dlp")
        if _refuses(found, excuses):
            return found
        settings = self.settings
        name = view.host.name
        host_exempt = name in self._subdomain_exempt
        if settings.entropy_threshold > 0:
            place, entropy = opaque_part(
                view, settings.entropy_threshold, path=not host_exempt, query=name not in self._query_exempt
            )
            if place:
                found = (*found, findings.opaque(place, entropy))
                if _refuses(found, excuses):
                    return found
        looked("entropy")
        if settings.subdomain_entropy_threshold > 0 and not host_exempt:
            entropy = opaque_subdomain(view, settings.subdomain_entropy_threshold)
            if entropy:
                return (*found, findings.opaque_subdomain(view.host, entropy))
        looked("subdomain_entropy")
        return found

    def _is_trusted(self, host: Host) -> bool:
        return host.address is None and host.name in self._trusted


_HOST_LAYERS = ("allowlist", "blocklist", "core_ssrf")


def _unwatched(_layer: str) -> None:
    """Nobody wants to know."""


def _refuses(found: Sequence[Finding], excuses: Callable[[Finding], bool] | None) -> bool:
    return any(not item.warns and not (excuses is not None and excuses(item)) for item in found)
