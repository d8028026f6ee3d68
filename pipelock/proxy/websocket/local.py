"""`/ws?url=`: a WebSocket for clients that can't be told of a proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

from pipelock.model import Action, Identity, Kind, Transport
from pipelock.proxy.answers import TEXT
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.fetch import parameters
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import Headers, RemoteProtocolError, RequestHead
from pipelock.proxy.target import Target, parse_url
from pipelock.proxy.websocket.road import Near, WebSocketRoad
from pipelock.proxy.websocket.settings import WebSocketSettings

__all__ = ["LocalNear", "forwarded", "open_local"]

_FORWARDED = frozenset({"authorization", "sec-websocket-protocol", "user-agent"})


class LocalNear(Near, Shape):
    """The client's connection, which knows where the client is, and who."""

    client: str

    def identity(self, claimed: str, query: str = "") -> Identity:
        """Whose request it is, by what its header and its `?agent=` say."""


def open_local(
    context: ProxyContext, client: LocalNear, head: RequestHead, query: str, claimed: str
) -> Callable[[], None] | None:
    """Open what `query` names; returns what is to be called if the client leaves first."""
    settings = context.settings.websocket
    url, agent = parameters(query)
    target = _target(url)
    if not settings.enabled:
        _say(client, 404, "WebSocket proxy not enabled")
        return None
    if target is None:
        _say(client, 400, "invalid URL: must be ws or wss" if url else "missing 'url' query parameter")
        return None
    fields = forwarded(head.headers, target, settings)
    identity = client.identity(claimed, agent)
    action = Action(
        id=context.new_id(),
        kind=Kind.REQUEST,
        transport=Transport.WEBSOCKET,
        session=identity.session,
        agent=identity.agent,
        client=client.client,
        method=head.method,
        url=target.url,
        host=target.host,
        port=target.port,
        headers=(("x-pipelock-agent", identity.agent), *fields),
        identity=identity,
    )
    road = WebSocketRoad(context, client, action, Destination(head, target), fields)
    road.start()
    return road.cancel


def _target(url: str) -> Target | None:
    try:
        target = parse_url(url)
    except RemoteProtocolError:
        return None
    return target if target.scheme in {"ws", "wss"} else None


def forwarded(headers: Headers, target: Target, settings: WebSocketSettings) -> Headers:
    """What the upstream gets of the client's fields: who it is, and, as config says, Cookie and Origin."""
    fields = [
        (name, value)
        for name, value in headers
        if name in _FORWARDED
        or (name == "cookie" and settings.forward_cookies)
        or (name == "origin" and settings.origin_policy == "forward")
    ]
    if settings.origin_policy == "rewrite":
        fields.append(("origin", f"{'https' if target.scheme == 'wss' else 'http'}://{target.authority}"))
    return tuple(fields)


def _say(client: Near, status: int, text: str) -> None:
    client.answer(status, TEXT, f"{text}\n".encode())
