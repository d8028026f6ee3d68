"""`pipelock run`: the daemon."""

from __future__ import annotations

from pipelock.cli.errors import UsageError
from pipelock.cli.table import Arguments
from pipelock.config.overrides import ReverseFlags
from pipelock.daemon.main import RunOptions, run_daemon

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Run the daemon until it is told to stop; the exit code is its own."""
    if arguments.config is not None and arguments.preset is not None:
        raise UsageError("--config and --preset both name a configuration; give one of them")
    return run_daemon(
        RunOptions(
            config=arguments.config,
            preset=arguments.preset,
            mode=arguments.mode,
            listen=arguments.listen,
            home=arguments.home,
            lines=arguments.lines,
            agent=arguments.agent,
            reverse=ReverseFlags(arguments.reverse_proxy, arguments.reverse_upstream, arguments.reverse_listen),
        )
    )
