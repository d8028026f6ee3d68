"""The daemon at a glance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipelock import __version__
from pipelock.daemon.memory import resident_bytes
from pipelock.model import Status

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon

__all__ = ["status_of"]


def status_of(daemon: Daemon) -> Status:
    """Where it stands now."""
    config = daemon.loaded.config
    stats = daemon.stats
    levels, tiers = daemon.oversight.counts()
    return Status(
        version=__version__,
        pid=os.getpid(),
        mode=config.mode,
        enforce=daemon.engine.policy.enforce,
        listen=daemon.address,
        admin=daemon.admin.address,
        config_path=str(daemon.loaded.path or ""),
        policy=daemon.engine.policy.hash,
        started_at=daemon.started_at,
        kill_switch=daemon.kill.state,
        requests=stats.requests,
        allowed=stats.allowed,
        blocked=stats.blocked,
        warned=stats.warned,
        pending=len(daemon.approvals),
        grants=len(daemon.answering.grants()),
        tunnels=stats.tunnels,
        connections=stats.connections,
        dashboards=daemon.door.dashboards,
        sessions=len(daemon.engine.sessions),
        contained=len(daemon.containment),
        levels=levels,
        tiers=tiers,
        last_seq=daemon.bus.last_seq,
        matcher=daemon.engine.policy.secrets.engine,
        egress_default=config.egress_default,
        audit_path=str(daemon.recorder.log.path),
        history=daemon.reviewing.history.total if daemon.reviewing.history is not None else 0,
        rss=resident_bytes(),
        ca_cert=daemon.context.interception.certificate if daemon.context.interception is not None else "",
        websockets=stats.websockets,
        top_blocked=stats.top_blocked(),
        top_layers=stats.top_layers(),
    )
