"""`make conformance`: other people's test suites, with this proxy in between.

    python conformance/run.py [--quick] [--only PART…] [--keep]

Parts: `websocket` (the Autobahn suite, in three modes), `requests`, `requests-tls` and `httpx` (their own tests, run
directly and through the proxy; in `-tls` inside HTTPS), `tls` (sslyze). What they need is installed into the user's
cache. Ends with 1 if a part failed or could not be run. What was found also goes to conformance/results/ as JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from libraries import LIBRARIES, run_library
from tls import run_tls
from websocket import MODES, run_websocket, selections

PARTS = ("tls", *LIBRARIES, "websocket")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the parts, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="of the long WebSocket groups only a sample")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="leave the other parts out")
    parser.add_argument(
        "--modes", nargs="+", choices=(*MODES, "direct", "direct-client"), default=MODES, help="of `websocket`"
    )
    parser.add_argument("--cases", nargs="+", default=["*"], help="of `websocket`, such as 7.* (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and reports")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pipelock-conformance-"))
    results: dict[str, object] = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "quick": options.quick}
    failed = []
    for part in options.only:
        began = time.monotonic()
        try:
            good, results[part] = _run(part, folder, options)
        # OSError, ValueError and SubprocessError: something that should be there is not.
        except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
            good, results[part] = False, {"not_run": str(error)}
            print(f"{part}: could not be run: {error}", file=sys.stderr)
        if not good:
            failed.append(part)
        print(f"{part}: {'passed' if good else 'FAILED'} in {time.monotonic() - began:.0f} s\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(results, indent=2) + "\n")
    if options.keep or failed:
        print(f"logs and reports: {folder}")
    else:
        shutil.rmtree(folder)
    print("FAILED: " + ", ".join(failed) if failed else "everything passed")
    return 1 if failed else 0


def _run(part: str, folder: Path, options: argparse.Namespace) -> tuple[bool, object]:
    if part == "websocket":
        return _websocket(folder, options)
    if part == "tls":
        weak = run_tls(folder)
        print("\n".join(f"  {weakness}" for weakness in weak) or "  nothing weak")
        return not weak, {"weaknesses": weak}
    return _library(part, folder)


def _websocket(folder: Path, options: argparse.Namespace) -> tuple[bool, object]:
    results: dict[str, object] = {}
    good = True
    for selection in selections(tuple(options.cases), quick=options.quick):
        for mode, report in run_websocket(folder, tuple(options.modes), selection).items():
            good = good and not report.failed
            counts = ", ".join(f"{count} {name}" for name, count in sorted(report.behaviors.items()))
            print(f"  {selection.name}, {mode}: {counts}")
            for line in report.failed:
                print(f"    FAILED {line}")
            if report.noted:
                print(f"    noted: {'; '.join(report.noted)}")
            name = f"{selection.name} {mode}"
            results[name] = {"behaviors": report.behaviors, "failed": report.failed, "noted": report.noted}
    return good, results


def _library(name: str, folder: Path) -> tuple[bool, object]:
    result = run_library(folder, name)
    comparison = result.comparison
    print(f"  {comparison.same} of {result.tests} tests end alike; {result.requests} requests came through the proxy")
    for test in comparison.broken:
        print(f"  BROKEN {test}")
    for test, reason in comparison.excused:
        print(f"  excluded {test}: {reason}")
    for test in comparison.unused:
        print(f"  the exclusion {test} excuses nothing")
    return not comparison.broken, {
        "tests": result.tests,
        "same": comparison.same,
        "requests": result.requests,
        "broken": comparison.broken,
        "excluded": dict(comparison.excused),
        "mended": comparison.mended,
        "unused_exclusions": comparison.unused,
    }


if __name__ == "__main__":
    sys.exit(main())
