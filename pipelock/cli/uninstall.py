"""`pipelock uninstall`: take away what was put elsewhere on this machine, before the package itself goes.

What is left behind would do harm once the program is gone: a service that can't start, hooks that refuse every push, an
authority that programs still trust.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

import msgspec

from pipelock.cli._stores import Outcome
from pipelock.cli.errors import EXIT_FAILED, EXIT_OK, CommandError
from pipelock.cli.link import open_client
from pipelock.cli.output import mark, print_json
from pipelock.cli.service import find_service
from pipelock.cli.table import Arguments
from pipelock.contain.host import Host
from pipelock.contain.kept import kept_folder, remove_tree
from pipelock.control.errors import ControlError
from pipelock.control.paths import home_dir
from pipelock.model import escape
from pipelock.service import actions
from pipelock.service.actions import Done
from pipelock.service.kinds import ServiceError
from pipelock.service.manifest import HOOK, Fate, Manifest, fate_of

__all__ = ["Gone", "Left", "execute", "package_command"]

_PACKAGES = (
    (("uv", "tools", "pipelock"), "uv tool uninstall pipelock"),
    (("pipx", "venvs", "pipelock"), "pipx uninstall pipelock"),
    (("Cellar", "pipelock"), "brew uninstall pipelock"),
    (("share", "pipelock", "venv"), "sh install.sh --uninstall"),
)
"""Folders of the environment, and what removes it."""


class Left(msgspec.Struct, frozen=True):
    """Something that stays, and why."""

    what: str
    why: str


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or with `--dry-run` would be.

    Attributes:
        service: The service; `None` where this system has none.
        hooks: Git hooks that were removed.
        stores: Stores that our authority was taken out of.
        data: Folders that were removed for `--purge`: the home, and what agents changed in copies of caches.
        left: What stays, or is left to do.
        package: The command that removes the package.
    """

    service: Done | None
    hooks: tuple[str, ...]
    stores: tuple[Outcome, ...]
    data: tuple[str, ...]
    left: tuple[Left, ...]
    package: str


def execute(arguments: Arguments) -> int:
    """Take everything away; exit code 1 where something is left to do.

    Raises:
        CommandError: what was put where can't be read, or the home is none that may be removed.
    """
    home, dry = home_dir(os.environ, arguments.home), arguments.dry_run
    if arguments.purge:
        _check_home(home)
    try:
        gone = _take_away(home, dry=dry, purge=arguments.purge)
    except (ServiceError, OSError) as error:
        raise CommandError(str(error)) from error
    if arguments.json:
        print_json(gone)
    else:
        _print(gone, home, dry=dry)
    return EXIT_FAILED if gone.left and not dry else EXIT_OK


def package_command(prefix: str) -> str:
    """What removes the package from the environment at `prefix`."""
    parts = PurePath(prefix).parts
    for wanted, command in _PACKAGES:
        if any(parts[start : start + len(wanted)] == wanted for start in range(len(parts))):
            return command
    return "pip uninstall pipelock"


def _take_away(home: Path, *, dry: bool, purge: bool) -> Gone:
    # Imported here: it stands on OpenSSL.
    from pipelock.cli._authority import take_out_all  # noqa: PLC0415
    from pipelock.tls.receipt import ReceiptError  # noqa: PLC0415

    manifest = Manifest(home)
    left: list[Left] = []
    service = _service(manifest, left, dry=dry)
    hooks = _hooks(manifest, left, dry=dry)
    try:
        stores = tuple(take_out_all(home, "all", dry=dry))
    except ReceiptError as error:
        raise ServiceError(str(error)) from error
    left += [
        Left(f"{one.label} ({one.place})", one.error or "; ".join(one.commands)) for one in stores if not one.is_well
    ]
    pid = _daemon(home)
    if pid and not dry:
        left.append(Left(f"a daemon that runs (pid {pid})", f"stop it: kill {pid}"))
    kept = Path(kept_folder(Host.of_this_machine(os.environ)))
    data = [folder for folder in (home, kept) if purge and folder.exists()]
    if left and data:
        left.append(Left(str(home), "kept: it says what is left to do; run this again when that is done"))
        data = []
    for folder in data if not dry else []:
        remove_tree(folder)
    return Gone(
        service=service,
        hooks=hooks,
        stores=stores,
        data=tuple(map(str, data)),
        left=tuple(left),
        package=package_command(sys.prefix),
    )


def _service(manifest: Manifest, left: list[Left], *, dry: bool) -> Done | None:
    try:
        service = find_service("/usr/bin/env", ("run",))
    except CommandError:
        return None
    done = actions.uninstall(service, manifest, actions.run_command, dry=dry)
    left += [Left(path, done.problem) for path in done.kept]
    if not dry:
        left += [Left(command, done.problem) for command in done.left]
    return done


def _hooks(manifest: Manifest, left: list[Left], *, dry: bool) -> tuple[str, ...]:
    removed = []
    for entry in [one for one in manifest.entries if one.kind == HOOK]:
        fate = fate_of(entry)
        if fate is Fate.CHANGED:
            left.append(Left(entry.path, "it was changed since it was written; look what it still needs"))
            continue
        if fate is Fate.INTACT:
            removed.append(entry.path)
        if not dry:
            Path(entry.path).unlink(missing_ok=True)
            manifest.drop(entry)
    return tuple(removed)


def _daemon(home: Path) -> int:
    """The process of a daemon that runs all the same; 0 for none."""
    arguments = Arguments()
    arguments.home = home if home != home_dir(os.environ) else None
    try:
        with open_client(arguments) as client:
            return client.status().pid
    except ControlError:
        return 0


def _check_home(home: Path) -> None:
    """See that what is about to be removed is a home of ours and nothing else.

    Raises:
        CommandError: it is not.
    """
    if not home.exists():
        return
    real, user = home.resolve(), Path.home().resolve()
    if home.is_symlink() or real == user or real in user.parents or home.is_mount():
        raise CommandError(f"{home} is more than our home; remove by hand what you don't want to keep")
    strange = sorted(one.name for one in home.iterdir() if not _is_ours(one.name))
    if strange:
        raise CommandError(f"{home} holds what is not ours ({', '.join(strange[:5])}); remove it by hand")


_OURS = (
    *("KILL", "approvals.yaml", "audit", "cache", "ca", "daemon.log", "dashboard", "history", "installed"),
    *("pipelock.yaml", "run", "suppressions.yaml", "trust"),
)
"""How the names in a home begin."""


def _is_ours(name: str) -> bool:
    return name.lstrip(".").startswith(_OURS)


def _print(gone: Gone, home: Path, *, dry: bool) -> None:
    verb = "would remove" if dry else "removed"
    removed = [gone.service.file] if gone.service is not None and gone.service.wrote else []
    for path in (*removed, *gone.hooks, *gone.data):
        print(f"{verb} {escape(path)}")
    for one in gone.stores:
        print(f"certificate authority, {escape(one.label, 80)} ({escape(one.place)}): {one.status}")
    if not removed and not gone.hooks and not gone.stores:
        print("nothing of ours is installed elsewhere")
    if gone.service is not None and gone.service.hint and removed:
        print(escape(gone.service.hint, 400))
    if gone.left:
        print(mark("left to do:", "yellow"))
        for thing in gone.left:
            print(f"    {escape(thing.what, 400)}: {escape(thing.why, 400)}")
    if not gone.data and home.exists():
        print(f"kept {escape(str(home))}: settings, evidence and keys; --purge removes it, too")
    print(f"the package itself goes with: {gone.package}")
