"""Counters of what happens to sessions. Metric names are the reference's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelock.engine.sessions import Change, What

__all__ = ["SessionStats"]

Counts = Callable[[], tuple[dict[str, int], dict[str, int]]]


class SessionStats(Collector):
    """Counts changes; `counts` says how many sessions there are by level and by tier, and whoever knows sets it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.counts: Counts = lambda: ({}, {})
        self.sandboxes: Callable[[], int] = int
        """How many agents run behind walls; whoever knows sets it."""
        self.escalations = 0
        self._anomalies_by_type: Counter[str] = Counter()
        self._anomalies = Metric("pipelock_session_anomalies", "Anomalies of sessions", ["type"], registry=registry)
        self._escalations = Metric(
            "pipelock_session_escalations", "Levels that rose", ["from", "to"], registry=registry
        )
        self._recoveries = Metric(
            "pipelock_session_auto_deescalation", "Levels that fell", ["from", "to"], registry=registry
        )
        self._evicted = Metric("pipelock_sessions_evicted", "Sessions that are no longer listed", registry=registry)
        self._upgrades = Metric(
            "pipelock_adaptive_upgrades",
            "Verdicts that a level made stricter",
            ["from_action", "to_action", "level"],
            registry=registry,
        )
        self._transitions = Metric(
            "pipelock_airlock_transitions", "Tiers that changed", ["from", "to", "trigger"], registry=registry
        )
        self._denials = Metric(
            "pipelock_airlock_denials",
            "What the airlock refused",
            ["tier", "transport", "action_class"],
            registry=registry,
        )
        self._completed = Metric("pipelock_airlock_drain_completed", "Drained by themselves", registry=registry)
        self._timeouts = Metric("pipelock_airlock_drain_timeout", "Ended when drained", registry=registry)
        registry.register(self)

    @property
    def anomalies(self) -> int:
        """How many there were."""
        return self._anomalies_by_type.total()

    def top_anomalies(self, count: int = 10) -> tuple[tuple[str, int], ...]:
        """The kinds of them, the most frequent first."""
        return tuple(self._anomalies_by_type.most_common(count))

    def changed(self, change: Change) -> None:
        """Count one change. Labels are from closed sets: nothing a client says becomes one."""
        before, after = change.before, change.after
        match change.what:
            case What.ANOMALY:
                self._anomalies_by_type[after] += 1
                self._anomalies.labels(after).inc()
            case What.ESCALATION:
                self.escalations += 1
                self._escalations.labels(before, after).inc()
            case What.RECOVERY:
                self._recoveries.labels(before, after).inc()
            case What.UPGRADE:
                self._upgrades.labels(before, after, change.level).inc()
            case What.AIRLOCK | What.AIRLOCK_ENDED:
                self._transitions.labels(before, after, change.trigger).inc()
            case What.DENIED:
                self._denials.labels(before, change.transport, change.action_class).inc()
            case What.DRAINED:
                (self._timeouts if after == "timeout" else self._completed).inc()
            case What.EVICTED:
                self._evicted.inc(change.count)
            case What.BUDGET | What.TAINT:
                pass  # the refusals count by their layer

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How many sessions there are now."""
        levels, tiers = self.counts()
        yield GaugeMetricFamily("pipelock_sessions_active", "Sessions that are listed", float(sum(levels.values())))
        yield GaugeMetricFamily("pipelock_sandboxes_active", "Agents in a sandbox", float(self.sandboxes()))
        for name, label, counts in (
            ("pipelock_adaptive_sessions_current", "level", levels),
            ("pipelock_airlock_sessions", "tier", tiers),
        ):
            family = GaugeMetricFamily(name, f"Sessions by {label}", labels=[label])
            for value, count in counts.items():
                family.add_metric([value], float(count))
            yield family
