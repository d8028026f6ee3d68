"""What a launch says before the agent starts, when it is refused, and afterwards, on every system."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelock.cli.errors import EXIT_FAILED, CommandError
from pipelock.cli.output import complain
from pipelock.contain.aftermath import Look, aftermath, look
from pipelock.contain.explain import explain
from pipelock.contain.launching import LaunchError
from pipelock.contain.profile import Access, Profile
from pipelock.contain.walls import Outcome, banner, missing, outcome
from pipelock.model import ContainmentMode, Denial, Wall, WallName

__all__ = ["denial_lines", "explainer", "refusal", "standing", "tell_what_is_left", "why_not_run"]

_MAX_SHOWN = 12
_SCRIPT_LINE = 256


def standing(profile: Profile, *, quiet: bool) -> Callable[[tuple[Wall, ...]], None]:
    """What looks at the walls before the agent starts, and says how they stand unless it is to be `quiet`.

    It raises LaunchError where the mode wants more of them.
    """

    def judge(walls: tuple[Wall, ...]) -> None:
        if outcome(profile.mode, walls) is Outcome.UNAVAILABLE:
            wall = missing(walls)[0]
            raise LaunchError(wall.name, wall.detail or "it does not stand", wall.fix)
        if not quiet:
            for line in banner(profile, walls):
                print(f"pipelock: {line}", file=sys.stderr, flush=True)

    return judge


def tell_what_is_left(profile: Profile, before: Look, denials: Sequence[Denial], left_out: int) -> None:
    """Say what the walls refused and what is new since `before`; `left_out` refusals had no room in `denials`."""
    for line in (*denial_lines(denials, left_out), *aftermath(before, look(profile.workspace, profile.watch))):
        complain(line)


def denial_lines(denials: Sequence[Denial], left_out: int) -> Iterator[str]:
    """What the walls refused, most frequent first, a line each, not escaped; at most 12."""
    by_count = sorted(denials, key=lambda denial: -denial.count)
    for denial in by_count[:_MAX_SHOWN]:
        who = f" by {denial.program}" if denial.program else ""
        times = f" ({denial.count} times)" if denial.count > 1 else ""
        fix = f"; to allow it: {denial.fix}" if denial.fix else ""
        yield f"refused{times}: {denial.what}{who}: {denial.why}{fix}"
    more = sum(denial.count for denial in by_count[_MAX_SHOWN:]) + left_out
    if more:
        yield f"refused: {more} more; `pipelock events` has them"


def explainer(profile: Profile) -> Callable[[str, bool], Denial | None]:
    """What makes a denial of a path that was refused (the second argument: to be changed); `None` if it is granted."""

    def explained(path: str, writes: bool) -> Denial | None:  # noqa: FBT001 - the notifier's signature
        said = explain(profile, path, Access.WRITE if writes else Access.READ)
        if said.allowed:
            return None
        return Denial(WallName.FILES, f"{'write' if writes else 'read'} {path}"[:300], said.why, said.fix)

    return explained


def refusal(mode: ContainmentMode, wall: WallName, message: str, fix: str) -> CommandError:
    """Why the agent was not started, with what would help. Not escaped."""
    hint = f"; {fix}" if fix else ""
    ways = {
        ContainmentMode.STRICT: "; --strict wants every wall",
        ContainmentMode.NORMAL: "; --best-effort starts it with the walls there are",
        ContainmentMode.BEST_EFFORT: "",
    }
    return CommandError(f"the agent was not started, {wall.value}: {message}{hint}{ways[mode]}", EXIT_FAILED)


def why_not_run(profile: Profile, number: int, program: str) -> str:
    """Why execve(2) said no to `program`, by the number of its error, in words, with what would help."""
    if number == errno.ENOENT:
        return _missing(profile, program)
    if number == errno.EACCES:
        return f"{program} may not be run: it is no program, or not executable by this user"
    if number == errno.ENOEXEC:
        return f"{program} is no program that this machine can run"
    return f"{program} can't be run: {os.strerror(number)}"


def _missing(profile: Profile, program: str) -> str:
    """Why it, or what runs it, is not found."""
    interpreter = _interpreter(Path(program)) if "/" in program else ""
    if interpreter and not os.path.lexists(interpreter):
        return f"{program} is run by {interpreter}, which is not there, nor outside of the sandbox"
    said = explain(profile, interpreter or program)
    if interpreter:
        return f"{program} is run by {interpreter}, which is not there inside: {said.why}{_adding(said.fix)}"
    if "/" in program and not said.allowed and os.path.lexists(program):
        return f"{program} exists outside of the sandbox: {said.why}{_adding(said.fix)}"
    return f"{program}: there is no such program inside"


def _adding(fix: str) -> str:
    return f"; add {fix}" if fix else ""


def _interpreter(script: Path) -> str:
    """What the first line of a script names (execve(2)); empty where there is none."""
    try:
        with script.open("rb") as file:
            line = file.readline(_SCRIPT_LINE)
    except OSError:
        return ""
    words = line[2:].split()
    return os.fsdecode(words[0]) if line.startswith(b"#!") and words else ""
