"""`pipelock run`: from options to a running daemon and back to an exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Literal, cast

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from pipelock.config import Config, ConfigError, Loaded, load, loads
from pipelock.config.overrides import NO_REVERSE_FLAGS, ReverseFlags
from pipelock.config.presets import preset_text
from pipelock.config.schema import Mode
from pipelock.control.listen import AlreadyRunningError, ControlPort, UnsafePathError, listen
from pipelock.control.paths import SocketPathError, home_dir, socket_path
from pipelock.control.peers import (
    Credentials,
    UnreadableProcessError,
    judge_peer,
    read_daemon_facts,
    read_peer_facts,
)
from pipelock.control.server import ControlServer
from pipelock.daemon.agent import AgentProcess, agent_environment, become_subreaper, trust_files
from pipelock.daemon.app import DRAIN_SECONDS, Daemon, DaemonPlace
from pipelock.daemon.desk import Desk
from pipelock.daemon.listeners import BindError, raise_file_limit
from pipelock.daemon.sd_notify import Supervisor
from pipelock.daemon.secret_files import SecretFileError, known_values
from pipelock.daemon.signals import Stopping, as_before, await_usr1
from pipelock.daemon.suppressions import with_suppressions
from pipelock.daemon.watch import FileWatch
from pipelock.detect.known import KnownValue
from pipelock.detect.matcher import MatcherError
from pipelock.detect.ruleset import RuleError
from pipelock.door.edges import Reactor
from pipelock.engine.compile import compile_policy
from pipelock.model import Notice
from pipelock.tls.authority import AuthorityError
from pipelock.tls.upstream import TrustError

__all__ = ["RunOptions", "run_daemon", "with_lines"]

EXIT_FAILED = 1
EXIT_CONFIG = 2


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line said. `lines` prints each decision as a line for people; `agent` is a command to run.

    `adjust` has the last word on every configuration that is read; no option sets it.
    """

    config: Path | None = None
    preset: str | None = None
    mode: Mode | None = None
    listen: str | None = None
    home: Path | None = None
    lines: bool = False
    agent: tuple[str, ...] = ()
    reverse: ReverseFlags = NO_REVERSE_FLAGS
    adjust: Callable[[Loaded], Loaded] | None = None


def run_daemon(options: RunOptions) -> int:
    """Run until told to stop; returns the exit code."""
    home = home_dir(os.environ, options.home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        loaded = _read(options)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    for text in (*loaded.notices, *loaded.warnings):
        sys.stderr.write(f"pipelock: {text}\n")
    try:
        known = _known(loaded.config)
        policy = compile_policy(loaded, os.environ, home / "cache", known=known)
    except (RuleError, MatcherError, SecretFileError) as error:
        sys.stderr.write(f"pipelock: {error}\n")
        return EXIT_CONFIG
    raise_file_limit()
    predicate = LogLevelFilterPredicate(LogLevel.warn)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [predicate])  # type: ignore[list-item,arg-type]
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)  # type: ignore[list-item]
    # Imported last: importing the reactor installs it.
    from twisted.internet import reactor  # noqa: PLC0415, TID251 - this is the one place

    # Twisted goes by the wall clock: set back, it would keep every deadline from coming; set forward, bring all.
    reactor.seconds = _steady  # type: ignore[method-assign,misc]
    place = DaemonPlace(home=home, read=lambda: _read(options), environ=os.environ, known=_known)
    try:
        daemon = Daemon(reactor, place, loaded, policy)
    except (AuthorityError, SecretFileError, TrustError) as error:
        sys.stderr.write(f"pipelock: {error}\n")
        return EXIT_CONFIG
    del policy  # this frame lives as long as the daemon: the first policy would too, beside each that a reload brings
    return _Run(reactor, daemon, options).go()


def _known(config: Config) -> list[KnownValue]:
    """The secrets in files; what is wrong with one of them is said on standard error."""
    values, notes = known_values(config, Path.home(), Path.cwd())
    for text in notes:
        sys.stderr.write(f"pipelock: {text}\n")
    return values


def _read(options: RunOptions) -> Loaded:
    mode, listen, reverse = options.mode, options.listen, options.reverse
    if options.config is None and options.preset is not None:
        name = f"preset {options.preset}"
        loaded = loads(preset_text(options.preset), name, mode=mode, listen=listen, reverse=reverse)
    else:
        loaded = load(options.config, mode=mode, listen=listen, reverse=reverse)
    loaded = options.adjust(loaded) if options.adjust is not None else loaded
    loaded = with_suppressions(loaded, home_dir(os.environ, options.home))
    return with_lines(loaded) if options.lines else loaded


def with_lines(loaded: Loaded) -> Loaded:
    """The same policy, with each decision as a line for people on standard output; a log file that is set stays."""
    section = loaded.config.logging
    # What follows from `output` alone: in text form the lines go to the screen, the file keeps its JSON.
    output: Literal["stdout", "both"] = "stdout" if section.output == "stdout" else "both"
    lines = msgspec.structs.replace(section, format="text", output=output)
    config = msgspec.structs.replace(loaded.config, logging=lines)
    return msgspec.structs.replace(loaded, config=config)


def _calm_collector() -> None:
    """Look for reference cycles less often: what a request allocates is freed by counting, what the start made stays.

    The default looks at everything alive every few hundred requests, the ring of events and all rules included.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)
_steady = time.monotonic if _BOOTTIME is None else partial(time.clock_gettime, _BOOTTIME)
"""Seconds of a clock that nobody sets. Where the system has one, it counts the time that the machine slept."""


class _Run:
    """One run of the reactor."""

    def __init__(self, reactor: Reactor, daemon: Daemon, options: RunOptions) -> None:
        self._reactor = reactor
        self._daemon = daemon
        self._options = options
        self._code = 0
        self._agent: AgentProcess | None = None
        self._watch: FileWatch | None = None
        self._stopping = Stopping(reactor)
        self._supervisor = Supervisor(os.environ, os.getpid())
        self._socket = socket_path(os.environ, options.home)
        self._control: ControlServer | None = None
        self._control_port: ControlPort | None = None

    def go(self) -> int:
        """Start, run, stop."""
        try:
            self._start()
        except (
            BindError,
            AlreadyRunningError,
            UnsafePathError,
            SocketPathError,
            UnreadableProcessError,
            OSError,
        ) as error:
            sys.stderr.write(f"pipelock: {error}\n")
            self._daemon.stop()
            return EXIT_FAILED
        _calm_collector()
        self._reactor.addSystemEventTrigger("before", "shutdown", self._drain)
        self._reactor.run()
        return self._code

    def _start(self) -> None:
        daemon = self._daemon
        become_subreaper()
        self._facts = read_daemon_facts()
        await_usr1(self._usr1)
        self._control = ControlServer(
            Desk(daemon), self._reactor, self._facts, self._watched, company=daemon.identifying.company
        )
        self._control_port = listen(self._reactor, self._socket, self._control)
        daemon.start()
        agent = daemon.identifying.agent_above()
        if agent:
            text = f"started inside {agent}, which may therefore decide; start it in a terminal of your own"
            daemon.bus.publish(Notice("warn", text))
            sys.stderr.write(f"pipelock: {text}\n")
        if daemon.loaded.path is not None:
            self._watch = FileWatch(daemon.loaded.path, self._reactor, self._reload)
            self._watch.start()
        signal.signal(signal.SIGHUP, self._on_signal)
        self._reactor.callWhenRunning(self._stopping.heed)
        # Said when signals are heeded: whoever reads it may send one.
        self._reactor.callWhenRunning(self._say_hello)
        if self._options.agent:
            self._agent = AgentProcess(self._agent_ended)
            files = trust_files(daemon.loaded.config, home_dir(os.environ, self._options.home), os.environ)
            environ = agent_environment(os.environ, f"http://{daemon.address}", files)
            with as_before():
                self._agent.start(self._reactor, self._options.agent, environ)
            if self._agent.watched is not None:
                daemon.identifying.launched(self._agent.watched[0])

    def _say_hello(self) -> None:
        daemon = self._daemon
        config = daemon.loaded.config
        sys.stderr.write(
            f"pipelock: listening on {daemon.address} (mode {config.mode}, policy {daemon.loaded.policy_hash}, "
            f"{daemon.engine.policy.credential_rules} credential rules, matcher "
            f"{daemon.engine.policy.secrets.engine})\n"
            f"pipelock: control socket {self._socket}\npipelock: audit log {daemon.recorder.log.path}\n"
        )
        sys.stderr.flush()
        self._supervisor.ready(self._status())
        self._supervisor.watch(self._reactor)

    def _status(self) -> str:
        daemon = self._daemon
        return f"listening on {daemon.address}, mode {daemon.loaded.config.mode}, policy {daemon.loaded.policy_hash}"

    def _watched(self) -> frozenset[tuple[int, int]]:
        launched = self._agent.watched if self._agent is not None else None
        seen = self._daemon.identifying.agents() | self._daemon.containment.processes()
        return seen | {launched} if launched is not None else seen

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload)

    def _usr1(self, sender: int) -> None:
        # Asked at once: a `kill` that is a program of its own is gone in a moment.
        may_release = self._may_release(sender)
        self._reactor.callFromThread(self._daemon.toggle_by_signal, may_release)

    def _may_release(self, sender: int) -> bool:
        """Whether the kill switch may be released by a signal from this process; anybody may pull it."""
        facts = read_peer_facts(Credentials(sender, os.getuid()))
        if self._agent is None and facts.problem:
            return True  # a `kill` that is gone already, most likely
        return judge_peer(facts, self._facts, self._watched(), self._daemon.identifying.company()).may_decide

    def _reload(self) -> None:
        if self._daemon.loaded.path is not None:
            self._supervisor.reloading()
            self._daemon.reload_then(lambda _outcome: self._supervisor.ready(self._status()))

    def _agent_ended(self, code: int) -> None:
        self._code = code
        self._stopping.stop()

    def _drain(self) -> object:
        """Finish what is under way, for a while; the reactor waits for the returned Deferred."""
        from twisted.internet.task import deferLater  # noqa: PLC0415 - only at the end

        self._supervisor.stopping()
        if self._watch is not None:
            self._watch.stop()
        self._daemon.stop_accepting()
        deadline = self._reactor.seconds() + DRAIN_SECONDS
        clock = cast("IReactorTime", self._reactor)

        def look() -> object:
            if self._daemon.is_drained or self._reactor.seconds() >= deadline:
                self._daemon.stop()
                if self._control is not None:
                    self._control.close()
                return self._control_port.stop() if self._control_port is not None else None
            return deferLater(clock, 0.05, look)

        return deferLater(clock, 0, look)
