"""`pipelock service`: the daemon as a service of the user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.config.presets import DEFAULT_PRESET
from pipelock.control.errors import ControlError
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock.service import actions
from pipelock.service.actions import Done, Look
from pipelock.service.kinds import Service, ServiceError
from pipelock.service.manifest import Manifest
from pipelock.service.program import Place, ProgramError, stable_program

__all__ = ["TAKES", "execute", "find_service"]

TAKES = {
    "install": ("config", "preset", "now", "dry_run", "json"),
    "uninstall": ("dry_run", "json"),
    "status": ("json",),
    "restart": ("json",),
    "logs": ("follow",),
}


def execute(arguments: Arguments) -> int:
    """One of `install`, `uninstall`, `status`, `restart`, `logs`.

    Raises:
        CommandError: it could not be done.
    """
    for name in sorted({name for names in TAKES.values() for name in names}):
        if getattr(arguments, name) and name not in TAKES[arguments.what]:
            raise UsageError(f"--{name.replace('_', '-')} does not go with `service {arguments.what}`")
    try:
        return _VERBS[arguments.what](arguments)
    except (ServiceError, ProgramError) as error:
        raise CommandError(str(error)) from error


def find_service(program: str, words: Sequence[str]) -> Service:
    """The service as this system has it.

    Raises:
        CommandError: this system has no manager that we know.
        ServiceError: the command line can't be written for it.
    """
    if sys.platform == "darwin":
        # Imported here: each is needed on one system alone.
        from pipelock.service.launchd import service as of_launchd  # noqa: PLC0415

        return of_launchd(program, words, Path.home(), os.getuid())
    if sys.platform.startswith("linux"):
        from pipelock.service.systemd import service as of_systemd  # noqa: PLC0415

        return of_systemd(program, words, Path.home(), os.environ)
    raise CommandError(f"services are made for systemd and launchd; {sys.platform} has neither")


def _install(arguments: Arguments) -> int:
    words = _words(arguments)
    program = stable_program(Place.of_this_process(sys.argv[0], sys.executable, os.environ))
    service, manifest = find_service(program, words), _manifest(arguments)
    if arguments.now and not arguments.dry_run:
        _make_way(arguments, service)
    done = actions.install(service, program, manifest, actions.run_command, now=arguments.now, dry=arguments.dry_run)
    if arguments.dry_run and not arguments.json:
        print(f"would write {escape(done.file)}:\n")
        print("\n".join(f"    {escape(line, 4000)}" for line in service.text.decode().splitlines()))
        for command in done.left:
            print(f"would run {escape(command)}")
        return EXIT_OK
    return _tell(arguments, done, ("written", "is there already"))


def _make_way(arguments: Arguments, service: Service) -> None:
    """See that no other daemon has the socket: the service's would end at once, over and over.

    Raises:
        CommandError: one has.
    """
    try:
        with open_client(arguments) as client:
            pid = client.status().pid
    except ControlError:
        return
    if actions.state(service, actions.run_command).pid != pid:
        raise CommandError(
            f"a daemon runs already, which is not the service (pid {pid}): stop it first, then try again"
        )


def _uninstall(arguments: Arguments) -> int:
    manifest = _manifest(arguments)
    done = actions.uninstall(_unnamed(), manifest, actions.run_command, dry=arguments.dry_run)
    if arguments.dry_run and not arguments.json and not done.kept:
        print(f"would remove {escape(done.file)}" if done.wrote else "nothing of ours is there")
        for command in done.left:
            print(f"would run {escape(command)}")
        return EXIT_OK
    return _tell(arguments, done, ("removed", "is not there, or not ours"))


def _restart(arguments: Arguments) -> int:
    return _tell(arguments, actions.restart(_unnamed(), actions.run_command), ("", "started anew"))


def _status(arguments: Arguments) -> int:
    place = Place.of_this_process(sys.argv[0], sys.executable, os.environ)
    look = actions.look_at(_unnamed(), _manifest(arguments), actions.run_command, place.is_program)
    if arguments.json:
        print_json(look)
    else:
        _print(look)
    return EXIT_OK if look.installed and look.works and look.state.active else EXIT_FAILED


def _logs(arguments: Arguments) -> int:
    service = _unnamed()
    command = service.follow if arguments.follow else service.logs
    try:
        os.execvp(command[0], command)  # noqa: S606 - the words are ours; it is to have our terminal
    except OSError as error:
        raise CommandError(f"{command[0]}: {error.strerror or error}") from error


def _words(arguments: Arguments) -> list[str]:
    """What the service runs: `run`, with the home and the configuration by their absolute paths.

    Raises:
        UsageError: the configuration is not valid, so the daemon would not start.
    """
    if arguments.config is not None and arguments.preset is not None:
        raise UsageError("--config and --preset exclude each other")
    words: list[str] = []
    if arguments.home is not None or os.environ.get("PIPELOCK_HOME"):
        words += ["--home", str(home_dir(os.environ, arguments.home))]
    words.append("run")
    if arguments.config is None:
        # Never the bare defaults: they carry no requests, and a service that refuses everything helps nobody.
        words += ["--preset", arguments.preset or DEFAULT_PRESET]
    else:
        # Imported here: other verbs need no configuration.
        from pipelock.config import ConfigError, load  # noqa: PLC0415

        try:
            load(arguments.config)
        except ConfigError as error:
            raise UsageError(str(error.problems[0])) from error
        words += ["--config", str(arguments.config.absolute())]
    return words


def _unnamed() -> Service:
    """The service, for what does not depend on its text."""
    return find_service("/usr/bin/env", ("run",))


def _manifest(arguments: Arguments) -> Manifest:
    return Manifest(home_dir(os.environ, arguments.home))


def _tell(arguments: Arguments, done: Done, words: tuple[str, str]) -> int:
    """Say what was done; 1 if something is left to do."""
    if arguments.json:
        print_json(done)
        return EXIT_OK if done.is_well or arguments.dry_run else EXIT_FAILED
    if not done.kept:
        print(f"{escape(done.file)}: {words[0] if done.wrote else words[1]}")
    for command in done.ran:
        print(f"ran {escape(command)}")
    for path in done.kept:
        print(f"kept {escape(path)}: {escape(done.problem)}")
    if done.left:
        print(f"{mark('left to do', 'yellow')} ({escape(done.problem, 300)}):")
        for command in done.left:
            print(f"    {escape(command)}")
    if done.hint:
        print(escape(done.hint, 400))
    return EXIT_OK if done.is_well else EXIT_FAILED


def _print(look: Look) -> None:
    state = look.state
    if not look.installed:
        installed = "no; `pipelock service install --now` does it"
    else:
        installed = "yes" if look.intact else "yes, and changed since"
    rows = [("installed", installed), ("file", look.file)]
    if look.program:
        rows.append(
            ("program", look.program if look.works else f"{look.program}, WHICH CAN'T BE RUN: install it again")
        )
    if state.problem:
        rows.append(("manager", f"{look.kind}: {state.problem}"))
    else:
        enabled = "started at login" if state.enabled else "not started at login"
        rows.append(("manager", f"{look.kind}: {state.word or 'not loaded'}, {enabled}"))
        rows += [("process", f"{state.pid}, restarted {state.restarts} times")] if state.pid else []
        rows += [("says", state.text)] if state.text else []
    for name, text in rows:
        print(f"{name:<12}{escape(text, 400)}")


_VERBS: dict[str, Callable[[Arguments], int]] = {
    "install": _install,
    "uninstall": _uninstall,
    "status": _status,
    "restart": _restart,
    "logs": _logs,
}
