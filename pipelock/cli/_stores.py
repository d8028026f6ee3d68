"""Carries out the plans of `pipelock.tls.stores`, or says what is left for root to do."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from pipelock.model import escape
from pipelock.tls.files import Sensitivity, read_pem, write_file
from pipelock.tls.stores import Drop, Machine, Put, Run, Step, Store, as_shell

__all__ = ["Outcome", "StepError", "Workshop", "outcome", "run_program", "this_machine"]

STEP_SECONDS = 120.0
"""How long one program may take: a Java start on a slow machine, a bundle of all certificates."""
_SAID = 300


class Outcome(msgspec.Struct, frozen=True):
    """What became of one store.

    Attributes:
        kind: Of the store.
        place: Where it is.
        label: Whose it is.
        status: `done`, `there` (nothing was to be done), `planned`, `needs_root` or `failed`.
        commands: The steps, as lines for a shell; with `sudo` where they are left to do.
        error: Why it failed.
    """

    kind: str
    place: str
    label: str
    status: str
    commands: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in {"done", "there", "planned"}


def this_machine() -> Machine:
    """The machine we run on."""
    return Machine(
        platform=sys.platform,
        which=_which,
        home=Path.home(),
        environ=dict(os.environ),
        is_root=os.geteuid() == 0,
    )


def _which(program: str) -> str | None:
    """As a shell finds it, and where only root's PATH has it: update-ca-certificates lives in sbin."""
    return shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")


class Workshop:
    """Takes steps.

    Args:
        dry: Take none, only say them.
        run: Runs a program; for tests.
    """

    def __init__(self, *, dry: bool, run: Callable[[tuple[str, ...]], str] | None = None) -> None:
        self.dry = dry
        self._run = run or run_program

    def take(self, store: Store, steps: tuple[Step, ...]) -> Outcome:
        """Take the steps of one store, in order, until one fails."""
        sudo = "sudo " if store.needs_root else ""
        commands = tuple(sudo + as_shell(step) for step in steps)
        if self.dry:
            return outcome(store, "planned", commands)
        if store.needs_root:
            return outcome(store, "needs_root", commands)
        try:
            for step in steps:
                self._take(step)
        except (OSError, StepError) as error:
            return outcome(store, "failed", commands, escape(str(error), _SAID))
        return outcome(store, "done", commands)

    def holds(self, store: Store, name: str) -> bool:
        """Whether a certificate of that name is in a store."""
        return name in self.names(store)

    def names(self, store: Store) -> list[str]:
        """The names in a store that could be ours; none where it can't be looked into."""
        try:
            return store.names(self._run(store.listing) if store.listing else "")
        except (OSError, StepError):
            return []

    def _take(self, step: Step) -> None:
        match step:
            case Put(source, path):
                write_file(path, read_pem(source), Sensitivity.CERTIFICATE)
            case Drop(path):
                path.unlink(missing_ok=True)
            case Run(command):
                self._run(command)


class StepError(Exception):
    """A program did not do what it was asked for; the text is what it said."""


def outcome(store: Store, status: str, commands: tuple[str, ...] = (), error: str = "") -> Outcome:
    """An outcome of that store."""
    return Outcome(store.kind, store.place, store.label, status, commands, error)


def run_program(command: tuple[str, ...]) -> str:
    """Run a program with nothing on its standard input, and give what it printed.

    Raises:
        StepError: it is not there, failed or took longer than two minutes.
    """
    program = _which(command[0])
    if program is None:
        raise StepError(f"{command[0]} is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - commands of `pipelock.tls.stores`, without a shell
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STEP_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepError(f"{shlex.join(command)}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise StepError(f"{command[0]}: {said}")
    return done.stdout
