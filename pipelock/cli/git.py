"""`pipelock git`: secrets in what is about to be committed or pushed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from pipelock.cli import _hook
from pipelock.cli._diff import AddedLines, DiffError, added_lines
from pipelock.cli._engine import Bench, load_config
from pipelock.cli._hits import Hit, Report, Skipped, hit_lines
from pipelock.cli._inspect import Inspector
from pipelock.cli._output_file import chosen_format, deliver
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError, UsageError
from pipelock.cli.lines import count
from pipelock.cli.output import as_json, complain
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.detect.matcher import MatcherError
from pipelock.engine import matches_path

__all__ = ["execute"]

MAX_DIFF = 100 * 1024 * 1024
"""Bytes of the largest diff that is read."""
_PART = 2 * 1024 * 1024
_OVERLAP = 65_536
"""Bytes that a part of a file's added lines shares with the next one, so that no secret falls between them."""


def execute(arguments: Arguments) -> int:
    """`scan-diff` or `install-hooks`."""
    if arguments.what == "install-hooks":
        _refuse(arguments, ("json", "format", "output", "exclude", "no_ignore", "verbose"))
        load_config(arguments.config)
        home = home_dir(os.environ, arguments.home)
        print(f"wrote {_hook.install(arguments.binary, arguments.config, home, force=arguments.force)}")
        return EXIT_OK
    _refuse(arguments, ("binary", "force"))
    return _scan_diff(arguments)


def _refuse(arguments: Arguments, names: Iterable[str]) -> None:
    for name in names:
        if getattr(arguments, name):
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} does not go with `git {arguments.what}`")


def _scan_diff(arguments: Arguments) -> int:
    form = chosen_format(arguments)
    engine = Bench(arguments, load_config(arguments.config)).engine(judges_responses=False)
    inspector = Inspector(engine, instructions=False, excuses=not arguments.no_ignore)
    report = Report()
    try:
        for added in added_lines(_limited(sys.stdin.buffer)):
            _look(arguments, inspector, report, added)
    except (DiffError, MatcherError) as error:
        raise CommandError(str(error), EXIT_USAGE) from error
    _tell(arguments, form, report)
    if report.hits:
        complain("secrets found in diff")
        return EXIT_FAILED
    if report.is_partial:
        complain(f"{report.skipped[0].path}: not looked at: {report.skipped[0].reason}")
        return EXIT_USAGE
    return EXIT_OK


def _limited(stream: BinaryIO) -> Iterator[bytes]:
    read = 0
    while line := stream.readline(MAX_DIFF + 1 - read):
        read += len(line)
        if read > MAX_DIFF:
            raise DiffError(f"the diff is larger than {MAX_DIFF // 2**20} MiB")
        yield line


def _look(arguments: Arguments, inspector: Inspector, report: Report, added: AddedLines) -> None:
    if any(matches_path(pattern, added.path) for pattern in arguments.exclude):
        report.skipped.append(Skipped(added.path, "excluded", matters=False))
        return
    report.files += 1
    seen: set[tuple[int, int, str]] = set()
    for part in _parts(added.lines):
        looked = inspector.look(added.path, b"\n".join(line for _, line in part))
        hits = [_in_file(hit, part) for hit in looked.hits]
        report.add(hit for hit in hits if (hit.line, hit.col, hit.rule) not in seen)
        seen.update((hit.line, hit.col, hit.rule) for hit in hits)
        if looked.problem:
            report.skipped.append(Skipped(added.path, looked.problem))


def _parts(lines: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """The lines in parts of about 2 MiB that overlap, with an empty line wherever lines between them are not new."""
    part: list[tuple[int, bytes]] = []
    size = 0
    before = 0
    for number, line in lines:
        if part and number != before + 1:
            part.append((number, b""))
        before = number
        part.append((number, line))
        size += len(line) + 1
        if size > _PART:
            yield part
            part = _tail(part)
            size = sum(len(kept) + 1 for _, kept in part)
    if part:
        yield part


def _tail(part: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The last lines of a part, `_OVERLAP` bytes at most: one that is longer alone is not looked at twice."""
    size = 0
    first = len(part)
    while first and size + len(part[first - 1][1]) < _OVERLAP:
        first -= 1
        size += len(part[first][1]) + 1
    return part[first:]


def _in_file(hit: Hit, part: list[tuple[int, bytes]]) -> Hit:
    if not hit.line:
        return hit
    return msgspec.structs.replace(hit, line=part[hit.line - 1][0], end_line=part[hit.end_line - 1][0])


def _tell(arguments: Arguments, form: str, report: Report) -> None:
    if form == "sarif":
        # Imported here: few ask for it.
        from pipelock.cli.sarif import sarif  # noqa: PLC0415

        deliver(as_json(sarif(report)), arguments.output)
    elif form == "json":
        deliver(as_json([_entry(hit) for hit in report.hits]), arguments.output)
    else:
        lines = [line for hit in report.hits for line in hit_lines(hit) if line]
        if arguments.output is not None:
            deliver("\n".join(lines), arguments.output)
        elif lines:
            sys.stderr.write("\n".join(lines) + "\n")
    if arguments.verbose:
        for hit in report.excused:
            complain(f"{hit_lines(hit)[0]} [suppressed: {hit.excuse}]")
        for one in report.skipped:
            complain(f"{one.path}: not looked at: {one.reason}")
        complain(f"{count(len(report.hits), 'secret')} in {count(report.files, 'file')}")


def _entry(hit: Hit) -> dict[str, str | int]:
    return {
        "file": hit.path,
        "line": hit.line,
        "content": hit.excerpt,
        "pattern": hit.rule,
        "severity": hit.severity.value,
    }
