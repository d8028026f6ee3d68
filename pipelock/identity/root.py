"""From a process up to the one that its session is named after. Pure.

    launched by the daemon  >  outermost known agent  >  outermost application that hosts agents  >  leader of the
                                                                                                    process session

Outermost, because what an agent starts is the agent's, whatever it is called: `exec -a codex`, or one agent inside
another, makes no new session. What has no agent above it belongs to its setsid(2) session: a terminal's shell, a job.
One without a terminal that was begun from a terminal is that terminal's still: programs give their tools sessions of
their own, and it is no way out of what is held against them. Who cuts himself loose of all of that begins a session
too; but what is held against such counts for all of them (`adrift`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec

from pipelock.identity.process import ProcessFacts, ProcessId, readable_process
from pipelock.identity.programs import Known, ProgramKind, Programs
from pipelock.model import Process

__all__ = ["MAX_SHOWN_CHAIN", "Family", "Root", "RootKind", "find_root"]

MAX_SHOWN_CHAIN = 8
"""Processes that are kept of a chain: the nearest and the root."""


class RootKind(StrEnum):
    """Why a process is the root of its session."""

    LAUNCHED = "launched"
    AGENT = "agent"
    HOST = "host"
    OTHER = "other"


class Family(msgspec.Struct, frozen=True):
    """What chains are measured against.

    Attributes:
        programs: Which programs are known.
        daemon: This daemon, whose ancestors are nobody's business.
        launched: What the daemon launched, if it did.
        seen: Processes that were known agents when they were looked at, and are whatever they have become since.
    """

    programs: Programs
    daemon: ProcessId | None = None
    launched: ProcessFacts | None = None
    seen: Mapping[ProcessId, Known] = {}


class Root(msgspec.Struct, frozen=True):
    """A session's root, as found from one of its processes.

    Attributes:
        kind: Why it is the root.
        processes: The client's own process first, then its ancestors, the root last; at most 8.
        agent: The known agent's name; empty where it is none.
        profile: The profile in `agents` that named its program, if one did.
        leader: The agent's own process, where the session is an agent's.
        adrift: Nothing ties it to anybody (`pipelock.identity.moorings`), so there could be a new one for each request.
    """

    kind: RootKind
    processes: tuple[Process, ...]
    agent: str = ""
    profile: str = ""
    leader: ProcessId | None = None
    adrift: bool = False


def find_root(chain: Sequence[ProcessFacts], family: Family, mask: Callable[[str], str] | None = None) -> Root | None:
    """The root for a process, given it and its ancestors up to the first; `None` for no chain, and for the daemon.

    `mask` is applied to command lines that are kept.
    """
    below = _below(chain, family.daemon)
    if not below:
        return None
    known = [family.seen.get(facts.process) or family.programs.known(facts.command) for facts in below]
    agent = _outermost(known, ProgramKind.AGENT)
    at, kind = _root_index(below, known, agent, family.launched if len(below) < len(chain) else None)
    members = list(below[: at + 1])
    if kind is RootKind.LAUNCHED and family.launched is not None and members[-1].process != family.launched.process:
        # An orphan that the daemon has adopted: all that it can have come from is what the daemon launched.
        members.append(family.launched)
    it = known[agent] if agent is not None else None
    named = known[at] if kind is not RootKind.LAUNCHED else family.programs.known(members[-1].command)
    return Root(
        kind,
        _shown(members, named.name if named is not None else "", mask),
        it.name if it is not None else "",
        it.profile if it is not None else "",
        below[agent].process if agent is not None else None,
    )


def _below(chain: Sequence[ProcessFacts], daemon: ProcessId | None) -> Sequence[ProcessFacts]:
    at = next((index for index, facts in enumerate(chain) if facts.process == daemon), None)
    return chain if at is None else chain[:at]


def _outermost(known: Sequence[Known | None], kind: ProgramKind) -> int | None:
    return next((i for i in reversed(range(len(known))) if (one := known[i]) is not None and one.kind is kind), None)


def _root_index(
    chain: Sequence[ProcessFacts], known: Sequence[Known | None], agent: int | None, launched: ProcessFacts | None
) -> tuple[int, RootKind]:
    if launched is not None:
        return len(chain) - 1, RootKind.LAUNCHED
    if agent is not None:
        return agent, RootKind.AGENT
    host = _outermost(known, ProgramKind.HOST)
    if host is not None:
        return host, RootKind.HOST
    return _session_top(chain), RootKind.OTHER


def _session_top(chain: Sequence[ProcessFacts]) -> int:
    """The uppermost ancestor in the same process session, but for the first process of all, which is everybody's.

    Of a session without a terminal, the shell of the terminal that it was begun from, if it was.
    """
    if chain[0].terminal == 0:
        for index, facts in enumerate(chain):
            if facts.terminal > 0 and facts.session == facts.process.pid:
                return index
    top = 0
    for index, facts in enumerate(chain[1:], 1):
        if facts.session != chain[0].session or facts.process.pid == 1:
            break
        top = index
    return top


def _shown(members: Sequence[ProcessFacts], name: str, mask: Callable[[str], str] | None) -> tuple[Process, ...]:
    kept = members if len(members) <= MAX_SHOWN_CHAIN else [*members[: MAX_SHOWN_CHAIN - 1], members[-1]]
    *nearer, root = kept
    return (*(readable_process(facts, mask=mask) for facts in nearer), readable_process(root, name, mask))
