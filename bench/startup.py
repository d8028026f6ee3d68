"""What starting a command costs: CPU time beside `python -c pass`, interleaved, the median of 20.

CPU time is user and system time of the child (getrusage), so it does not depend on what else the machine waits for.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BASE = "python -c pass"


def measure(rounds: int) -> dict[str, float]:
    """CPU milliseconds of each program, the median over `rounds`."""
    program = str(Path(sys.executable).with_name("pipelock"))
    with tempfile.TemporaryDirectory(prefix="pipelock-bench-") as home:
        config = Path(home, "pipelock.yaml")
        environ = {**os.environ, "PIPELOCK_HOME": home}
        subprocess.run([program, "generate", "config", "-o", str(config)], env=environ, check=True, capture_output=True)
        commands = {
            BASE: [sys.executable, "-c", "pass"],
            "python -c 'import msgspec'": [sys.executable, "-c", "import msgspec"],
            "pipelock status (nobody answers)": [program, "status"],
            "pipelock check": [program, "check"],
            "pipelock check -c FILE": [program, "check", "-c", str(config)],
            # An address, so that nothing is measured of the network.
            "pipelock check --url": [program, "check", "--url", "http://192.0.2.1/"],
            "pipelock check --help": [program, "check", "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(rounds + 1):
            for name, command in commands.items():
                spent = _cpu(command, environ)
                if turn:  # the first compiles the rules and fills the page cache
                    times[name].append(spent)
    return {name: statistics.median(values) * 1000 for name, values in times.items()}


def _cpu(command: list[str], environ: dict[str, str]) -> float:
    """CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=False, capture_output=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(times: dict[str, float]) -> None:
    """Print a table."""
    print(f"\n{'start of':36}{'CPU ms':>9}  against {BASE}")
    for name, spent in times.items():
        print(f"{name:36}{spent:>9.1f}  {spent / times[BASE]:.1f}x")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="runs of each (default: 20)")
    show(measure(parser.parse_args().rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
