"""`pipelock run -- AGENT`: an agent that the daemon starts, watches and ends with.

On Linux the daemon becomes a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): a process that the agent orphans is
inherited by the daemon and not by init, so its descent can't be shaken off by forking twice.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pipelock.control.peers import process_id
from pipelock.door.edges import Reactor

__all__ = ["AgentProcess", "agent_environment", "become_subreaper"]

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Inherit orphans of our descendants; false where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def agent_environment(environ: Mapping[str, str], proxy: str) -> dict[str, str]:
    """`environ` with the variables that common clients take their proxy from."""
    added = {"NODE_USE_ENV_PROXY": "1"}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        added[name] = added[name.lower()] = proxy
    for name in ("NO_PROXY", "no_proxy"):
        added[name] = "localhost,127.0.0.1,::1"
    return {**environ, **added}


class AgentProcess(ProcessProtocol):
    """The agent, with our terminal as its own.

    Args:
        ended: Called with the exit code to leave with (128 + signal for a signal) when it is over.
    """

    def __init__(self, ended: Callable[[int], object]) -> None:
        self._ended = ended
        self.watched: tuple[int, int] | None = None

    def start(self, reactor: Reactor, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start `command`.

        Raises:
            OSError: it could not be started.
        """
        transport = reactor.spawnProcess(
            self,
            os.fsencode(command[0]),
            [os.fsencode(word) for word in command],
            env={os.fsencode(name): os.fsencode(value) for name, value in environ.items()},
            path=None,
            childFDs={0: 0, 1: 1, 2: 2},
        )
        pid = transport.pid
        if pid is not None:
            self.watched = process_id(pid)

    def processEnded(self, reason: Failure) -> None:
        """It is over."""
        status = getattr(reason.value, "status", None) or 0
        signal = getattr(reason.value, "signal", None)
        code = getattr(reason.value, "exitCode", None)
        self._ended(128 + signal if signal else code if code is not None else status)
