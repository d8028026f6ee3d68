"""A daemon that does as it is told: the real control server in front of made-up events, for dashboard.py.

    python bench/stage.py SOCKET

Commands on standard input, one a line; what happened, with the time (CLOCK_MONOTONIC), on standard output:

    fill N          N decisions at once
    stream R S      R decisions a second for S seconds; `streamed` when they are over
    mark WORD       one decision about host WORD; `marked WORD TIME`
    hold N          item N waits for a person; `held N TIME`, later `answered N TIME`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from twisted.internet import reactor as installed  # noqa: TID251 - a program of its own
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.protocols.basic import LineOnlyReceiver

from pipelock.control.listen import listen
from pipelock.control.peers import read_daemon_facts
from pipelock.control.server import ControlServer
from pipelock.control.testing import FakeBackend, make_pending
from pipelock.door.bus import EventBus
from pipelock.model import (
    ActionSummary,
    Answer,
    BlockReason,
    Decided,
    Decision,
    Finding,
    Grant,
    Held,
    Kind,
    Outcome,
    Pending,
    Record,
    Released,
    Severity,
    Transport,
    Verdict,
)

HOSTS = ("api.example.com", "registry.npmjs.example", "pypi.example.org", "docs.example.net", "git.example.com")
TICKS = 20
"""Batches a second in which a stream comes: what a busy daemon pushes at once."""


def record(number: int, host: str = "") -> Record:
    """A decision like those of an ordinary day: one in ten is a refusal."""
    blocked = number % 10 == 0
    host = host or HOSTS[number % len(HOSTS)]
    action = ActionSummary(
        id=f"a{number}",
        kind=Kind.REQUEST,
        transport=Transport.INTERCEPT,
        session="claude@4711|127.0.0.1",
        agent="claude",
        client="127.0.0.1",
        method="POST" if number % 3 else "GET",
        url=f"https://{host}/v1/items/{number}?page={number % 7}",
        host=host,
        port=443,
        size=number % 5000,
        content_type="application/json",
    )
    finding = Finding("body_dlp", "AWS Access ID", Severity.CRITICAL, "an AWS access key id", "body")
    decision = Decision(
        action_id=action.id,
        verdict=Verdict.BLOCK if blocked else Verdict.ALLOW,
        reason="an AWS access key id in the body" if blocked else "",
        layer="body_dlp" if blocked else "",
        code=BlockReason.DLP_MATCH if blocked else None,
        status=403 if blocked else 0,
        findings=(finding,) if blocked else (),
        policy="0" * 16,
    )
    return Record(at=time.time(), action=action, decision=decision, took_us=400)


class Stage(FakeBackend):
    """Says when it was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.bus = EventBus(time.time)
        self.items: list[Pending] = []
        self.number = 0

    def happen(self, count: int, host: str = "") -> None:
        """Publish `count` decisions."""
        for _ in range(count):
            self.number += 1
            self.bus.publish(Decided(record(self.number, host)))

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """As the fake does, and tell."""
        done = super().answer(pending_id, answer, binding)
        tell(f"answered {pending_id} {time.monotonic()}")
        self.bus.publish(Released(pending_id, Outcome.APPROVED, answer.by))
        return done


def tell(line: str) -> None:
    """To whoever reads standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Orders(LineOnlyReceiver):
    """Standard input."""

    delimiter = b"\n"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def lineReceived(self, line: bytes) -> None:
        """Do as the line says."""
        word, *arguments = line.decode().split()
        stage = self._stage
        if word == "fill":
            stage.happen(int(arguments[0]))
            tell("filled")
        elif word == "stream":
            self._stream(int(arguments[0]), float(arguments[1]))
        elif word == "mark":
            tell(f"marked {arguments[0]} {time.monotonic()}")
            stage.happen(1, arguments[0])
        elif word == "hold":
            item = make_pending(int(arguments[0]), held_at=time.time(), expires_at=time.time() + 600)
            stage.items.append(item)
            tell(f"held {item.id} {time.monotonic()}")
            stage.bus.publish(Held(item))

    def _stream(self, rate: int, seconds: float) -> None:
        loop = LoopingCall(self._stage.happen, max(1, rate // TICKS))
        loop.start(1 / TICKS)
        installed.callLater(seconds, lambda: (loop.stop(), tell("streamed")))

    def connectionLost(self, reason: object = None) -> None:
        """Whoever gave the orders is gone."""
        installed.callWhenRunning(installed.stop)


def main() -> None:
    """Serve until standard input ends."""
    stage = Stage()
    port = listen(installed, Path(sys.argv[1]), ControlServer(stage, installed, read_daemon_facts()))
    StandardIO(Orders(stage))
    tell("ready")
    installed.run()
    port.stop()


if __name__ == "__main__":
    main()
