"""Finding out who talks, put together: a thread for the look-ups, and what config says about them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import msgspec
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from pipelock.config import Config
from pipelock.control.peers import (
    Company,
    Credentials,
    ProcessId,
    UnreadableProcessError,
    process_id,
    read_daemon_facts,
    read_peer_facts,
)
from pipelock.door.edges import Reactor
from pipelock.identity import Agents, Identify, Programs, Root, RootKind
from pipelock.identity.programs import ProgramKind
from pipelock.identity.quick import Sighting

__all__ = ["Identifying"]


class Identifying:
    """Who clients are, by their processes. `start` before use, `stop` in the end."""

    def __init__(self, reactor: Reactor, config: Config) -> None:
        self._reactor = reactor
        # One thread: look-ups share a cache, and another one would only compete for the interpreter.
        self._pool = ThreadPool(0, 1, "identity")
        own, self._above = None, frozenset[ProcessId]()
        with contextlib.suppress(UnreadableProcessError):
            own = process_id(os.getpid())
            self._above = frozenset(read_daemon_facts().ancestors)
        self._identify = Identify(self._offload, reactor, daemon=own)
        self._company = Company()
        self._enabled = True
        self.configure(config)

    @property
    def identify(self) -> Identify | None:
        """What asks for processes; `None` where config wants none asked for."""
        return self._identify if self._enabled else None

    def configure(self, config: Config) -> None:
        """Go by `config` from now on."""
        programs = Programs(Agents.from_config(config).programs)
        self._enabled = config.identity.processes
        self._company = Company(programs, config.approvals.trust_ides)
        self._identify.configure(programs)

    def company(self) -> Company:
        """In which programs nobody who decides may run."""
        return msgspec.structs.replace(self._company, seen=self._identify.seen())

    def launched(self, pid: int) -> None:
        """The daemon has started process `pid`, an agent."""
        self._identify.launch(pid)

    def agents(self) -> frozenset[tuple[int, int]]:
        """Processes that were seen to be agents, as (pid, start time)."""
        return self._identify.agents()

    def objection(self, root: Root | None) -> str:
        """What stands against a caller of the admin API deciding; empty for nothing, and where nobody knows who calls.

        As on the control socket, the agent in which this daemon was started may.
        """
        if root is None or root.leader in self._above:
            return ""
        if root.kind is RootKind.LAUNCHED:
            return "launched by the daemon, as agents are"
        return f"runs inside {root.agent}, an agent" if root.agent else ""

    def agent_above(self) -> str:
        """The known agent that this daemon was started in; empty where it was not, or that can't be read."""
        facts = read_peer_facts(Credentials(os.getpid(), os.getuid()))
        for command in facts.commands[1:]:
            known = self._company.programs.known(command)
            if known is not None and known.kind is ProgramKind.AGENT:
                return known.name
        return ""

    def start(self) -> None:
        """Begin."""
        self._pool.start()

    def stop(self) -> None:
        """Let go of the thread and of what it has open."""
        self._pool.stop()
        self._identify.close()

    def _offload(self, call: Callable[[], list[Sighting | None]], then: Callable[[object], None]) -> None:
        deferToThreadPool(self._reactor, self._pool, call).addBoth(then)  # type: ignore[arg-type]  # a zope interface there
