"""Launched agents behind walls: whose lease stands, what is served for them, what their walls refused.

    nothing ──▶ held ──▶ lost ──▶ ended
                 ▲ │       │
                 │ └───────│────▶ ended
                 └─────────┘

The connection of the launcher is the lease. When it ends, the agent's ports are closed and its session's connections
end. Whether the agent lives on is told by its pidfd; while it does, its launcher may come back with the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from pipelock.control._leases import close_all
from pipelock.control.backend import BackendError, ContainWish, Lease
from pipelock.daemon.containment_wish import Believed, believe
from pipelock.daemon.handed import ProcessHandle, check_all
from pipelock.daemon.wall_log import WallLog
from pipelock.door.bus import EventBus
from pipelock.door.edges import Call, Clock
from pipelock.engine.egress import OwnRules
from pipelock.evidence.session_line import SessionEntry
from pipelock.identity import Agents, ContainedCaller, contained_key
from pipelock.identity.process import ProcessId
from pipelock.model import (
    Contained,
    ContainmentChanged,
    ContainmentSettings,
    ContainmentStep,
    Denial,
    HandedKind,
    HandedSocket,
    Order,
    OrderVerb,
    Sandboxed,
    WallRefused,
    WallState,
    weakest,
)

__all__ = ["MAX_CONTAINED", "Containment", "ContainmentParts", "Serve", "Served"]

MAX_CONTAINED = 64
"""Launched agents that are known at once, those that have ended not counted."""
MAX_ENDED = 64
"""Ended ones that are remembered."""
END_SECONDS = 8.0
"""What a launcher gets to end its agent; then it is killed."""
LOST_SECONDS = 600.0
"""After so long an agent without a pidfd, whose launcher is gone, counts as ended."""
_FRESH_SECONDS = 5.0
_UNSERVED = (HandedKind.PROCESS,)


class Served(Protocol):
    """One socket that is served."""

    def stopListening(self) -> object:
        """Serve it no more."""


class Serve(Protocol):
    """Serves the sockets of one agent."""

    def __call__(
        self, contained: Contained, caller: ContainedCaller, handed: Sequence[tuple[HandedSocket, int]]
    ) -> Sequence[Served]:
        """Begin; what is kept of the descriptors is duplicated.

        Raises:
            OSError: that can't be done; nothing is served then.
        """


@dataclass(frozen=True, slots=True)
class ContainmentParts:
    """What the table works on.

    Attributes:
        agents: What config says about names.
        settings: What config says now for agents launched under a profile, whoever launches them.
        refused_ports: Loopback ports that are never relayed: the daemon's own.
        rules: Compiles one-line rules, config's and a launch's; raises ValueError with what is wrong.
        own_rules: The engine's table of them, by session.
        end_session: Ends the connections of a session, by its key and why.
        record: Writes to the audit log; never raises.
    """

    clock: Clock
    wall: Callable[[], float]
    bus: EventBus
    serve: Serve
    agents: Callable[[], Agents]
    settings: Callable[[str], ContainmentSettings]
    killed: Callable[[], bool]
    refused_ports: Callable[[], frozenset[int]]
    rules: Callable[[Sequence[str], Sequence[str]], tuple[OwnRules, ...]]
    own_rules: dict[str, tuple[OwnRules, ...]]
    end_session: Callable[[str, str], int]
    record: Callable[[SessionEntry], None]


@dataclass(slots=True, eq=False)
class _Agent:
    contained: Contained
    key: str
    lease: Lease | None
    process: ProcessHandle | None
    log: WallLog
    may_decide: bool
    condemned: bool = False
    ports: Sequence[Served] = ()
    rules: tuple[str, ...] = ()
    config_rules: tuple[str, ...] = ()
    frozen: bool = False
    lost_at: float = 0.0
    ended_at: float = 0.0
    ending: Call | None = None

    def shown(self) -> Sandboxed:
        return Sandboxed(
            contained=self.contained,
            held=self.lease is not None,
            frozen=self.frozen,
            ended_at=self.ended_at,
            rules=self.rules,
            config_rules=self.config_rules,
            denied=self.log.count,
            denials=tuple(self.log.kinds),
        )


class Containment:
    """The table. Everything runs on the reactor's thread."""

    def __init__(self, parts: ContainmentParts) -> None:
        self._parts = parts
        self._agents: dict[str, _Agent] = {}  # by id, those that may live
        self._ended: dict[str, _Agent] = {}  # by id, oldest first
        self._by_lease: dict[Lease, _Agent] = {}
        self._by_key: dict[str, _Agent] = {}

    def __len__(self) -> int:
        """How many agents are served."""
        return len(self._by_lease)

    # -- what is known ---------------------------------------------------------------------------------------------

    def of(self, key: str) -> Sandboxed | None:
        """The sandbox of a session; `None` where it has none, or that is forgotten."""
        agent = self._by_key.get(key)
        return agent.shown() if agent is not None else None

    def walls(self, key: str) -> tuple[WallState, bool] | None:
        """How the walls of a session stand, and whether its agent has ended; `None` where it has none."""
        agent = self._by_key.get(key)
        return (weakest(agent.contained), bool(agent.ended_at)) if agent is not None else None

    def living(self) -> Iterator[tuple[str, Contained]]:
        """Sessions whose agents may live, in the order in which they came."""
        for agent in self._agents.values():
            yield agent.key, agent.contained

    def processes(self) -> frozenset[ProcessId]:
        """The first processes of those that may live: nobody who descends from one decides anything."""
        return frozenset(agent.process.known_as for agent in self._agents.values() if agent.process is not None)

    # -- leases ----------------------------------------------------------------------------------------------------

    def contain(self, lease: Lease, wish: ContainWish) -> str:
        """Serve an agent for as long as `lease` is not released; the key of its session.

        Raises:
            BackendError: bad_request, forbidden, unavailable. Its descriptors are closed, as they are in the end.
        """
        process: ProcessHandle | None = None
        try:
            believed = self._believed(wish)
            launcher = wish.ancestors[0] if wish.ancestors else None
            process = check_all(believed.contained, wish.sockets, wish.descriptors, launcher)
            return self._admit(lease, wish, believed, process)
        except BackendError:
            if process is not None:
                process.close()
            raise
        finally:
            has_process = wish.sockets and wish.sockets[-1].kind is HandedKind.PROCESS
            close_all(wish.descriptors[:-1] if process is not None and has_process else wish.descriptors)

    def _believed(self, wish: ContainWish) -> Believed:
        if wish.contained.id in self._ended:
            raise BackendError("bad_request", "a sandbox with this id has ended")
        if not self.processes().isdisjoint(wish.ancestors):
            raise BackendError("forbidden", "no sandbox may be started from inside of another")
        parts = self._parts
        return believe(wish, parts.agents(), parts.settings, refused_ports=parts.refused_ports(), now=parts.wall())

    def _admit(self, lease: Lease, wish: ContainWish, believed: Believed, process: ProcessHandle | None) -> str:
        parts, contained, caller = self._parts, believed.contained, believed.caller
        try:
            # Config's are not the launcher's to send: it could leave them out.
            rules = parts.rules(believed.settings.rules, wish.rules)
        except ValueError as error:
            raise BackendError("bad_request", str(error)) from error
        known = self._agents.get(contained.id)
        if known is not None:
            self._check_return(known, wish, contained, process)
        elif len(self._agents) >= MAX_CONTAINED and not self._forget_lost(may_decide=wish.may_decide):
            raise BackendError("unavailable", f"{MAX_CONTAINED} sandboxes are served already")
        # Its number is known by its pidfd, or not at all.
        contained = msgspec.structs.replace(contained, pid=process.pid if process is not None else 0)
        key = contained_key(caller)
        # Before the first connection can come.
        if rules:
            parts.own_rules[key] = rules
        else:
            parts.own_rules.pop(key, None)
        handed = [pair for pair in zip(wish.sockets, wish.descriptors, strict=True) if pair[0].kind not in _UNSERVED]
        try:
            # What the operator has ended is not served again, whoever comes back with it.
            ports = parts.serve(contained, caller, handed) if known is None or not known.condemned else ()
        except OSError as error:
            if known is None:
                parts.own_rules.pop(key, None)
            raise BackendError("unavailable", f"the sandbox's sockets can't be served: {error}") from error
        agent = known or _Agent(contained, key, lease, process, self._log_of(contained, key), wish.may_decide)
        if known is not None:
            if known.process is not None:
                known.process.close()
            known.contained, known.process = contained, process
        agent.lease, agent.ports, agent.lost_at = lease, ports, 0.0
        agent.rules, agent.config_rules = wish.rules, believed.settings.rules
        self._agents[contained.id] = agent
        self._by_lease[lease] = agent
        self._by_key[key] = agent
        step = ContainmentStep.STARTED if known is None else ContainmentStep.BACK
        back = "its launcher is back; it is served again" if ports else "its launcher is back, and is told to end it"
        self._tell(agent, step, _started(contained) if known is None else back)
        # After the reply, which the launcher waits for.
        parts.clock.callLater(0, self._go_on_as_it_is_now, agent)
        return key

    def _check_return(
        self, known: _Agent, wish: ContainWish, contained: Contained, process: ProcessHandle | None
    ) -> None:
        if known.lease is not None:
            raise BackendError("unavailable", "this sandbox is served already, on another connection")
        pid = process.pid if process is not None else None
        before = known.process.pid if known.process is not None else None
        # Walls don't change while an agent lives, and what narrowed it still does.
        same = _lasting(contained) == _lasting(known.contained) and wish.rules == known.rules
        # Where no process tells them apart, an agent must not take over what the operator has launched.
        lesser = pid is None and known.may_decide and not wish.may_decide
        if not same or pid != before or lesser:
            raise BackendError("forbidden", "this id belongs to another sandbox")

    def _forget_lost(self, *, may_decide: bool) -> bool:
        """Make room: the one that was lost first counts as ended; whether there was one.

        Those of launchers that may decide go last, and only for their like: an agent must not push out the operator's.
        """
        lost = [agent for agent in self._agents.values() if agent.lease is None and agent.may_decide <= may_decide]
        if not lost:
            return False
        self._end(min(lost, key=lambda agent: (agent.may_decide, agent.lost_at)), "others needed its place")
        return True

    def release(self, lease: Lease) -> None:
        """The launcher's connection is gone: nothing is served for its agent any more."""
        agent = self._by_lease.pop(lease, None)
        if agent is None:
            return
        agent.lease = None
        agent.lost_at = self._parts.clock.seconds()
        self._withdraw(agent, "its launcher is gone")
        if agent.process is not None and agent.process.is_gone():
            self._end(agent, "it is over")
        else:
            self._tell(agent, ContainmentStep.LOST, "its launcher is gone, or was cut off; its network is closed")

    def _withdraw(self, agent: _Agent, why: str) -> None:
        ports, agent.ports = agent.ports, ()
        for port in ports:
            port.stopListening()
        self._parts.end_session(agent.key, why)

    def _end(self, agent: _Agent, why: str) -> None:
        self._agents.pop(agent.contained.id, None)
        agent.ended_at = self._parts.wall()
        self._let_go(agent)
        while len(self._ended) >= MAX_ENDED:
            forgotten = self._ended.pop(next(iter(self._ended)))
            # Kept until now: what is narrowed stays so, whatever might still be under way.
            self._parts.own_rules.pop(forgotten.key, None)
            self._by_key.pop(forgotten.key, None)
        self._ended[agent.contained.id] = agent
        agent.log.tell_rest()
        refused = f"; its walls refused {agent.log.count} times" if agent.log.count else ""
        self._tell(agent, ContainmentStep.ENDED, why + refused)

    @staticmethod
    def _let_go(agent: _Agent) -> None:
        if agent.ending is not None and agent.ending.active():
            agent.ending.cancel()
        agent.ending = None
        if agent.process is not None:
            agent.process.close()

    def sweep(self) -> None:
        """Look which of those without a launcher have ended, and tell what was only counted; once a second."""
        now = self._parts.clock.seconds()
        for agent in tuple(self._agents.values()):
            if agent.lease is None:
                if agent.process is not None:
                    if agent.process.is_gone():
                        self._end(agent, "it is over")
                elif now - agent.lost_at >= LOST_SECONDS:
                    self._end(agent, "its launcher did not come back")
            else:
                agent.log.sweep()

    def stop_accepting(self) -> None:
        """Take no new connections: the daemon stops. Launchers come to the next one."""
        for agent in self._agents.values():
            ports, agent.ports = agent.ports, ()
            for port in ports:
                port.stopListening()

    def stop(self) -> None:
        """Let go of everything, and tell nobody: the daemon stops, the agents live on."""
        self.stop_accepting()
        for agent in self._agents.values():
            self._let_go(agent)
        self._agents.clear()
        self._by_lease.clear()
        self._by_key.clear()

    # -- what is wanted of them ------------------------------------------------------------------------------------

    def terminate(self, key: str, reason: str) -> bool:
        """End the agent of a session: by its launcher, or by force where that does not do it. Whether there is one.

        Its network ends at once: what it would send on its way out nobody is asked about.
        """
        agent = self._by_key.get(key)
        if agent is None or agent.ended_at:
            return False
        agent.condemned = True
        self._withdraw(agent, reason or "the operator ended the session")
        if agent.lease is None:
            self._kill(agent)
        else:
            agent.lease.order(Order(OrderVerb.END, reason or "the operator ended the session"))
            if agent.ending is None:
                agent.ending = self._parts.clock.callLater(END_SECONDS, self._kill, agent)
        return True

    @staticmethod
    def _kill(agent: _Agent) -> None:
        agent.ending = None
        if agent.process is not None:
            agent.process.kill()

    def config_changed(self) -> None:
        """Config may say otherwise of those that live: its list holds from their next request on, and `on_kill`."""
        parts = self._parts
        for agent in self._agents.values():
            from_config = parts.settings(agent.contained.profile or agent.contained.agent).rules
            if from_config == agent.config_rules:
                continue
            agent.config_rules = from_config
            rules = parts.rules(from_config, agent.rules)
            if rules:
                parts.own_rules[agent.key] = rules
            else:
                parts.own_rules.pop(agent.key, None)
        self.kill_switch_moved()

    def kill_switch_moved(self) -> None:
        """Freeze those that are to be frozen while it is on, and have them go on afterwards."""
        for agent in tuple(self._by_lease.values()):
            self._obey_kill_switch(agent)

    def _go_on_as_it_is_now(self, agent: _Agent) -> None:
        """Tell the launcher where the kill switch stands; another daemon may have frozen its agent."""
        if agent.condemned and agent.lease is not None:
            agent.lease.order(Order(OrderVerb.END, "the operator ended the session"))
            return
        self._obey_kill_switch(agent)
        is_old = self._parts.wall() - agent.contained.started_at > _FRESH_SECONDS
        if is_old and agent.lease is not None and not agent.frozen:
            agent.lease.order(Order(OrderVerb.THAW))

    def _obey_kill_switch(self, agent: _Agent) -> None:
        lease, killed = agent.lease, self._parts.killed()
        if lease is None or (killed and not self._freezes(agent.contained)):
            return
        if killed and not agent.frozen:
            agent.frozen = True
            lease.order(Order(OrderVerb.FREEZE, "the kill switch is on"))
            self._tell(agent, ContainmentStep.FROZEN, "the kill switch is on")
        elif not killed and agent.frozen:
            agent.frozen = False
            lease.order(Order(OrderVerb.THAW, "the kill switch is off"))
            self._tell(agent, ContainmentStep.THAWED, "the kill switch is off")

    def _freezes(self, contained: Contained) -> bool:
        return self._parts.settings(contained.profile or contained.agent).freeze_on_kill

    # -- what walls refused ----------------------------------------------------------------------------------------

    def denied(self, lease: Lease, denial: Denial) -> bool:
        """A wall refused something to the agent of `lease`; whether it was told, and not only counted.

        Raises:
            BackendError: not_found.
        """
        agent = self._by_lease.get(lease)
        if agent is None:
            raise BackendError("not_found", "this connection holds no sandbox")
        return agent.log.take(denial)

    def _log_of(self, contained: Contained, key: str) -> WallLog:
        parts = self._parts

        def tell(denial: Denial, unreported: int) -> None:
            parts.bus.publish(WallRefused(key, contained.agent, denial, unreported))
            more: dict[str, str | float | int] = {
                "wall": denial.wall.value,
                "what": denial.what,
                "program": denial.program,
                "count": denial.count,
            }
            if unreported:
                more["unreported"] = unreported
            said = f"{denial.what}: {denial.why}"
            agent = contained.agent
            parts.record(
                SessionEntry(event="wall_refused", level="warn", message=said, session=key, agent=agent, more=more)
            )

        return WallLog(parts.clock, parts.wall, tell)

    def _tell(self, agent: _Agent, step: ContainmentStep, detail: str) -> None:
        contained = agent.contained
        self._parts.bus.publish(ContainmentChanged(agent.key, contained, step, detail))
        more: dict[str, str | float | int] = {"id": contained.id, "pid": contained.pid}
        if step in {ContainmentStep.STARTED, ContainmentStep.BACK}:
            more |= {
                "profile": contained.profile,
                "command": contained.command,
                "workspace": contained.workspace,
                "mode": contained.mode.value,
                "rung": contained.rung.value,
                "walls": ", ".join(f"{wall.name.value} {wall.state.value}" for wall in contained.walls),
                "rules": "; ".join(agent.rules),
                "config_rules": "; ".join(agent.config_rules),
            }
        weak = step is ContainmentStep.STARTED and weakest(contained) is WallState.DOWN
        self._parts.record(
            SessionEntry(
                event=f"sandbox_{step.value}",
                level="warn" if weak or step is ContainmentStep.LOST else "info",
                message=detail,
                session=agent.key,
                agent=contained.agent,
                more=more,
            )
        )


def _lasting(contained: Contained) -> tuple[object, ...]:
    """What stays as it is for as long as an agent lives."""
    return contained.agent, contained.profile, contained.workspace, contained.rung


def _started(contained: Contained) -> str:
    state = weakest(contained)
    words = {WallState.UP: "all walls stand", WallState.PARTLY: "some walls stand only partly"}
    down = ", ".join(wall.name.value for wall in contained.walls if wall.state is WallState.DOWN)
    told = words.get(state) or f"walls that do not stand: {down or 'all'}"
    return f"launched behind walls ({contained.rung.value}); {told}"
