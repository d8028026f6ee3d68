"""`host:port` as users write it."""

from __future__ import annotations

from pipelock.cli.errors import UsageError

__all__ = ["parse_address", "reachable", "url_of"]


def parse_address(text: str) -> tuple[str, int]:
    """Split `host:port` or `[v6]:port`.

    Raises:
        UsageError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    plain = all(char.isascii() and (char.isalnum() or char in ".-:_%") for char in host)
    if not (colon and plain and 0 < number < 65_536):
        raise UsageError(f"{text} is not an address; write host:port, for example 127.0.0.1:8888")
    return host, number


def reachable(host: str) -> str:
    """The address to dial for a listener's host: one that means "every interface" is dialled over loopback."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def url_of(host: str, port: int) -> str:
    """The proxy URL of a listener."""
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
