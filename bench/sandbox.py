"""What containment costs: the same jobs plain, inside bubblewrap and inside `pipelock sandbox`, taking turns.

    launch    from starting the launcher to the program's first moment, and until it is over
    files     a tar archive of 2 000 files unpacked, searched and removed again, in the workspace
    requests  300 small requests of one curl over the daemon: by the proxy's address, and caught on their way

bubblewrap is given what comes nearest: all namespaces, a read-only root, its own /dev, /proc and /tmp, the workspace
writable; for `requests` it shares the network, because it has no other way out. A daemon runs for all of them.
Processor time is that of processes somebody waits for; what runs inside bubblewrap nobody does, so it has none.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from figures import machine, write
from servers import nginx, pipelock

from pipelock.contain.host import Host
from pipelock.contain.kept import kept_folder, remove_tree

WAYS = ("plain", "bubblewrap", "pipelock")
FILES = 2_000
REQUESTS = 300
_SECONDS = 120


class Stage:
    """Programs, folders and the daemon's address."""

    def __init__(self, folder: Path, home: Path, proxy: str, origin: str) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.proxy = proxy
        self.origin = origin
        # Installed programs are compiled, and stay so.
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.environ = {**own, "PIPELOCK_HOME": str(home)}
        archive(self.workspace / "files.tar")

    def command(self, way: str, *words: str, network: bool = False) -> list[str]:
        """`words` as they are run this way."""
        place = str(self.workspace)
        if way == "plain":
            return list(words)
        if way == "pipelock":
            program = str(Path(sys.executable).with_name("pipelock"))
            return [program, "sandbox", "--quiet", "--workspace", place, "--", *words]
        walls = ["--unshare-all", *(["--share-net"] if network else []), "--die-with-parent", "--new-session"]
        root = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", place, place]
        return ["bwrap", *walls, *root, "--chdir", place, *words]

    def run(self, way: str, *words: str, network: bool = False) -> tuple[float, float, str]:
        """Wall seconds, processor seconds and the output of one run.

        Raises:
            RuntimeError: the job failed, and would be measured for nothing.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(
            self.command(way, *words, network=network),
            cwd=self.workspace,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError(f"{way}: {' '.join(words)[:60]} ended with {done.returncode}: {done.stderr[-500:]}")
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def archive(path: Path) -> None:
    """Small files in a few folders."""
    with tarfile.open(path, "w") as tar:
        for number in range(FILES):
            content = f"file {number} of an ordinary source tree\n".encode() * 20
            entry = tarfile.TarInfo(f"tree/{number % 40}/{number}.txt")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


Row = dict[str, float]


def launch(stage: Stage, way: str) -> Row:
    """The program tells the time itself (GNU date, nanoseconds)."""
    began = time.time()
    wall, cpu, said = stage.run(way, "date", "+%s.%N")
    return {"to_exec_ms": (float(said) - began) * 1000, "whole_ms": wall * 1000, "cpu_ms": cpu * 1000}


def files(stage: Stage, way: str) -> Row:
    """Many small files."""
    script = "tar xf files.tar && grep -rq 'no such words' tree; find tree -type f | wc -l && rm -r tree"
    wall, cpu, said = stage.run(way, "sh", "-c", script)
    if int(said) != FILES:
        raise RuntimeError(f"{way}: {said.strip()} files of {FILES}")
    return {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000}


def requests(stage: Stage, way: str) -> Row:
    """Requests by the proxy's address: that of the daemon, or inside, the one that the environment names."""
    proxy = ["--proxy", stage.proxy] if way != "pipelock" else []
    return _curl(stage, way, proxy)


def caught(stage: Stage, way: str) -> Row:
    """Requests that know of no proxy."""
    return _curl(stage, way, ["--noproxy", "*"])


def _curl(stage: Stage, way: str, options: list[str]) -> Row:
    url = f"{stage.origin}/1024.json?[1-{REQUESTS}]"
    wall, cpu, said = stage.run(
        way, "curl", "-sS", *options, "-w", "%{stderr}%{http_code} ", "-o", "/dev/null", url, network=True
    )
    del said
    return {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000}


def own_address() -> str:
    """An address of this machine that is not loopback's, so that connections to it are caught; empty if there is none.

    Nothing is sent: a datagram socket that is connected only chooses its address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


JOBS: tuple[tuple[str, Callable[[Stage, str], Row], tuple[str, ...]], ...] = (
    ("launch", launch, WAYS),
    ("files", files, WAYS),
    ("requests", requests, WAYS),
    ("caught", caught, ("pipelock",)),
)


def measure(stage: Stage, rounds: int, *, catches: bool) -> dict[str, dict[str, Row]]:
    """All jobs, in turns; medians. Without an address to catch connections to, that job is left out."""
    jobs = [job for job in JOBS if catches or job[1] is not caught]
    found: dict[str, dict[str, list[Row]]] = {name: {way: [] for way in ways} for name, _, ways in jobs}
    for turn in range(rounds + 1):
        for name, job, ways in jobs:
            for way in ways:
                row = job(stage, way)
                if turn:  # the first fills caches
                    found[name][way].append(row)
    return {
        name: {
            way: {column: round(statistics.median(row[column] for row in rows), 2) for column in rows[0]}
            for way, rows in ways.items()
        }
        for name, ways in found.items()
    }


def show(result: dict[str, dict[str, Row]]) -> None:
    """Print a table; the ratio is to plain."""
    for name, ways in result.items():
        plain = ways.get("plain") or result["requests"]["plain"]
        print(f"\n{name}")
        for way, row in ways.items():
            figures = (f"{column} {value:9.2f} ({value / plain[column]:5.2f}x)" for column, value in row.items())
            print(f"  {way:12}" + "   ".join(figures))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="runs of each (default: 15)")
    rounds = parser.parse_args().rounds
    if not sys.platform.startswith("linux"):
        print("nothing to measure: bubblewrap and the walls that are measured are Linux's")
        return 0
    if shutil.which("bwrap") is None:
        print("bubblewrap is missing; on Debian and Ubuntu: apt install bubblewrap", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="pipelock-bench-", dir=Path.home()) as place:
        folder = Path(place)
        address = own_address()
        allowed = ["127.0.0.0/8", "::1/128", *([f"{address}/32"] if address else [])]
        settings: dict[str, dict[str, object]] = {"ssrf": {"ip_allowlist": allowed}}
        with nginx(folder, address=address or "127.0.0.1") as origin, pipelock(folder, settings) as daemon:
            proxy = f"http://{daemon.address[0]}:{daemon.address[1]}"
            host = f"http://{address or '127.0.0.1'}:{origin.address[1]}"
            result = measure(Stage(folder, folder / "home", proxy, host), rounds, catches=bool(address))
        for left in Path(kept_folder(Host.of_this_machine(os.environ))).glob(f"*{folder.name}*"):
            remove_tree(left)
    show(result)
    write("sandbox", {"when": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": machine(), "rounds": rounds, **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
