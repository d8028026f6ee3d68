"""The environment variables that make programs use the proxy and believe its authority, as data.

There are three kinds of trust variable, and to mix them up breaks programs: an *added* one names certificates that a
program trusts besides its own; a *replacing* one names all that it trusts, so it must point at a file that holds the
system's authorities as well as ours (`pipelock.trust.bundle`). Java, PHP and wget have neither: they take options or
files of settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pipelock.trust import php
from pipelock.trust.java import OPTIONS_VARIABLE, java_options, without_ours

__all__ = ["ADDED", "REPLACING", "WGETRC_VARIABLE", "TrustFiles", "cleared", "names", "variables"]


class TrustFiles(NamedTuple):
    """Files for trust variables: `authority` holds our certificate alone, `bundle` the system's and ours.

    `truststore` is the bundle in the form Java reads, `wgetrc` and the folder `php` name it to wget and PHP; empty for
    none.
    """

    authority: str
    bundle: str
    truststore: str = ""
    wgetrc: str = ""
    php: str = ""


_PROXIES = (
    "HTTP_PROXY",  # Go, Python, .NET, most others
    "http_proxy",  # curl reads no other spelling for plain HTTP
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "grpc_proxy",  # gRPC looks here first
    "YARN_HTTP_PROXY",  # Yarn from 2 on reads none of those above
    "YARN_HTTPS_PROXY",
    "npm_config_proxy",  # these heed the ones above, too, but a proxy in their own settings would win
    "npm_config_https_proxy",
    "CARGO_HTTP_PROXY",
    "PIP_PROXY",
    "DOCKER_HTTP_PROXY",  # programs that start containers hand these on
    "DOCKER_HTTPS_PROXY",
)

_EXCEPTIONS = ("NO_PROXY", "no_proxy")

_SWITCHES = (
    ("NODE_USE_ENV_PROXY", "1"),  # Node's fetch and http heed the variables above only with this one (22.21, 24)
    ("PERL_LWP_ENV_PROXY", "1"),
    ("CLOUDSDK_PROXY_TYPE", "http"),
)

ADDED = (
    "NODE_EXTRA_CA_CERTS",  # Node, Yarn, Bun
    "DENO_CERT",
)
"""Trusted besides what the program trusts anyway."""

REPLACING = (
    "SSL_CERT_FILE",  # OpenSSL: Python, Ruby, PHP; Go on Linux; rustls programs such as uv; httpx
    "CURL_CA_BUNDLE",  # curl
    "REQUESTS_CA_BUNDLE",  # Python requests
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "npm_config_cafile",  # npm, pnpm; not Yarn's YARN_HTTPS_CA_FILE_PATH: Yarn 2 ends at the unknown name
    "AWS_CA_BUNDLE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",  # gcloud
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "BUNDLE_SSL_CA_CERT",  # Bundler
    "COMPOSER_CAFILE",
    "HEX_CACERTS_PATH",  # Elixir's hex
    "PERL_LWP_SSL_CA_FILE",
    "NIX_SSL_CERT_FILE",
)
"""Trusted instead of what the program trusts otherwise."""

WGETRC_VARIABLE = "SYSTEM_WGETRC"
"""Read by wget in the place of /etc/wgetrc; the user's own ~/.wgetrc is read after it."""


def variables(
    proxy: str, files: TrustFiles | None, inherited: Mapping[str, str], exceptions: str = ""
) -> dict[str, str]:
    """Names and values, in the order in which they are printed.

    Args:
        proxy: `http://host:port`.
        files: What trust variables point at; `None` leaves them out.
        inherited: The environment that these come on top of. Java's options are kept, ours are added.
        exceptions: Hosts that are reached without the proxy, separated by commas. NO_PROXY is set even where there are
            none: an inherited `localhost` would let everything on this machine be reached unseen.
    """
    parts = urlsplit(proxy)
    chosen = dict.fromkeys(_PROXIES, proxy)
    chosen |= dict.fromkeys(_EXCEPTIONS, exceptions)
    chosen |= dict(_SWITCHES)
    chosen["CLOUDSDK_PROXY_ADDRESS"] = parts.hostname or ""
    chosen["CLOUDSDK_PROXY_PORT"] = str(parts.port or 80)
    if files is not None:
        # Whoever already adds certificates keeps them: the bundle holds them too.
        extra = any(inherited.get(name, "") not in ("", files.authority) for name in ADDED)
        chosen |= dict.fromkeys(ADDED, files.bundle if extra else files.authority)
        chosen |= dict.fromkeys(REPLACING, files.bundle)
        if files.wgetrc:
            chosen[WGETRC_VARIABLE] = files.wgetrc
        if files.php:
            chosen[php.SCAN_VARIABLE] = php.scan_folders(inherited.get(php.SCAN_VARIABLE, ""), files.php)
    truststore = files.truststore if files is not None else ""
    chosen[OPTIONS_VARIABLE] = java_options(inherited.get(OPTIONS_VARIABLE, ""), proxy, truststore, exceptions)
    return chosen


def names() -> tuple[str, ...]:
    """Every variable that `variables` may set."""
    return (*variables("http://h:1", TrustFiles("a", "b", "c", "d", "e"), {}),)


def cleared(inherited: Mapping[str, str]) -> dict[str, str | None]:
    """What takes `variables` back: `None` is "not set". What the user has in Java's options and PHP's list stays."""
    undone: dict[str, str | None] = dict.fromkeys(names())
    undone[OPTIONS_VARIABLE] = without_ours(inherited.get(OPTIONS_VARIABLE, "")) or None
    undone[php.SCAN_VARIABLE] = php.without_ours(inherited.get(php.SCAN_VARIABLE, "")) or None
    return undone
