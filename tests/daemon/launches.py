"""A table of launched agents, with ports and processes that only remember."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock

from pipelock.config.schema_agents import AgentProfile
from pipelock.contain.rules import parse_rules
from pipelock.control.backend import BackendError, ContainWish
from pipelock.daemon import containment as module
from pipelock.daemon.containment import (
    Containment,
    ContainmentParts,
)
from pipelock.door.bus import EventBus
from pipelock.engine.compile import own_rules
from pipelock.engine.egress import OwnRules
from pipelock.evidence.session_line import SessionEntry
from pipelock.identity import Agents, ContainedCaller
from pipelock.identity.process import ProcessId
from pipelock.model import (
    Contained,
    ContainmentChanged,
    ContainmentSettings,
    Denial,
    HandedKind,
    HandedSocket,
    Order,
    OrderVerb,
    Rung,
    Wall,
    WallName,
    WallState,
)

ID = "0123456789ab"
KEY = f"claude@sandbox-{ID}|127.0.0.1"
BOX = Contained(
    id=ID,
    agent="claude",
    profile="coder",
    rung=Rung.PORTS,
    walls=(Wall(WallName.NETWORK, WallState.UP),),
    started_at=1000.0,
)
REFUSAL = Denial(WallName.FILES, "read /root", "not granted", "--allow-read /root", "cat")


class Ear:
    def __init__(self) -> None:
        self.orders: list[OrderVerb] = []

    def order(self, order: Order) -> None:
        self.orders.append(order.verb)


class FakeProcess:
    def __init__(self, pid: int = 50) -> None:
        self.pid = pid
        self.known_as = ProcessId(pid, 7)
        self.gone = self.killed = self.closed = False

    def is_gone(self) -> bool:
        return self.gone

    def kill(self) -> bool:
        self.killed = True
        return True

    def close(self) -> None:
        self.closed = True


class FakePort:
    def __init__(self) -> None:
        self.is_open = True

    def stopListening(self) -> None:
        self.is_open = False


class House:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.bus = EventBus(lambda: 1000.0 + self.clock.seconds(), 1000)
        self.killed = False
        self.freezes = True
        self.ports: list[FakePort] = []
        self.full = False
        self.served: list[tuple[ContainedCaller, list[HandedKind], tuple[OwnRules, ...]]] = []
        self.ended: list[str] = []
        self.entries: list[SessionEntry] = []
        self.own_rules: dict[str, tuple[OwnRules, ...]] = {}
        self.config_rules: dict[str, tuple[str, ...]] = {}
        self.process: FakeProcess | None = FakeProcess()
        self.default_agent = ""
        monkeypatch.setattr(module, "check_all", lambda *_: self.process)
        profiles = {"coder": AgentProfile(), "proven": AgentProfile(programs=("x",))}
        self.table = Containment(
            ContainmentParts(
                clock=self.clock,
                wall=lambda: 1000.0 + self.clock.seconds(),
                bus=self.bus,
                serve=self.serve,
                agents=lambda: Agents(profiles, self.default_agent, bind_default=True),
                settings=self.settings,
                killed=lambda: self.killed,
                refused_ports=lambda: frozenset({8888}),
                rules=lambda *lists: own_rules(*(parse_rules(tuple(lines)) for lines in lists)),
                own_rules=self.own_rules,
                end_session=self.end_session,
                record=self.entries.append,
            )
        )

    def settings(self, profile: str) -> ContainmentSettings:
        rules = self.config_rules.get(profile, ())
        return ContainmentSettings(freeze_on_kill=self.freezes, host_ports=(5432,), rules=rules)

    def serve(
        self, contained: Contained, caller: ContainedCaller, handed: Sequence[tuple[HandedSocket, int]]
    ) -> list[FakePort]:
        if self.full:
            raise OSError("too many open files")
        for _, descriptor in handed:
            os.fstat(descriptor)  # open as yet
        key = f"{caller.agent}@sandbox-{caller.id}|127.0.0.1"
        self.served.append((caller, [said.kind for said, _ in handed], self.own_rules.get(key, ())))
        ports = [FakePort() for _ in handed]
        self.ports += ports
        return ports

    def end_session(self, key: str, why: str) -> int:
        self.ended.append(key)
        return 1

    def contain(self, box: Contained = BOX, ear: Ear | None = None, **changes: Any) -> tuple[Ear, list[int]]:
        """Hand over a proxy and a process; the lease and the descriptors."""
        descriptors = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
        ear = ear or Ear()
        wish = ContainWish(
            contained=box,
            sockets=(HandedSocket(HandedKind.PROXY, 1), HandedSocket(HandedKind.PROCESS)),
            descriptors=tuple(descriptors),
            may_decide=True,
        )
        try:
            self.table.contain(ear, msgspec.structs.replace(wish, **changes))
        finally:
            # What the process has of them is its own; this one only remembers.
            if self.process is not None and is_open(descriptors[-1]):
                os.close(descriptors[-1])
            assert not any(map(is_open, descriptors))
        return ear, descriptors

    def refused(self, box: Contained = BOX, **changes: Any) -> BackendError:
        with pytest.raises(BackendError) as error:
            self.contain(box, **changes)
        return error.value

    def steps(self) -> list[str]:
        return [event.payload.what.value for event in self.events(ContainmentChanged)]

    def events(self, kind: type) -> list[Any]:
        _, events = self.bus.following(0, 1000)
        return [event for event in events if isinstance(event.payload, kind)]

    def tell(self, ear: Ear, count: int) -> int:
        return sum(self.table.denied(ear, msgspec.structs.replace(REFUSAL, what=f"read /{i}")) for i in range(count))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
