"""A launch on macOS: in the system's sandbox, with what is said about it."""

from __future__ import annotations

import os

import msgspec

from pipelock.cli._sandbox_text import explainer, refusal, standing, tell_what_is_left, why_not_run
from pipelock.cli.errors import EXIT_FAILED, CommandError
from pipelock.cli.output import complain, print_json
from pipelock.cli.sandbox import planned
from pipelock.cli.table import Arguments
from pipelock.contain.aftermath import look
from pipelock.contain.launching import LaunchError, exit_code
from pipelock.contain.profile import Network, Profile
from pipelock.contain.walls import Machine, banner, outcome, report
from pipelock.control.lease import Lease
from pipelock.control.paths import socket_path
from pipelock.model import ContainmentFacts, Rung
from pipelock_macos.launcher import Launched, Programs, launch, listen, preview, walls

__all__ = ["rehearse", "run"]

_SHOWN_PORT = 8888
"""The proxy's in what is only shown: the real one is any that is free."""
_NOT_ITS_OWN = "localhost,127.0.0.1,::1"
"""Reached without the proxy: ports of this machine that were granted."""


def run(arguments: Arguments, facts: ContainmentFacts, programs: Programs | None = None) -> int:
    """Launch the agent and stay until it ends; its exit code. `programs` are the system's own."""
    listener, port = listen()
    try:
        profile = _profile(arguments, facts, port)
    except BaseException:
        os.close(listener)
        raise
    before = look(profile.workspace, profile.watch)
    wish = Launched(
        profile=profile,
        listener=listener,
        shown=" ".join(arguments.agent),
        standing=standing(profile, quiet=arguments.quiet),
        explain=explainer(profile),
        say=complain,
        programs=programs or Programs(),
    )
    try:
        ended = launch(wish, Lease(socket_path(os.environ, arguments.home)))
    except LaunchError as error:
        raise refusal(profile.mode, error.wall, str(error), error.fix) from error
    except OSError as error:
        raise CommandError(f"the agent was not started: {error}", EXIT_FAILED) from error
    if ended.not_run is not None:
        complain(why_not_run(profile, *ended.not_run))
    if not arguments.quiet:
        tell_what_is_left(profile, before, ended.denials, ended.left_out)
    return exit_code(ended.status)


def rehearse(arguments: Arguments, facts: ContainmentFacts) -> int:
    """Print the sandbox's text and what goes with it, without a launch; the exit code is as on Linux."""
    profile = _profile(arguments, facts, _SHOWN_PORT)
    stand = walls(profile)
    verdict = outcome(profile.mode, stand).value
    if arguments.json:
        print_json(report(profile, stand, Machine(), Rung.SYSTEM))
        return verdict
    for line in banner(profile, stand):
        print(f"; {line}")
    try:
        print(preview(profile), end="")
    except LaunchError as error:
        raise refusal(profile.mode, error.wall, str(error), error.fix) from error
    return verdict


def _profile(arguments: Arguments, facts: ContainmentFacts, port: int) -> Profile:
    profile = planned(arguments, facts, f"http://127.0.0.1:{port}", _NOT_ITS_OWN)
    network = Network(proxy_port=port, ports=(), redirect=False, host_ports=profile.network.host_ports)
    return msgspec.structs.replace(profile, network=network)
