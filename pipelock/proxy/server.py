"""The main listener: absolute URLs are forwarded, CONNECT opens a tunnel, local paths are answered here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pipelock.identity import Caller, contained_key
from pipelock.model import Action, BlockReason, Fault, Transport
from pipelock.proxy.admin.local import open_admin
from pipelock.proxy.answers import TEXT
from pipelock.proxy.api import ApiAnswer
from pipelock.proxy.client import ProxyConnection, WhenComplete, host_of
from pipelock.proxy.connect import connect
from pipelock.proxy.context import LocalAnswer, ProxyContext
from pipelock.proxy.fetch import Fetch
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import RemoteProtocolError, RequestHead
from pipelock.proxy.limits import MAX_CONNECTIONS
from pipelock.proxy.local import local_answer
from pipelock.proxy.target import Target, authority_of, parse_target
from pipelock.proxy.websocket.local import open_local

__all__ = ["ClientConnection", "ProxyFactory"]

_ESTABLISHED = b"HTTP/1.1 200 Connection Established\r\n\r\n"
_MAX_REMOTE = 300
_NOT_ABSOLUTE = Fault(
    BlockReason.BAD_REQUEST,
    "this is a proxy: send an absolute URL, or a local path with a loopback Host",
    421,
)


class ClientConnection(ProxyConnection):
    """Serves one client of the main listener."""

    carries = Transport.FORWARD

    def __init__(
        self,
        context: ProxyContext,
        client: str,
        *,
        profile: str = "",
        local_names: frozenset[str] | None = None,
        caller: Caller | None = None,
        name_of: Callable[[str], str | None] | None = None,
    ) -> None:
        """As the base has it.

        `local_names` are the Host values of local pages, where they are not those of the context. `name_of` tells what
        an address stands for, where the client was told addresses that stand for names.
        """
        super().__init__(context, client, profile=profile, caller=caller)
        self._name_of = name_of
        self._is_agents = bool(profile) or caller is not None
        self._names = local_names

    def request_head(self, head: RequestHead) -> None:
        """Send the request on its road."""
        try:
            self.target = target = parse_target(head)
        except RemoteProtocolError as error:
            self.malformed(error)
            return
        if target.form == "absolute":
            self._forward(head, target)
        elif target.form == "authority":
            name = self._name_of(target.host) if self._name_of is not None else None
            if name is not None:
                # Some programs look a name up by themselves and then ask the proxy for the address.
                self.target = authority_of(name, target.port)
            self.road = WhenComplete(self._connect)
        elif self._is_local(head):
            if not self._is_agents and open_admin(self.context, self, head, target):
                return
            self.road = WhenComplete(lambda: self._local(head, target))
        else:
            self.refuse_fault(_NOT_ABSOLUTE)

    def _forward(self, head: RequestHead, target: Target) -> None:
        if self.context.settings.forward_enabled:
            self.carry(Destination(head, target))
        else:
            self.road = WhenComplete(lambda: self._say(405, "forward proxy not enabled"))

    def _local(self, head: RequestHead, target: Target) -> Callable[[], None] | None:
        path, _, query = target.path_query.partition("?")
        claimed = next((value for name, value in head.headers if name == "x-pipelock-agent"), "")
        if path == "/fetch" and self.context.settings.fetch_enabled:
            road = Fetch(
                self.context,
                self._fetched,
                method=head.method,
                query=query,
                client=self.client,
                identify=lambda asked: self.identity(claimed, asked),
            )
            road.start()
            return road.cancel
        if path == "/ws":
            return open_local(self.context, self, head, query, claimed)
        sandbox = self.whose.caller.contained
        session = contained_key(sandbox) if sandbox is not None else ""
        answer = local_answer(self.context, head.method, path, self.client, session)
        if answer is None:
            self.judge_and_refuse(self.action(Transport.FORWARD))
            return None
        self.answer(answer.status, (("content-type", answer.content_type), ("cache-control", "no-store")), answer.body)
        return None

    def say(self, answer: ApiAnswer, *, refuses: bool = False) -> None:
        """Answer for an API; where that `refuses`, nothing more is read as a request."""
        if refuses:
            self.stop_reading()
        self.answer(answer.status, answer.fields, answer.body)

    def _fetched(self, answer: LocalAnswer, headers: tuple[tuple[str, str], ...]) -> None:
        self.answer(answer.status, (("content-type", answer.content_type), *headers), answer.body)

    def _connect(self) -> Callable[[], None] | None:
        if not self.context.settings.forward_enabled:
            self._say(405, "CONNECT not supported")
            return None
        action = msgspec.structs.replace(self.action(Transport.CONNECT), remote=_remote(self.head))
        return connect(self.context, self, action)

    def say_open(self) -> None:
        """Tell the client that its tunnel is open."""
        if self.transport is not None:
            self.transport.write(_ESTABLISHED)

    def not_reached(self, status: int, why: str) -> None:
        """Tell it that nobody answers at the other end."""
        self._say(status, f"pipelock: {why}")

    def too_many(self, action: Action) -> None:
        """Tell it that no more tunnels can be opened for now."""
        self._say(503, "too many active tunnels")

    def _say(self, status: int, text: str) -> None:
        self.answer(status, TEXT, f"{text}\n".encode())

    def _is_local(self, head: RequestHead) -> bool:
        # A web page can make a browser send requests here under a name that it owns (DNS rebinding), never under ours.
        names = self.context.local_names if self._names is None else self._names
        return not names or host_of(head) in names


def _remote(head: RequestHead | None) -> str:
    """What a client says that it wants of a git remote, for people to see; nothing is decided by it."""
    said = next((value for name, value in head.headers if name == "x-pipelock-remote"), "") if head else ""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in said[:_MAX_REMOTE])
    return " ".join(plain.split())


class ProxyFactory(Factory):
    """Makes a connection object for each client.

    Attributes:
        local_names: The Host values under which local pages may be asked for; `None`: those of the context.

    `profile` is the one in `agents` whose listener it is for; such a listener has no admin API.
    """

    noisy = False

    def __init__(self, context: ProxyContext, profile: str = "") -> None:
        self.local_names: frozenset[str] | None = None
        self._context = context
        self._profile = profile

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection | None:
        """Serve a client, making room first where the table is full."""
        if len(self._context.connections) >= MAX_CONNECTIONS and not self._context.make_room():
            return None
        return ClientConnection(
            self._context, str(getattr(addr, "host", "")), profile=self._profile, local_names=self.local_names
        )
