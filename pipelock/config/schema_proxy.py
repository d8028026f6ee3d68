"""Sections about carrying traffic: fetch, forward, interception, WebSocket, reverse, DNS."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    ByteCount,
    Cidrs,
    Count,
    Duration,
    FilePath,
    HostPattern,
    HostPatterns,
    HostPorts,
    Hosts,
    IpAddress,
    Listen,
    Method,
    Natural,
    PlainHost,
    Seconds,
    Switch,
    Word,
)

__all__ = [
    "DEFAULT_BLOCKLIST",
    "DEFAULT_ENTROPY_EXCLUSIONS",
    "ClientCertificate",
    "Dns",
    "FetchProxy",
    "ForwardProxy",
    "Monitoring",
    "ReversePath",
    "ReverseProxy",
    "Ssrf",
    "TlsInterception",
    "TrustedUpstream",
    "WebsocketProxy",
]

DEFAULT_BLOCKLIST = (
    "*.pastebin.com",
    "*.hastebin.com",
    "*.paste.ee",
    "*.transfer.sh",
    "*.file.io",
    "*.requestbin.com",
)
DEFAULT_ENTROPY_EXCLUSIONS = ("pypi.org", "files.pythonhosted.org", "objects.githubusercontent.com")


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the URL scanners, for every transport.

    Attributes:
        max_url_length: Characters of the whole URL.
        entropy_threshold: Bits per character above which a path or query part is refused (at most 8).
        subdomain_entropy_threshold: The same for host labels.
        max_requests_per_minute: For each registrable domain; 0 is no limit.
        max_data_per_minute: Bytes for each registrable domain; 0 is no limit.
        blocklist: Hosts that are refused in every mode.
        subdomain_entropy_exclusions: Hosts whose labels and path are not measured; the query still is.
        query_entropy_exclusions: Hosts whose query is not measured.
    """

    max_url_length: Annotated[int, Meta(ge=16, le=65_536)] = 2048
    entropy_threshold: Annotated[float, Meta(gt=0, le=8)] = 4.5
    subdomain_entropy_threshold: Annotated[float, Meta(gt=0, le=8)] = 4.0
    max_requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 60
    max_data_per_minute: Annotated[int, Meta(ge=0, le=1_099_511_627_776)] = 0
    blocklist: HostPatterns = DEFAULT_BLOCKLIST
    subdomain_entropy_exclusions: Hosts = DEFAULT_ENTROPY_EXCLUSIONS
    query_entropy_exclusions: Hosts = ()


class FetchProxy(msgspec.Struct, frozen=True, kw_only=True):
    """The main listener and `/fetch`. `timeout_seconds` and `max_response_mb` hold for forwarded requests too."""

    listen: Listen = "127.0.0.1:8888"
    timeout_seconds: Seconds = 30
    max_response_mb: Annotated[int, Meta(ge=1, le=1024)] = 10
    user_agent: Annotated[str, Meta(min_length=1, max_length=256, extra={"rule": "header_value"})] = (
        "Pipelock Fetch/1.0"
    )
    monitoring: Monitoring = Monitoring()


class ForwardProxy(msgspec.Struct, frozen=True, kw_only=True):
    """Absolute-URI requests and CONNECT tunnels.

    Attributes:
        raw_tcp: Hosts and ports whose tunnels stay closed, whatever is in them; on port 22 that must be SSH.
    """

    enabled: Switch = False
    max_tunnel_seconds: Seconds = 300
    idle_timeout_seconds: Seconds = 120
    sni_verification: bool = True
    redirect_websocket_hosts: Hosts = ()
    raw_tcp: HostPorts = ()


class Ssrf(msgspec.Struct, frozen=True, kw_only=True):
    """`ip_allowlist`: private networks that may be reached after all; never metadata addresses."""

    ip_allowlist: Cidrs = ()


class Dns(msgspec.Struct, frozen=True, kw_only=True):
    """`host_overrides`: addresses used for a host instead of asking the resolver; they are judged like an answer."""

    host_overrides: dict[PlainHost, Annotated[tuple[IpAddress, ...], Meta(min_length=1, max_length=64)]] = {}


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate (PEM, with its chain) and key that `host` is shown when it asks for one."""

    host: HostPattern
    cert: FilePath
    key: FilePath


class TlsInterception(msgspec.Struct, frozen=True, kw_only=True):
    """Opening TLS tunnels, so that what is in them is judged.

    Attributes:
        ca_cert: The authority that signs for hosts, PEM; `ca.pem` beside the daemon's data where it is empty, made on
            first use.
        ca_key: Its key.
        passthrough_domains: Hosts whose tunnels stay closed: carried, and not read.
        cert_ttl: How long a host's certificate is valid, seconds.
        cert_cache_size: Certificates kept.
        max_response_bytes: The largest answer that is held whole; of larger ones see `large_bodies`.
        upstream_ca: Authorities trusted beside the system's own, PEM files.
        client_certificates: What we show to hosts that ask who we are.
    """

    enabled: Switch = False
    ca_cert: FilePath = ""
    ca_key: FilePath = ""
    passthrough_domains: Hosts = ("*.googlevideo.com",)
    cert_ttl: Duration = 86_400.0
    cert_cache_size: Count = 10_000
    max_response_bytes: ByteCount = 5_242_880
    upstream_ca: Annotated[tuple[FilePath, ...], Meta(max_length=64)] = ()
    client_certificates: Annotated[tuple[ClientCertificate, ...], Meta(max_length=256)] = ()


class WebsocketProxy(msgspec.Struct, frozen=True, kw_only=True):
    """WebSockets: `/ws?url=`, and upgrades of forwarded and intercepted requests.

    Attributes:
        strip_compression: The reference's switch; only `true` is accepted. Compression is negotiated anyway: messages
            are decompressed, judged, and compressed anew.
        origin_policy: What becomes of the Origin header of `/ws`: the upstream's own, the client's, or none.
    """

    enabled: Switch = False
    max_message_bytes: ByteCount = 1_048_576
    max_concurrent_connections: Count = 128
    scan_text_frames: bool = True
    allow_binary_frames: bool = False
    forward_cookies: bool = False
    strip_compression: bool = True
    max_connection_seconds: Seconds = 3600
    idle_timeout_seconds: Seconds = 300
    origin_policy: Literal["rewrite", "forward", "strip"] = "rewrite"


class ReversePath(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the submit profile."""

    exact: Word


class TrustedUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """The upstream a submit profile names. Dates are YYYY-MM-DD."""

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    reason: str = ""
    added: str = ""
    expires: str = ""


class ReverseProxy(msgspec.Struct, frozen=True, kw_only=True):
    """A listener of its own, all of whose requests go to one upstream.

    Attributes:
        profile: `submit` lets through only `allowed_methods` on `allowed_paths`.
        max_body_bytes: The largest request of profile `submit`.
        request_timeout_seconds: For a whole exchange of profile `submit`.
    """

    enabled: Switch = False
    listen: Listen = ""
    upstream: str = ""
    profile: Literal["", "submit"] = ""
    allowed_methods: tuple[Method, ...] = ()
    allowed_paths: tuple[ReversePath, ...] = ()
    trusted_upstream: TrustedUpstream | None = None
    max_body_bytes: Natural = 0
    request_timeout_seconds: Natural = 0
