"""`make bench`: this daemon beside mitmdump, nginx itself as the floor, all on loopback.

Rounds are interleaved, so that whatever else the machine does hits all alike; the figure shown is the median over
the rounds. Ratios travel between machines, absolute figures don't. The load generator, the origin and the proxy share
the machine's cores. Results are also written to bench/results/ as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from figures import Cell, machine, write
from load import direct, drain, drive
from load import tunnel as tunnelled
from servers import BIG, SIZES, Server, install_mitmdump, mitmdump, nginx, pipelock, stream

# Enough to be steady, few enough that the slowest peer ends in time.
COUNTS = {"nginx": 20_000, "pipelock": 8_000, "mitmdump": 2_000}
SECONDS = 15.0
"""Longest time for one cell of one round."""
NOISE_LEAD = 1.0
"""Seconds that the load of large bodies gets to start."""
NOISE_SECONDS = 5.0


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default: 3)")
    parser.add_argument("--connections", type=int, default=50, help="requests under way at a time (default: 50)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of requests (default: 1)")
    parser.add_argument("--no-peer", action="store_true", help="leave mitmdump out")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipelock-bench-")))
        origin = stack.enter_context(nginx(folder))
        tunnel = stack.enter_context(stream(folder))
        servers = [origin, stack.enter_context(pipelock(folder))]
        peer = None if options.no_peer else _peer()
        if peer is not None:
            # What goes to the tunnel's end is passed through unopened, as our tunnels are without interception.
            unopened = ("--ignore-hosts", rf"127\.0\.0\.1:{tunnel}")
            servers.append(stack.enter_context(mitmdump(folder, peer, *unopened)))
        _prove_scanning(servers[1], origin)
        idle = {server.name: round(server.rss(), 1) for server in servers}
        cells = _measure(servers, origin, options.rounds, options.connections, options.scale)
        speeds = _tunnels(servers, tunnel, options.rounds)
        beside = _beside_large(servers, origin, options.rounds)
        after = {server.name: round(server.rss(), 1) for server in servers}
        result = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine(),
            "options": vars(options),
            "forward": {size: {name: cell.medians() for name, cell in row.items()} for size, row in cells.items()},
            "tunnel_mib_per_second": speeds,
            "p99_ms_of_1_kib": beside,
            "rss_mib_idle": idle,
            "rss_mib_after": after,
            "start_seconds": {server.name: round(server.start_seconds, 3) for server in servers},
            "first_start_seconds": {server.name: round(server.first_start_seconds, 3) for server in servers[1:]},
        }
    _show(result)
    write("proxy", result)
    return 0


def _peer() -> Path | None:
    try:
        return install_mitmdump()
    except subprocess.CalledProcessError as error:
        print(f"mitmdump is left out: {error}", file=sys.stderr)
        return None


def _request(server: Server, origin: Server, path: str) -> bytes:
    """A GET in the form that the server takes: absolute for proxies."""
    host = f"127.0.0.1:{origin.address[1]}"
    target = path if server is origin else f"http://{host}{path}"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n".encode()


def _prove_scanning(server: Server, origin: Server) -> None:
    """A figure for a proxy that lets everything through would mean nothing."""
    load = drive(direct(server.address), _request(server, origin, "/poison.json"), connections=1, count=1, seconds=10)
    if set(load.statuses) != {403}:
        raise RuntimeError(f"the poisoned response was not refused: {load.statuses}")


def _measure(
    servers: list[Server], origin: Server, rounds: int, connections: int, scale: float
) -> dict[str, dict[str, Cell]]:
    cells = {size: {server.name: Cell() for server in servers} for size in SIZES}
    for turn in range(rounds + 1):
        for label, size in SIZES.items():
            for server in servers:
                # Round 0 warms up: pools, caches, branch predictors.
                count = max(int(COUNTS[server.name] * scale * (1 if turn else 0.1)), connections)
                before = server.cpu()
                load = drive(
                    direct(server.address),
                    _request(server, origin, f"/{size}.json"),
                    connections=connections,
                    count=count,
                    seconds=SECONDS,
                )
                if turn:
                    cells[label][server.name].add(load, server.cpu() - before)
        print(f"round {turn} of {rounds}" if turn else "warmed up", file=sys.stderr)
    return cells


def _tunnels(servers: list[Server], port: int, rounds: int) -> dict[str, float]:
    """MiB a second of one download through CONNECT; for the origin, without. Round 0 warms the page cache up."""
    speeds: dict[str, list[float]] = {server.name: [] for server in servers}
    origin = ("127.0.0.1", port)
    for turn in range(rounds + 1):
        for place, server in enumerate(servers):
            dial = tunnelled(server.address, origin) if place else direct(origin)
            total, seconds = drain(dial, b"\x00", BIG, SECONDS)
            if total < BIG:
                print(f"{server.name}: only {total} bytes came through the tunnel", file=sys.stderr)
            if turn:
                speeds[server.name].append(total / seconds / 2**20)
    return {name: round(statistics.median(values), 1) for name, values in speeds.items()}


def _beside_large(servers: list[Server], origin: Server, rounds: int) -> dict[str, dict[str, float]]:
    """99th percentile of 1 KiB requests, alone and beside two connections that load 4 MiB bodies, in milliseconds."""
    found: dict[str, dict[str, list[float]]] = {server.name: {"alone": [], "beside": []} for server in servers}
    # A process of its own, so that the large bodies cost the measuring one nothing but its share of the machine.
    context = multiprocessing.get_context("spawn")
    for _ in range(rounds):
        for server in servers:
            small = _request(server, origin, f"/{SIZES['1 KiB']}.json")
            large = _request(server, origin, "/large.json")
            found[server.name]["alone"].append(_p99(server, small))
            noise = context.Process(target=_load_large, args=(server.address, large), daemon=True)
            noise.start()
            try:
                time.sleep(NOISE_LEAD)
                found[server.name]["beside"].append(_p99(server, small))
            finally:
                noise.kill()
                noise.join()
    return {
        name: {kind: round(statistics.median(values), 2) for kind, values in kinds.items()}
        for name, kinds in found.items()
    }


def _p99(server: Server, request: bytes) -> float:
    return drive(direct(server.address), request, connections=8, count=3_000, seconds=NOISE_SECONDS).percentile(0.99)


def _load_large(address: tuple[str, int], request: bytes) -> None:
    drive(direct(address), request, connections=2, count=10**9, seconds=60)


def _show(result: dict[str, object]) -> None:
    forward = result["forward"]
    print(
        f"\n{'body':8}{'program':10}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'errors':>8}  against mitmdump"
    )
    for size, row in forward.items():  # type: ignore[attr-defined]
        peer = row.get("mitmdump", {}).get("requests_per_second", 0)
        for name, cell in row.items():
            rate = cell["requests_per_second"]
            ratio = f"{rate / peer:.1f}x" if peer else "-"
            print(
                f"{size:8}{name:10}{rate:>10.0f}{cell['p50_ms']:>9.2f}{cell['p99_ms']:>9.2f}"
                f"{cell['cpu_ms_per_request']:>9.3f}{cell['errors']:>8}  {ratio}"
            )
    print()
    for label, key in (
        ("tunnel MiB/s", "tunnel_mib_per_second"),
        ("RSS idle MiB", "rss_mib_idle"),
        ("RSS after MiB", "rss_mib_after"),
        ("start-up s", "start_seconds"),
        ("first ever s", "first_start_seconds"),
    ):
        values = result[key]
        print(f"{label:16}" + "  ".join(f"{name} {value}" for name, value in values.items()))  # type: ignore[attr-defined]
    print("\np99 of 1 KiB requests, alone and beside 4 MiB bodies, ms")
    for name, kinds in result["p99_ms_of_1_kib"].items():  # type: ignore[attr-defined]
        print(f"{name:16}{kinds['alone']:>9.2f}{kinds['beside']:>9.2f}  {kinds['beside'] / kinds['alone']:.1f}x")


if __name__ == "__main__":
    sys.exit(main())
