"""What a reload changes for the worse, and what it cannot change.

Each weakening is one sentence that starts with the key. Stricter settings are not mentioned: they surprise nobody who
is trying to attack, and everybody else sees them at work.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from pipelock.config.compare_admin import ADMIN_EXEMPTIONS, ADMIN_RESTART_ONLY
from pipelock.config.compare_agents import (
    AGENT_EXEMPTIONS,
    AGENT_PROTECTIONS,
    agents,
    listeners_differ,
    with_listeners_of,
)
from pipelock.config.compare_content import CONTENT_CEILINGS, CONTENT_PROTECTIONS, CONTENT_RANKS, content
from pipelock.config.compare_lists import added, egress_rules, patterns, removed, suppressions, uncovered, widened
from pipelock.config.compare_sandbox import sandboxes
from pipelock.config.compare_sessions import SESSION_PROTECTIONS, sessions
from pipelock.config.compare_taint import TAINT_PROTECTIONS, TAINT_RANKS, tainted
from pipelock.config.compare_traffic import (
    TRAFFIC_CEILINGS,
    TRAFFIC_EXEMPTIONS,
    TRAFFIC_PROTECTIONS,
    TRAFFIC_RANKS,
    TRAFFIC_RESTART_ONLY,
    traffic,
)
from pipelock.config.compare_watch import WATCH_CEILINGS, WATCH_PROTECTIONS, WATCH_RANKS, watched
from pipelock.config.digest import policy_hash
from pipelock.config.loader import Loaded
from pipelock.config.schema import Config

__all__ = ["RESTART_ONLY", "carry_over", "reconcile", "restart_only", "weakenings"]

RESTART_ONLY: Final = (
    "fetch_proxy.listen",
    "forward_proxy.enabled",
    "metrics_listen",
    "scan_api.listen",
    *ADMIN_RESTART_ONLY,
    *TRAFFIC_RESTART_ONLY,
)
"""Keys that a running daemon keeps until it is started again."""

# Words from weak to strong.
_RANKS: Final = {
    "mode": ("audit", "balanced", "strict"),
    "egress_default": ("allow", "ask", "block"),
    "approvals.unattended": ("hold", "deny"),
    "response_scanning.action": ("warn", "strip", "ask", "block"),
    "request_body_scanning.action": ("warn", "block"),
    "request_body_scanning.header_mode": ("sensitive", "all"),
    **CONTENT_RANKS,
    **TRAFFIC_RANKS,
    **WATCH_RANKS,
    **TAINT_RANKS,
}

_PROTECTIONS: Final = (
    "enforce",
    "bind_default_agent_identity",
    "dlp.scan_env",
    "dlp.include_defaults",
    "dlp.extended_patterns",
    "response_scanning.enabled",
    "response_scanning.include_defaults",
    "request_body_scanning.enabled",
    "request_body_scanning.scan_headers",
    "forward_proxy.sni_verification",
    "kill_switch.enabled",
    "logging.include_allowed",
    "logging.include_blocked",
    *CONTENT_PROTECTIONS,
    *TRAFFIC_PROTECTIONS,
    *WATCH_PROTECTIONS,
    *TAINT_PROTECTIONS,
    *SESSION_PROTECTIONS,
    *AGENT_PROTECTIONS,
)

_EXEMPTIONS: Final = (
    "kill_switch.health_exempt",
    "kill_switch.metrics_exempt",
    "kill_switch.api_exempt",
    *ADMIN_EXEMPTIONS,
    *TRAFFIC_EXEMPTIONS,
    *AGENT_EXEMPTIONS,
)

# A higher number lets more through, or waits longer. Where 0 is no limit it is the highest of all.
_CEILINGS: Final = (
    "fetch_proxy.timeout_seconds",
    "fetch_proxy.max_response_mb",
    "fetch_proxy.monitoring.max_url_length",
    "fetch_proxy.monitoring.entropy_threshold",
    "fetch_proxy.monitoring.subdomain_entropy_threshold",
    "forward_proxy.max_tunnel_seconds",
    "forward_proxy.idle_timeout_seconds",
    "request_body_scanning.max_body_bytes",
    "dlp.min_env_secret_length",
    "response_scanning.ask_timeout_seconds",
    "approvals.timeout_seconds",
    "approvals.max_pending",
    "approvals.max_pending_per_session",
    *CONTENT_CEILINGS,
    *TRAFFIC_CEILINGS,
    *WATCH_CEILINGS,
)
_CEILINGS_OR_NONE: Final = (
    "fetch_proxy.monitoring.max_requests_per_minute",
    "fetch_proxy.monitoring.max_data_per_minute",
)

# A lower number keeps less of the record.
_FLOORS: Final = ("logging.max_file_mb", "logging.keep_files")

S = TypeVar("S", bound=msgspec.Struct)
_Compare = Callable[[str, Sequence[Any], Sequence[Any]], Iterator[str]]
_LISTS: Final[tuple[tuple[str, _Compare], ...]] = (
    ("internal", uncovered),
    ("ssrf.ip_allowlist", widened),
    ("kill_switch.allowlist_ips", widened),
    ("trusted_domains", added),
    ("suppress", suppressions),
    ("response_scanning.exempt_domains", added),
    ("fetch_proxy.monitoring.subdomain_entropy_exclusions", added),
    ("fetch_proxy.monitoring.query_entropy_exclusions", added),
    ("request_body_scanning.ignore_headers", added),
    ("fetch_proxy.monitoring.blocklist", removed),
    ("request_body_scanning.sensitive_headers", removed),
)


def _get(config: Config, key: str) -> Any:  # noqa: ANN401 - as many types as keys
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def weakenings(old: Config, new: Config, *, builtin: Container[str] = ()) -> tuple[str, ...]:
    """What `new` no longer enforces that `old` did, one sentence for each key; empty if nothing is weaker.

    `builtin` holds the names of the built-in rules: a pattern of the user's own takes the place of its namesake, and
    only who knows the names can say that it does.
    """
    return (
        *_settings(old, new),
        *_lists(old, new),
        *patterns("dlp.patterns", old.dlp.patterns, new.dlp.patterns, builtin),
        *patterns(
            "response_scanning.patterns", old.response_scanning.patterns, new.response_scanning.patterns, builtin
        ),
        *egress_rules(old, new),
        *content(old, new),
        *watched(old, new),
        *tainted(old, new),
        *sessions(old, new),
        *traffic(old, new),
        *agents(old, new),
        *sandboxes(old, new),
    )


def _settings(old: Config, new: Config) -> Iterator[str]:
    for key, words in _RANKS.items():
        before, after = _get(old, key), _get(new, key)
        if words.index(after) < words.index(before):
            yield f"{key}: {before} became {after}"
    yield from (f"{key}: switched off" for key in _PROTECTIONS if _get(old, key) and not _get(new, key))
    yield from (f"{key}: switched on" for key in _EXEMPTIONS if _get(new, key) and not _get(old, key))
    for key in (*_CEILINGS, *_CEILINGS_OR_NONE):
        before, after = _get(old, key), _get(new, key)
        if _ceiling(key, after) > _ceiling(key, before):
            yield f"{key}: {before} became {after or 'no limit'}"
    for key in _FLOORS:
        before, after = _get(old, key), _get(new, key)
        if after < before:
            yield f"{key}: {before} became {after}"
    if old.logging.output != "stdout" and new.logging.output == "stdout":
        yield f"logging.output: {old.logging.file} is no longer written"
    sentinel = old.kill_switch.sentinel_file
    if sentinel and new.kill_switch.sentinel_file != sentinel:
        yield f"kill_switch.sentinel_file: {sentinel} is no longer looked at"


def _lists(old: Config, new: Config) -> Iterator[str]:
    for key, compare in _LISTS:
        yield from compare(key, _get(old, key), _get(new, key))
    if new.mode == "strict" and old.mode == "strict":
        yield from added("api_allowlist", old.api_allowlist, new.api_allowlist)


def _ceiling(key: str, value: float) -> float:
    return float("inf") if not value and key in _CEILINGS_OR_NONE else float(value)


def restart_only(old: Config, new: Config) -> tuple[str, ...]:
    """The keys that differ and that only a restart can change."""
    differing = [key for key in RESTART_ONLY if _get(old, key) != _get(new, key)]
    return (*differing, "agents.*.listeners") if listeners_differ(old, new) else tuple(differing)


def carry_over(old: Config, new: Config) -> Config:
    """`new` with the old values of the keys that only a restart can change.

    Where one of them is in `reverse_proxy`, all of that section is kept: its lists were written for the new profile.
    """
    differing = restart_only(old, new)
    if any(key.startswith("reverse_proxy.") for key in differing):
        new = msgspec.structs.replace(new, reverse_proxy=old.reverse_proxy)
    for key in differing:
        if key in RESTART_ONLY:
            new = _with(new, key.split("."), _get(old, key))
    return with_listeners_of(old, new) if listeners_differ(old, new) else new


def _with(section: S, names: Sequence[str], value: object) -> S:
    """`section` with another value for the key that `names` lead to."""
    name, *below = names
    inner = _with(getattr(section, name), below, value) if below else value
    return msgspec.structs.replace(section, **{name: inner})


def reconcile(running: Loaded, read: Loaded) -> Loaded:
    """What a running daemon can take over of a file it has read again: `carry_over`, under the hash of the result."""
    config = carry_over(running.config, read.config)
    return msgspec.structs.replace(read, config=config, policy_hash=policy_hash(config))
