"""Who is at the other end of the control socket, and what that one may do.

The agent runs as the same user as the operator, so the uid alone proves nothing. More is looked at: the namespaces a
peer lives in, whether it descends from a process that is watched as an agent, from the daemon (which launches agents,
and as child subreaper adopts their orphans), or from a program that is known to be an agent or to host agents. Whatever
can't be found out counts against the peer. docs/control-protocol.md says what this does not stop.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from pipelock.control._credentials import Credentials, PeerHandle, credentials
from pipelock.identity.commands import Command
from pipelock.identity.moorings import is_adrift
from pipelock.identity.process import (
    PROC,
    ProcessId,
    UnreadableProcessError,
    describe,
    namespaces,
    process_id,
    relatives,
)
from pipelock.identity.programs import Known, ProgramKind, Programs, known_programs

__all__ = [
    "Company",
    "Credentials",
    "DaemonFacts",
    "Peer",
    "PeerFacts",
    "ProcessId",
    "Rights",
    "UnreadableProcessError",
    "credentials",
    "judge_peer",
    "process_id",
    "read_daemon_facts",
    "read_peer_facts",
]

_ATTEMPTS = 3


class PeerFacts(msgspec.Struct, frozen=True):
    """What is known about a peer.

    Attributes:
        pid: Its number here, 0 where it can't be seen from here.
        uid: The user it runs as.
        net_ns: Its network namespace; empty where the system has none.
        user_ns: Its user namespace, likewise.
        ancestors: The peer itself, its parent and so on up to the first process; empty where that can't be read.
        problem: Why the facts are incomplete; empty where they are not.
        commands: What each of `ancestors` runs, in their order, as far as that could be read.
        adrift: It has neither a terminal nor a login above it, as what has left its family.
    """

    pid: int
    uid: int
    net_ns: str = ""
    user_ns: str = ""
    ancestors: tuple[ProcessId, ...] = ()
    problem: str = ""
    commands: tuple[Command, ...] = ()
    adrift: bool = False


class DaemonFacts(msgspec.Struct, frozen=True):
    """The daemon that peers are measured against.

    `ancestors` are its own; empty where they can't be read. `household` are itself and those in its process session,
    who started it, but for the first process of all.
    """

    process: ProcessId
    uid: int
    net_ns: str = ""
    user_ns: str = ""
    ancestors: tuple[ProcessId, ...] = ()
    household: tuple[ProcessId, ...] = ()


class Company(msgspec.Struct, frozen=True):
    """Which programs a peer must not run in if it is to decide.

    Attributes:
        programs: The known ones.
        trust_ides: Applications that host agents don't count (`approvals.trust_ides`).
        seen: Processes that were known agents when they were looked at, and are whatever they have become since.
    """

    programs: Programs = msgspec.field(default_factory=known_programs)
    trust_ides: bool = False
    seen: Mapping[ProcessId, Known] = {}


class Rights(msgspec.Struct, frozen=True):
    """What a peer may do; `why` says what stands against it.

    `may_contain`: it may hand over agents that it launches. That takes nothing from anybody, so all may who live where
    the daemon lives; who is contained already may not. `inside`: what it launches is this agent's, as its other
    children are (the profile that names its program, else the agent's name); empty where it is in none. `shared`: it
    seems to be an agent's, known or not, which could launch anew for each request.
    """

    may_watch: bool
    may_decide: bool
    why: str = ""
    may_contain: bool = False
    inside: str = ""
    shared: bool = False


def judge_peer(
    facts: PeerFacts,
    daemon: DaemonFacts,
    watched: Collection[tuple[int, int]] = (),
    company: Company | None = None,
) -> Rights:
    """What a peer with these facts may do at this daemon.

    `watched` holds the processes known to be agents, each as (pid, start time), `company` says which programs are.
    Another user may do nothing; everybody else may watch, and decides unless a fact stands against it or is missing.
    """
    if facts.uid != daemon.uid:
        return Rights(may_watch=False, may_decide=False, why=f"this daemon serves uid {daemon.uid}, not {facts.uid}")
    company = company or Company()
    objection = _objection(facts, daemon, watched)
    why = objection or _bad_company(facts, daemon, company)
    inside = _agent_around(facts, daemon, company)
    return Rights(
        may_watch=True,
        may_decide=not why,
        why=why,
        may_contain=not _walls_around(facts, daemon),
        inside=inside,
        shared=bool(objection or inside),
    )


def _walls_around(facts: PeerFacts, daemon: DaemonFacts) -> str:
    """Why a peer seems to be contained, or can't be told not to be; empty where it is not."""
    if facts.problem:
        return f"it can't be told who asks: {facts.problem}"
    if not facts.ancestors or facts.ancestors[0].pid != facts.pid:
        return "it can't be told who asks: the ancestors are unknown"
    if facts.net_ns != daemon.net_ns:
        return "lives in another network namespace than the daemon, as contained agents do"
    if facts.user_ns != daemon.user_ns:
        return "lives in another user namespace than the daemon, as contained agents do"
    return ""


def _objection(facts: PeerFacts, daemon: DaemonFacts, watched: Collection[tuple[int, int]]) -> str:
    # Whoever started the daemon rules it anyway: it could have started another one.
    foreign = [process for process in facts.ancestors if process not in daemon.ancestors]
    agent = next((process for process in foreign if process in watched), None)
    walls = _walls_around(facts, daemon)
    if walls:
        why = walls
    elif agent is not None:
        why = f"descends from agent process {agent.pid}"
    elif daemon.process in facts.ancestors[1:]:
        why = "was launched by the daemon, as agents are"
    elif facts.adrift and not set(daemon.household).intersection(facts.ancestors):
        why = (
            "has neither a terminal nor a login above it, as what an agent cuts loose; decide in a terminal, "
            "or by the admin API"
        )
    else:
        why = ""
    return why


def _bad_company(facts: PeerFacts, daemon: DaemonFacts, company: Company) -> str:
    for process, command in zip(facts.ancestors, facts.commands, strict=False):
        known = company.programs.known(command)
        if known is None:
            continue
        if known.kind is ProgramKind.AGENT and process not in daemon.ancestors:
            return f"runs inside {known.name} (process {process.pid}), an agent; decide in a terminal of your own"
        if known.kind is ProgramKind.HOST and not company.trust_ides:
            return (
                f"runs inside {known.name} (process {process.pid}), as agents may; decide in a terminal outside of it, "
                "or set approvals.trust_ides"
            )
    return ""


def _agent_around(facts: PeerFacts, daemon: DaemonFacts, company: Company) -> str:
    """The outermost known agent that a peer runs in: one inside of another is the other's."""
    found = ""
    for index, process in enumerate(facts.ancestors):
        command = facts.commands[index] if index < len(facts.commands) else None
        known = company.seen.get(process) or (company.programs.known(command) if command is not None else None)
        if known is not None and known.kind is ProgramKind.AGENT and process not in daemon.ancestors:
            found = known.profile or known.name
    return found


def read_daemon_facts(proc: Path = PROC) -> DaemonFacts:
    """The facts of this very process.

    Raises:
        UnreadableProcessError: They can't be read; without them nobody could be allowed to decide.
    """
    pid = os.getpid()
    net_ns, user_ns = namespaces(pid, proc)
    own, *above = relatives(pid, proc, whole=False)
    household = tuple(one.process for one in (own, *above) if one.session == own.session and one.process.pid != 1)
    return DaemonFacts(
        own.process, os.getuid(), net_ns, user_ns, tuple(relative.process for relative in above), household
    )


def read_peer_facts(peer: Credentials, proc: Path = PROC) -> PeerFacts:
    """What can be found out about `peer` now. Never raises: what is missing is told in `problem`."""
    if peer.pid <= 0:
        return PeerFacts(peer.pid, peer.uid, problem="it lives in a PID namespace that the daemon can't see into")
    problem = ""
    for _ in range(_ATTEMPTS):
        try:
            net_ns, user_ns = namespaces(peer.pid, proc)
            chain = relatives(peer.pid, proc)
            return PeerFacts(
                peer.pid,
                peer.uid,
                net_ns,
                user_ns,
                tuple(relative.process for relative in chain),
                commands=tuple(describe(relative, proc).command for relative in chain),
                adrift=is_adrift(chain, peer.uid, proc),
            )
        except UnreadableProcessError as error:
            # An ancestor that ends in the middle of the reading is no fault of the peer's: look again.
            problem = str(error)
    return PeerFacts(peer.pid, peer.uid, problem=problem)


class Peer:
    """The other end of one connected socket, for as long as the connection lasts. Close it.

    Raises:
        OSError: The kernel does not say who it is.
    """

    def __init__(self, link: socket.socket, proc: Path = PROC) -> None:
        self._proc = proc
        self._credentials = credentials(link)
        self._handle = PeerHandle(link)

    def facts(self) -> PeerFacts:
        """What is known about it at this moment."""
        facts = read_peer_facts(self._credentials, self._proc)
        # Asked after reading: while the process exists nobody else has its number, so what was read was its own.
        if self._handle.is_gone():
            return PeerFacts(facts.pid, facts.uid, problem="the process that connected has ended")
        return facts

    def close(self) -> None:
        """Let go of the process; harmless when done already."""
        self._handle.close()
