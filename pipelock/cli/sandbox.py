"""`pipelock sandbox`: agents behind the kernel's walls. Imports little: a launch should be quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.output import complain, print_json, print_table
from pipelock.cli.table import Arguments
from pipelock.contain.host import Host
from pipelock.contain.plan import PlanError, Wish, plan
from pipelock.contain.profile import Access, Profile
from pipelock.control import frames
from pipelock.control.client import NotRunning
from pipelock.model import CacheUse, ContainmentFacts, ContainmentMode, Sandboxed, escape, weakest

__all__ = ["check_profile", "execute", "facts_for", "is_confined", "planned", "program_of", "warn"]

_NOT_FOUND = 127
_HEADS = ("SESSION", "STATE", "NETWORK BY", "WALLS", "REFUSED", "WORKSPACE", "COMMAND")
_LOOPBACK = "localhost,127.0.0.1,::1"
"""Reached without the proxy: inside, these are the agent's own servers and the ports that were granted."""


def execute(arguments: Arguments) -> int:
    """Launch, or `list`, or `explain`."""
    if arguments.what == "list":
        return _list(arguments)
    _here()  # first: whatever else is read needs it, too
    if arguments.what == "explain":
        return _explain(arguments)
    if arguments.what:
        raise UsageError(f"write `pipelock sandbox -- {escape(arguments.what, 80)}`: the command comes after --")
    if arguments.dry_run:
        # Imported here: a launch does not need it.
        from pipelock.cli._sandbox_rehearsal import rehearse  # noqa: PLC0415

        return rehearse(arguments)
    if not arguments.agent:
        raise UsageError("there is no command: write `pipelock sandbox -- COMMAND`")
    if arguments.config is not None:
        raise UsageError("the daemon's configuration holds; -c goes with --dry-run")
    if arguments.json or arguments.write:
        raise UsageError(
            "--json goes with --dry-run, list and explain" if arguments.json else "--write goes with explain"
        )
    facts = facts_for(arguments)
    warn(facts)
    # Imported here: the other commands do not launch.
    if sys.platform == "darwin":
        from pipelock.cli._sandbox_macos import run  # noqa: PLC0415
    else:
        from pipelock.cli._sandbox_linux import run  # noqa: PLC0415

    return run(arguments, facts)


def warn(facts: ContainmentFacts) -> None:
    """Say why the agent would reach nothing, where it would."""
    if not facts.forwards:
        complain(
            "the daemon carries no requests, so the agent will reach nothing: set `forward_proxy: {enabled: true}` in "
            "its configuration, or start it with `pipelock run --preset balanced`"
        )
    if facts.killed:
        complain("the kill switch is on: the agent will reach nothing until it is cleared (`pipelock kill off`)")


def facts_for(arguments: Arguments, *, needed: bool = True) -> ContainmentFacts:
    """What the daemon says about agents of this name.

    Raises:
        CommandError: No daemon runs, and it is `needed`.
        NotRunning: Likewise, where it is not.
        UsageError: Config has no such profile.
    """
    name = arguments.profile or arguments.session_name or program_of(arguments)
    try:
        with open_client(arguments, launches=True) as client:
            facts = client.ask(lambda number: frames.AskContainment(number, name), frames.ContainmentReply).facts
    except NotRunning as error:
        if not needed:
            raise
        way = "start it with `pipelock run --preset balanced`, or for good with `pipelock service install --now`"
        if is_confined():
            way = "it is out of reach from here, which looks like the inside of a sandbox"
        raise CommandError(
            f"no pipelock daemon answers at {error.path}: agents in a sandbox reach the network through it; {way}",
            EXIT_FAILED,
        ) from error
    check_profile(arguments, facts)
    return facts


def is_confined(status: Path = Path("/proc/self/status")) -> bool:
    """Whether a filter of system calls holds this process and it can gain no rights (proc(5)): so it is inside."""
    try:
        lines = status.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return {"NoNewPrivs:\t1", "Seccomp:\t2"} <= set(lines)


def check_profile(arguments: Arguments, facts: ContainmentFacts) -> None:
    """A profile that was asked for by name must be there: its limits would be missing."""
    if arguments.profile and arguments.profile not in facts.profiles:
        known = ", ".join(facts.profiles) or "none"
        raise UsageError(f"the configuration has no agents.{arguments.profile}; there are: {known}")


def program_of(arguments: Arguments) -> str:
    """The program's name, shortened to what a profile's may be."""
    return Path(arguments.agent[0]).name[:64] if arguments.agent else ""


def planned(arguments: Arguments, facts: ContainmentFacts, proxy: str = "", exceptions: str = _LOOPBACK) -> Profile:
    """The profile of this command line.

    Args:
        arguments: The command line.
        facts: The daemon's.
        proxy: The proxy's URL, where it is not the one inside.
        exceptions: Hosts that are reached without it.

    Raises:
        CommandError: What is wished for can't be; the code is 127 where the program isn't there.
    """
    # Imported here, like what only some commands need.
    from pipelock.trust.variables import TrustFiles, variables  # noqa: PLC0415

    files = TrustFiles(*facts.trust) if facts.trust else None

    def proxied(inside: str, inherited: Mapping[str, str]) -> Mapping[str, str]:
        return variables(proxy or inside, files, inherited, exceptions)

    host = _machine()
    try:
        return plan(_wish(arguments), facts, host, proxied)
    except PlanError as error:
        code = EXIT_FAILED if _is_there(arguments) else _NOT_FOUND
        raise CommandError(str(error), code) from error


def _machine() -> Host:
    host = Host.of_this_machine(os.environ)
    if sys.platform == "darwin":
        from pipelock_macos.places import real  # noqa: PLC0415 - not on other systems

        # Its file systems don't tell capitals from small letters, and plans do.
        host = msgspec.structs.replace(host, realpath=real)
    return host


def _is_there(arguments: Arguments) -> bool:
    import shutil  # noqa: PLC0415 - for mistakes alone

    return not arguments.agent or shutil.which(arguments.agent[0], os.F_OK) is not None


def _wish(arguments: Arguments) -> Wish:
    if arguments.strict and arguments.best_effort:
        raise UsageError("--strict and --best-effort exclude each other")
    mode = ContainmentMode.STRICT if arguments.strict else None
    if arguments.best_effort:
        mode = ContainmentMode.BEST_EFFORT
    return Wish(
        command=arguments.agent or ("sh",),
        folder=_here(),
        workspace=arguments.workspace or "",
        allow_read=tuple(arguments.allow_read),
        allow_write=tuple(arguments.allow_write),
        mask=tuple(arguments.mask),
        unix_sockets=tuple(arguments.unix_socket),
        env=tuple(arguments.env),
        rules=tuple(arguments.allow),
        mode=mode,
        caches=CacheUse(arguments.caches) if arguments.caches else None,
        host_ports=tuple(_port(text) for text in arguments.host_port),
        name=arguments.session_name or "",
        preset=arguments.preset or "",
        explain=arguments.explain,
    )


def _here() -> str:
    """The present folder, by the name that the shell has for it where that is right.

    Raises:
        UsageError: It was removed.
    """
    said = os.environ.get("PWD", "")
    try:
        return said if _is_here(said) else str(Path.cwd())
    except FileNotFoundError as error:
        raise UsageError("the folder that you are in was removed: go to another one") from error


def _is_here(folder: str) -> bool:
    """Whether what the shell calls this folder is this folder: its name keeps the links that the user went through."""
    try:
        return folder.startswith("/") and Path(folder).samefile(".")
    except OSError:
        return False


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65_535):
        raise UsageError(f"--host-port {escape(text, 40)} is no port: 1 to 65535")
    return int(text)


def _list(arguments: Arguments) -> int:
    with open_client(arguments) as client:
        keys = [session.key for session in client.sessions() if session.walls is not None]
        found = []
        for key in keys:
            sandbox = client.ask(partial(frames.InspectSession, key=key), frames.SessionReply).detail.sandbox
            if sandbox is not None:
                found.append((key, sandbox))
    if arguments.json:
        print_json([{"session": key, "sandbox": msgspec.to_builtins(sandbox)} for key, sandbox in found])
    elif found:
        print_table(_HEADS, [_row(key, sandbox) for key, sandbox in found])
    else:
        print("No agent runs in a sandbox.")
    return EXIT_OK


def _row(key: str, sandbox: Sandboxed) -> tuple[str, ...]:
    of = sandbox.contained
    state = "ended" if sandbox.ended_at else "stopped" if sandbox.frozen else "runs" if sandbox.held else "cut off"
    return (key, state, of.rung.value, weakest(of).value, str(sandbox.denied), of.workspace, of.command)


def _explain(arguments: Arguments) -> int:
    from pipelock.cli._sandbox_rehearsal import facts_without_daemon  # noqa: PLC0415
    from pipelock.contain.explain import explain  # noqa: PLC0415

    if not arguments.path:
        raise UsageError("say which path: `pipelock sandbox explain PATH`, with --write for changing it")
    profile = planned(arguments, facts_without_daemon(arguments))
    access = Access.WRITE if arguments.write else Access.READ
    said = explain(profile, str(Path(arguments.path).expanduser()), access, os.path.realpath)
    if arguments.json:
        print_json(said)
    else:
        print(escape(f"{'allowed' if said.allowed else 'refused'}: {said.why}", 2000))
        if said.fix:
            print(escape(f"  {said.fix}", 2000))
    return EXIT_OK if said.allowed else EXIT_FAILED
