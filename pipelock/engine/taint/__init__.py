"""Taint: what a session has read decides how freely it may act. And the three lamps that warn of a leak."""

from __future__ import annotations

from pipelock.engine.taint.hosts import Standing, Standings
from pipelock.engine.taint.matrix import Profile
from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.policy import TaintPolicy
from pipelock.engine.taint.tracker import Taints, TrustError

__all__ = [
    "Override",
    "Profile",
    "Standing",
    "Standings",
    "TaintPolicy",
    "Taints",
    "TrustError",
]
