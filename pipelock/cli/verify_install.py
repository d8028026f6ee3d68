"""`pipelock verify-install`: whether what is installed here filters, and holds an agent, as it should."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from pipelock import __version__
from pipelock.cli._check_results import Result, Status, counted, failed, passed, print_results, skipped
from pipelock.cli._output_file import deliver
from pipelock.cli._traffic_checks import SCANNING, attempt
from pipelock.cli._trust import Setup, find_setup
from pipelock.cli._wall_checks import CONTAINMENT, hold
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, UsageError
from pipelock.cli.output import as_json
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.model import escape

__all__ = ["Checked", "Report", "Summary", "execute"]

_WORDS = {Status.PASS: "pass", Status.FAIL: "fail", Status.SKIP: "not_applicable"}
_NO_CONFIG = "the configuration is not valid"


class Checked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check. `status` is `pass`, `fail` or `not_applicable`."""

    name: str
    category: Literal["scanning", "containment"]
    status: str
    detail: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many went how; for each category its worst: `fail` before `pass` before `not_applicable`."""

    total: int
    passed: int
    failed: int
    not_applicable: int
    scanning: str
    containment: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints and `-o` writes. `timestamp` is RFC 3339, in UTC."""

    version: str
    timestamp: str
    config_file: str
    run_context: str
    checks: tuple[Checked, ...]
    summary: Summary


def execute(arguments: Arguments) -> int:
    """Try everything and report; exit code 1 where a check failed, 2 where the configuration is not valid.

    Raises:
        CommandError: the report can't be written.
    """
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    home = home_dir(os.environ, arguments.home)
    try:
        setup: Setup | None = find_setup(arguments, presets=True)
        problem = ""
    except UsageError as error:
        setup, problem = None, error.message
    if setup is None:
        scanning = [failed("config_valid", problem)]
        scanning += [skipped(name, _NO_CONFIG) for name, _ in SCANNING]
        containment = [skipped(name, _NO_CONFIG) for name in CONTAINMENT]
        path = arguments.config
    else:
        path = setup.path
        scanning = [passed("config_valid", str(path or "the built-in one"))]
        scanning += attempt(home, path, setup.config, SCANNING)
        containment = hold(home, path)
    scanning.append(
        skipped("scanning_policy", "no tools are called through this proxy, so there is no policy for them")
    )
    report = _report(path, scanning, containment)
    if arguments.json or arguments.output is not None:
        deliver(as_json(report), arguments.output)
    if not arguments.json:
        _print(report, scanning, containment)
    if setup is None:
        return EXIT_USAGE
    return EXIT_FAILED if report.summary.failed else EXIT_OK


def run_context(root: Path = Path("/")) -> str:
    """Where this runs: `container` or `host`."""
    marks = (".dockerenv", "run/.containerenv", "run/systemd/container", "var/run/secrets/kubernetes.io")
    return "container" if any((root / mark).exists() for mark in marks) else "host"


def _report(path: Path | None, scanning: Sequence[Result], containment: Sequence[Result]) -> Report:
    results = (*scanning, *containment)
    summary = Summary(
        total=len(results),
        passed=counted(results, Status.PASS),
        failed=counted(results, Status.FAIL),
        not_applicable=counted(results, Status.SKIP),
        scanning=_worst(scanning),
        containment=_worst(containment),
    )
    return Report(
        version=__version__,
        timestamp=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        config_file=str(path or ""),
        run_context=run_context(),
        checks=(*_checked(scanning, "scanning"), *_checked(containment, "containment")),
        summary=summary,
    )


def _checked(results: Sequence[Result], category: Literal["scanning", "containment"]) -> list[Checked]:
    return [Checked(name=one.name, category=category, status=_WORDS[one.status], detail=one.detail) for one in results]


def _worst(results: Sequence[Result]) -> str:
    states = {result.status for result in results}
    return next(_WORDS[state] for state in (Status.FAIL, Status.PASS, Status.SKIP) if state in states)


def _print(report: Report, scanning: Sequence[Result], containment: Sequence[Result]) -> None:
    print(f"pipelock {report.version}, {escape(report.config_file or 'built-in configuration')}, {report.run_context}")
    print("\nscanning")
    print_results(scanning)
    print("\ncontainment")
    print_results(containment)
    summary = report.summary
    print(f"\n{summary.passed} passed, {summary.failed} failed, {summary.not_applicable} not applicable")
