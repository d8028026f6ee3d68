"""Names for a configuration: one for the file's bytes, one for the policy it means."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from pipelock.config.schema import Config

__all__ = ["POLICY_HASH_DIGITS", "policy_hash", "source_hash"]

POLICY_HASH_DIGITS: Final = 16

_OPERATIONAL = (
    ("metrics_listen",),
    ("fetch_proxy", "listen"),
    ("reverse_proxy", "listen"),
    ("reverse_proxy", "upstream"),
    ("kill_switch", "api_listen"),
    ("kill_switch", "api_token"),
    ("notifications",),
    ("logging",),
    ("history",),
    ("sentry",),
    ("emit",),
    ("flight_recorder",),
    ("license_key",),
    ("license_file",),
    ("license_public_key",),
    ("license_crl_file",),
    ("mediation_envelope", "signing_key_path"),
    ("agents",),
    ("conductor",),
    ("mcp_tool_policy", "quarantine_dir"),
)
"""Where things are, not what is allowed: two machines with one policy have one hash."""

_UNORDERED = ("api_allowlist", "internal", "trusted_domains")


def source_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def policy_hash(config: Config) -> str:
    """The first 16 hex digits of SHA-256 over the policy as canonical JSON.

    Canonical: UTF-8, keys sorted, no white space; operational keys left out; `api_allowlist`, `internal` and
    `trusted_domains` sorted, for their order means nothing.
    """
    tree: dict[str, Any] = msgspec.to_builtins(config)
    for *sections, key in _OPERATIONAL:
        holder = tree
        for section in sections:
            holder = holder[section]
        del holder[key]
    for key in _UNORDERED:
        tree[key] = sorted(tree[key])
    data = msgspec.json.encode(tree, order="sorted")
    return hashlib.sha256(data).hexdigest()[:POLICY_HASH_DIGITS]
