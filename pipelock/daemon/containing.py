"""The table of launched agents, put together with the rest of the daemon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipelock.contain.rules import parse_rules
from pipelock.contain.settings import containment_settings
from pipelock.daemon.adopting import Adopting
from pipelock.daemon.containment import Containment, ContainmentParts
from pipelock.door.edges import Reactor
from pipelock.engine.compile import own_rules

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon

__all__ = ["containment_of"]


def containment_of(daemon: Daemon, reactor: Reactor) -> Containment:
    """The table of a daemon whose other parts are there."""
    return Containment(
        ContainmentParts(
            clock=reactor,
            wall=time.time,
            bus=daemon.bus,
            serve=Adopting(reactor, daemon.context),
            agents=lambda: daemon.context.settings.agents,
            freezes=lambda profile: containment_settings(daemon.loaded.config, profile).freeze_on_kill,
            killed=lambda: daemon.kill.active,
            refused_ports=lambda: daemon.engine.own_ports,
            host_ports=lambda profile: containment_settings(daemon.loaded.config, profile).host_ports,
            rules=lambda lines: own_rules(parse_rules(tuple(lines))),
            own_rules=daemon.engine.own_rules,
            end_session=daemon.context.end_session,
            record=daemon.oversight.record,
        )
    )
