"""What the scan API counts; the metric names are the reference's."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipelock.model import Finding, ScanKind

__all__ = ["ScanStats"]


class ScanStats:
    """Counters of the scan API. Labels come from fixed vocabularies."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_flight = 0
        self._requests = Counter(
            "pipelock_scan_api_requests", "Answered questions", ["kind", "decision", "status_code"], registry=registry
        )
        self._seconds = Histogram("pipelock_scan_api_duration_seconds", "Time of a scan", ["kind"], registry=registry)
        self._findings = Counter(
            "pipelock_scan_api_findings", "Findings", ["kind", "scanner", "severity"], registry=registry
        )
        self._errors = Counter(
            "pipelock_scan_api_errors", "Questions without a verdict", ["kind", "error_code"], registry=registry
        )
        gauge = Gauge("pipelock_scan_api_inflight_requests", "Scans under way", registry=registry)
        gauge.set_function(lambda: self.in_flight)

    def completed(self, kind: ScanKind, decision: str, findings: Iterable[Finding], seconds: float) -> None:
        """Count a scan that came to a verdict."""
        self._requests.labels(kind.value, decision, "200").inc()
        self._seconds.labels(kind.value).observe(seconds)
        for finding in findings:
            self._findings.labels(kind.value, finding.scanner, finding.severity.value).inc()

    def failed(self, kind: str, code: str, status: int) -> None:
        """Count one that did not."""
        self._requests.labels(kind, "error", str(status)).inc()
        self._errors.labels(kind, code).inc()
