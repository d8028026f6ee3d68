from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from pipelock.cli.main import main
from pipelock.config import Loaded
from pipelock.control import frames
from pipelock.control.client import ControlError, NotRunning
from pipelock.engine import Policy
from pipelock.engine.compile import compile_policy
from pipelock.model import (
    ActionSummary,
    Answer,
    Event,
    Grant,
    KillSwitchState,
    Kind,
    Lifetime,
    Offer,
    Pending,
    Scope,
    Session,
    Status,
    Transport,
)

_WHILE = (Lifetime.ONCE, Lifetime.SESSION, Lifetime.H1)
STATUS = Status(
    version="9.9",
    pid=4321,
    mode="balanced",
    enforce=True,
    listen="127.0.0.1:8899",
    config_path="/etc/pipelock/pipelock.yaml",
    policy="00ff00ff00ff00ff",
    started_at=1_000_000.0,
    kill_switch=KillSwitchState(active=False),
    requests=20,
    allowed=15,
    warned=2,
    blocked=3,
    audit_path="/var/log/audit.jsonl",
    top_blocked=(("evil.example", 3),),
)


def summary(**changes: object) -> ActionSummary:
    base = ActionSummary(
        id="a1",
        kind=Kind.REQUEST,
        transport=Transport.FORWARD,
        method="POST",
        url="http://api.example/submit",
        host="api.example",
        port=80,
        agent="helper",
        client="127.0.0.1",
        size=2048,
    )
    return msgspec.structs.replace(base, **changes)


def pending(**changes: object) -> Pending:
    base = Pending(
        id="7",
        group="g",
        action=summary(),
        reason="rule uploads asks",
        held_at=1_000_000.0,
        expires_at=1_000_060.0,
        binding="bound",
        offers=(
            Offer(Scope.PAYLOAD, "helper may send exactly this", "helper may not send exactly this", _WHILE),
            Offer(Scope.HOST, "helper may send anything to h", "helper may not send anything to h", tuple(Lifetime)),
            Offer(Scope.DOMAIN, "helper may send anything to d", "helper may not send to d", _WHILE, 2, broad=True),
        ),
    )
    return msgspec.structs.replace(base, **changes)


class FakeDaemon:
    """Stands in for `Client`: answers from its attributes and remembers what it was told."""

    def __init__(self) -> None:
        self.up = True
        self.state = STATUS
        self.items: tuple[Pending, ...] = (pending(),)
        self.known: tuple[Session, ...] = ()
        self.happened: tuple[Event | frames.Gap, ...] = ()
        self.after_switch = KillSwitchState(active=True, sources={"api": True})
        self.detail = "policy unchanged"
        self.error: ControlError | None = None
        self.grant: Grant | None = None
        self.replies: dict[type[Any], Callable[[Any], Any]] = {}
        self.said: list[tuple[object, ...]] = []
        self.welcome = frames.Welcome(frames.PROTOCOL, "9.9", "epoch-1", may_decide=True)

    def __call__(self, path: Path, role: str = "command", timeout: float = 5.0, *, launches: bool = False) -> Self:
        self.path = path
        return self

    def __enter__(self) -> Self:
        if not self.up:
            raise NotRunning(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self.said.append(("close",))

    def _do(self, *words: object) -> None:
        self.said.append(words)
        if self.error is not None:
            raise self.error

    def status(self) -> Status:
        return self.state

    def pending(self) -> tuple[Pending, ...]:
        return self.items

    def sessions(self) -> tuple[Session, ...]:
        return self.known

    def answer(self, pending_id: str, answer: Answer, binding: str = "") -> frames.AnsweredReply:
        self._do("answer", pending_id, answer, binding)
        return frames.AnsweredReply(self.items[0].twins, self.grant)

    def ask(self, make: Callable[[int], Any], kind: type[Any], timeout: float = 0.0) -> Any:
        request = make(1)
        self._do("ask", request)
        reply = self.replies[type(request)](request)
        assert isinstance(reply, kind)
        return reply

    def kill(self, active: bool) -> KillSwitchState:
        self._do("kill", active)
        return self.after_switch

    def reload(self) -> frames.Ok:
        self._do("reload")
        return frames.Ok(1, self.detail)

    def events(self, epoch: str = "", after: int = 0, backlog: int = 1000) -> Iterator[Event | frames.Gap]:
        self._do("events", epoch, after, backlog)
        yield from self.happened
        raise ControlError("disconnected", "the daemon closed the connection")


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDaemon:
    fake = FakeDaemon()
    monkeypatch.setattr("pipelock.cli.link.Client", fake)
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    return fake


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Carry out a command line; gives exit code, standard output and standard error."""

    def go(*argv: str) -> tuple[int, str, str]:
        words: Sequence[str] = argv
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return go


@pytest.fixture(scope="session")
def compiled_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of compiled rules for all tests: compiling is what takes the time."""
    return tmp_path_factory.mktemp("rules")


class Policies(OrderedDict[bytes, Policy]):
    """What was compiled last, by configuration: a policy never changes, and most tests look at the same few."""

    def of(self, key: bytes, make: Callable[[], Policy]) -> Policy:
        policy = self[key] = self.pop(key, None) or make()
        if len(self) > 4:  # tens of megabytes each
            self.popitem(last=False)
        return policy


@pytest.fixture(scope="session")
def policies() -> Policies:
    return Policies()


@pytest.fixture
def compile_once(monkeypatch: pytest.MonkeyPatch, compiled_rules: Path, policies: Policies) -> None:
    """Commands that judge for themselves use that cache, and know nothing of this machine's secrets."""

    def compiled(loaded: Loaded, environ: object, cache: Path, **rest: bool) -> Policy:
        rest.pop("known", None)
        key = msgspec.json.encode((loaded.config, loaded.policy_hash, rest))
        return policies.of(key, lambda: compile_policy(loaded, {}, compiled_rules, **rest))

    monkeypatch.setattr("pipelock.cli._engine.compile_policy", compiled)
