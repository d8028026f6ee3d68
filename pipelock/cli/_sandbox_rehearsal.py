"""`pipelock sandbox --dry-run`: what a launch would grant and which walls would stand, without one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipelock.cli.errors import UsageError
from pipelock.cli.output import complain, print_json, print_table
from pipelock.cli.sandbox import check_profile, facts_for, planned, program_of, warn
from pipelock.cli.table import Arguments
from pipelock.config import ConfigError, load
from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.contain.profile import Limits
from pipelock.contain.walls import Machine, banner, outcome, report
from pipelock.control.client import NotRunning
from pipelock.control.paths import home_dir, runtime_dir
from pipelock.model import ContainmentFacts, Rung, Wall, WallName, WallState, escape

__all__ = ["facts_without_daemon", "rehearse"]

_NO_BOUND = -1


def rehearse(arguments: Arguments) -> int:
    """Say what would be; the exit code is 0 where every wall would stand, 1 where some are missing, else 2."""
    facts = facts_without_daemon(arguments)
    warn(facts)
    if sys.platform == "darwin":
        from pipelock.cli import _sandbox_macos  # noqa: PLC0415

        return _sandbox_macos.rehearse(arguments, facts)
    profile = planned(arguments, facts)
    walls, machine, rung = _tried(profile.limits)
    chosen = Wall(WallName.ENVIRONMENT, WallState.UP, f"{len(profile.environment)} variables, chosen")
    walls = (*walls, chosen, _limits(profile.limits))
    if arguments.json:
        print_json(report(profile, walls, machine, rung))
        return outcome(profile.mode, walls).value
    for line in banner(profile, walls):
        print(line)
    print()
    print_table(("WALL", "STATE", "WHAT"), [(wall.name.value, wall.state.value, wall.detail) for wall in walls])
    print()
    print_table(("PATH", "MAY", "WHY"), [(grant.path, grant.access.value, grant.why) for grant in profile.grants])
    print()
    print(f"variables: {escape(' '.join(name for name, _ in profile.environment), 4000)}")
    said = report(profile, walls, machine, rung)
    print(escape(f"{said.outcome}: {said.recommendation}", 1000))
    return outcome(profile.mode, walls).value


def _limits(limits: Limits) -> Wall:
    """Those of each process, which every kernel holds."""
    said = ["no core dumps"]
    if limits.files:
        said.append(f"{limits.files} open files")
    if limits.file_size:
        said.append(f"files of {limits.file_size} bytes")
    return Wall(WallName.LIMITS, WallState.UP, ", ".join(said))


def facts_without_daemon(arguments: Arguments) -> ContainmentFacts:
    """The daemon's facts; those of a configuration with -c, or where no daemon runs.

    Raises:
        UsageError: The configuration is not valid, or has no such profile.
    """
    if arguments.config is None:
        try:
            return facts_for(arguments, needed=False)
        except NotRunning:
            complain("no daemon runs; this is what its defaults come to (-c names a configuration)")
    return _facts_of(arguments, arguments.config)


def _facts_of(arguments: Arguments, path: Path | None) -> ContainmentFacts:
    try:
        config = load(path).config
    except ConfigError as error:
        raise UsageError(str(error.problems[0])) from error
    name = arguments.profile or arguments.session_name or program_of(arguments)
    facts = ContainmentFacts(
        settings=sandbox_settings(config, name),
        profile=name if name in config.agents else "",
        profiles=tuple(config.agents),
        hidden=(str(home_dir(os.environ, arguments.home)), str(runtime_dir(os.environ, arguments.home))),
        may_relay=True,
        forwards=path is None or config.forward_proxy.enabled,  # of no daemon at all it was said already
    )
    check_profile(arguments, facts)
    return facts


def _tried(limits: Limits) -> tuple[tuple[Wall, ...], Machine, Rung]:
    """The walls that this machine gives, tried out; a control group, with these limits."""
    from pipelock_linux.probe import probe  # noqa: PLC0415

    found = probe(limits)
    bound = found.max_user_namespaces
    machine = Machine(
        landlock_abi=found.landlock_abi,
        user_namespaces=found.user_namespaces,
        max_user_ns=None if bound == _NO_BOUND else bound,
        seccomp=found.wall(WallName.SYSCALLS).state is WallState.UP,
        selinux=_selinux(),
    )
    return found.walls, machine, found.rung


def _selinux() -> str:
    """What SELinux does here (its file system says 1 where it enforces)."""
    try:
        enforced = Path("/sys/fs/selinux/enforce").read_text(encoding="ascii")
    except OSError:
        return "disabled"
    return "enforcing" if enforced.strip() == "1" else "permissive"
