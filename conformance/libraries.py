"""The test suites of HTTP libraries, run directly and then with the proxy set and interception on.

Their servers are on loopback in the tests' own process. A failure that the direct run doesn't have, and that
exclusions.yaml doesn't explain, is ours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from outcomes import Comparison, compare, read_exclusions, read_outcomes
from places import install_suite, sources
from servers import pipelock

__all__ = ["LIBRARIES", "Library", "Result", "run_library"]

_HERE = Path(__file__).parent
_RUN_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Library:
    """How one suite talks to servers.

    Attributes:
        name: In `places.SUITES`.
        servers: Fixtures that start servers, and files whose tests start their own.
        authority: In its environment, the file of the authority of the suite's TLS servers; the proxy trusts it, and
            ours is added to it for the clients. Empty for none.
        least: Requests that must have come through the proxy, or the comparison proves nothing.
        plugins: Loaded in both runs.
        environ: Set in both runs; `{authority}` is the file above.
    """

    name: str
    servers: tuple[str, ...]
    authority: str
    least: int
    plugins: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()


_HTTPBIN = "pytest_httpbin/certs/client.pem"
LIBRARIES = {
    "requests": Library(
        "requests",
        ("httpbin", "httpbin_secure", "httpbin_both", "nosan_server", "test_lowlevel.py"),
        _HTTPBIN,
        200,
    ),
    "requests-tls": Library(
        "requests",
        ("httpbin", "httpbin_secure", "httpbin_both"),
        _HTTPBIN,
        200,
        ("secure_httpbin",),
        (("REQUESTS_CA_BUNDLE", "{authority}"), ("CONFORMANCE_ONLY_SERVED", "yes")),
    ),
    "httpx": Library("httpx", ("server", "https_server"), "", 30),
}


@dataclass(frozen=True, slots=True)
class Result:
    """A comparison, and how many requests were seen by the proxy."""

    comparison: Comparison
    tests: int
    requests: int


def run_library(folder: Path, part: str) -> Result:
    """Run the suite of `LIBRARIES[part]` twice; exclusions.yaml knows it by `part`.

    Raises:
        RuntimeError: the suite went past the proxy.
        subprocess.SubprocessError, OSError, ValueError: a part did not run, so nothing is known.
    """
    library = LIBRARIES[part]
    python = install_suite(library.name)
    place = folder / part
    place.mkdir(parents=True)
    exclusions = read_exclusions(_HERE / "exclusions.yaml", part)
    with _trusted(python, library, place) as authority:
        given = {"CONFORMANCE_SERVERS": ",".join(library.servers)}
        given |= {name: value.format(authority=authority) for name, value in library.environ}
        direct = _run(python, library, place / "direct.xml", given | {"CONFORMANCE_PROXY": ""})
        settings: dict[str, dict[str, object]] = {
            "tls_interception": {"enabled": True},
            # Some tests send their own source, with passwords in URLs, or credentials to anybody. What is found there
            # is not what is tested here: scanning stays on and tells.
            "request_body_scanning": {"enabled": True, "action": "warn"},
        }
        if authority is not None:
            settings["tls_interception"]["upstream_ca"] = [str(place / "suite-ca.pem")]
        with pipelock(place, settings, twice=False, compiled=folder / "compiled") as daemon:
            if authority is not None:
                authority.write_bytes(authority.read_bytes() + (place / "home" / "ca.pem").read_bytes())
            proxy = f"http://127.0.0.1:{daemon.address[1]}"
            through = _run(python, library, place / "through.xml", given | {"CONFORMANCE_PROXY": proxy})
        seen = sum(1 for line in (place / "audit.jsonl").open(encoding="utf-8") if '"kind":"request"' in line)
    if seen < library.least:
        raise RuntimeError(f"{part}: only {seen} requests came through the proxy, {library.least} should have")
    return Result(compare(direct, through, exclusions), len(direct), seen)


@contextlib.contextmanager
def _trusted(python: Path, library: Library, place: Path) -> Iterator[Path | None]:
    """The bundle that the suite's clients trust; as it was again afterwards."""
    if not library.authority:
        yield None
        return
    packages = next((python.parents[1] / "lib").glob("python3*")) / "site-packages"
    bundle, kept = packages / library.authority, place / "suite-ca.pem"
    original = bundle.with_suffix(".original")
    # Left by a run that was killed.
    if original.exists():
        original.replace(bundle)
    shutil.copy(bundle, original)
    shutil.copy(bundle, kept)
    try:
        yield bundle
    finally:
        original.replace(bundle)


def _run(python: Path, library: Library, report: Path, environ: dict[str, str]) -> dict[str, str]:
    command = [str(python), "-m", "pytest", "-q", f"--junitxml={report}", "tests"]
    command += [part for plugin in ("no:cacheprovider", "through", *library.plugins) for part in ("-p", plugin)]
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    began = time.monotonic()
    with report.with_suffix(".out").open("wb") as out:
        # A status of 1 says that tests failed, which is what is compared.
        done = subprocess.run(
            command,
            cwd=sources(library.name),
            env=clean | {"PYTHONPATH": str(_HERE), "PYTHONDONTWRITEBYTECODE": "1"} | environ,
            stdout=out,
            stderr=out,
            timeout=_RUN_SECONDS,
            check=False,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{library.name}: pytest ended with {done.returncode}, see {report.with_suffix('.out')}")
    outcomes = read_outcomes(report)
    print(f"{report.parent.name} {report.stem}: {len(outcomes)} tests in {time.monotonic() - began:.0f} s", flush=True)
    return outcomes
