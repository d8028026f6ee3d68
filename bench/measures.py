"""What is measured inside HTTPS. Every function takes the whole bench and gives a table: way, figure, value."""

from __future__ import annotations

import argparse
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from figures import Cell, percentile
from load import FRAMES, Dial, direct, drain, drive, frame, in_tunnel, upgraded
from servers import RANDOM, SIZES, Server
from streams import held, listen

__all__ = ["MEASURES", "Bench", "Table", "Way"]

Table = dict[str, dict[str, float]]
COUNTS = {"direct": 10_000, "pipelock": 6_000, "mitmdump": 1_500, "streaming": 1_500}
SECONDS = 15.0
"""Longest time for one cell of one round."""
HANDSHAKES = 100
STREAMS, EVENTS, INTERVAL = 4, 150, 0.02
DOWNLOAD_SECONDS = 60.0
MANY, MANY_EVENTS, MANY_INTERVAL = 200, 20, 0.5
"""Streams at a time where memory is looked at, and what each of them brings."""
STALLED_SECONDS = 3.0
MEMORY_SECONDS = 600.0
MESSAGE = 256
"""Bytes of a WebSocket message."""
TEXT = 1
"""The opcode of a frame of text."""


@dataclass(frozen=True, slots=True)
class Way:
    """A program that is measured, and how a connection through it to an origin is opened.

    Attributes:
        server: The program; for the floor, nginx.
        context: What clients trust: the program's own authority.
    """

    name: str
    server: Server
    context: ssl.SSLContext

    def dial(self, origin: tuple[str, int]) -> Dial:
        """Connections to `origin` this way, inside TLS."""
        if self.name == "direct":
            return direct(origin, self.context)
        return in_tunnel(self.server.address, origin, self.context)


@dataclass(frozen=True, slots=True)
class Bench:
    """All that runs.

    Attributes:
        origin: nginx over TLS.
        events: The origin of event streams and WebSockets over TLS.
    """

    ways: tuple[Way, ...]
    origin: tuple[str, int]
    events: tuple[str, int]
    rounds: int
    options: argparse.Namespace


def requests(bench: Bench) -> Table:
    """1 KiB answers on kept connections, many at a time; and one at a time, which is what a proxy adds to each."""
    request = _get(bench.origin, f"/{SIZES['1 KiB']}.json")
    cells = {way.name: Cell() for way in bench.ways}
    alone: dict[str, list[list[float]]] = {way.name: [] for way in bench.ways}
    for turn in range(bench.rounds + 1):
        for way in bench.ways:
            # Round 0 warms up: pools, caches, branch predictors.
            count = _count(bench, way) if turn else 50
            dial = way.dial(bench.origin)
            before = way.server.cpu()
            load = drive(dial, request, connections=bench.options.connections, count=count, seconds=SECONDS)
            spent = way.server.cpu() - before
            single = drive(dial, request, connections=1, count=count // 10, seconds=SECONDS)
            if turn:
                cells[way.name].add(load, spent)
                alone[way.name].append([single.percentile(share) for share in (0.5, 0.99)])
    table: Table = {name: cell.medians() for name, cell in cells.items()}
    floor = [statistics.median(turn[place] for turn in alone["direct"]) for place in (0, 1)]
    for name, turns in alone.items():
        for place, key in enumerate(("added_p50_ms", "added_p99_ms")):
            table[name][key] = round(statistics.median(turn[place] for turn in turns) - floor[place], 2)
    return table


def handshakes(bench: Bench) -> Table:
    """New connections one after the other: until CONNECT and TLS are through, and until the first answer."""
    request = _get(bench.origin, f"/{SIZES['49 B']}.json")
    opened: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    answered: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    for turn in range(bench.rounds + 1):
        for way in bench.ways:
            dial = way.dial(bench.origin)
            for _ in range(max(int(HANDSHAKES * bench.options.scale), 5)):
                began = time.perf_counter()
                with dial() as link:
                    ready = time.perf_counter()
                    link.sendall(request)
                    if not link.recv(4096).startswith(b"HTTP/1.1 200"):
                        raise RuntimeError(f"{way.name} did not answer")
                    done = time.perf_counter()
                if turn:
                    opened[way.name].append((ready - began) * 1000)
                    answered[way.name].append((done - began) * 1000)
    return {
        name: {
            "opened_p50_ms": round(percentile(opened[name], 0.5), 2),
            "opened_p99_ms": round(percentile(opened[name], 0.99), 2),
            "answered_p50_ms": round(percentile(answered[name], 0.5), 2),
        }
        for name in opened
    }


def download(bench: Bench) -> Table:
    """100 MB of noise in one response; how much memory that took, too."""
    request = _get(bench.origin, "/random.bin")
    speeds: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    grown: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    spent: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    for turn in range(bench.rounds + 1):
        for way in bench.ways:
            before, cpu = way.server.rss(), way.server.cpu()
            total, seconds = drain(way.dial(bench.origin), request, RANDOM, DOWNLOAD_SECONDS)
            if turn:
                spent[way.name].append(way.server.cpu() - cpu)
                speeds[way.name].append(total / seconds / 1e6 if total >= RANDOM else 0.0)
                grown[way.name].append(way.server.rss() - before)
    return {
        name: {
            "mb_per_second": round(statistics.median(speeds[name]), 1),
            "cpu_seconds": round(statistics.median(spent[name]), 2),
            "rss_grown_mib": round(max(grown[name]), 1),
        }
        for name in speeds
    }


def events(bench: Bench) -> Table:
    """How much later than from the origin itself an event of a stream is heard."""
    heard: dict[str, list[float]] = {way.name: [] for way in bench.ways}
    missing = dict.fromkeys(heard, 0)
    spent = dict.fromkeys(heard, 0.0)
    for _ in range(bench.rounds):
        for way in bench.ways:
            host = f"localhost:{bench.events[1]}"
            before = way.server.cpu()
            got = listen(way.dial(bench.events), host, streams=STREAMS, count=EVENTS, interval=INTERVAL)
            heard[way.name] += got.latencies
            missing[way.name] += STREAMS * EVENTS - got.heard
            spent[way.name] += way.server.cpu() - before
    floor = {share: percentile(heard["direct"], share) for share in (0.5, 0.95)}
    return {
        name: {
            "p50_ms": round(percentile(values, 0.5) * 1000, 2),
            "p95_ms": round(percentile(values, 0.95) * 1000, 2),
            "added_p50_ms": round((percentile(values, 0.5) - floor[0.5]) * 1000, 2),
            "added_p95_ms": round((percentile(values, 0.95) - floor[0.95]) * 1000, 2),
            "cpu_ms_per_event": round(spent[name] * 1000 / (STREAMS * EVENTS * bench.rounds), 3),
            "missing": missing[name],
        }
        for name, values in heard.items()
    }


def messages(bench: Bench) -> Table:
    """Text messages there and back on WebSockets; each is judged twice."""
    text = (b"the report lists every order that was shipped last week " * 10)[:MESSAGE]
    cells = {way.name: Cell(good=TEXT) for way in bench.ways}
    for turn in range(bench.rounds + 1):
        for way in bench.ways:
            dial = upgraded(way.dial(bench.events), bench.events)
            before = way.server.cpu()
            count = _count(bench, way) if turn else 50
            load = drive(dial, frame(text), connections=20, count=count, seconds=SECONDS, reply=FRAMES)
            if turn:
                cells[way.name].add(load, way.server.cpu() - before)
    return {
        name: {key.replace("request", "message"): value for key, value in cell.medians().items()}
        for name, cell in cells.items()
    }


def memory(bench: Bench) -> Table:
    """Resident memory before and after many requests, with many streams, and with downloads that nobody reads; MiB.

    The peer is the streaming one: the other keeps whole bodies by design.
    """
    request = _get(bench.origin, f"/{SIZES['1 KiB']}.json")
    table: Table = {}
    for way in bench.ways:
        if way.name not in {"pipelock", "streaming"}:
            continue
        rss = way.server.rss
        row = {"before": rss()}
        tenth = bench.options.memory_requests // 10
        dial = way.dial(bench.origin)
        _many(dial, request, tenth)
        row["after_a_tenth"] = rss()
        _many(dial, request, bench.options.memory_requests - tenth)
        row["after_all"] = rss()
        row |= _with_streams(way, bench)
        row["stalled_downloads"] = _stalled(way, bench)
        table[way.name] = {key: round(value, 1) for key, value in row.items()}
    return table


def _with_streams(way: Way, bench: Bench) -> dict[str, float]:
    seen: list[float] = []
    got = listen(
        way.dial(bench.events),
        f"localhost:{bench.events[1]}",
        streams=MANY,
        count=MANY_EVENTS,
        interval=MANY_INTERVAL,
        watch=lambda: seen.append(way.server.rss()),
    )
    # The second second: all of them are open.
    return {
        "streams_early": seen[min(2, len(seen) - 1)] if seen else float("nan"),
        "streams_late": seen[-1] if seen else float("nan"),
        "streams_missing": float(MANY * MANY_EVENTS - got.heard),
    }


def _stalled(way: Way, bench: Bench) -> float:
    try:
        with held(way.dial(bench.origin), _get(bench.origin, "/random.bin"), MANY):
            time.sleep(STALLED_SECONDS)
            return way.server.rss()
    except OSError as error:
        print(f"{way.name}: {MANY} downloads at a time: {error}", file=sys.stderr)
        return float("nan")


def _many(dial: Dial, request: bytes, count: int) -> None:
    load = drive(dial, request, connections=50, count=count, seconds=MEMORY_SECONDS)
    if load.errors or set(load.statuses) - {200}:
        raise RuntimeError(f"{load.errors} errors, statuses {load.statuses}")


def _count(bench: Bench, way: Way) -> int:
    return max(int(COUNTS[way.name] * bench.options.scale), 50)


def _get(origin: tuple[str, int], path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {origin[0]}:{origin[1]}\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n".encode()


MEASURES: dict[str, Callable[[Bench], Table]] = {
    "requests": requests,
    "handshakes": handshakes,
    "download": download,
    "events": events,
    "messages": messages,
    "memory": memory,
}
"""By the names that `--only` takes."""
