"""Putting the service there, taking it away, looking at it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from pipelock.service.kinds import Kind, Service, ServiceError, State, Step
from pipelock.service.launchd import state_of as state_of_launchd
from pipelock.service.manifest import Fate, Manifest, fate_of, put
from pipelock.service.systemd import state_of as state_of_systemd

__all__ = [
    "STEP_SECONDS",
    "Done",
    "Look",
    "Ran",
    "Run",
    "install",
    "look_at",
    "restart",
    "run_command",
    "state",
    "uninstall",
]

STEP_SECONDS = 200.0
"""How long a manager may take: it waits until the daemon says that it is up."""
_SAID = 4096
"""Characters of its output that are looked at."""


class Ran(msgspec.Struct, frozen=True):
    """What became of a command. `problem` is empty where its exit code was 0."""

    said: str = ""
    problem: str = ""


Run = Callable[[tuple[str, ...]], Ran]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be.

    Attributes:
        file: The description of the service.
        wrote: Whether it was written (removed, for `uninstall`).
        ran: Commands that went well.
        left: Commands that are left to do, with `problem` saying why.
        kept: Files that somebody changed and that therefore stay.
        problem: Why something is left; empty where all is done.
        hint: Something to know.
    """

    file: str
    wrote: bool = False
    ran: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to do."""
        return not self.left and not self.kept


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is.

    Attributes:
        kind: Who manages it.
        file: Its description.
        installed: Whether we put it there and it is there still.
        intact: Whether it is as it was written.
        program: The program that it names.
        works: Whether that can be run.
        state: What its manager says.
    """

    kind: Kind
    file: str
    installed: bool
    intact: bool
    program: str
    works: bool
    state: State


def run_command(command: tuple[str, ...]) -> Ran:
    """Run one of the manager's commands, for at most 200 s."""
    if shutil.which(command[0]) is None:
        return Ran(problem=f"there is no {command[0]} here")
    try:
        ended = subprocess.run(  # noqa: S603 - the words are ours
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=STEP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Ran(problem=f"{command[0]} took longer than {STEP_SECONDS:.0f} s")
    except OSError as error:
        return Ran(problem=f"{command[0]}: {error.strerror or error}")
    said = ended.stdout[:_SAID].decode("utf-8", "replace")
    if ended.returncode == 0:
        return Ran(said=said)
    lines = ended.stderr[:_SAID].decode("utf-8", "replace").strip().splitlines()
    return Ran(said=said, problem=lines[0] if lines else f"{command[0]} ended with code {ended.returncode}")


def install(service: Service, program: str, manifest: Manifest, run: Run, *, now: bool, dry: bool) -> Done:
    """Write the description and have the manager heed it; `now` starts the daemon, too.

    Raises:
        ServiceError: a file that is not ours is in the way, or nothing can be written.
    """
    steps = (*service.enable, *(service.start if now else ()))
    is_new = _is_to_be_written(service, manifest)
    if dry:
        left = tuple(map(_line, steps))
        return Done(file=str(service.file), wrote=is_new, left=left, problem="nothing was done", hint=service.hint)
    try:
        for folder in (service.file.parent, *service.folders):
            folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            manifest.add(service.file, service.text, program)
            put(service.file, service.text, 0o644)
    except OSError as error:
        raise ServiceError(f"{service.file} can't be written: {error.strerror or error}") from error
    ran, left, problem = _take(steps, run)
    return Done(file=str(service.file), wrote=is_new, ran=ran, left=left, problem=problem, hint=service.hint)


def uninstall(service: Service, manifest: Manifest, run: Run, *, dry: bool) -> Done:
    """Stop the daemon and remove what was written, as far as it is as it was written.

    Raises:
        ServiceError: a file can't be removed, or the manifest not written.
    """
    entry = manifest.of(service.file)
    if entry is None:
        return Done(file=str(service.file))
    fate = fate_of(entry)
    if fate is Fate.CHANGED:
        why = "it was changed since it was written; remove it yourself"
        return Done(file=str(service.file), kept=(str(service.file),), problem=why)
    if dry:
        left = tuple(map(_line, (*service.disable, *service.forget)))
        return Done(file=str(service.file), wrote=fate is Fate.INTACT, left=left, problem="nothing was done")
    ran, undone, problem = _take(service.disable, run)
    try:
        for link in service.links:
            if link.is_symlink() and link.readlink().name == service.file.name:
                link.unlink()
        service.file.unlink(missing_ok=True)
    except OSError as error:
        raise ServiceError(f"{service.file} can't be removed: {error.strerror or error}") from error
    manifest.drop(entry)
    if undone:
        # Most likely there is none here. It may also be out of reach of this shell alone.
        hint = f"its manager did not answer ({problem}); a daemon that runs still has to be stopped by hand"
        return Done(file=str(service.file), wrote=fate is Fate.INTACT, ran=ran, hint=hint)
    more, left, problem = _take(service.forget, run)
    return Done(file=str(service.file), wrote=fate is Fate.INTACT, ran=ran + more, left=left, problem=problem)


def restart(service: Service, run: Run) -> Done:
    """Start the daemon anew.

    Raises:
        ServiceError: the service is not installed.
    """
    if not service.file.exists():
        raise ServiceError("the service is not installed: `pipelock service install --now`")
    ran, left, problem = _take(service.start, run)
    return Done(file=str(service.file), ran=ran, left=left, problem=problem)


def look_at(service: Service, manifest: Manifest, run: Run, is_program: Callable[[str], bool]) -> Look:
    """Ask the manager, and look at the files."""
    entry = manifest.of(service.file)
    fate = fate_of(entry) if entry is not None else Fate.GONE
    program = entry.program if entry is not None else ""
    return Look(
        kind=service.kind,
        file=str(service.file),
        installed=fate is not Fate.GONE,
        intact=fate is Fate.INTACT,
        program=program,
        works=bool(program) and is_program(program),
        state=state(service, run),
    )


def state(service: Service, run: Run) -> State:
    """What its manager says."""
    answer = run(service.look)
    read = state_of_systemd if service.kind is Kind.SYSTEMD else state_of_launchd
    return State(problem=answer.problem) if answer.problem else read(answer.said)


def _is_to_be_written(service: Service, manifest: Manifest) -> bool:
    """Whether the file differs from what is there, which must then be ours and unchanged."""
    present: bytes | None = None
    try:
        with suppress(FileNotFoundError):
            present = service.file.read_bytes()
    except OSError as error:
        raise ServiceError(f"{service.file} can't be read: {error.strerror or error}") from error
    entry = manifest.of(service.file)
    if present is not None and (entry is None or fate_of(entry) is Fate.CHANGED):
        whose = "is not ours" if entry is None else "was changed since it was written"
        raise ServiceError(f"{service.file} {whose}; move it away, or keep it and start it yourself")
    return present != service.text


def _take(steps: Iterable[Step], run: Run) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Take the steps until one fails; what then is left is what a person has to do."""
    todo = list(steps)
    ran: list[str] = []
    while todo:
        answer = run(todo[0].command)
        if answer.problem and not todo[0].may_fail:
            return tuple(ran), tuple(map(_line, todo)), answer.problem
        ran.append(_line(todo.pop(0)))
    return tuple(ran), (), ""


def _line(step: Step) -> str:
    return " ".join(word for word in step.command if word not in ("--no-pager", "--no-ask-password"))
