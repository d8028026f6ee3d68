"""What the parts take from config, in their own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pipelock.config import Config, Loaded
from pipelock.detect.hosts import HostSet
from pipelock.identity import Agents
from pipelock.model import ScanKind
from pipelock.proxy.api import ApiLimits
from pipelock.proxy.bodies.events import EVENT_LIMIT
from pipelock.proxy.context import ProxySettings
from pipelock.proxy.interception import Interception
from pipelock.proxy.limits import MAX_CONNECTIONS
from pipelock.proxy.raw_tcp import RawTcp
from pipelock.proxy.scan_api import ScanSettings
from pipelock.proxy.websocket.settings import WebSocketSettings
from pipelock.tls.authority import CERTIFICATE_FILE, KEY_FILE, Authority, fingerprints
from pipelock.tls.upstream import ClientIdentity, UpstreamTls

__all__ = [
    "api_limits",
    "interception_of",
    "own_authorities",
    "proxy_settings",
    "scan_settings",
    "upstream_tls_of",
]


def interception_of(config: Config, home: Path) -> Interception | None:
    """Section `tls_interception`; `None` where it is off. The authority is made where there is none yet.

    Raises:
        AuthorityError: its files can't be used.
    """
    section = config.tls_interception
    if not section.enabled:
        return None
    certificate = _certificate(config, home)
    authority = Authority.open(
        certificate,
        Path(section.ca_key) if section.ca_key else home / KEY_FILE,
        leaf_seconds=section.cert_ttl,
        cache_size=section.cert_cache_size,
    )
    return Interception(authority, HostSet(section.passthrough_domains), str(certificate))


def _certificate(config: Config, home: Path) -> Path:
    section = config.tls_interception
    return Path(section.ca_cert) if section.ca_cert else home / CERTIFICATE_FILE


def own_authorities(config: Config, home: Path) -> frozenset[bytes]:
    """Fingerprints of the authorities of our own that something on this machine may trust, interception on or off."""
    return fingerprints(_certificate(config, home))


def proxy_settings(loaded: Loaded) -> ProxySettings:
    """What the roads take from several sections."""
    config = loaded.config
    return ProxySettings(
        forward_enabled=config.forward_proxy.enabled,
        max_request_body=config.request_body_scanning.max_body_bytes,
        max_response_body=config.fetch_proxy.max_response_mb * 1024 * 1024,
        upstream_seconds=float(config.fetch_proxy.timeout_seconds),
        max_tunnel_seconds=float(config.forward_proxy.max_tunnel_seconds),
        tunnel_idle_seconds=float(config.forward_proxy.idle_timeout_seconds),
        sni_verification=config.forward_proxy.sni_verification,
        user_agent=config.fetch_proxy.user_agent,
        explain=config.explain_blocks,
        agents=Agents.from_config(config),
        health_exempt=config.kill_switch.health_exempt,
        metrics_exempt=config.kill_switch.metrics_exempt,
        api_exempt=config.kill_switch.api_exempt,
        max_intercepted_body=config.tls_interception.max_response_bytes,
        streams_requests=config.request_body_scanning.large_bodies == "scan" and not config.redaction.enabled,
        streams_responses=config.response_scanning.large_bodies == "scan",
        event_streams=config.response_scanning.sse_streaming.enabled,
        max_event_bytes=config.response_scanning.sse_streaming.max_event_bytes or EVENT_LIMIT,
        websocket_hints=HostSet(config.forward_proxy.redirect_websocket_hosts),
        raw_tcp=RawTcp(config.forward_proxy.raw_tcp),
        websocket=_websocket(config),
    )


def scan_settings(loaded: Loaded) -> ScanSettings:
    """Section `scan_api`, as the service reads it."""
    section = loaded.config.scan_api
    return ScanSettings(
        tokens=section.auth.bearer_tokens,
        agents=Agents.from_config(loaded.config),
        per_minute=section.rate_limit.requests_per_minute,
        burst=section.rate_limit.burst,
        max_body=section.max_body_bytes,
        field_limits={name: getattr(section.field_limits, name) for name in section.field_limits.__struct_fields__},
        scan_seconds=section.timeouts.scan,
        kinds=frozenset(kind for kind in ScanKind if getattr(section.kinds, kind.value)),
    )


def api_limits(loaded: Loaded) -> ApiLimits:
    """Section `scan_api`, as its listener reads it."""
    section = loaded.config.scan_api
    return ApiLimits(
        connections=section.connection_limit or MAX_CONNECTIONS,
        body=section.max_body_bytes,
        read_seconds=section.timeouts.read,
        write_seconds=section.timeouts.write,
    )


def upstream_tls_of(config: Config, environ: Mapping[str, str], own: Collection[bytes] = ()) -> UpstreamTls | None:
    """How upstreams have to prove who they are. What authorities with a fingerprint in `own` signed proves nothing.

    `None` for what needs no settings and is made when it is first needed.

    Raises:
        TrustError: a file that section `tls_interception` names can't be used.
    """
    section = config.tls_interception
    if not (own or section.upstream_ca or section.client_certificates):
        return None
    return UpstreamTls(
        extra=tuple(map(Path, section.upstream_ca)),
        identities=[ClientIdentity(one.host, Path(one.cert), Path(one.key)) for one in section.client_certificates],
        environ=environ,
        own=own,
    )


def _websocket(config: Config) -> WebSocketSettings:
    section = config.websocket_proxy
    return WebSocketSettings(
        enabled=section.enabled,
        max_message=section.max_message_bytes,
        max_connections=section.max_concurrent_connections,
        allow_binary=section.allow_binary_frames,
        forward_cookies=section.forward_cookies,
        max_seconds=float(section.max_connection_seconds),
        idle_seconds=float(section.idle_timeout_seconds),
        origin_policy=section.origin_policy,
    )
