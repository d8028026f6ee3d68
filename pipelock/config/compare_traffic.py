"""Comparisons of interception, WebSockets, streams and the reverse proxy for `pipelock.config.compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added
from pipelock.config.schema import Config
from pipelock.config.schema_proxy import ReverseProxy, TrustedUpstream
from pipelock.config.schema_scanning import SseStreaming

__all__ = [
    "TRAFFIC_CEILINGS",
    "TRAFFIC_EXEMPTIONS",
    "TRAFFIC_PROTECTIONS",
    "TRAFFIC_RANKS",
    "TRAFFIC_RESTART_ONLY",
    "traffic",
]

TRAFFIC_RESTART_ONLY: Final = (
    "websocket_proxy.enabled",
    "reverse_proxy.enabled",
    "reverse_proxy.listen",
    "reverse_proxy.upstream",
    "reverse_proxy.profile",
)
TRAFFIC_RANKS: Final = {
    "response_scanning.large_bodies": ("scan", "block"),
    "request_body_scanning.large_bodies": ("scan", "block"),
}
TRAFFIC_PROTECTIONS: Final = (
    "tls_interception.enabled",
    "websocket_proxy.scan_text_frames",
    "response_scanning.sse_streaming.enabled",
)
TRAFFIC_EXEMPTIONS: Final = ("websocket_proxy.allow_binary_frames", "websocket_proxy.forward_cookies")
TRAFFIC_CEILINGS: Final = (
    "tls_interception.cert_ttl",
    "tls_interception.max_response_bytes",
    "websocket_proxy.max_message_bytes",
    "websocket_proxy.max_concurrent_connections",
    "websocket_proxy.max_connection_seconds",
    "websocket_proxy.idle_timeout_seconds",
)


def traffic(old: Config, new: Config) -> Iterator[str]:
    """What is carried unread, or taken for genuine, now and was not before."""
    before, after = old.tls_interception, new.tls_interception
    if before.enabled and after.enabled:
        yield from added("tls_interception.passthrough_domains", before.passthrough_domains, after.passthrough_domains)
        yield from added("forward_proxy.raw_tcp", old.forward_proxy.raw_tcp, new.forward_proxy.raw_tcp)
    yield from added("tls_interception.upstream_ca", before.upstream_ca, after.upstream_ca)
    yield from _events(old.response_scanning.sse_streaming, new.response_scanning.sse_streaming)
    # The profile itself is changed by a restart alone, so both have it or neither.
    if old.reverse_proxy.enabled and old.reverse_proxy.profile == "submit" == new.reverse_proxy.profile:
        yield from _submit(old.reverse_proxy, new.reverse_proxy)


def _events(old: SseStreaming, new: SseStreaming) -> Iterator[str]:
    """Empty and 0 are the defaults here."""
    place = "response_scanning.sse_streaming"
    if new.action == "warn" != old.action:
        yield f"{place}.action: block became warn"
    before, after = (each.max_event_bytes or SseStreaming().max_event_bytes for each in (old, new))
    if after > before:
        yield f"{place}.max_event_bytes: {before} became {after}"


def _submit(old: ReverseProxy, new: ReverseProxy) -> Iterator[str]:
    # An empty list of methods is POST alone.
    yield from added(
        "reverse_proxy.allowed_methods", old.allowed_methods or ("POST",), new.allowed_methods or ("POST",)
    )
    before = {path.exact for path in old.allowed_paths}
    names = [path.exact for path in new.allowed_paths if path.exact not in before]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        yield f"reverse_proxy.allowed_paths: {', '.join(names[:5])}{more} added"
    for key in ("max_body_bytes", "request_timeout_seconds"):
        before_limit, after_limit = getattr(old, key), getattr(new, key)
        if after_limit > before_limit:
            yield f"reverse_proxy.{key}: {before_limit} became {after_limit}"
    if new.trusted_upstream is not None:
        yield from _trusted(old.trusted_upstream, new.trusted_upstream)


def _trusted(old: TrustedUpstream | None, new: TrustedUpstream) -> Iterator[str]:
    if old is None:
        yield f"reverse_proxy.trusted_upstream: {new.host}:{new.port} added"
    elif (old.host, old.port) != (new.host, new.port):
        yield f"reverse_proxy.trusted_upstream: {old.host}:{old.port} became {new.host}:{new.port}"
    elif old.expires and (not new.expires or new.expires > old.expires):
        # Days are written YYYY-MM-DD, so their text has their order.
        yield f"reverse_proxy.trusted_upstream.expires: {old.expires} became {new.expires or 'never'}"
