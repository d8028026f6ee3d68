"""Lists of host names, and which part of a name somebody had to register.

One wildcard rule everywhere: `*.example.com` means every host below example.com at any depth, and example.com itself.
Addresses match only themselves, in whatever spelling the pattern or the request gave them.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.detect.addresses import Host, HostError, fold_host
from pipelock.detect.suffixes import registrable_name

__all__ = ["HostPatternError", "HostSet", "registrable_domain"]


class HostPatternError(ValueError):
    """A pattern that is no host name, no `*.name` and no address."""


class HostSet:
    """Host patterns, compiled: a lookup costs one hash for each label of the host, however many patterns there are."""

    __slots__ = ("_any", "_exact", "_suffixes")

    def __init__(self, patterns: Iterable[str] = (), *, allow_any: bool = False) -> None:
        """Compile `patterns`; `*` alone is taken only with `allow_any`.

        Raises:
            HostPatternError: naming the pattern and what is wrong with it.
        """
        exact: set[str] = set()
        suffixes: set[str] = set()
        self._any = False
        for pattern in patterns:
            text = pattern.strip()
            if text == "*" and allow_any:
                self._any = True
            elif text.startswith("*."):
                suffixes.add(_name(pattern, text[2:], wildcard=True))
            else:
                exact.add(_name(pattern, text, wildcard=False))
        self._exact = frozenset(exact)
        self._suffixes = frozenset(suffixes)

    def __contains__(self, host: str) -> bool:
        """Whether `host`, the `name` of a folded `Host`, is in the set."""
        if self._any or host in self._exact:
            return True
        suffixes = self._suffixes
        if not suffixes:
            return False
        # A suffix is never numeric, so an IPv4 address walks its dots in vain and an IPv6 address has none.
        while True:
            if host in suffixes:
                return True
            dot = host.find(".")
            if dot < 0:
                return False
            host = host[dot + 1 :]

    def __bool__(self) -> bool:
        return self._any or bool(self._exact or self._suffixes)

    def __len__(self) -> int:
        return len(self._exact) + len(self._suffixes) + self._any


def _name(pattern: str, text: str, *, wildcard: bool) -> str:
    if "*" in text or "?" in text:
        raise HostPatternError(
            f'"{pattern}": a wildcard stands only at the front, as in *.example.com (which includes example.com)'
        )
    if "/" in text or "@" in text:
        raise HostPatternError(f'"{pattern}": give the host name alone, without scheme, port or path')
    try:
        host = fold_host(text)
    except HostError as error:
        raise HostPatternError(f'"{pattern}": {error}') from error
    if wildcard and host.is_address:
        raise HostPatternError(f'"{pattern}": an address has no subdomains; write the address, or use CIDR settings')
    return host.name


def registrable_domain(host: Host) -> str:
    """The part of a name that somebody registered (eTLD+1, private suffixes such as github.io included).

    An address, a single label and a public suffix are their own registrable domain.
    """
    if host.address is not None or "." not in host.name:
        return host.name
    return registrable_name(host.name)
