"""The block-reason vocabulary that travels in `X-Pipelock-Block-Reason` (spec http §9)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["BlockReason", "Retry", "Severity"]


class Severity(StrEnum):
    """How bad a finding is. `rank` orders them."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (info) to 4 (critical)."""
        return _SEVERITIES.index(self)


_SEVERITIES = tuple(Severity)


class Retry(StrEnum):
    """What a client may do after a refusal."""

    NONE = "none"
    TRANSIENT = "transient"
    POLICY = "policy"


class BlockReason(StrEnum):
    """Why something was refused; the value is the header's value.

    `severity` is one of `info`, `warn`, `critical` (the header's words, coarser than `Severity`).
    """

    def __new__(cls, code: str, severity: str, retry: Retry) -> Self:
        """Build a member that is its code and carries severity and retry advice."""
        self = str.__new__(cls, code)
        self._value_ = code
        self.severity = severity
        self.retry = retry
        return self

    severity: str
    retry: Retry

    SCHEME_BLOCKED = "scheme_blocked", "warn", Retry.NONE
    DOMAIN_BLOCKLIST = "domain_blocklist", "critical", Retry.POLICY
    SSRF_PRIVATE_IP = "ssrf_private_ip", "critical", Retry.NONE
    SSRF_METADATA = "ssrf_metadata", "critical", Retry.NONE
    SSRF_DNS_REBIND = "ssrf_dns_rebind", "critical", Retry.TRANSIENT
    PATH_ENTROPY = "path_entropy", "warn", Retry.POLICY
    SUBDOMAIN_ENTROPY = "subdomain_entropy", "warn", Retry.POLICY
    URL_LENGTH = "url_length", "warn", Retry.POLICY
    RATE_LIMIT = "rate_limit", "warn", Retry.TRANSIENT
    DATA_BUDGET = "data_budget", "warn", Retry.POLICY
    DLP_MATCH = "dlp_match", "critical", Retry.NONE
    CROSS_REQUEST_DENY = "cross_request_deny", "critical", Retry.NONE
    REDACTION_FAILURE = "redaction_failure", "critical", Retry.TRANSIENT
    TOOL_POISONING = "tool_poisoning", "critical", Retry.NONE
    MEDIA_POLICY = "media_policy", "warn", Retry.POLICY
    AIRLOCK_ACTIVE = "airlock_active", "critical", Retry.TRANSIENT
    ESCALATION_LEVEL = "escalation_level", "critical", Retry.TRANSIENT
    SESSION_ANOMALY = "session_anomaly", "critical", Retry.TRANSIENT
    PROMPT_INJECTION = "prompt_injection", "critical", Retry.NONE
    KILL_SWITCH_ACTIVE = "kill_switch_active", "critical", Retry.TRANSIENT
    AUTHORITY_MISMATCH = "authority_mismatch", "critical", Retry.POLICY
    REDIRECT_SCAN_DENIED = "redirect_scan_denied", "critical", Retry.NONE
    COMPRESSED_RESPONSE = "compressed_response", "warn", Retry.POLICY
    RESPONSE_SIZE = "response_size", "warn", Retry.POLICY
    PARSE_ERROR = "parse_error", "warn", Retry.NONE
    TIMEOUT = "timeout", "warn", Retry.TRANSIENT
    PATTERN_UNAVAILABLE = "pattern_unavailable", "warn", Retry.TRANSIENT
    NOT_ENABLED = "not_enabled", "info", Retry.POLICY
    BAD_REQUEST = "bad_request", "info", Retry.NONE
    # The operator's own egress rule or the operator's own "no": the reference's word for "your policy says so".
    REQUEST_POLICY_DENY = "request_policy_deny", "critical", Retry.POLICY
