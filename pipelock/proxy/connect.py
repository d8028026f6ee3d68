"""The road of a tunnel: judged as a whole, then opened and read, or carried as it is.

    CONNECT judged ─┬─ interception on ─▶ `Opening`: what is in it is read
                    ├─ off, or the host is in `passthrough_domains` or `raw_tcp` ─▶ `Tunnel`: carried unread
                    └─ refused, or too many: the client is told

The same for clients that ask for a tunnel and for those that are caught on their way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

import msgspec

from pipelock.engine.content import folded
from pipelock.model import Action, BlockReason, Decision, Fault
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.intercept import Opening, Tunnelled
from pipelock.proxy.interception import Interception
from pipelock.proxy.raw_tcp import SSH_PORT
from pipelock.proxy.tunnel import Inside, NearSide, Tunnel

__all__ = ["TunnelClient", "connect", "is_read"]


_SSH = Fault(
    BlockReason.NOT_ENABLED,
    "SSH can't be read; if it is meant to pass, list the host with port 22 in forward_proxy.raw_tcp",
    layer="raw_tcp",
)


class TunnelClient(Tunnelled, NearSide, Shape):
    """Who wants a tunnel."""

    def refuse(self, action: Action, decision: Decision) -> None:
        """Tell it that there will be none, and why."""

    def too_many(self, action: Action) -> None:
        """Tell it that no more tunnels can be opened for now."""


def is_read(context: ProxyContext, host: str, port: int) -> bool:
    """Whether what goes to `host` (as received) is read, so that only what can be read may pass."""
    return _interception(context, host, port) is not None


def connect(
    context: ProxyContext, client: TunnelClient, action: Action, inside: Inside = Inside.ANYTHING
) -> Callable[[], None]:
    """Have the CONNECT `action` judged and its tunnel opened for `client`.

    Args:
        context: The shared parts.
        client: Who wants it.
        action: Where to. Whether it is `opened` is found out here.
        inside: What may be in it if it stays closed.

    Returns:
        What is called if the client leaves first.
    """
    interception = None if inside is Inside.UNSEEN else _interception(context, action.host, action.port)
    fault = action.fault
    if fault is None and interception is not None and action.port == SSH_PORT:
        fault = _SSH  # told before the tunnel is open, where there is somebody to be told
    action = msgspec.structs.replace(action, opened=interception is not None, fault=fault)
    opening: list[Opening | Tunnel] = []

    def judged(decision: Decision) -> None:
        if decision.code is not None:
            client.refuse(action, decision)
        elif len(context.tunnels) >= context.max_tunnels:
            client.too_many(action)
        else:
            # What was judged as a tunnel that is read must not pass unread, whatever was reloaded meanwhile.
            opening.append(_tunnel(context, client, action, decision, interception, inside))
            opening[0].start()

    ticket = context.door.judge(action, judged)

    def cancel() -> None:
        ticket.abandon()
        for tunnel in opening:
            tunnel.client_lost()

    return cancel


def _interception(context: ProxyContext, host: str, port: int) -> Interception | None:
    interception = context.interception
    if interception is None or interception.passes(host) or context.settings.raw_tcp.covers(host, port):
        return None
    return interception


def _tunnel(  # noqa: PLR0917 - all that was found out about it
    context: ProxyContext,
    client: TunnelClient,
    action: Action,
    decision: Decision,
    interception: Interception | None,
    inside: Inside,
) -> Opening | Tunnel:
    if interception is not None:
        return Opening(context, client, action, interception.authority)
    if folded(action.host) in context.settings.websocket_hints:
        context.door.stats.websocket_hinted()
    if (
        inside is not Inside.UNSEEN
        and action.port == SSH_PORT
        and context.settings.raw_tcp.covers(action.host, action.port)
    ):
        inside = Inside.SSH
    return Tunnel(context, client, action, decision.addresses, inside)
