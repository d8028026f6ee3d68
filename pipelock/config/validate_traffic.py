"""Rules between the keys of interception, WebSockets and the reverse proxy, for `validate`.

What a section says while it is switched off is not in force and not looked at, but for the certificates, which
`pipelock tls` reads in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.rules import TEXT_RULES, ValueRuleError, is_loopback, listen_port
from pipelock.config.schema import Config
from pipelock.config.schema_proxy import ReverseProxy, TlsInterception, TrustedUpstream
from pipelock.config.upstream import Upstream, last_moment, parse_upstream, why_not_canonical

__all__ = ["SUBMIT_METHODS", "traffic_contradictions", "traffic_warnings"]

SUBMIT_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What `reverse_proxy.allowed_methods` may name. CONNECT leads elsewhere, TRACE shows what was sent, and of
others nobody can say what they do."""

_SUBMIT_ONLY: Final = (
    "allowed_methods",
    "allowed_paths",
    "trusted_upstream",
    "max_body_bytes",
    "request_timeout_seconds",
)
_GIBIBYTE: Final = 1_073_741_824


def traffic_contradictions(config: Config, now: float = 0.0) -> Iterator[tuple[str, str]]:
    """Pairs of key and message for values that do not go together at `now` (seconds since the epoch)."""
    yield from _certificates(config.tls_interception)
    if config.websocket_proxy.enabled and not config.websocket_proxy.strip_compression:
        yield (
            "websocket_proxy.strip_compression",
            "must be true: what is compressed is always opened, judged and compressed anew; remove it",
        )
    if config.reverse_proxy.enabled:
        yield from _reverse(config, now)


def _certificates(section: TlsInterception) -> Iterator[tuple[str, str]]:
    if bool(section.ca_cert) != bool(section.ca_key):
        missing, there = ("ca_key", "ca_cert") if section.ca_cert else ("ca_cert", "ca_key")
        yield f"tls_interception.{missing}", f"required beside {there}: give both, or neither"
    for index, file in enumerate(section.upstream_ca):
        if not file:
            yield f"tls_interception.upstream_ca[{index}]", "must not be empty"
    hosts: set[str] = set()
    for index, entry in enumerate(section.client_certificates):
        key = f"tls_interception.client_certificates[{index}]"
        if entry.host in hosts:
            yield f"{key}.host", f"{entry.host!r} has a certificate in an earlier entry already"
        hosts.add(entry.host)
        for name, value in (("cert", entry.cert), ("key", entry.key)):
            if not value:
                yield f"{key}.{name}", "must not be empty"


def _reverse(config: Config, now: float) -> Iterator[tuple[str, str]]:
    section = config.reverse_proxy
    if not section.listen:
        yield "reverse_proxy.listen", "required while reverse_proxy is on, such as 127.0.0.1:8890"
    else:
        for key, address in _listeners(config).items():
            if address and listen_port(address) == listen_port(section.listen):
                yield "reverse_proxy.listen", f"uses the port of {key}; give it one of its own"
    upstream = None
    if not section.upstream:
        yield "reverse_proxy.upstream", "required while reverse_proxy is on, such as http://127.0.0.1:3000"
    else:
        try:
            upstream = parse_upstream(section.upstream)
        except ValueRuleError as error:
            hint = f' (did you mean "{error.suggestion}"?)' if error.suggestion else ""
            yield "reverse_proxy.upstream", f"{error}{hint}"
    if upstream is not None and _leads_back(upstream, config):
        yield "reverse_proxy.upstream", "is one of our own listeners: a request would go round in circles"
    yield from _profile(section, upstream, now)


def _listeners(config: Config) -> dict[str, str]:
    return {
        "fetch_proxy.listen": config.fetch_proxy.listen,
        "metrics_listen": config.metrics_listen,
        "scan_api.listen": config.scan_api.listen,
    }


def _leads_back(upstream: Upstream, config: Config) -> bool:
    ours = [*_listeners(config).values(), config.reverse_proxy.listen]
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    return is_loopback(f"{host}:{upstream.port}") and upstream.port in {listen_port(one) for one in ours if one}


def _profile(section: ReverseProxy, upstream: Upstream | None, now: float) -> Iterator[tuple[str, str]]:
    if section.profile == "submit":
        yield from _submit(section)
        if section.trusted_upstream is not None:
            yield from _trusted(section.trusted_upstream, upstream)
            yield from _days(section.trusted_upstream, now)
        return
    for name in _SUBMIT_ONLY:
        if getattr(section, name):
            yield f"reverse_proxy.{name}", "has an effect with profile: submit alone; set that, or remove this"


def _submit(section: ReverseProxy) -> Iterator[tuple[str, str]]:
    for index, method in enumerate(section.allowed_methods):
        if method not in SUBMIT_METHODS:
            yield f"reverse_proxy.allowed_methods[{index}]", f"must be one of {', '.join(SUBMIT_METHODS)}"
    if not section.allowed_paths:
        yield "reverse_proxy.allowed_paths", "profile submit needs at least one path; nothing else would be reachable"
    for index, path in enumerate(section.allowed_paths):
        why = why_not_canonical(path.exact)
        if why is not None:
            yield f"reverse_proxy.allowed_paths[{index}].exact", why
    for name in ("max_body_bytes", "request_timeout_seconds"):
        if not getattr(section, name):
            yield f"reverse_proxy.{name}", "required with profile: submit, at least 1"


def _trusted(trusted: TrustedUpstream, upstream: Upstream | None) -> Iterator[tuple[str, str]]:
    place = "reverse_proxy.trusted_upstream"
    try:
        host = TEXT_RULES["plain_host"](trusted.host)
    except ValueRuleError as error:
        yield f"{place}.host", str(error)
    else:
        if upstream is not None and host != upstream.host:
            yield f"{place}.host", f"must be the host of reverse_proxy.upstream, {upstream.host}"
    if upstream is not None and not (upstream.port_written and trusted.port == upstream.port):
        yield f"{place}.port", "must be the port of reverse_proxy.upstream, and written there"
    if not trusted.reason.strip():
        yield f"{place}.reason", "required: say why this upstream is trusted"


def _days(trusted: TrustedUpstream, now: float) -> Iterator[tuple[str, str]]:
    place = "reverse_proxy.trusted_upstream"
    try:
        last_moment(trusted.added)
    except ValueRuleError as error:
        yield f"{place}.added", f"required: {error}"
    try:
        if trusted.expires and last_moment(trusted.expires) <= now:
            yield f"{place}.expires", f"{trusted.expires} is past: look at it again, and give it a later day"
    except ValueRuleError as error:
        yield f"{place}.expires", str(error)


def traffic_warnings(config: Config) -> Iterator[str]:
    """What is allowed and probably not meant; a sentence each, the key first."""
    if config.tls_interception.enabled and not config.forward_proxy.enabled:
        yield "tls_interception.enabled: has no effect while forward_proxy is off; there are no tunnels to open"
    section = config.websocket_proxy
    if section.enabled:
        most = section.max_concurrent_connections * section.max_message_bytes * 2
        if most > _GIBIBYTE:
            yield (
                "websocket_proxy.max_concurrent_connections: with max_message_bytes this may take "
                f"{most // 1_048_576} MiB of memory"
            )
        if not section.scan_text_frames:
            yield "websocket_proxy.scan_text_frames: off, so nobody looks into the messages of WebSockets"
