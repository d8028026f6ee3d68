"""Collecting what rounds measured, and keeping it."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import Load

__all__ = ["Cell", "machine", "percentile", "write"]

RESULTS = Path(__file__).parent / "results"


@dataclass(slots=True)
class Cell:
    """Measurements of one program under one load, one entry for each round.

    Attributes:
        good: The status of a response that counts; others are errors.
    """

    good: int = 200
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    errors: int = 0

    def add(self, load: Load, cpu: float) -> None:
        """Take one round's figures; `cpu` is seconds."""
        done = len(load.latencies)
        self.rates.append(load.rate)
        self.p50.append(load.percentile(0.5))
        self.p99.append(load.percentile(0.99))
        self.cpu.append(cpu / done * 1000 if done else float("nan"))
        self.errors += load.errors + sum(n for status, n in load.statuses.items() if status != self.good)

    def medians(self) -> dict[str, float]:
        """What is shown: requests a second, milliseconds, CPU milliseconds a request."""
        return {
            "requests_per_second": round(statistics.median(self.rates), 1),
            "p50_ms": round(statistics.median(self.p50), 2),
            "p99_ms": round(statistics.median(self.p99), 2),
            "cpu_ms_per_request": round(statistics.median(self.cpu), 4),
            "errors": self.errors,
        }


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0..1) of `values` stay within; not a number if there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform()}


def write(name: str, result: dict[str, object]) -> None:
    """Keep `result` under its time, and as the latest."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / f"{name}-latest.json").write_text(path.read_text())
    print(f"\nwritten to {path}")
