"""`pipelock trust doctor`: which programs of this machine use the proxy and believe its certificates."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pipelock.cli._trust import Setup, authority_files, find_setup, private_daemon, private_folder, refresh_bundle
from pipelock.cli._trust_command import watch
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError
from pipelock.cli.output import complain, mark, print_json, print_table
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock.trust.bundle import Bundle
from pipelock.trust.doctor import ZONES, Result, Scene, examine, host_of
from pipelock.trust.instance import InstanceError, probe_config
from pipelock.trust.probes import PROBES
from pipelock.trust.sightings import Outcome
from pipelock.trust.variables import variables

__all__ = ["execute"]

_WORDS = {
    Outcome.GOOD: ("ok", "green"),
    Outcome.REFUSED: ("refuses our certificate", "red"),
    Outcome.DIRECT: ("goes around the proxy", "red"),
    Outcome.IGNORED: ("ignores the proxy", "red"),
    Outcome.SILENT: ("opens a tunnel, sends nothing", "yellow"),
    Outcome.BLOCKED: ("blocked by the proxy", "yellow"),
    Outcome.TIMED_OUT: ("did nothing in time", "yellow"),
    Outcome.NOT_STARTED: ("can't be started", "yellow"),
}


def execute(arguments: Arguments) -> int:
    """Try out what is installed, or run the command after `--`, and report.

    Raises:
        CommandError: it could not be done; the exit code is 2.
    """
    try:
        setup = find_setup(arguments)
        bundle = refresh_bundle(arguments, setup.config)
        for note in bundle.notes:
            complain(note)
        return watch(arguments, setup, bundle) if arguments.agent else _doctor(arguments, setup, bundle)
    except InstanceError as error:
        raise CommandError(f"the private daemon did not start: {escape(str(error), 300)}", EXIT_USAGE) from error
    except OSError as error:
        raise CommandError(f"the doctor can't work: {error}", EXIT_USAGE) from error
    except CommandError as error:
        raise CommandError(error.message, EXIT_USAGE) from error


def _doctor(arguments: Arguments, setup: Setup, bundle: Bundle) -> int:
    # Imported here: it makes certificates, and a command is looked at by more than who runs it.
    from pipelock.trust.origin import Origin  # noqa: PLC0415

    home = home_dir(os.environ, arguments.home)
    with private_folder(home) as folder, Origin(folder, ZONES) as origin:
        config = folder / "config.json"
        hosts = [host_of(probe) for probe in PROBES]
        text = probe_config(hosts, authority_files(setup.config, home), origin.authority, folder / "audit.jsonl")
        config.write_text(text, encoding="utf-8")
        with _Progress() as progress, private_daemon(folder, config) as instance:
            scene = Scene(
                environ={**os.environ, **variables(instance.proxy, bundle.files, os.environ)},
                home=Path.home(),
                port=origin.port,
                sightings=instance.sightings,
                direct=lambda: origin.hosts,
                began=progress.began,
            )
            results = examine(PROBES, scene)
    tried = [result for result in results if result.outcome is not Outcome.MISSING]
    here = {result.key for result in tried}
    absent = [probe.title for probe in PROBES if probe.key not in here]
    if arguments.json:
        print_json(_as_values(tried, absent, bundle))
    else:
        _print(tried, absent)
    return EXIT_OK if all(result.outcome is Outcome.GOOD for result in tried) else EXIT_FAILED


class _Progress:
    """One line on standard error that is written over, and cleared in the end; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._say("starting a daemon of its own")
        return self

    def __exit__(self, *_: object) -> None:
        self._say("")

    def began(self, number: int, count: int, title: str) -> None:
        """A probe begins."""
        self._say(f"{number}/{count} {title}")

    def _say(self, text: str) -> None:
        if self._shows:
            sys.stderr.write(f"\r\x1b[K{escape(text, 70)}")
            sys.stderr.flush()


def _as_values(results: Sequence[Result], absent: Sequence[str], bundle: Bundle) -> Mapping[str, object]:
    good = sum(result.outcome is Outcome.GOOD for result in results)
    return {
        "authority": bundle.files.authority,
        "bundle": bundle.files.bundle,
        "programs": [
            {**result._asdict(), "proxy_honoured": result.proxy, "authority_honoured": result.trust}
            for result in results
        ],
        "not_found": list(absent),
        "summary": {"tried": len(results), "good": good, "bad": len(results) - good},
    }


def _print(results: Sequence[Result], absent: Sequence[str]) -> None:
    if not results:
        print("none of the programs that the doctor knows is installed")
        return
    said = {None: "-", True: "yes", False: "no"}
    rows = [
        (result.title, result.version or "?", said[result.proxy], said[result.trust], _WORDS[result.outcome][0])
        for result in results
    ]
    print_table(("PROGRAM", "VERSION", "PROXY", "CERTIFICATE", "RESULT"), rows)
    for result in results:
        if result.outcome is not Outcome.GOOD:
            word, colour = _WORDS[result.outcome]
            print(f"\n{mark(f'{result.title} {word}', colour)}")
            print(f"  fix:  {result.fix}")
            if result.detail:
                print(f"  said: {escape(result.detail, 300)}")
    good = sum(result.outcome is Outcome.GOOD for result in results)
    print(f"\n{good} of {len(results)} use the proxy and trust it.")
    if absent:
        print(f"Not tried, because not here: {', '.join(absent)}")
