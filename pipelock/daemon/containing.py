"""The table of launched agents, put together with the rest of the daemon."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.contain.rules import parse_rules
from pipelock.daemon.adopting import Adopting
from pipelock.daemon.containment import Containment, ContainmentParts
from pipelock.door.edges import Reactor
from pipelock.engine.compile import own_rules
from pipelock.identity import contained_key
from pipelock.proxy.client import ProxyConnection
from pipelock.proxy.context import Client, ProxyContext

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon

__all__ = ["containment_of"]


def _end(context: ProxyContext, key: str, why: str) -> int:
    """End all connections of a sandbox, those that have asked for nothing yet as well; how many there were."""
    mine = [client for client in context.connections if _comes_from(client, key)]
    context.end_session(key, why)
    for client in mine:
        client.abort()
    return len(mine)


def _comes_from(client: Client, key: str) -> bool:
    sandbox = client.whose.caller.contained if isinstance(client, ProxyConnection) else None
    return sandbox is not None and contained_key(sandbox) == key


def containment_of(daemon: Daemon, reactor: Reactor) -> Containment:
    """The table of a daemon whose other parts are there."""
    return Containment(
        ContainmentParts(
            clock=reactor,
            wall=time.time,
            bus=daemon.bus,
            serve=Adopting(reactor, daemon.context),
            agents=lambda: daemon.context.settings.agents,
            settings=lambda profile: sandbox_settings(daemon.loaded.config, profile),
            killed=lambda: daemon.kill.active,
            refused_ports=lambda: daemon.engine.own_ports,
            rules=lambda *lists: own_rules(*(parse_rules(tuple(lines)) for lines in lists)),
            own_rules=daemon.engine.own_rules,
            end_session=partial(_end, daemon.context),
            record=daemon.oversight.record,
        )
    )
