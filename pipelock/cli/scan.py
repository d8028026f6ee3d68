"""`pipelock scan`: secrets, injected instructions and hidden characters in files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from pipelock.cli._engine import Bench, load_config
from pipelock.cli._hits import Hit, HitKind, Report, Skipped, hit_lines
from pipelock.cli._inspect import Inspector
from pipelock.cli._output_file import chosen_format, deliver
from pipelock.cli._walk import Walk
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError
from pipelock.cli.lines import count
from pipelock.cli.output import as_json, complain, mark
from pipelock.cli.table import Arguments
from pipelock.detect.matcher import MatcherError
from pipelock.model import Severity, escape

__all__ = ["execute", "findings_json"]

_PROGRESS_SECONDS = 0.2


def execute(arguments: Arguments) -> int:
    """Look into the files; exit code 0: nothing found, 1: findings, 2: something could not be looked at."""
    form = chosen_format(arguments)
    missing = [path for path in arguments.paths if not os.path.lexists(path)]
    if missing:
        raise CommandError(f"{missing[0]}: no such file or folder", EXIT_USAGE)
    engine = Bench(arguments, load_config(arguments.config)).engine()
    inspector = Inspector(engine, excuses=not arguments.no_ignore)
    report = _scan(arguments, inspector)
    match form:
        case "json":
            deliver(as_json(findings_json(report)), arguments.output)
        case "sarif":
            # Imported here: few ask for it.
            from pipelock.cli.sarif import sarif  # noqa: PLC0415

            deliver(as_json(sarif(report)), arguments.output)
        case _:
            deliver("\n".join(_text(report, verbose=arguments.verbose)), arguments.output)
    if report.hits:
        return EXIT_FAILED
    unread = [one for one in report.skipped if one.matters]
    if unread and (arguments.fail_on_skip or _is_named(arguments, unread)):
        if form != "text":
            complain(f"{count(len(unread), 'file')} could not be looked at, the first is {unread[0].path}")
        return EXIT_USAGE
    return EXIT_OK


def findings_json(report: Report) -> dict[str, Any]:
    """The report as plain values; positions are left out where nobody knows them."""
    result: dict[str, Any] = {
        "findings": [_finding(hit) for hit in report.hits],
        "skipped": [{"path": one.path, "reason": one.reason} for one in report.skipped],
        "files_scanned": report.files,
    }
    if report.excused:
        result["suppressed"] = [{**_finding(hit), "suppressed_by": hit.excuse} for hit in report.excused]
    if report.unlisted:
        result["findings_not_listed"] = report.unlisted
    return result


def _finding(hit: Hit) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": hit.path,
        "line": hit.line,
        "col": hit.col,
        "kind": hit.kind.value,
        "rule": hit.rule,
        "severity": hit.severity.value,
        "message": hit.message,
        "excerpt": hit.excerpt,
    }
    if hit.end_line != hit.line:
        entry["end_line"] = hit.end_line
    if hit.decode_path:
        entry["decode_path"] = list(hit.decode_path)
    if hit.kind is HitKind.HIDDEN_UNICODE:
        entry |= {"code_point": hit.code_point, "name": hit.name, "category": hit.category, "count": hit.count}
    return entry


def _scan(arguments: Arguments, inspector: Inspector) -> Report:
    walk = Walk(max_bytes=arguments.max_bytes, exclude=arguments.exclude, include_deps=arguments.include_deps)
    least = Severity(arguments.min_severity).rank
    report = Report()
    progress = _Progress()
    for one in walk.files(arguments.paths):
        if isinstance(one, Skipped):
            report.skipped.append(one)
            continue
        progress.show(report.files, one.path)
        try:
            looked = inspector.look(one.path, one.data)
        except MatcherError as error:
            report.skipped.append(Skipped(one.path, f"a scanner failed: {error}"))
            continue
        report.files += 1
        report.add(hit for hit in looked.hits if hit.severity.rank >= least)
        if looked.problem:
            report.skipped.append(Skipped(one.path, looked.problem))
    progress.clear()
    return report


def _is_named(arguments: Arguments, unread: list[Skipped]) -> bool:
    """Whether what was asked about by its own name was not looked at: then nobody may read silence as an answer."""
    named = {path.as_posix() for path in arguments.paths}
    return any(one.path in named for one in unread)


def _text(report: Report, *, verbose: bool) -> Iterator[str]:
    for hit in report.hits:
        head, excerpt = hit_lines(hit)
        yield mark(head, "red" if hit.severity.rank >= Severity.HIGH.rank else "yellow")
        if excerpt:
            yield excerpt
    if verbose:
        for hit in report.excused:
            yield f"{hit_lines(hit)[0]} [suppressed: {hit.excuse}]"
    for one in report.skipped:
        if one.matters or verbose:
            yield f"{escape(one.path, 1024)}: not looked at: {escape(one.reason, 256)}"
    found = len(report.hits) + report.unlisted
    summary = f"{count(found, 'finding')} in {count(report.files, 'file')}"
    if report.excused:
        summary += f", {len(report.excused)} suppressed"
    if report.skipped:
        summary += f", {len(report.skipped)} skipped"
    yield summary + (f"; {report.unlisted} of them not listed" if report.unlisted else "")


class _Progress:
    """One line on a terminal that says which file is looked at; nothing where standard error is none."""

    def __init__(self) -> None:
        self._is_on = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._shown_at = 0.0

    def show(self, done: int, path: str) -> None:
        """Say so, a few times a second."""
        now = time.monotonic()
        if self._is_on and now - self._shown_at >= _PROGRESS_SECONDS:
            self._shown_at = now
            sys.stderr.write(f"\r\x1b[K{count(done, 'file')}, {escape(path[-60:])}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave the line empty."""
        if self._is_on and self._shown_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
