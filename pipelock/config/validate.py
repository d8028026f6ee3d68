"""Rules between keys: what each value alone cannot show. Also the warnings that do not stop a start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipelock.config.rules import is_loopback, listen_port, parse_expiry
from pipelock.config.schema import Config
from pipelock.config.schema_operations import EgressRule
from pipelock.config.validate_admin import admin_contradictions, admin_warnings
from pipelock.config.validate_agents import agent_contradictions, agent_warnings
from pipelock.config.validate_redaction import redaction_contradictions
from pipelock.config.validate_sandbox import sandbox_contradictions, sandbox_warnings
from pipelock.config.validate_sessions import session_contradictions, session_warnings
from pipelock.config.validate_taint import taint_contradictions, taint_warnings
from pipelock.config.validate_traffic import traffic_contradictions, traffic_warnings
from pipelock.config.validate_watch import watch_contradictions

__all__ = ["contradictions", "notices", "warnings"]

_UPSTREAM_ON = ("health_watchdog",)
"""Sections that the original switches on by itself and that this version does not have."""

_LICENCE_KEYS = ("license_key", "license_file", "license_public_key", "license_crl_file")


def contradictions(
    config: Config, now: float = 0.0, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Pairs of key and message for values that do not go together at `now` (seconds since the epoch).

    Each makes the file unusable.
    """
    if config.mode == "strict" and not config.api_allowlist:
        yield "api_allowlist", "strict mode needs at least one host here; nothing else would be reachable"
    if config.bind_default_agent_identity and not config.default_agent_identity:
        yield "bind_default_agent_identity", "needs default_agent_identity"
    if config.metrics_listen and listen_port(config.metrics_listen) == listen_port(config.fetch_proxy.listen):
        yield "metrics_listen", "uses the port of fetch_proxy.listen; give it one of its own or leave it empty"
    yield from _scan_api(config)
    if not config.fetch_proxy.listen:
        yield "fetch_proxy.listen", "must not be empty"
    if config.logging.output != "stdout" and not config.logging.file:
        yield "logging.file", f"required with logging.output: {config.logging.output}"
    if config.approvals.max_pending_per_session > config.approvals.max_pending:
        yield "approvals.max_pending_per_session", "must not exceed approvals.max_pending"
    yield from admin_contradictions(config, environ or {})
    yield from agent_contradictions(config)
    yield from redaction_contradictions(config)
    yield from watch_contradictions(config)
    yield from taint_contradictions(config)
    yield from session_contradictions(config)
    yield from sandbox_contradictions(config)
    yield from traffic_contradictions(config, now)
    yield from _repeated("egress_rules", [rule.name for rule in config.egress_rules])
    yield from _repeated("dlp.patterns", [pattern.name for pattern in config.dlp.patterns])
    yield from _repeated("response_scanning.patterns", [p.name for p in config.response_scanning.patterns])


def _scan_api(config: Config) -> Iterator[tuple[str, str]]:
    section = config.scan_api
    if not section.listen:
        return
    if not section.auth.bearer_tokens or not all(token.strip() for token in section.auth.bearer_tokens):
        yield "scan_api.auth.bearer_tokens", "needs a token, and no blank one, while scan_api.listen is set"
    taken = {"fetch_proxy.listen": config.fetch_proxy.listen, "metrics_listen": config.metrics_listen}
    for key, address in taken.items():
        if address and listen_port(address) == listen_port(section.listen):
            yield "scan_api.listen", f"uses the port of {key}; give it one of its own"


def _repeated(key: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name.casefold(), index)
        if earlier != index:
            yield f"{key}[{index}].name", f"{name!r} is already the name of {key}[{earlier}]"


def warnings(config: Config, written: Mapping[str, object], now: float = 0.0) -> Iterator[str]:
    """What is allowed and probably not meant at `now` (seconds since the epoch); a sentence each, the key first."""
    reverse = config.reverse_proxy.listen if config.reverse_proxy.enabled else ""
    listeners = {
        "fetch_proxy.listen": config.fetch_proxy.listen,
        "metrics_listen": config.metrics_listen,
        "reverse_proxy.listen": reverse,
    }
    for key, listen in listeners.items():
        if listen and not is_loopback(listen):
            yield f"{key}: {listen} can be reached from other machines; there is no login on this port"
    if not config.internal:
        yield "internal: empty, so private networks may be dialled; only the built-in floor remains"
    if not config.enforce:
        yield "enforce: off, so findings are logged and hardly anything is blocked"
    if not config.dlp.include_defaults and not config.dlp.patterns:
        yield "dlp.include_defaults: off and no patterns of your own, so only the built-in core is recognised"
    if config.response_scanning.exempt_domains and not config.response_scanning.enabled:
        yield "response_scanning.exempt_domains: has no effect while response_scanning is off"
    if config.mode == "strict" and config.egress_default == "allow":
        yield "egress_default: allow in strict mode; only api_allowlist limits where requests go"
    yield from admin_warnings(config)
    yield from agent_warnings(config)
    yield from traffic_warnings(config)
    yield from session_warnings(config)
    yield from sandbox_warnings(config)
    yield from _blind_rules(config)
    yield from _expired(config, now)
    yield from taint_warnings(config, written, now)
    for section in _UPSTREAM_ON:
        if section in written and f"{section}.enabled" not in written:
            yield f"{section}: not supported yet by this version and stays off"


def _expired(config: Config, now: float) -> Iterator[str]:
    for index, entry in enumerate(config.suppress):
        if entry.expires and parse_expiry(entry.expires) <= now:
            yield (
                f"suppress[{index}]: {entry.rule} at {entry.path} expired on {entry.expires} and no longer holds; "
                "remove it, or give it a later date"
            )


def _blind_rules(config: Config) -> Iterator[str]:
    looking = [rule for rule in config.egress_rules if rule.action != "allow" and _needs_to_see_inside(rule)]
    if not looking or not config.forward_proxy.enabled:
        return
    if not config.tls_interception.enabled:
        yield (
            f"egress_rules: {_names(looking)}: method and path are seen in plain HTTP only; HTTPS goes through "
            "tunnels, which tls_interception opens, and which a rule with method CONNECT (or with neither condition) "
            "stops as a whole"
        )
        return
    passed = config.tls_interception.passthrough_domains
    blind = [rule for rule in looking if any(_meets(rule.host, host) for host in passed)]
    if blind:
        yield (
            f"egress_rules: {_names(blind)}: tls_interception.passthrough_domains keeps tunnels to these hosts closed, "
            "so that method and path are not seen there"
        )
    raw = [entry.rpartition(":") for entry in config.forward_proxy.raw_tcp]
    blind = [
        rule
        for rule in looking
        if any(_meets(rule.host, host) and rule.port in (0, int(port)) for host, _, port in raw)
    ]
    if blind:
        yield (
            f"egress_rules: {_names(blind)}: forward_proxy.raw_tcp keeps tunnels to these hosts closed, so that method "
            "and path are not seen there"
        )


def _names(rules: Sequence[EgressRule]) -> str:
    return ", ".join(rule.name for rule in rules[:5])


def _meets(host: str, passed: str) -> bool:
    """Whether a rule for `host`, which names one, is also about what `passed` names. Any host is not one."""
    return host != "*" and (_is_below(host, passed) or _is_below(passed, host))


def _is_below(host: str, pattern: str) -> bool:
    bare = pattern.removeprefix("*.")
    return host.removeprefix("*.") == bare or (bare != pattern and host.endswith(f".{bare}"))


def _needs_to_see_inside(rule: EgressRule) -> bool:
    return bool(rule.path) or bool(rule.method and "CONNECT" not in rule.method)


def notices(written: Mapping[str, object]) -> Iterator[str]:
    """What the operator should know once; one sentence each."""
    licence = [key for key in _LICENCE_KEYS if key in written]
    if licence:
        yield f"{', '.join(licence)}: not needed and not read; every feature is there for everybody"
    if "sentry" in written:
        yield "sentry: not read; there is no telemetry and no crash reporting"
