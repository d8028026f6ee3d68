"""A launch on Linux: from the highest rung that this machine has and the mode allows, with what is said about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from pipelock.cli._sandbox_text import explainer, refusal, standing, tell_what_is_left, why_not_run
from pipelock.cli.output import complain
from pipelock.cli.sandbox import planned
from pipelock.cli.table import Arguments
from pipelock.contain.aftermath import look
from pipelock.contain.launching import LaunchError, exit_code
from pipelock.contain.profile import Access, Grant, Network, Profile, Source
from pipelock.control.lease import Lease
from pipelock.control.paths import socket_path
from pipelock.model import ContainmentFacts, ContainmentMode, Denial, Rung, Wall, WallName, WallState
from pipelock_linux import landlock
from pipelock_linux.init import EXIT_CANNOT_RUN
from pipelock_linux.launcher import Ground, Launched, launch, listen_on_host
from pipelock_linux.notifier import Explain, Notifier
from pipelock_linux.supervise import Outcome

__all__ = ["lowered", "run"]

_PORTS_ABI = 4
_SIGNALS = 128
"""Exit codes from here on are those of signals."""


def run(arguments: Arguments, facts: ContainmentFacts) -> int:
    """Launch the agent and stay until it ends; its exit code."""
    profile = planned(arguments, facts)
    before = look(profile.workspace, profile.watch)
    try:
        ended = _on_the_highest_rung(arguments, facts, profile)
    except LaunchError as error:
        raise refusal(profile.mode, error.wall, str(error), error.fix) from error
    if ended.not_run is not None:
        complain(why_not_run(profile, ended.not_run.number, ended.not_run.program))
    if ended.unable is not None:
        complain(f"the command was not started, {ended.unable.wall.value}: {ended.unable.why}")
    code = EXIT_CANNOT_RUN if ended.unable is not None else exit_code(ended.status)
    if not arguments.quiet:
        tell_what_is_left(profile, before, ended.denials, ended.left_out)
        # A signal's code says by itself what happened.
        if (
            0 < code < _SIGNALS
            and not ended.denials
            and not profile.explain
            and ended.not_run is None
            and sys.stderr.isatty()
        ):
            complain(f"the command ended with {code}; --explain shows which files it was refused")
    return code


def _on_the_highest_rung(arguments: Arguments, facts: ContainmentFacts, profile: Profile) -> Outcome:
    try:
        return _launched(arguments, profile, Ground())
    except LaunchError as error:
        # Only what the machine lacks is gone without, and only in so far as the mode allows.
        rung = _below(profile.mode, error)
        if rung is None:
            raise
        why = Wall(error.wall, WallState.DOWN, str(error), error.fix)
    # Imported here: most launches stay on the first rung.
    import tempfile  # noqa: PLC0415

    listeners = listen_on_host()
    port = listeners[0][0].port
    with tempfile.TemporaryDirectory(prefix="pipelock-agent-") as scratch:
        again = planned(arguments, facts, f"http://127.0.0.1:{port}", "")
        ground = Ground(rung, listeners, why)
        return _launched(arguments, lowered(again, port, scratch), ground)


def _below(mode: ContainmentMode, error: LaunchError) -> Rung | None:
    """The rung to try instead; `None` where the mode wants what could not be had."""
    if mode is ContainmentMode.STRICT or (mode is ContainmentMode.NORMAL and error.wall is not WallName.NETWORK):
        return None
    if landlock.abi() >= _PORTS_ABI:
        return Rung.PORTS
    return Rung.ENVIRONMENT if mode is ContainmentMode.BEST_EFFORT else None


def lowered(profile: Profile, port: int, scratch: str) -> Profile:
    """The profile for an agent that sees the host's own file system, on which only Landlock says no.

    Nothing can be empty, copied or in memory there: such places are not granted, copies may be read, and temporary
    files go to the folder `scratch`.
    """
    kept = []
    for grant in profile.grants:
        if grant.access is Access.COPY:
            kept.append(msgspec.structs.replace(grant, access=Access.READ, upper=""))
        elif grant.access is not Access.PRIVATE:
            kept.append(grant)
    kept.append(Grant(path=scratch, access=Access.WRITE, why="temporary files", source=Source.BUILT_IN))
    environment = {**dict(profile.environment), **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), scratch)}
    return msgspec.structs.replace(
        profile,
        grants=tuple(sorted(kept, key=lambda grant: grant.path)),
        environment=tuple(sorted(environment.items())),
        network=Network(proxy_port=port, ports=(), redirect=False),
        links=(),
        seeds=(),
    )


def _noticed(explained: Explain) -> Explain:
    """Explains refusals only: the notifier hears of every path that is tried, before the kernel has decided.

    In /dev and /proc are the sandbox's own devices and processes, which no grant adds to; and what the host has not
    either, nobody refused. Where looking mounts things, it is not looked: the agent chose the path, so it would choose
    what this machine asks of which server.
    """
    unseen = _automounts()

    def noticed(path: str, writes: bool) -> Denial | None:  # noqa: FBT001 - the notifier's signature
        if path.startswith(("/dev/", "/proc/")):
            return None
        if not writes and not path.startswith(unseen) and not os.path.lexists(path):
            return None
        return explained(path, writes)

    return noticed


def _automounts() -> tuple[str, ...]:
    """Folders whose contents are mounted when somebody asks for them (proc_pid_mounts(5)), each with a slash behind."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ("/",)
    return tuple(f"{line.split()[1]}/" for line in mounts if line.split()[2:3] == ["autofs"])


def _launched(arguments: Arguments, profile: Profile, ground: Ground) -> Outcome:
    wish = Launched(
        profile=profile,
        ground=ground,
        shown=" ".join(arguments.agent),
        standing=standing(profile, quiet=arguments.quiet),
        watcher=lambda listener: Notifier(listener, _noticed(explainer(profile))),
        say=complain,
    )
    return launch(wish, Lease(socket_path(os.environ, arguments.home)))
