"""The engine for commands that judge without a daemon: the same policy, the same judgement."""

from __future__ import annotations

import os
from pathlib import Path

from pipelock.cli._suppressions import with_suppressions_of_home
from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.table import Arguments
from pipelock.config import ConfigError, Loaded, load
from pipelock.control.paths import home_dir
from pipelock.daemon.secret_files import SecretFileError, known_values
from pipelock.detect.known import KnownValue
from pipelock.detect.matcher import MatcherError
from pipelock.detect.ruleset import RuleError
from pipelock.engine import Engine, KillSwitch
from pipelock.engine.compile import compile_policy

__all__ = ["Bench", "load_config", "load_daemon_config"]


def load_config(path: Path | None) -> Loaded:
    """The configuration that `-c` names, or the defaults.

    Raises:
        UsageError: it is not valid; only its first problem is named, `pipelock check` has the others.
    """
    try:
        return load(path)
    except ConfigError as error:
        raise UsageError(str(error.problems[0])) from error


def load_daemon_config(path: Path | None, arguments: Arguments) -> Loaded:
    """Like `load_config`, with the suppressions that a daemon with the home of `arguments` would add.

    Raises:
        UsageError: as `load_config`, and where suppressions.yaml is not valid.
    """
    try:
        return with_suppressions_of_home(load_config(path), arguments)
    except ConfigError as error:
        raise UsageError(str(error.problems[0])) from error


class Bench:
    """Makes engines for one command: what does not depend on the policy is looked up once."""

    def __init__(self, arguments: Arguments, loaded: Loaded) -> None:
        self.loaded = loaded
        self._cache = home_dir(os.environ, arguments.home) / "cache"
        self._known: list[KnownValue] | None = None

    def engine(self, loaded: Loaded | None = None, *, judges_responses: bool = True) -> Engine:
        """An engine with the policy of `loaded`, by default that of the command.

        Raises:
            CommandError: a pattern or the secrets file can't be used.
        """
        loaded = loaded or self.loaded
        try:
            if self._known is None:
                self._known, _ = known_values(loaded.config, Path.home(), Path.cwd())
            policy = compile_policy(
                loaded, os.environ, self._cache, known=self._known, judges_responses=judges_responses
            )
        except (RuleError, MatcherError, SecretFileError) as error:
            raise CommandError(str(error)) from error
        return Engine(policy, KillSwitch())
