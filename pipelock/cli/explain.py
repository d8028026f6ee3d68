"""`pipelock explain`: what each layer makes of a URL or a text, and what would change it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelock.cli._engine import Bench, load_daemon_config
from pipelock.cli._explain import Explained, ExplainedFinding, explain
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError, UsageError
from pipelock.cli.judge import lookup
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.detect.matcher import MatcherError
from pipelock.engine.content import folded
from pipelock.engine.explain import Step
from pipelock.model import Action, Direction, Kind, ScanKind, Transport, escape

__all__ = ["execute"]

MAX_TEXT = 8 * 1024 * 1024
"""Bytes of the largest text that is judged."""
_COLOURS = {"passed": "green", "blocked": "red", "held": "yellow", "warned": "yellow", "suppressed": "yellow"}
_ASKED = {
    "request": (ScanKind.DLP,),
    "response": (ScanKind.PROMPT_INJECTION,),
    "tool": (ScanKind.TOOL_CALL,),
    None: (ScanKind.DLP, ScanKind.PROMPT_INJECTION),
}
_SUBJECTS = {
    ScanKind.DLP: "a text that leaves",
    ScanKind.PROMPT_INJECTION: "a text that an agent reads",
    ScanKind.TOOL_CALL: "the arguments of a tool",
}


def execute(arguments: Arguments) -> int:
    """Judge and explain; exit code 0: allowed, 1: refused or held, 2: wrong command line or configuration."""
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    text = _text(arguments)
    if text is None and arguments.url is None:
        raise UsageError("give --url, --text, --file or --stdin; see `pipelock explain --help`")
    if arguments.resolve and arguments.url is None:
        raise UsageError("--resolve needs --url")
    bench = Bench(arguments, load_daemon_config(arguments.config, arguments))
    resolve = lookup if arguments.resolve else None
    engine = bench.engine()
    try:
        told = [explain(bench, engine, action, subject, resolve) for action, subject in _actions(arguments, text)]
    except MatcherError as error:
        raise CommandError(f"a scanner failed: {error}") from error
    if arguments.json:
        print_json(told[0] if len(told) == 1 else told)
    else:
        print("\n\n".join("\n".join(_lines(one)) for one in told))
    return EXIT_OK if all(one.passes for one in told) else EXIT_FAILED


def _text(arguments: Arguments) -> bytes | None:
    """The text that was given, if one was.

    Raises:
        UsageError: more than one.
        CommandError: it can't be read, or is larger than `MAX_TEXT`; the exit code is 2.
    """
    given = [arguments.text is not None, arguments.file is not None, arguments.stdin]
    if sum(given) > 1:
        raise UsageError("--text, --file and --stdin exclude each other")
    if arguments.text is not None:
        return arguments.text.encode("utf-8", "surrogateescape")
    if arguments.file is not None:
        return _checked(_read(arguments.file), str(arguments.file))
    return _checked(sys.stdin.buffer.read(MAX_TEXT + 1), "standard input") if arguments.stdin else None


def _read(path: Path) -> bytes:
    try:
        # O_NONBLOCK: a pipe that nobody writes to would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CommandError(f"{path}: no regular file; use --stdin for a pipe", EXIT_USAGE)
            return file.read(MAX_TEXT + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}", EXIT_USAGE) from error


def _checked(data: bytes, name: str) -> bytes:
    if len(data) > MAX_TEXT:
        raise CommandError(f"{name}: larger than {MAX_TEXT // 2**20} MiB", EXIT_USAGE)
    return data


def _actions(arguments: Arguments, text: bytes | None) -> Iterator[tuple[Action, str]]:
    """What is to be judged, as the daemon would have it."""
    if arguments.url is not None:
        yield _exchange(arguments, arguments.url, text)
        return
    for scan in _ASKED[arguments.direction]:
        name = arguments.file.as_posix() if arguments.file is not None else ""
        action = Action(
            id="explain", kind=Kind.SCAN, transport=Transport.COMMAND, scan=scan, url=name, body=text or b""
        )
        yield action, _SUBJECTS[scan]


def _exchange(arguments: Arguments, url: str, text: bytes | None) -> tuple[Action, str]:
    """A request to `url`, with `text` as its body if there is one, or the answer to it."""
    if arguments.direction == "tool":
        raise UsageError("--as tool does not go with --url")
    if arguments.direction == "response":
        if text is None:
            raise UsageError("--as response needs the text of the answer")
        kind, method, subject = Kind.RESPONSE, "GET", "an answer of"
    else:
        kind, method, subject = Kind.REQUEST, "GET" if text is None else "POST", "a request to"
    action = Action(
        id="explain",
        kind=kind,
        transport=Transport.FORWARD,
        direction=Direction.INBOUND if kind is Kind.RESPONSE else Direction.OUTBOUND,
        method=method,
        url=url,
        host=_host(url),
        status=200 if kind is Kind.RESPONSE else 0,
        body=text or b"",
        size=len(text or b""),
    )
    return action, f"{subject} {_host(url) or 'a URL'}"


def _host(url: str) -> str:
    """The host, as the proxy would hand it over; empty where the URL has no one reading."""
    # Imported here: texts do without.
    from pipelock.detect.url_view import UrlError, parse_url, split_url  # noqa: PLC0415

    try:
        return folded(parse_url(split_url(url)).host.name)
    except UrlError:
        return ""


def _lines(told: Explained) -> Iterator[str]:
    word = "ALLOWED" if told.passes else "HELD (a person is asked)" if told.verdict == "ask" else "BLOCKED"
    if told.verdict in ("strip", "redact"):
        word = f"CHANGED ({told.verdict})"
    colour = "green" if told.passes else "red" if word == "BLOCKED" else "yellow"
    yield mark(f"{word}: {escape(told.subject, 300)}", colour)
    if told.reason:
        yield f"  {escape(told.layer)}: {escape(told.reason)}"
    if not told.enforced:
        yield "  not enforced: the mode or `enforce: false` turns refusals into warnings"
    yield ""
    yield from _table(told.layers)
    for finding in told.findings:
        yield ""
        yield from _finding(finding)
    if told.views is not None:
        yield ""
        made = ", ".join(f"{count} {way}" for way, count in told.views.made)
        yield f"Texts made of the URL: {escape(made, 600)}" + ("" if told.views.complete else "; there would be more")
    if told.lift is not None:
        yield ""
        yield from _lift(told)


def _table(layers: tuple[Step, ...]) -> Iterator[str]:
    width = max(len(step.layer) for step in layers)
    for step in layers:
        took = f"{step.took_us} µs" if step.took_us else ""
        rules = f"  {', '.join(escape(rule, 80) for rule in step.rules[:4])}" if step.rules else ""
        result = mark(f"{step.result:<11}", _COLOURS[step.result]) if step.result in _COLOURS else f"{step.result:<11}"
        yield f"  {step.layer:<{width}}  {result}  {took:>9}  {step.looked_at}{rules}".rstrip()


def _finding(finding: ExplainedFinding) -> Iterator[str]:
    state = " [suppressed]" if finding.suppressed else ""
    yield f"{escape(finding.rule, 256)} ({finding.severity}), layer {finding.layer}{state}"
    where = escape(finding.place, 256) or "the text"
    span = f", {finding.start} to {finding.end}" if finding.start >= 0 else ""
    yield f"  where:    {where}{span}"
    if finding.decode_path:
        yield f"  found by: {escape(' → '.join(finding.decode_path), 300)} → {escape(finding.rule, 256)}"
    if finding.excerpt:
        yield f"  text:     {escape(finding.excerpt, 400)}"
        shown = finding.excerpt[: len(finding.caret)]
        if finding.caret and escape(shown) == shown:
            yield f"            {finding.caret}"
    yield f"  why:      {escape(finding.message)}"
    facts = (
        ("kind", finding.kind),
        ("its own", ", ".join(finding.protects[:6])),
        ("check", finding.check),
        ("floor", "it belongs to the core, which no setting switches off" if finding.core else ""),
        ("advice", finding.rule_hint),
    )
    for name, value in facts:
        if value:
            yield f"  {name + ':':<9} {escape(value, 400)}"


def _lift(told: Explained) -> Iterator[str]:
    lift = told.lift
    if lift is None:
        return
    if lift.settings:
        yield f"What would lift it (judged again with it: {lift.verdict}):"
        for key, value in lift.settings:
            gap = "\n    " if value.startswith("- ") else " "
            yield f"  {escape(key, 256)}:{gap}{escape(value, 1024)}"
    else:
        tried = f" Tried: {', '.join(lift.tried)}." if lift.tried else ""
        yield f"No setting lifts it.{tried}"
    if told.hint:
        yield f"Hint: {escape(told.hint)}"
