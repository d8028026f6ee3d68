"""`pipelock status`."""

from __future__ import annotations

import time

from pipelock.cli.lines import count, duration, kill_text
from pipelock.cli.link import open_client
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.model import Status, escape

__all__ = ["execute", "report"]


def execute(arguments: Arguments) -> int:
    """Print what the running daemon says of itself."""
    with open_client(arguments) as client:
        status = client.status()
    if arguments.json:
        print_json(status)
    else:
        print(report(status, time.time()))
    return 0


def report(status: Status, now: float) -> str:
    """The status as lines; `now` is seconds since the epoch."""
    kill = kill_text(status.kill_switch)
    seen = count(status.dashboards, "dashboard")
    rows = [
        ("daemon", f"pipelock {status.version}, pid {status.pid}, up {duration(now - status.started_at)}"),
        ("listens on", status.listen),
        ("policy", f"mode {status.mode}, {'enforced' if status.enforce else 'NOT enforced'}, hash {status.policy}"),
        ("configuration", status.config_path or "built-in"),
        ("egress default", status.egress_default),
        ("kill switch", kill),
        (
            "requests",
            f"{status.requests}: {status.allowed} allowed, {status.warned} warned, {status.blocked} blocked",
        ),
        ("waiting for you", str(status.pending)),
        (
            "connections",
            ", ".join(
                (
                    f"{status.connections} open",
                    f"{status.tunnels} tunnels",
                    count(status.websockets, "WebSocket"),
                    f"{status.sessions} sessions",
                    *((count(status.contained, "sandbox", "sandboxes"),) if status.contained else ()),
                    seen,
                )
            ),
        ),
        ("inside TLS", f"read; signed by {status.ca_cert}" if status.ca_cert else "not read (tls_interception)"),
        ("matcher", status.matcher),
        ("audit log", status.audit_path),
    ]
    rows += [(label, ", ".join(f"{name} {count}" for name, count in pairs)) for label, pairs in _tops(status)]
    lines = [f"{label:<16}{escape(text, 1000)}" for label, text in rows if text]
    return "\n".join(mark(line, "red") if status.kill_switch.active and kill in line else line for line in lines)


def _tops(status: Status) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    return ("most blocked", status.top_blocked), ("by layer", status.top_layers)
