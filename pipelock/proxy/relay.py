"""Ports of this machine that a sandbox was granted: what connects to one inside is carried to the same one outside."""

from __future__ import annotations

from pipelock.identity import Caller
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.transparent import CaughtConnection
from pipelock.proxy.tunnel import Inside

__all__ = ["HOST", "RelayConnection"]

HOST = "127.0.0.1"
"""Where granted ports are."""


class RelayConnection(CaughtConnection):
    """Serves one client of a granted port. Each connection is judged and recorded as a CONNECT to it.

    What is carried is not read: databases and other services that are meant for this machine alone speak protocols of
    their own, and often first.
    """

    def __init__(self, context: ProxyContext, caller: Caller, port: int) -> None:
        super().__init__(context, caller)
        self._port = port

    def opened(self) -> None:
        """Ask for the way at once: the other side may speak first."""
        super().opened()
        self.tunnel(HOST, self._port, inside=Inside.UNSEEN, named=True)
