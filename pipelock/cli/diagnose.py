"""`pipelock diagnose`: whether a configuration does what it says, tried in a daemon of its own on loopback."""

from __future__ import annotations

import os

import msgspec

from pipelock.cli._check_results import Result, Status, counted, print_results
from pipelock.cli._traffic_checks import DIAGNOSIS, attempt
from pipelock.cli._trust import find_setup
from pipelock.cli._wall_checks import walls
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.model import escape

__all__ = ["Report", "execute"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. `config_file` is empty for the defaults."""

    config_file: str
    mode: str
    total: int
    passed: int
    failed: int
    skipped: int
    checks: tuple[Result, ...]


def execute(arguments: Arguments) -> int:
    """Try everything and report; exit code 1 where a check failed.

    Raises:
        UsageError: the configuration is not valid.
    """
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    setup = find_setup(arguments, presets=True)
    if arguments.sandbox:
        results = tuple(walls())
    else:
        results = tuple(attempt(home_dir(os.environ, arguments.home), setup.path, setup.config, DIAGNOSIS))
    report = Report(
        config_file=str(setup.path or ""),
        mode=setup.config.mode,
        total=len(results),
        passed=counted(results, Status.PASS),
        failed=counted(results, Status.FAIL),
        skipped=counted(results, Status.SKIP),
        checks=results,
    )
    if arguments.json:
        print_json(report)
    else:
        what = "what this machine can raise" if arguments.sandbox else f"mode {report.mode}"
        print(f"{escape(report.config_file or 'built-in configuration')}, {what}")
        print_results(results)
        print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return EXIT_FAILED if report.failed else EXIT_OK
