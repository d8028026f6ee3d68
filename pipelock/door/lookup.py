"""The system's own resolver, asked in the ordinary blocking way.

It knows /etc/hosts, VPN split DNS and mDNS, which a DNS client does not. Without the event loop, so that commands which
start fast may ask it too.
"""

from __future__ import annotations

import socket

__all__ = ["lookup_failure", "system_lookup"]


def system_lookup(host: str) -> tuple[str, ...]:
    """All addresses of `host` in the system's order of preference, without duplicates; blocks, without a deadline.

    Raises:
        OSError: the name does not resolve.
        UnicodeError: it is not a name that can be looked up.
    """
    rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in rows))


def lookup_failure(error: BaseException | None) -> str:
    """Why `system_lookup` failed, in a few words."""
    if isinstance(error, socket.gaierror):
        return f"no such host ({error.strerror})"
    if isinstance(error, UnicodeError):
        return "not a host name that can be looked up"
    return f"lookup failed ({type(error).__name__})"
