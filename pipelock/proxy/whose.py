"""Whose a connection is: found out once, before its first request is read, and counted for its session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Protocol as Shape

import msgspec

from pipelock.door.edges import Wire
from pipelock.identity import Agents, Caller, Ends, Lookup, Root, ends_of, resolve
from pipelock.model import Identity

if TYPE_CHECKING:
    from pipelock.proxy.context import ProxyContext

__all__ = ["BySession", "Identify", "Member", "Whose", "find_root_of"]


class Identify(Shape):
    """Finds the session's root process for the client's end of a connection."""

    def __call__(self, ends: Ends, then: Callable[[Root | None], None], /) -> Lookup:
        """Call `then` with it once, perhaps at once, unless what is returned is cancelled."""


class Member(Shape):
    """A client connection, as its session sees it."""

    def abort(self) -> None:
        """Close at once."""


class BySession:
    """The client connections of each session: those whose latest request was the session's."""

    def __init__(self) -> None:
        self._members: dict[str, dict[Member, None]] = {}

    def move(self, member: Member, old: str, new: str) -> None:
        """`member` is the session `new`'s from now on; empty is nobody's."""
        if old:
            members = self._members.get(old)
            if members is not None:
                members.pop(member, None)
                if not members:
                    del self._members[old]
        if new:
            self._members.setdefault(new, {})[member] = None

    def of(self, key: str) -> tuple[Member, ...]:
        """The connections of session `key`."""
        return tuple(self._members.get(key, ()))

    def count(self, key: str) -> int:
        """How many those are."""
        return len(self._members.get(key, ()))


def find_root_of(
    transport: Wire | None, identify: Identify | None, then: Callable[[Root | None], None]
) -> Lookup | None:
    """Call `then` with the root of the process that a connection comes from, and have it not read before.

    What is returned waits; `None` where `then` was called already, or will not be: there is nobody to ask, or the
    client is on another machine.
    """
    if identify is None or transport is None:
        return None
    near, far = transport.getHost(), transport.getPeer()
    ends = ends_of(far.host, far.port, near.host, near.port)
    if ends is None:
        return None
    is_paused = False

    def found(root: Root | None) -> None:
        then(root)
        if is_paused:
            transport.resumeProducing()

    lookup = identify(ends, found)
    if not lookup.is_wanted:
        return None
    is_paused = True
    transport.pauseProducing()
    return lookup


class Whose:
    """Whose one connection is.

    Attributes:
        caller: What is known of it so far.
        session: The key of its latest action; empty before the first.
    """

    def __init__(self, context: ProxyContext, member: Member, caller: Caller) -> None:
        self.caller = caller
        self.session = ""
        self._context = context
        self._member = member
        self._lookup: Lookup | None = None
        self._latest: tuple[str, str, Agents, Identity] | None = None

    def find_out(self, transport: Wire | None) -> None:
        """Ask which process the client is; it is not read until that is known, or was looked for long enough."""

        def found(root: Root | None) -> None:
            self.caller = msgspec.structs.replace(self.caller, root=root)
            self._lookup = None

        self._lookup = find_root_of(transport, self._context.identify, found)

    def identity(self, claimed: str, query: str = "") -> Identity:
        """Whose a request is, by what its header, and its `?agent=`, say. It counts for that session from now on."""
        agents, latest = self._context.settings.agents, self._latest
        if latest is not None and latest[0] == claimed and latest[1] == query and latest[2] is agents:
            return latest[3]
        identity = resolve(self.caller, claimed, query, agents)
        self._latest = claimed, query, agents, identity
        if identity.session != self.session:
            self._context.by_session.move(self._member, self.session, identity.session)
            self.session = identity.session
        return identity

    def forget(self) -> None:
        """The connection is gone."""
        lookup, self._lookup = self._lookup, None
        if lookup is not None:
            lookup.cancel()
        self._context.by_session.move(self._member, self.session, "")
        self._latest = None
        self.session = ""
