"""Rules between keys of the admin API and of notifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from pipelock.config.rules import is_loopback, listen_port
from pipelock.config.schema import Config

__all__ = [
    "OPERATORS_VARIABLES",
    "SECRET_VARIABLE",
    "SHORTEST_SECRET",
    "TOKEN_VARIABLE",
    "admin_contradictions",
    "admin_warnings",
]

TOKEN_VARIABLE = "PIPELOCK_KILLSWITCH_API_TOKEN"  # noqa: S105 - a name
"""Wins over `kill_switch.api_token` where it is set and not empty."""
SECRET_VARIABLE = "PIPELOCK_WEBHOOK_SECRET"  # noqa: S105 - a name
"""Wins over `notifications.webhook.secret` and `secret_file` where it is set and not empty."""
OPERATORS_VARIABLES = frozenset({TOKEN_VARIABLE, SECRET_VARIABLE})
"""What lets whoever has it act as the operator: no program that the daemon starts is given it."""
SHORTEST_SECRET = 16
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def admin_contradictions(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs of key and message for values that do not go together; `environ` may hold the token and the secret."""
    section = config.kill_switch
    token = environ.get(TOKEN_VARIABLE) or section.api_token
    if section.api_token and not _is_plain(section.api_token):
        yield "kill_switch.api_token", "must be printable ASCII without spaces: it travels in a header"
    if section.api_listen:
        if not token:
            yield "kill_switch.api_listen", f"needs kill_switch.api_token, or {TOKEN_VARIABLE} in the environment"
        yield from _shared_port(config)
    yield from _webhook(config, environ)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _shared_port(config: Config) -> Iterator[tuple[str, str]]:
    taken = {
        "fetch_proxy.listen": config.fetch_proxy.listen,
        "metrics_listen": config.metrics_listen,
        "scan_api.listen": config.scan_api.listen,
        "reverse_proxy.listen": config.reverse_proxy.listen if config.reverse_proxy.enabled else "",
    }
    port = listen_port(config.kill_switch.api_listen)
    for key, address in taken.items():
        if port and address and listen_port(address) == port:
            yield "kill_switch.api_listen", f"uses the port of {key}; give it one of its own"


def _webhook(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    section = config.notifications.webhook
    secret = environ.get(SECRET_VARIABLE) or section.secret
    for key, url in (("url", section.url), ("answer_url", section.answer_url)):
        if url and not _is_sound(url):
            yield f"notifications.webhook.{key}", "must be an https URL, or http to this machine, without user or #part"
    if section.secret and section.secret_file:
        yield "notifications.webhook.secret_file", "and secret exclude each other"
    if section.url and not (secret or section.secret_file):
        yield "notifications.webhook.url", f"needs secret or secret_file, or {SECRET_VARIABLE} in the environment"
    if secret and len(secret) < SHORTEST_SECRET:
        yield "notifications.webhook.secret", f"has at least {SHORTEST_SECRET} characters"
    if not section.url:
        for key in ("answers", "allow_scopes"):
            if getattr(section, key):
                yield f"notifications.webhook.{key}", "has no effect without notifications.webhook.url"
    elif section.allow_scopes and not section.answers:
        yield "notifications.webhook.allow_scopes", "has no effect without notifications.webhook.answers"


def _is_sound(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or not _is_plain(url):
        return False
    return parts.scheme == "https" or _is_local(parts)


def _is_local(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS


def admin_warnings(config: Config) -> Iterator[str]:
    """What is allowed and probably not meant."""
    section = config.kill_switch
    if section.api_listen and not is_loopback(section.api_listen):
        yield (
            f"kill_switch.api_listen: {section.api_listen} can be reached from other machines, and its token travels "
            "unencrypted; put a TLS proxy or a tunnel in front of it"
        )
    if section.api_token and len(section.api_token) < SHORTEST_SECRET:
        yield f"kill_switch.api_token: shorter than {SHORTEST_SECRET} characters; it can be guessed"
    if section.api_token and not section.api_listen:
        yield "kill_switch.api_token: without api_listen the admin API is on the port that agents use"
    if config.notifications.webhook.url and config.approvals.unattended == "deny":
        yield (
            "notifications.webhook.url: with approvals.unattended: deny nothing is held, and nothing told, while no "
            "dashboard is open"
        )
