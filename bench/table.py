"""Turn the latest results of proxy.py, inside.py, dashboard.py and sandbox.py into the table of docs/performance.md.

python bench/table.py [--write]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = "| what | Pipelock | beside | ratio |\n|---|---:|---:|---:|"


def row(what: str, ours: float, beside: float, unit: str, name: str, *, less_is_better: bool = False) -> str:
    """One line; the ratio says how many times better we are."""
    better, worse = (beside, ours) if less_is_better else (ours, beside)
    ratio = f"{better / worse:.2f}x" if worse > 0 < better else "-"
    return f"| {what} | {ours:g} {unit} | {name}: {beside:g} {unit} | {ratio} |"


def outside(result: dict[str, Any]) -> Iterator[str]:
    """Plain HTTP and closed tunnels."""
    for size, cells in result["forward"].items():
        ours, peer = cells["pipelock"], cells.get("mitmdump")
        if peer:
            rates = ours["requests_per_second"], peer["requests_per_second"]
            yield row(f"forward {size}, requests a second", *rates, "", "mitmdump")
        cpu = round(ours["cpu_ms_per_request"] * 1000), round(cells["nginx"]["cpu_ms_per_request"] * 1000)
        yield row(f"forward {size}, processor time a request", *cpu, "µs", "nginx itself", less_is_better=True)
    speeds = result["tunnel_mib_per_second"]
    yield row("closed tunnel", speeds["pipelock"], speeds["nginx"], "MiB/s", "direct")
    p99 = result["p99_ms_of_1_kib"]["pipelock"]
    yield row("p99 of 1 KiB beside 4 MiB", p99["beside"], p99["alone"], "ms", "alone", less_is_better=True)
    yield row("memory idle", result["rss_mib_idle"]["pipelock"], result["rss_mib_after"]["pipelock"], "MiB", "after")


INSIDE = (
    # part, column, words, unit, peer, is less better
    ("requests", "requests_per_second", "1 KiB inside TLS, requests a second", "", "mitmdump", False),
    ("requests", "cpu_ms_per_request", "1 KiB inside TLS, processor time", "ms", "mitmdump", True),
    ("requests", "added_p50_ms", "1 KiB inside TLS, added p50", "ms", "mitmdump", True),
    ("requests", "added_p99_ms", "1 KiB inside TLS, added p99", "ms", "mitmdump", True),
    ("handshakes", "opened_p50_ms", "CONNECT and TLS, p50", "ms", "mitmdump", True),
    ("handshakes", "answered_p50_ms", "the same to the first answer, p50", "ms", "mitmdump", True),
    ("download", "mb_per_second", "download of 100 MB inside TLS", "MB/s", "streaming", False),
    ("download", "cpu_seconds", "the same, processor time", "s", "streaming", True),
    ("download", "rss_grown_mib", "the same, memory grown by", "MiB", "streaming", True),
    ("events", "added_p50_ms", "event of a stream, added p50", "ms", "streaming", True),
    ("events", "added_p95_ms", "event of a stream, added p95", "ms", "streaming", True),
    ("messages", "messages_per_second", "WebSocket messages a second, there and back", "", "mitmdump", False),
    ("memory", "after_a_tenth", "memory after a tenth of the requests", "MiB", "streaming", True),
    ("memory", "after_all", "memory after all requests", "MiB", "streaming", True),
    ("memory", "streams_early", "memory with 200 event streams, at their start", "MiB", "streaming", True),
    ("memory", "streams_late", "memory with 200 event streams, at their end", "MiB", "streaming", True),
    ("memory", "stalled_downloads", "memory with 200 downloads that nobody reads", "MiB", "streaming", True),
)


def inside(result: dict[str, Any]) -> Iterator[str]:
    """What is inside HTTPS."""
    for part, column, words, unit, peer, less_is_better in INSIDE:
        ways = result.get(part) or {}
        if "pipelock" in ways and peer not in ways:
            yield f"| {words} | {ways['pipelock'][column]:g} {unit} | not measured beside it | - |"
        elif "pipelock" in ways:
            name = "mitmdump, streaming" if peer == "streaming" else peer
            values = ways["pipelock"][column], ways[peer][column]
            yield row(words, *values, unit, name, less_is_better=less_is_better)


DASHBOARD = (
    # column, words, unit
    ("first_paint_ms", "dashboard, first paint with 10 000 decisions stored", "ms"),
    ("key_p95_ms", "key to paint, p95, while 200 decisions a second stream in", "ms"),
    ("event_p95_ms", "decision to visible, p95", "ms"),
    ("pending_p95_ms", "what waits to visible, p95", "ms"),
    ("release_p95_ms", "key that allows to the client's answer, p95", "ms"),
    ("rss_mib_after", "dashboard's memory after 100 000 decisions", "MiB"),
)


def dashboard(result: dict[str, Any]) -> Iterator[str]:
    """The terminal, beside what is aimed at and, where it was asked, mitmproxy's console with a tenth of the rows."""
    for column, words, unit in DASHBOARD:
        ours, target, peer = (result[who].get(column, 0.0) for who in ("pipelock", "targets", "mitmproxy"))
        beside = f"at most {target:g} {unit}" + (f"; mitmproxy: {peer:.0f} {unit}" if peer else "")
        yield f"| {words} | {ours:.0f} {unit} | {beside} | {target / ours:.2f}x |"


SANDBOX = (
    # job, column, words
    ("launch", "to_exec_ms", "sandbox: from launch to the program's first moment"),
    ("launch", "cpu_ms", "sandbox: processor time of a launch"),
    ("files", "wall_ms", "sandbox: 2 000 files unpacked, searched, removed"),
    ("requests", "wall_ms", "sandbox: 300 requests through the daemon"),
)


def sandbox(result: dict[str, Any]) -> Iterator[str]:
    """Containment, beside bubblewrap and no walls at all."""
    for job, column, words in SANDBOX:
        ours, peer, plain = (result[job][way][column] for way in ("pipelock", "bubblewrap", "plain"))
        beside = f"bubblewrap: {peer:.0f} ms; plain: {plain:.0f} ms"
        yield f"| {words} | {ours:.0f} ms | {beside} | {peer / ours:.2f}x |"
    if "caught" in result:
        ours, plain = result["caught"]["pipelock"]["wall_ms"], result["requests"]["plain"]["wall_ms"]
        words = "sandbox: the same, by a program that knows of no proxy"
        yield f"| {words} | {ours:.0f} ms | plain, by the proxy: {plain:.0f} ms | {plain / ours:.2f}x |"


def table(results: Path) -> str:
    """The Markdown.

    Raises:
        OSError: no bench was run.
    """
    lines = [HEAD]
    for name, rows in (("proxy", outside), ("inside", inside), ("dashboard", dashboard), ("sandbox", sandbox)):
        path = results / f"{name}-latest.json"
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))
            lines += rows(result)
            lines.append(f"| *measured {result['when'][:10]}, {result['machine']['cpus']} cores* | | | |")
    if len(lines) == 1:
        raise FileNotFoundError(f"no results in {results}; run `make bench`")
    return "\n".join(lines)


def main() -> int:
    """Print it, or put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"replace the table in {PAGE.name}")
    made = table(RESULTS)
    if not parser.parse_args().write:
        print(made)
        return 0
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
