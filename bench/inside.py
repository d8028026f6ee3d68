"""`make bench`, what is inside HTTPS: this daemon beside mitmdump, both opening TLS; the origin itself as the floor.

Rounds are interleaved as in proxy.py, and ratios count. Peers: mitmdump as it comes, and mitmdump with
`stream_large_bodies=1` for what it would otherwise hold back until its end ("streaming"). Neither of them scans;
the daemon does. Results are also written to bench/results/ as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from certificates import Certificates, make_certificates
from figures import machine, write
from measures import MEASURES, Bench, Table, Way
from servers import Server, free_port, install_mitmdump, mitmdump, nginx, pipelock, started
from table import inside as compared


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default: 3)")
    parser.add_argument("--connections", type=int, default=50, help="requests under way at a time (default: 50)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of requests (default: 1)")
    parser.add_argument("--memory-requests", type=int, help="(default: 100000, scaled)")
    parser.add_argument("--no-peer", action="store_true", help="leave mitmdump out")
    parser.add_argument("--no-pipelock", action="store_true", help="leave ourselves out")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES), help="measure only these")
    options = parser.parse_args()
    options.memory_requests = options.memory_requests or int(100_000 * options.scale)
    result: dict[str, object] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "options": vars(options),
    }
    with contextlib.ExitStack() as stack:
        bench = _start(stack, options)
        for part in options.only:
            print(f"measuring {part}", file=sys.stderr)
            table = MEASURES[part](bench)
            result[part] = table
            _show(part, table)
    if lines := list(compared(result)):
        print("\n" + "\n".join(lines))
    write("inside", result)
    return 0


def _start(stack: contextlib.ExitStack, options: argparse.Namespace) -> Bench:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipelock-bench-")))
    certificates = make_certificates(folder)
    origin = stack.enter_context(nginx(folder, certificates))
    port = free_port()
    program = str(Path(__file__).with_name("origins.py"))
    command = [sys.executable, program, str(port), str(certificates.chain), str(certificates.key)]
    stack.enter_context(started("events", command, port, folder))
    servers = [("direct", origin)]
    if not options.no_pipelock:
        settings: dict[str, dict[str, object]] = {
            "tls_interception": {"enabled": True, "upstream_ca": [str(certificates.authority)]},
            "websocket_proxy": {"enabled": True, "max_concurrent_connections": 500},
        }
        servers.append(("pipelock", stack.enter_context(pipelock(folder, settings))))
    if not options.no_peer:
        servers += _peers(stack, folder, certificates)
    ways = []
    for name, server in servers:
        context = ssl.create_default_context(cafile=str(server.authority))
        ways.append(Way(name, server, context))
    return Bench(tuple(ways), origin.secure, ("localhost", port), options.rounds, options)


def _peers(stack: contextlib.ExitStack, folder: Path, certificates: Certificates) -> list[tuple[str, Server]]:
    try:
        program = install_mitmdump()
    except subprocess.CalledProcessError as error:
        print(f"mitmdump is left out: {error}", file=sys.stderr)
        return []
    trusting = ("--set", f"ssl_verify_upstream_trusted_ca={certificates.authority}")
    plain = stack.enter_context(mitmdump(folder, program, *trusting))
    streaming = ("--set", "stream_large_bodies=1")
    return [
        ("mitmdump", plain),
        ("streaming", stack.enter_context(mitmdump(folder, program, *trusting, *streaming, name="streaming"))),
    ]


def _show(part: str, table: Table) -> None:
    """Print one table: a line for each way."""
    columns = list(next(iter(table.values())))
    print(f"\n{part:11}" + "".join(f"{column.replace('_', ' '):>{max(len(column), 8) + 2}}" for column in columns))
    for name, row in table.items():
        print(f"{name:11}" + "".join(f"{row[column]:>{max(len(column), 8) + 2}}" for column in columns))


if __name__ == "__main__":
    sys.exit(main())
