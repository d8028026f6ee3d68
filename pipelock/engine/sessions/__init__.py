"""Sessions: who talks, how suspicious that has become, and what that means for what comes next."""

from __future__ import annotations

from pipelock.engine.sessions._acts import Wish
from pipelock.engine.sessions._sessions import Sessions
from pipelock.engine.sessions.account import account_of
from pipelock.engine.sessions.changes import Change, What
from pipelock.engine.sessions.policy import SessionPolicy
from pipelock.engine.sessions.taints import NoTaints, Taints

__all__ = ["Change", "NoTaints", "SessionPolicy", "Sessions", "Taints", "What", "Wish", "account_of"]
