"""What a layer's refusal is called towards clients, and what the operator can change about it."""

from __future__ import annotations

from pipelock.model import BlockReason

__all__ = ["DNS_RULE", "METADATA_RULE", "OVERENCODED_RULE", "PRIVATE_RULE", "UNSEARCHED_RULE", "block_reason", "hint"]

PRIVATE_RULE = "Private Address"
METADATA_RULE = "Cloud Metadata"
DNS_RULE = "DNS Failure"
UNSEARCHED_RULE = "Unsearched URL"
OVERENCODED_RULE = "Layered Percent Encoding"

_REASONS = {
    "parser": BlockReason.PARSE_ERROR,
    "context": BlockReason.TIMEOUT,
    "scheme": BlockReason.SCHEME_BLOCKED,
    "crlf_injection": BlockReason.BAD_REQUEST,
    "path_traversal": BlockReason.BAD_REQUEST,
    "allowlist": BlockReason.DOMAIN_BLOCKLIST,
    "blocklist": BlockReason.DOMAIN_BLOCKLIST,
    "core_ssrf": BlockReason.SSRF_PRIVATE_IP,
    "ssrf_metadata": BlockReason.SSRF_METADATA,
    "ssrf": BlockReason.SSRF_PRIVATE_IP,
    "core_dlp": BlockReason.DLP_MATCH,
    "dlp": BlockReason.DLP_MATCH,
    "entropy": BlockReason.PATH_ENTROPY,
    "subdomain_entropy": BlockReason.SUBDOMAIN_ENTROPY,
    "ratelimit": BlockReason.RATE_LIMIT,
    "length": BlockReason.URL_LENGTH,
    "databudget": BlockReason.DATA_BUDGET,
}
# The vocabulary has no word for a failed lookup; `timeout` is the one that says "the world failed, try again".
_RULE_REASONS = {("ssrf", DNS_RULE): BlockReason.TIMEOUT}

_HINTS = {
    "parser": "the client sent something that is not one unambiguous URL; no setting changes that",
    "context": "the request was given up while it was judged; try again",
    "scheme": "only http and https are carried; no setting changes that",
    "crlf_injection": "no setting allows line breaks in URLs; send the text in a request body",
    "path_traversal": "no setting allows dot-dot segments; send the path they stand for",
    "allowlist": "add the host to api_allowlist, or use mode: balanced",
    "blocklist": "remove the host from fetch_proxy.monitoring.blocklist",
    "core_ssrf": "list the network in ssrf.ip_allowlist if the service is yours",
    "ssrf_metadata": "cloud metadata services hand out credentials and stay closed; no setting opens them",
    "ssrf": "add the name to trusted_domains, or the network to ssrf.ip_allowlist",
    "core_dlp": "this rule belongs to the core floor and can't be switched off; keep the credential out of the URL",
    "dlp": "if the host may have this, add a `suppress` entry for the rule and this URL with the place as its field; "
    "`pipelock explain --url` writes one",
    "entropy": "add the host to fetch_proxy.monitoring.subdomain_entropy_exclusions (path) or query_entropy_exclusions "
    "(query), or raise entropy_threshold",
    "subdomain_entropy": "add the host to fetch_proxy.monitoring.subdomain_entropy_exclusions",
    "ratelimit": "raise fetch_proxy.monitoring.max_requests_per_minute",
    "length": "raise fetch_proxy.monitoring.max_url_length",
    "databudget": "raise fetch_proxy.monitoring.max_data_per_minute, or set it to 0 for no limit",
}
_RULE_HINTS = {
    ("ssrf", DNS_RULE): "the name did not resolve: check its spelling and this machine's DNS, or give it an address in "
    "dns.host_overrides",
    ("dlp", UNSEARCHED_RULE): "no setting raises this limit; send the data in a request body",
    ("dlp", OVERENCODED_RULE): "no setting allows letters escaped several times over; the client has to send "
    "them plainly",
}


def block_reason(label: str, rule: str = "") -> BlockReason:
    """The code for a refusal by layer `label`, with its `rule` where one layer has several; unknown: parse error."""
    return _RULE_REASONS.get((label, rule)) or _REASONS.get(label, BlockReason.PARSE_ERROR)


def hint(label: str, rule: str = "") -> str:
    """The setting that changes such a refusal, named by its key, or that none does; empty for an unknown label."""
    return _RULE_HINTS.get((label, rule)) or _HINTS.get(label, "")
