"""The findings of the URL layers, each with a message that says what to do."""

from __future__ import annotations

from pipelock.detect.addresses import Host
from pipelock.detect.excerpt import mask
from pipelock.detect.hosts import registrable_domain
from pipelock.detect.url_reasons import DNS_RULE, METADATA_RULE, OVERENCODED_RULE, PRIVATE_RULE, UNSEARCHED_RULE
from pipelock.detect.url_view import UrlError
from pipelock.model import Category, Finding, Severity

__all__ = [
    "finding",
    "line_break",
    "metadata",
    "opaque",
    "opaque_subdomain",
    "overencoded",
    "private_answer",
    "private_literal",
    "scheme",
    "shown_host",
    "traversal",
    "unreadable",
    "unresolved",
    "unsearched",
]

_EXEMPTIONS = {
    "url:path": "fetch_proxy.monitoring.subdomain_entropy_exclusions",
    "url:query": "fetch_proxy.monitoring.query_entropy_exclusions",
}


_LONG_LABEL = 20
_SEPARATORS = ".:%[]"


def shown_host(name: str) -> str:
    """`name` as a message may show it: nobody has searched it yet, so long labels keep only their ends.

    A label of 20 characters or more can be a secret, and what is shown reaches logs and screens.
    """
    out: list[str] = []
    start = 0
    for index, char in enumerate(name + "."):
        if char in _SEPARATORS:
            label = name[start:index]
            out.append(label if len(label) < _LONG_LABEL else mask(label))
            out.append(char)
            start = index + 1
    return "".join(out)[:-1]


def finding(
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
    """A finding of layer `label`; the rule is the label where the layer has one rule."""
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


def unreadable(error: UrlError) -> Finding:
    """The URL could not be taken apart."""
    return finding("parser", str(error), severity=Severity.MEDIUM, hard=True)


def scheme() -> Finding:
    """A scheme that is not carried; hard, because nothing could carry it."""
    return finding("scheme", "the URL is not http or https; use one of them", severity=Severity.MEDIUM, hard=True)


def line_break(*, hard: bool) -> Finding:
    """A line break in what would be sent; hard where nothing else of the URL could be read."""
    message = "the URL holds a line break (CR or LF, encoded or not), which can split a request in two; remove it"
    return finding("crlf_injection", message, score=0.9, hard=hard)


def traversal() -> Finding:
    """A dot-dot segment."""
    message = "the path climbs out of its folder with a dot-dot segment; send the path it stands for"
    return finding("path_traversal", message, severity=Severity.MEDIUM, place="url:path", score=0.7)


def metadata(message: str) -> Finding:
    """A cloud metadata service, by address or name."""
    return finding(
        "ssrf_metadata",
        f"{message}; no setting opens it to agents",
        rule=METADATA_RULE,
        severity=Severity.CRITICAL,
        place="url:host",
        hard=True,
    )


def private_literal(host: Host) -> Finding:
    """An address literal that the floor refuses."""
    written = f" (written as {shown_host(host.written)[:64]})" if host.spellings else ""
    return finding(
        "core_ssrf",
        f"{shown_host(host.name)}{written} is a private or special address; if it is your own service, list its "
        "network in ssrf.ip_allowlist",
        rule=PRIVATE_RULE,
        severity=Severity.CRITICAL,
        place="url:host",
        hard=True,
    )


def private_answer(host: Host, address: str, *, known: bool) -> Finding:
    """A name with a private address; a `known` host (in `api_allowlist`) is a mistake rather than a threat."""
    return finding(
        "ssrf",
        f"{shown_host(host.name)} resolves to the private address {address}; if that is your own service, list its "
        "network in ssrf.ip_allowlist or its name in trusted_domains",
        rule=PRIVATE_RULE,
        place="url:host",
        category=Category.CONFIG_MISMATCH if known else Category.THREAT,
    )


def unresolved(host: Host, error: str) -> Finding:
    """No addresses, or none that can be read."""
    return finding(
        "ssrf",
        f"{shown_host(host.name)} could not be resolved ({error}), so nobody knows where the request would go; "
        "check the name and your DNS",
        rule=DNS_RULE,
        severity=Severity.MEDIUM,
        place="url:host",
        category=Category.INFRASTRUCTURE,
        hard=True,
    )


def overencoded() -> Finding:
    """Letters escaped several times over."""
    message = "the URL escapes plain letters or digits several times over, which only hides them; send them as they are"
    return finding("dlp", message, rule=OVERENCODED_RULE)


def unsearched() -> Finding:
    """More encoded or cut-up data than is searched."""
    message = "the URL holds more encoded data than is searched for secrets; send it in a request body"
    return finding("dlp", message, rule=UNSEARCHED_RULE)


def opaque(place: str, entropy: float) -> Finding:
    """Data in the path or query."""
    where = "path" if place == "url:path" else "query"
    message = (
        f"a part of the {where} looks like encoded or random data ({entropy:.1f} bits per character); if the host "
        f"needs that, add it to {_EXEMPTIONS[place]}"
    )
    return finding("entropy", message, severity=Severity.MEDIUM, place=place, score=min(entropy / 8, 1.0))


def opaque_subdomain(host: Host, entropy: float) -> Finding:
    """Data in the host's labels."""
    message = (
        f"the labels below {shown_host(registrable_domain(host))} look like encoded data, which a DNS lookup would "
        "carry out; if the host is yours, add it to fetch_proxy.monitoring.subdomain_entropy_exclusions"
    )
    return finding(
        "subdomain_entropy", message, severity=Severity.MEDIUM, place="url:host", score=min(entropy / 8, 1.0)
    )
