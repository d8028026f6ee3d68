"""The daemon: all parts put together, and what the control socket asks of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from pipelock import __version__
from pipelock.config import Config, Loaded
from pipelock.control.backend import Then
from pipelock.daemon.admin import Admin
from pipelock.daemon.answering import Answering
from pipelock.daemon.containing import containment_of
from pipelock.daemon.dial import Dial
from pipelock.daemon.echo import Echo
from pipelock.daemon.grants_file import GrantsFile
from pipelock.daemon.health import health_facts
from pipelock.daemon.identifying import Identifying
from pipelock.daemon.listeners import bind, bind_agents, local_names, written_address
from pipelock.daemon.memory import GIVE_BACK_SECONDS, forget, releaser
from pipelock.daemon.notifying import Notifying, notify_settings
from pipelock.daemon.oversight import SWEEP_SECONDS as SESSION_SECONDS
from pipelock.daemon.oversight import Oversight
from pipelock.daemon.pages import Pages
from pipelock.daemon.reloading import Compiled, Reloading, ReloadingParts, say, tls_to_servers
from pipelock.daemon.reviewing import Reviewing, ReviewParts
from pipelock.daemon.rounds import Rounds
from pipelock.daemon.sentinel import sentinel_probe
from pipelock.daemon.settings import (
    api_limits,
    interception_of,
    proxy_settings,
    scan_settings,
)
from pipelock.daemon.status import status_of
from pipelock.detect.known import KnownValue
from pipelock.door.bus import EventBus
from pipelock.door.door import Door, DoorParts
from pipelock.door.edges import Port, Reactor
from pipelock.door.resolver import Resolver
from pipelock.door.stats import Stats
from pipelock.engine import Approvals, Engine, KillSwitch, Policy
from pipelock.engine.compile import approval_limits
from pipelock.engine.warm import warm
from pipelock.evidence.audit import AuditLog
from pipelock.evidence.recorder import Recorder
from pipelock.model import KillSwitchState, Notice, Status
from pipelock.proxy.api import ApiConnection, ApiContext, ApiFactory
from pipelock.proxy.context import ProxyContext, ProxySettings
from pipelock.proxy.http1 import Limits
from pipelock.proxy.reverse import ReverseFactory
from pipelock.proxy.reverse_rules import ReverseRules
from pipelock.proxy.scan_api import ScanService
from pipelock.proxy.server import ProxyFactory
from pipelock.proxy.upstream import Pool
from pipelock.proxy.websocket.settings import WebSocketSettings

__all__ = ["Daemon", "DaemonPlace"]

_T = TypeVar("_T")

KILL_LOOK_SECONDS = 0.02
"""How often the sentinel is looked at for the sake of tunnels on which nothing moves."""
SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 5.0
SCAN_THREADS = 2
LOOKUP_THREADS = 16
RING = 4096
"""Events kept in memory for dashboards that come late."""


@dataclass(frozen=True, slots=True)
class DaemonPlace:
    """Where a daemon keeps what it keeps. `read` gives the configuration anew, `known` the secrets in files."""

    home: Path
    read: Callable[[], Loaded]
    environ: Mapping[str, str]
    known: Callable[[Config], Sequence[KnownValue]] = lambda _config: ()


class Daemon:
    """One per process. Everything runs on the reactor's thread; `start` binds, `stop` drains."""

    _log = Logger()

    def __init__(self, reactor: Reactor, place: DaemonPlace, loaded: Loaded, policy: Policy) -> None:
        self.epoch = secrets.token_hex(8)
        self.version = __version__
        self.loaded = loaded
        self.started_at = time.time()
        notify = notify_settings(loaded.config, place.environ)  # first: it may fail, and nothing is open yet
        self._reactor = reactor
        self.place = place
        self._scan_pool = ThreadPool(1, SCAN_THREADS, "scan")
        self._lookup_pool = ThreadPool(0, LOOKUP_THREADS, "lookup")
        self.kill = KillSwitch()
        self._configure_kill(loaded)
        self.engine = Engine(policy, self.kill)
        self.bus = EventBus(time.time, RING)
        self.stats = Stats(__version__)
        self.stats.agents = frozenset(loaded.config.agents)
        self.stats.fragment_bytes = lambda: self.engine.cross_request.size
        self._echo = Echo()
        self.recorder = self._make_recorder(loaded)
        self.approvals = Approvals(secrets.token_bytes(32), approval_limits(loaded.config))
        self.door = Door(
            DoorParts(
                engine=self.engine,
                approvals=self.approvals,
                bus=self.bus,
                resolver=Resolver(reactor, lambda call, then: self._in(self._lookup_pool, call, then)),
                stats=self.stats,
                write=self.recorder.write,
                write_tunnel=self.recorder.write_tunnel,
                write_error=self.recorder.write_error,
                clock=reactor,
                wall=time.time,
                inspect=lambda call, then: self._in(self._scan_pool, call, then),
            )
        )
        self.answering = Answering(
            self.door, GrantsFile(place.home / "approvals.yaml"), reactor, self.recorder.write_session
        )
        self.oversight = Oversight(self.door, reactor, self.recorder.write_session)
        self.reviewing = Reviewing(
            ReviewParts(
                reactor=reactor,
                bus=self.bus,
                home=place.home,
                loaded=lambda: self.loaded,
                policy=lambda: self.engine.policy,
                read=place.read,
                reload=self.reload_then,
                grants=self.answering.grants,
                facts=lambda: health_facts(self, place),
                audit=lambda: self.recorder.log.path,
                write=self.recorder.write_session,
            )
        )
        interception = interception_of(loaded.config, place.home)
        self.identifying = Identifying(reactor, loaded.config)
        self._dial = dial = Dial(reactor, tls_to_servers(loaded, place, interception))
        pages = Pages(lambda: self.loaded.config, self.engine, self.stats, self.started_at)
        self.context = ProxyContext(
            door=self.door,
            pool=Pool(dial, reactor, Limits()),
            clock=reactor,
            dial_tunnel=dial.tunnel,
            offload=self._offload,
            settings=proxy_settings(loaded),
            interception=interception,
            identify=self.identifying.identify,
            routes=pages.routes(),
        )
        self.containment = containment_of(self, reactor)
        self.oversight.connect(self.context, self.containment)
        self._notifying = Notifying(reactor, self.bus, place.environ, notify, lambda: self.admin_address)
        self.admin = Admin(self, reactor, place.environ, self._notifying)
        self.admin.context.identify = self.identifying.identify
        self.admin.configure()
        self._metrics_context: ProxyContext | None = None
        self._reverse: ReverseFactory | None = None
        self._scans = ScanService(self.door, reactor, scan_settings(loaded), self.context.new_id)
        self._scan_api = ApiContext(self._scans, reactor, api_limits(loaded))
        self._ports: list[Port] = []
        self._rounds = Rounds(reactor)
        self._was_killed = self.kill.active
        self._release = releaser()
        self._reloading = Reloading(
            ReloadingParts(
                place=place,
                bus=self.bus,
                loaded=lambda: self.loaded,
                compile=lambda call, then: self._in(self._scan_pool, call, then),
                obey=self._obey,
                obeyed=self._obeyed,
            )
        )

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind the listeners and start the clocks.

        Raises:
            BindError: a listener's address is taken.
        """
        config = self.loaded.config
        self._scan_pool.start()
        self._lookup_pool.start()
        self.identifying.start()
        self.answering.start()
        self.reviewing.start()
        port = bind(self._reactor, "fetch_proxy.listen", config.fetch_proxy.listen, ProxyFactory(self.context))
        self._ports.append(port)
        self.context.local_names = local_names(config.fetch_proxy.listen, port.getHost().port)
        own = {port.getHost().port}
        for agents_port in bind_agents(self._reactor, config.agents, self.context):
            self._ports.append(agents_port)
            own.add(agents_port.getHost().port)
        if config.reverse_proxy.enabled:
            self._reverse = ReverseFactory(self.context, ReverseRules.from_config(config.reverse_proxy))
            reverse = bind(self._reactor, "reverse_proxy.listen", config.reverse_proxy.listen, self._reverse)
            self._ports.append(reverse)
            own.add(reverse.getHost().port)
        if config.metrics_listen:
            own.add(self._bind_metrics(config.metrics_listen))
        if config.scan_api.listen:
            scan_port = bind(self._reactor, "scan_api.listen", config.scan_api.listen, ApiFactory(self._scan_api))
            self._ports.append(scan_port)
            own.add(scan_port.getHost().port)
            self._rounds.every(SWEEP_SECONDS, self._scan_api.sweep)
        if config.kill_switch.api_listen:
            own.add(self._bind_admin(config.kill_switch.api_listen))
        else:
            self.context.admin = self.admin.service
        self.engine.own_ports = frozenset(own)
        self._in(self._scan_pool, lambda: warm(self.engine.policy), self._warmed)
        self._rounds.every(SWEEP_SECONDS, self.context.sweep)
        self._rounds.every(SWEEP_SECONDS, self.containment.sweep)
        self._rounds.every(SESSION_SECONDS, self.oversight.sweep)
        self._rounds.every(SESSION_SECONDS, self.answering.sweep)
        self._rounds.every(KILL_LOOK_SECONDS, self._look_at_sentinel)
        if self._release is not None:
            self._release()  # compiling the rules has left much
            self._rounds.every(GIVE_BACK_SECONDS, self._release)
        if not self.loaded.config.enforce or self.loaded.config.mode == "audit":
            self.bus.publish(Notice("warn", "findings are logged and nothing is blocked (audit mode)"))
        for text in (*self.loaded.notices, *self.loaded.warnings):
            self.bus.publish(Notice("warn", text))

    def _bind_metrics(self, address: str) -> int:
        routes = {path: self.context.routes.pop(path) for path in ("/metrics", "/stats")}
        context = ProxyContext(
            door=self.door,
            pool=self.context.pool,
            clock=self.context.clock,
            dial_tunnel=self.context.dial_tunnel,
            offload=self.context.offload,
            settings=_metrics_settings(self.context.settings),
            budget=self.context.budget,
            routes=routes,
        )
        self._metrics_context = context
        port = bind(self._reactor, "metrics_listen", address, ProxyFactory(context))
        self._ports.append(port)
        number = int(port.getHost().port)
        context.local_names = local_names(address, number)
        self._rounds.every(SWEEP_SECONDS, context.sweep)
        return number

    def _bind_admin(self, address: str) -> int:
        port = bind(self._reactor, "kill_switch.api_listen", address, ApiFactory(self.admin.context))
        self._ports.append(port)
        self.admin.address = written_address(address, port)
        self._rounds.every(SWEEP_SECONDS, self.admin.context.sweep)
        return int(port.getHost().port)

    def _warmed(self, result: Failure | None) -> None:
        if isinstance(result, Failure):
            self._log.failure("the rules could not be tried", failure=result)

    @property
    def address(self) -> str:
        """Where the main listener really is, once started: the port is the kernel's choice for `:0`."""
        if not self._ports:
            return self.loaded.config.fetch_proxy.listen
        return written_address(self.loaded.config.fetch_proxy.listen, self._ports[0])

    @property
    def admin_address(self) -> str:
        """Where the admin API is: on a listener of its own, or on the main one."""
        return self.admin.address or self.address

    def stop_accepting(self) -> None:
        """Take no new clients, deny what waits for a person, drop idle connections."""
        for port in self._ports:
            port.stopListening()
        self.containment.stop_accepting()
        self.door.close()
        self.context.pool.close_idle()
        for client in list(self.context.connections):
            client.drain()
        for tunnel in list(self.context.tunnels):
            tunnel.drain()
        for asker in [asker for asker in self._askers if asker.is_idle]:
            asker.abort()

    @property
    def is_drained(self) -> bool:
        """Whether nobody is being served."""
        clients = (*self.context.connections, *self._askers)
        return all(client.is_idle for client in clients)

    @property
    def _askers(self) -> tuple[ApiConnection, ...]:
        return (*self._scan_api.connections, *self.admin.context.connections)

    def stop(self) -> None:
        """Let go of everything."""
        self.answering.stop()
        self.containment.stop()
        self._rounds.stop()
        for context in (self.context, self._metrics_context):
            for client in list(context.connections) if context is not None else ():
                client.abort()
        for asker in self._askers:
            asker.abort()
        self._notifying.stop()
        self._scan_pool.stop()
        self._lookup_pool.stop()
        self.reviewing.stop()
        self.identifying.stop()
        self.recorder.log.close()

    # -- configuration ---------------------------------------------------------------------------------------------

    def request_reload(self) -> str:
        """Read the file, and swap its policy in as soon as it is compiled; the old one stays if anything is wrong.

        Raises:
            BackendError: the file is not valid.
        """
        return self._reloading.request()

    def reload_then(self, then: Then[str]) -> None:
        """`request_reload` for whoever waits until what stands in the files now is in force."""
        self._reloading.request_then(then)

    def _obey(self, made: Compiled, loaded: Loaded) -> None:
        self.loaded = loaded
        self.engine.replace_policy(made.policy)
        self.context.interception = made.interception
        self.identifying.configure(loaded.config)
        self.stats.agents = frozenset(loaded.config.agents)
        self.context.identify = self.admin.context.identify = self.identifying.identify
        self._dial.upstream = made.upstream_tls
        self.approvals.limits = approval_limits(loaded.config)
        self._configure_kill(loaded)
        self._configure_recorder(loaded)
        self.reviewing.configure()
        self._notifying.configure(made.notify)
        self.admin.configure()
        self.context.settings = proxy_settings(loaded)
        self.context.pool.close_idle()
        self._scans.settings = scan_settings(loaded)
        self._scan_api.limits = api_limits(loaded)
        if self._reverse is not None:
            self._reverse.rules = ReverseRules.from_config(loaded.config.reverse_proxy)
        if self._metrics_context is not None:
            self._metrics_context.settings = _metrics_settings(self.context.settings)

    def _obeyed(self) -> None:
        self.containment.config_changed()
        self.door.rejudge_held()
        self._kill_may_have_moved("config")
        self._reactor.callLater(0, forget, self._release)  # the replaced policy, and what compiling has left

    def _configure_kill(self, loaded: Loaded) -> None:
        section = loaded.config.kill_switch
        path = Path(section.sentinel_file) if section.sentinel_file else self.place.home / "KILL"
        self.kill.configure(
            config=section.enabled,
            message=section.message,
            exempt=tuple(map(ip_network, section.allowlist_ips)),
            probe=sentinel_probe(path),
        )

    def _make_recorder(self, loaded: Loaded) -> Recorder:
        section = loaded.config.logging
        path = Path(section.file) if section.file else self.place.home / "audit" / "audit.jsonl"
        log = AuditLog(path, max_bytes=section.max_file_mb * 1024 * 1024, keep=section.keep_files)
        recorder = Recorder(log)
        self.recorder = recorder
        self._configure_recorder(loaded)
        return recorder

    def _configure_recorder(self, loaded: Loaded) -> None:
        section = loaded.config.logging
        self.recorder.include_allowed = section.include_allowed
        self.recorder.include_blocked = section.include_blocked
        self.recorder.echo = self._echo if section.output in ("stdout", "both") else None
        self.recorder.echo_text = section.format == "text"

    # -- kill switch -----------------------------------------------------------------------------------------------

    def toggle_by_signal(self, may_release: bool = True) -> None:  # noqa: FBT001, FBT002 - a signal has no more to say
        """SIGUSR1: pull the switch, or release it where the sender may."""
        if self.kill.state.sources["signal"] and not may_release:
            text = "a SIGUSR1 that may have come from an agent does not release the kill switch"
            self.bus.publish(Notice("warn", text))
            say(text)
            return
        word = "ACTIVATED" if self.kill.toggle_signal() else "DEACTIVATED"
        say(f"kill switch {word} via SIGUSR1")
        self._kill_may_have_moved("signal", always=True)

    def _look_at_sentinel(self) -> None:
        self._kill_may_have_moved("sentinel")

    def _kill_may_have_moved(self, by: str, *, always: bool = False) -> None:
        active = self.kill.active
        if active == self._was_killed and not always:
            return
        self._was_killed = active
        self.door.kill_switch_moved(by)
        self.containment.kill_switch_moved()
        if active:
            for tunnel in list(self.context.tunnels):
                tunnel.check_kill_switch()

    # -- what the control socket asks ------------------------------------------------------------------------------

    def status(self) -> Status:
        """The daemon at a glance."""
        return status_of(self)

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - on or off is all there is
        """The control socket's source of the kill switch."""
        self.kill.set_api(active)
        self._kill_may_have_moved(f"api ({by})" if by else "api", always=True)
        return self.kill.state

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _offload(self, call: Callable[[], _T], then: Callable[[_T | Failure], None]) -> None:
        self._in(self._scan_pool, call, then)

    def _in(self, pool: ThreadPool, call: Callable[[], _T], then: Callable[[_T | Failure], None]) -> None:
        deferToThreadPool(self._reactor, pool, call).addBoth(then)  # type: ignore[arg-type]  # a zope interface there


def _metrics_settings(settings: ProxySettings) -> ProxySettings:
    """For a listener that tells numbers, perhaps to a whole network, and carries nothing."""
    return replace(settings, forward_enabled=False, fetch_enabled=False, websocket=WebSocketSettings())
