"""Every layer has a reason and a hint, and the hints name settings that exist."""

from __future__ import annotations

import pytest

from pipelock.detect.url_reasons import DNS_RULE, OVERENCODED_RULE, UNSEARCHED_RULE, block_reason, hint
from pipelock.model import BlockReason

LABELS = {
    "parser": BlockReason.PARSE_ERROR,
    "context": BlockReason.TIMEOUT,
    "scheme": BlockReason.SCHEME_BLOCKED,
    "crlf_injection": BlockReason.BAD_REQUEST,
    "path_traversal": BlockReason.BAD_REQUEST,
    "allowlist": BlockReason.DOMAIN_BLOCKLIST,
    "blocklist": BlockReason.DOMAIN_BLOCKLIST,
    "core_ssrf": BlockReason.SSRF_PRIVATE_IP,
    "ssrf_metadata": BlockReason.SSRF_METADATA,
    "core_dlp": BlockReason.DLP_MATCH,
    "dlp": BlockReason.DLP_MATCH,
    "entropy": BlockReason.PATH_ENTROPY,
    "subdomain_entropy": BlockReason.SUBDOMAIN_ENTROPY,
    "ssrf": BlockReason.SSRF_PRIVATE_IP,
    "ratelimit": BlockReason.RATE_LIMIT,
    "length": BlockReason.URL_LENGTH,
    "databudget": BlockReason.DATA_BUDGET,
}


@pytest.mark.parametrize("label", LABELS)
def test_each_label(label: str) -> None:
    assert block_reason(label) is LABELS[label]
    assert hint(label)


def test_an_unknown_label_is_a_parse_error_without_a_hint() -> None:
    assert block_reason("who knows") is BlockReason.PARSE_ERROR
    assert hint("who knows") == ""


def test_a_failed_lookup_is_not_called_private() -> None:
    assert block_reason("ssrf", DNS_RULE) is BlockReason.TIMEOUT
    assert "DNS" in hint("ssrf", DNS_RULE)
    assert "ip_allowlist" in hint("ssrf", "Private Address")


def test_rules_of_their_own_have_hints_of_their_own() -> None:
    assert hint("dlp", OVERENCODED_RULE) != hint("dlp", UNSEARCHED_RULE) != hint("dlp", "AWS Access ID")
    assert hint("dlp", "AWS Access ID") == hint("dlp")
