"""What may pass unread on purpose: `forward_proxy.raw_tcp`, hosts with a port each."""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.hosts import HostSet

__all__ = ["SSH_PORT", "RawTcp"]

SSH_PORT = 22
"""Here a declared tunnel carries SSH (RFC 4253) and nothing else; on other ports anything."""


class RawTcp:
    """The list, compiled: a look-up costs what one in a `HostSet` does."""

    __slots__ = ("_by_port",)

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Compile `host:port` and `*.host:port`, IPv6 addresses in brackets.

        Raises:
            ValueError: a port is no number from 1 to 65535.
            HostPatternError: a host is none.
        """
        hosts: dict[int, list[str]] = {}
        for entry in entries:
            host, _, port = entry.strip().rpartition(":")
            number = int(port) if port.isascii() and port.isdigit() else 0
            if not 0 < number < 65_536:
                raise ValueError(f'"{entry}": a port from 1 to 65535 belongs behind the host, as in github.com:22')
            hosts.setdefault(number, []).append(host)
        self._by_port = {number: HostSet(patterns) for number, patterns in hosts.items()}

    def covers(self, host: str, port: int) -> bool:
        """Whether what goes to `port` of `host` (as received) may pass unread."""
        hosts = self._by_port.get(port)
        if hosts is None:
            return False
        try:
            return fold_host(host).name in hosts
        except HostError:
            return False
