"""Counters, for `/stats`, `/metrics` and the status line. Every table has a limit."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, generate_latest
from prometheus_client import Counter as Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from pipelock.door.scan_stats import ScanStats
from pipelock.door.session_stats import SessionStats
from pipelock.engine.cross_request import BUDGET_RULES
from pipelock.model import ANONYMOUS, BlockReason, Decision, Kind, Record, TunnelClosed, Verdict

__all__ = ["MAX_NAMES", "Stats"]

MAX_NAMES = 1000
"""Names a table of top entries keeps; a new name beyond it pushes out the rarest ones."""

_LATENCY = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WEBSOCKET_SECONDS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_TUNNEL_SECONDS = (1, 5, 10, 30, 60, 120, 300)


class _Durations(Collector):
    """The one histogram that every request touches, kept as plain numbers until somebody asks for it."""

    def __init__(self) -> None:
        self._edges = [int(edge * 1e6) for edge in _LATENCY]
        self._counts = [0] * (len(self._edges) + 1)
        self._total = 0

    def observe(self, microseconds: int) -> None:
        """Count one duration."""
        self._counts[bisect_left(self._edges, microseconds)] += 1
        self._total += microseconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The histogram in Prometheus's form: each bucket holds all that are below it."""
        sums = list(accumulate(self._counts))
        buckets = [(str(float(edge)), float(count)) for edge, count in zip(_LATENCY, sums, strict=False)]
        family = HistogramMetricFamily("pipelock_request_duration_seconds", "Judging time, waiting included")
        family.add_metric([], [*buckets, ("+Inf", float(sums[-1]))], self._total / 1e6)
        yield family


class Stats:
    """Counts decisions and tunnels. Metric names are the reference's.

    `agents` are the names that count by themselves, those of the profiles; everybody else, whatever a header says, is
    `anonymous`.
    """

    def __init__(self, version: str) -> None:
        self.agents: frozenset[str] = frozenset()
        self.requests = self.allowed = self.blocked = self.warned = 0
        self.tunnels_opened = self.tunnels = self.connections = 0
        self.websockets_opened = self.websockets = 0
        self._top_hosts: Counter[str] = Counter()
        self._top_layers: Counter[str] = Counter()
        self.registry = registry = CollectorRegistry()
        self._requests = Metric("pipelock_requests", "Requests by result", ["result", "agent"], registry=registry)
        self._hits = Metric("pipelock_scanner_hits", "Blocking layers", ["scanner", "agent"], registry=registry)
        self._seconds = _Durations()
        registry.register(self._seconds)
        self._kill_denials = Metric(
            "pipelock_kill_switch_denials", "Denied by the kill switch", ["transport", "endpoint"], registry=registry
        )
        self._tunnels = Metric("pipelock_tunnels", "CONNECT tunnels by result", ["result", "agent"], registry=registry)
        self._tunnel_seconds = Histogram(
            "pipelock_tunnel_duration_seconds", "Life of a tunnel", buckets=_TUNNEL_SECONDS, registry=registry
        )
        self._tunnel_bytes = Metric("pipelock_tunnel_bytes", "Bytes through tunnels", registry=registry)
        self._websockets = Metric("pipelock_ws_connections", "WebSockets by result", ["result"], registry=registry)
        self._websocket_seconds = Histogram(
            "pipelock_ws_duration_seconds", "Life of a WebSocket", buckets=_WEBSOCKET_SECONDS, registry=registry
        )
        self._websocket_bytes = Metric("pipelock_ws_bytes", "Bytes of messages", ["direction"], registry=registry)
        self._websocket_frames = Metric("pipelock_ws_frames", "Messages that passed", ["type"], registry=registry)
        self._hints = Metric(
            "pipelock_forward_ws_redirect_hint", "Closed tunnels to hosts that /ws could serve", registry=registry
        )
        self._intercepts = Metric("pipelock_tls_intercept", "Opened tunnels", ["outcome"], registry=registry)
        self._sni = Metric("pipelock_sni", "ClientHello checks", ["category", "agent"], registry=registry)
        self._body_hits = Metric("pipelock_body_dlp_hits", "Body findings", ["action", "agent"], registry=registry)
        self._header_hits = Metric(
            "pipelock_header_dlp_hits", "Header findings", ["action", "agent"], registry=registry
        )
        self._redactions = Metric(
            "pipelock_body_redactions", "Placeholders in bodies", ["transport", "agent", "class"], registry=registry
        )
        self._pieces = Metric("pipelock_cross_request_dlp_match", "Secrets found over requests", registry=registry)
        self._budgets = Metric("pipelock_cross_request_entropy_exceeded", "Budgets that were met", registry=registry)
        self.fragment_bytes: Callable[[], int] = int
        """How many bytes are remembered of sessions; whoever remembers them sets it."""
        held = Gauge("pipelock_cross_request_fragment_buffer_bytes", "Remembered of sessions", registry=registry)
        held.set_function(self._held)
        Gauge("pipelock_ws_active_connections", "Open WebSockets", registry=registry).set_function(
            lambda: self.websockets
        )
        active = Gauge("pipelock_active_tunnels", "Open tunnels", registry=registry)
        active.set_function(lambda: self.tunnels)
        self.scans = ScanStats(registry)
        self.sessions = SessionStats(registry)
        Info("pipelock", "Build", registry=registry).info({"version": version})
        # Looking a child up costs as much as everything else here together.
        self._allowed = {ANONYMOUS: self._requests.labels("allowed", ANONYMOUS)}

    def decided(self, record: Record) -> None:
        """Count one decision."""
        action, decision = record.action, record.decision
        if action.kind is Kind.SCAN:
            return  # nothing was sent or stopped; the scan API counts for itself
        blocked = decision.verdict is Verdict.BLOCK
        agent = action.agent if action.agent in self.agents else ANONYMOUS
        is_request = action.kind in (Kind.REQUEST, Kind.CONNECT)
        if action.kind is Kind.CLIENT_HELLO:
            self._sni.labels("mismatch" if blocked else "match", agent).inc()
        self.requests += is_request
        if blocked:
            self._count_block(record, agent)
        elif is_request:
            self.allowed += 1
            self._count_allowed(agent)
            if action.kind is Kind.CONNECT:
                self._tunnels.labels("allowed", agent).inc()
        if decision.verdict not in (Verdict.ALLOW, Verdict.BLOCK):
            self.warned += 1
        if decision.findings:
            self._count_findings(decision, agent)
        for kind, count in decision.redactions.items():
            self._redactions.labels(action.transport.value, agent, kind).inc(count)
        if is_request:
            self._seconds.observe(record.took_us)

    def _count_allowed(self, agent: str) -> None:
        child = self._allowed.get(agent)
        if child is None:
            child = self._allowed[agent] = self._requests.labels("allowed", agent)
        child.inc()

    def _count_block(self, record: Record, agent: str) -> None:
        action, decision = record.action, record.decision
        self.blocked += 1
        self._requests.labels("blocked", agent).inc()
        self._hits.labels(decision.layer, agent).inc()
        _bump(self._top_layers, decision.layer)
        _bump(self._top_hosts, action.host)
        if action.kind is Kind.CONNECT:
            self._tunnels.labels("blocked", agent).inc()
        if decision.code is BlockReason.KILL_SWITCH_ACTIVE:
            self._kill_denials.labels(action.transport.value, action.kind.value).inc()

    def _count_findings(self, decision: Decision, agent: str) -> None:
        for finding in decision.findings:
            if finding.place.startswith("body"):
                self._body_hits.labels(decision.verdict.value, agent).inc()
            elif finding.place.startswith("header"):
                self._header_hits.labels(decision.verdict.value, agent).inc()
            elif finding.scanner == "cross_request":
                (self._budgets if finding.rule in BUDGET_RULES else self._pieces).inc()

    def _held(self) -> int:
        return self.fragment_bytes()

    def websocket_hinted(self) -> None:
        """A tunnel stays closed to a host whose WebSockets could go through `/ws`."""
        self._hints.inc()

    def handshake_failed(self) -> None:
        """A client would not speak TLS with us."""
        self._intercepts.labels("handshake_error").inc()

    def intercepted(self) -> None:
        """A tunnel is opened."""
        self._intercepts.labels("intercepted").inc()

    def tunnel_opened(self) -> None:
        """A tunnel began to carry bytes."""
        self.tunnels += 1
        self.tunnels_opened += 1

    def tunnel_closed(self, closed: TunnelClosed) -> None:
        """A tunnel ended."""
        self.tunnels -= 1
        self._tunnel_seconds.observe(closed.duration_ms / 1000)
        self._tunnel_bytes.inc(closed.sent + closed.received)

    def websocket_opened(self) -> None:
        """A WebSocket is open on both sides."""
        self.websockets += 1
        self.websockets_opened += 1
        self._websockets.labels("allowed").inc()

    def websocket_closed(self, closed: TunnelClosed) -> None:
        """One ended."""
        self.websockets -= 1
        self._websocket_seconds.observe(closed.duration_ms / 1000)
        self._websocket_bytes.labels("client_to_server").inc(closed.sent)
        self._websocket_bytes.labels("server_to_client").inc(closed.received)
        self._websocket_frames.labels("text").inc(closed.texts)
        self._websocket_frames.labels("binary").inc(closed.binaries)

    def top_blocked(self, count: int = 10) -> tuple[tuple[str, int], ...]:
        """The hosts refused most often."""
        return tuple(self._top_hosts.most_common(count))

    def top_layers(self, count: int = 10) -> tuple[tuple[str, int], ...]:
        """The layers that refused most often."""
        return tuple(self._top_layers.most_common(count))

    def exposition(self) -> bytes:
        """The Prometheus text format (version 0.0.4)."""
        return generate_latest(self.registry)


def _bump(table: Counter[str], name: str) -> None:
    table[name] += 1
    if len(table) > MAX_NAMES:
        for rare, _ in table.most_common()[MAX_NAMES // 2 :]:
            del table[rare]
