"""What the daemon says of itself over HTTP: /health, /stats, /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pipelock import __version__
from pipelock.config import Config
from pipelock.door.stats import Stats
from pipelock.engine import Engine
from pipelock.proxy.context import LocalAnswer

__all__ = ["Pages"]


@dataclass(frozen=True, slots=True)
class Pages:
    """The three pages. `config` gives the configuration in force, `started_at` is in seconds since the epoch."""

    config: Callable[[], Config]
    engine: Engine
    stats: Stats
    started_at: float

    def routes(self) -> dict[str, Callable[[], LocalAnswer]]:
        """The pages by their paths."""
        return {"/health": self.health, "/stats": self.statistics, "/metrics": self.metrics}

    def health(self) -> LocalAnswer:
        """Whether all is well, and what is switched on."""
        config = self.config()
        body = {
            "status": "healthy",
            "version": __version__,
            "mode": config.mode,
            "uptime_seconds": self._uptime(),
            "dlp_patterns": self.engine.policy.credential_rules,
            "response_scan_enabled": config.response_scanning.enabled,
            "git_protection_enabled": False,
            "rate_limit_enabled": config.fetch_proxy.monitoring.max_requests_per_minute > 0,
            "forward_proxy_enabled": config.forward_proxy.enabled,
            "websocket_proxy_enabled": config.websocket_proxy.enabled,
            "request_body_scan_enabled": config.request_body_scanning.enabled,
            "tls_interception_enabled": config.tls_interception.enabled,
            "kill_switch_active": self.engine.kill.active,
        }
        return LocalAnswer(200, "application/json", msgspec.json.encode(body))

    def statistics(self) -> LocalAnswer:
        """What was counted."""
        stats = self.stats
        judged = stats.allowed + stats.blocked
        body = {
            "uptime_seconds": self._uptime(),
            "requests": {
                "total": stats.requests,
                "allowed": stats.allowed,
                "blocked": stats.blocked,
                "block_rate": round(stats.blocked / judged, 4) if judged else 0.0,
            },
            "tunnels": stats.tunnels_opened,
            "websockets": stats.websockets_opened,
            "top_blocked_domains": [{"name": name, "count": count} for name, count in stats.top_blocked()],
            "top_scanners": [{"name": name, "count": count} for name, count in stats.top_layers()],
            "sessions": {
                "active": len(self.engine.sessions),
                "anomalies": stats.sessions.anomalies,
                "escalations": stats.sessions.escalations,
                "top_anomalies": [{"name": name, "count": count} for name, count in stats.sessions.top_anomalies()],
            },
            "cross_request_detection": self._cross_request(),
        }
        return LocalAnswer(200, "application/json", msgspec.json.encode(body))

    def _cross_request(self) -> dict[str, bool | int]:
        settings = self.engine.policy.cross_request
        return {
            "entropy_tracker_active": settings is not None and settings.budget_bits > 0,
            "fragment_buffer_active": settings is not None and settings.buffer_bytes > 0,
            "fragment_buffer_bytes": self.engine.cross_request.size,
        }

    def metrics(self) -> LocalAnswer:
        """The same for Prometheus."""
        return LocalAnswer(200, "text/plain; version=0.0.4; charset=utf-8", self.stats.exposition())

    def _uptime(self) -> float:
        return round(time.time() - self.started_at, 1)
