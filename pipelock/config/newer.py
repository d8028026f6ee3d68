"""Keys that newer releases of the original Pipelock know: named as such instead of being called unknown."""

from __future__ import annotations

__all__ = ["NEWER_KEYS"]

_BY_RELEASE = {
    "2.7": (
        "allowed_push_repos",
        "enrollment_token_path",
        "license_intermediate_file",
        "require_receipts",
        "require_signed_agent_cards",
        "size_exempt_domains",
        "trusted_agent_card_keys",
    ),
    "2.8": (
        "allow_on",
        "approval",
        "approval_requests_human",
        "defer",
        "defer_resolver_profiles",
        "include_args",
        "labels",
        "license_crl_max_age",
        "license_require_intermediate",
        "max_pending",
        "max_pending_per_session",
        "mcp_servers",
        "policy_permits",
        "resolution_policy",
        "resolver_profile",
        "response_timeout_seconds",
        "step_up_on",
        "tool_inventory_baseline",
        "trust",
    ),
    "3.0": (
        "actions",
        "arg_len_gt",
        "arg_len_lt",
        "arg_number_gt",
        "arg_number_lt",
        "arg_type",
        "arg_value_in",
        "clean_requests_to_deescalate",
        "dashboard_snapshot",
        "destination_allowlist",
        "evidence_health",
        "filter",
        "forwarder",
        "level_duration_seconds",
        "query_entropy_param_exclusions",
        "severity_weighted_signals",
        "size_exempt_scan_bytes",
        "size_exempt_scan_enabled",
        "spool",
        "trusted_mcp_servers",
        "unscannable_passthrough",
    ),
}

NEWER_KEYS = {key: release for release, keys in _BY_RELEASE.items() for key in keys}
"""Key name to the release line that brought it. Looked at only for keys that this version does not know."""
