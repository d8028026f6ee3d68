"""`pipelock trust doctor -- CMD…`: a command of the user's own, and who in it does not trust the proxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pipelock.cli._trust import Loan, Setup, authority_files, private_daemon, private_folder
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, CommandError
from pipelock.cli.output import print_json, print_table
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock.trust.bundle import Bundle
from pipelock.trust.doctor import SETTLE_SECONDS
from pipelock.trust.sightings import Outcome, Sighting, outcome_of
from pipelock.trust.variables import variables

__all__ = ["watch"]

_WORDS = {
    Outcome.GOOD: "ok",
    Outcome.REFUSED: "refuses our certificate",
    Outcome.SILENT: "tunnel that was not read",
    Outcome.BLOCKED: "blocked",
    Outcome.IGNORED: "nothing was asked",
}


def watch(arguments: Arguments, setup: Setup, bundle: Bundle) -> int:
    """Run the command with the user's own policy in force and interception on, and say what it talked to.

    Raises:
        CommandError: the command can't be started.
    """
    home = home_dir(os.environ, arguments.home)
    certificate, key = authority_files(setup.config, home)
    with private_folder(home) as folder:
        loan = Loan(str(folder / "audit.jsonl"), str(certificate), str(key), str(home / "KILL"))
        with private_daemon(folder, setup.path, loan) as instance:
            environ = {**os.environ, **variables(instance.proxy, bundle.files, os.environ)}
            code = _run(arguments.agent, environ, quiet=arguments.json)
            time.sleep(SETTLE_SECONDS)
            seen = instance.sightings()
    if arguments.json:
        print_json(_as_values(seen, code))
    else:
        _print(seen, code)
    is_well = seen and not any(host.refusals and not host.requests for host in seen.values())
    return EXIT_OK if is_well else EXIT_FAILED


def _run(command: Sequence[str], environ: Mapping[str, str], *, quiet: bool) -> int:
    """Run it on our terminal, and give its exit code. With `quiet` its output goes where our messages go."""
    with _interrupts_are_its_own():
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                command, env=dict(environ), stdout=sys.stderr.fileno() if quiet else None
            )
        except OSError as error:
            raise CommandError(f"{escape(command[0], 100)}: {error.strerror or error}", EXIT_USAGE) from error
        return process.wait()


@contextmanager
def _interrupts_are_its_own() -> Iterator[None]:
    """The terminal sends an interrupt to both of us; what it means is the command's to say."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _outcome(seen: Sighting) -> Outcome:
    return outcome_of(seen, direct=False, timed_out=False)


def _as_values(seen: Mapping[str, Sighting], code: int) -> Mapping[str, object]:
    return {
        "exit_code": code,
        "hosts": [{"host": host, "outcome": _outcome(what), **what._asdict()} for host, what in seen.items()],
    }


def _print(seen: Mapping[str, Sighting], code: int) -> None:
    print(f"\nthe command ended with code {code}")
    if not seen:
        print("Nothing came to the proxy: it asked for nothing, or ignores the variables of `pipelock env`.")
        return
    rows = [
        (host, str(what.connects), str(what.requests), str(what.refusals), str(what.blocks), _WORDS[_outcome(what)])
        for host, what in seen.items()
    ]
    print_table(("HOST", "TUNNELS", "REQUESTS", "REFUSALS", "BLOCKED", "RESULT"), rows)
    for host, what in seen.items():
        for text in (what.refusal, what.blocked, what.trouble):
            if text:
                print(f"\n{escape(host, 200)}: {escape(text, 400)}")
