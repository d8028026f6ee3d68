"""What would become of a URL: the daemon's own engine, asked once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pipelock.cli.errors import CommandError
from pipelock.config import Loaded
from pipelock.daemon.secret_files import SecretFileError, known_values
from pipelock.door.lookup import lookup_failure, system_lookup
from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup
from pipelock.engine.compile import compile_policy
from pipelock.model import Action, Decision, Kind, Transport

__all__ = ["DNS_TIMEOUT", "judge", "lookup"]

DNS_TIMEOUT = 5.0
"""Seconds the system's resolver is waited for."""


def judge(loaded: Loaded, url: str, cache: Path | None, resolve: Callable[[str], Answers]) -> Decision:
    """Judge `url` as a forwarded GET request without headers, as a daemon with this configuration would.

    Names are resolved (by `resolve`) only where nothing before that refuses. Rate and data limits count from nothing,
    and no kill switch is looked at.

    Raises:
        MatcherError: a scanner failed.
        CommandError: the secrets file can't be used.
    """
    try:
        known, _ = known_values(loaded.config, Path.home(), Path.cwd())
    except SecretFileError as error:
        raise CommandError(str(error)) from error
    engine = Engine(compile_policy(loaded, os.environ, cache, known=known, judges_responses=False), KillSwitch())
    action = Action(id="check", kind=Kind.REQUEST, transport=Transport.FORWARD, method="GET", url=url)
    result = engine.adjudicate(action, _facts())
    if isinstance(result, Lookup):
        return result.resume(resolve(result.host), _facts())
    return result


def lookup(host: str) -> Answers:
    """Ask the system's resolver, and give up after `DNS_TIMEOUT`."""
    answers: list[Answers] = []

    def ask() -> None:
        try:
            answers.append(Answers(addresses=system_lookup(host)))
        except (OSError, UnicodeError) as error:
            answers.append(Answers(error=lookup_failure(error)))

    # getaddrinfo takes no deadline; a daemon thread is left behind when the process ends.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(DNS_TIMEOUT)
    return answers[0] if answers else Answers(error=f"no answer within {DNS_TIMEOUT:g} s")


def _facts() -> Facts:
    return Facts(now=time.monotonic(), wall=time.time())
