"""`pipelock run -- AGENT`: an agent that the daemon starts, watches and ends with.

On Linux the daemon becomes a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): a process that the agent orphans is
inherited by the daemon and not by init, so its descent can't be shaken off by forking twice.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pipelock.config import Config
from pipelock.config.validate_admin import OPERATORS_VARIABLES
from pipelock.control.peers import process_id
from pipelock.door.edges import Reactor
from pipelock.trust.bundle import refresh_home
from pipelock.trust.variables import TrustFiles, variables

__all__ = ["AgentProcess", "agent_environment", "become_subreaper", "trust_files"]

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Inherit orphans of our descendants; false where the system has no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def agent_environment(environ: Mapping[str, str], proxy: str, files: TrustFiles | None = None) -> dict[str, str]:
    """`environ` with the variables of `pipelock env`: the agent finds the proxy and, with `files`, trusts it.

    What would let it act as the operator is left out.
    """
    given = {name: value for name, value in environ.items() if name not in OPERATORS_VARIABLES}
    return {**given, **variables(proxy, files, environ)}


def trust_files(config: Config, home: Path, environ: Mapping[str, str]) -> TrustFiles | None:
    """What makes the agent trust our certificates; `None` where it is never shown one.

    Raises:
        OSError: they can't be written.
    """
    section = config.tls_interception
    return refresh_home(home, section.ca_cert, environ).files if section.enabled else None


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
