"""What the operator's config makes of a host: whose words come from there, and who would read what is sent there."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.hosts import HostSet

__all__ = ["MAX_CACHED", "Standing", "Standings", "is_internal_address"]

MAX_CACHED = 1024
"""Hosts whose standing is remembered, if they are no longer than a name can be; beyond it the memory starts afresh."""

_LONGEST_NAME = 253
# What an address in a private network (RFC 1918, RFC 4193, RFC 6598, loopback) starts with. Parsing costs more than the
# rest of a note, and nearly every address is a public one.
_MAYBE_INTERNAL = ("10.", "127.", "172.", "192.168.", "100.", "169.254.", "fc", "fd", "fe80", "::1")


class Standing(StrEnum):
    """How a host stands to the operator, the closest first; a host that is in several lists has the first."""

    LOCAL = "local"
    """This machine."""
    INTERNAL = "internal"
    """A private address, or a host that the operator's config names as their own."""
    MODEL = "model"
    """A model answers there: the agent's own thinking."""
    REFERENCE = "reference"
    """Documentation that the operator trusts."""
    LISTED = "listed"
    """In `api_allowlist`."""
    OUTSIDE = "outside"
    """Anybody's."""


class Standings:
    """Host lists in order of closeness. Looking a host up costs one dictionary access once it has been seen."""

    def __init__(
        self,
        *,
        internal: Iterable[str] = (),
        models: Iterable[str] = (),
        references: Iterable[str] = (),
        listed: Iterable[str] = (),
    ) -> None:
        """Compile the lists.

        Raises:
            HostPatternError: a pattern is no host.
        """
        self._sets = (
            (Standing.INTERNAL, HostSet(internal)),
            (Standing.MODEL, HostSet(models)),
            (Standing.REFERENCE, HostSet(references)),
            (Standing.LISTED, HostSet(listed)),
        )
        self._known: dict[str, Standing] = {}

    def of(self, host: str) -> Standing:
        """The standing of `host` as received; what is no host is outside."""
        known = self._known.get(host)
        if known is not None:
            return known
        standing = self._look(host)
        if len(host) <= _LONGEST_NAME:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[host] = standing
        return standing

    def _look(self, text: str) -> Standing:
        try:
            host = fold_host(text)
        except HostError:
            return Standing.OUTSIDE
        if host.address is not None and (host.address.is_loopback or host.address.is_unspecified):
            return Standing.LOCAL
        if host.name == "localhost" or host.name.endswith(".localhost"):  # RFC 6761 §6.3
            return Standing.LOCAL
        if host.address is not None and not host.address.is_global:
            return Standing.INTERNAL
        return next((standing for standing, hosts in self._sets if host.name in hosts), Standing.OUTSIDE)


@lru_cache(maxsize=256)
def is_internal_address(text: str) -> bool:
    """Whether an address as the resolver gave it lies in a private network."""
    if not text.startswith(_MAYBE_INTERNAL):
        return False
    try:
        address = fold_host(text).address
    except HostError:
        return False
    return address is not None and not address.is_global and not address.is_loopback
