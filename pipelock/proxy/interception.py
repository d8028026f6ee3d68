"""Whose tunnels are opened, and who signs for it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.hosts import HostSet
from pipelock.tls.authority import Authority

__all__ = ["Interception"]


@dataclass(frozen=True, slots=True)
class Interception:
    """Section `tls_interception`, switched on: who signs, and whose tunnels stay closed.

    Attributes:
        certificate: The authority's file, for clients to trust.
    """

    authority: Authority
    passthrough: HostSet
    certificate: str = ""

    def passes(self, host: str) -> bool:
        """Whether tunnels to `host` stay closed."""
        try:
            return fold_host(host).name in self.passthrough
        except HostError:
            return False
