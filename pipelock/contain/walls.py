"""What stands around an agent, in words: the banner before it starts, and the report that `--dry-run` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

import msgspec

from pipelock.contain.claims import covering
from pipelock.contain.profile import Access, Grant, Profile, Source
from pipelock.model import ContainmentMode, Rung, Wall, WallName, WallState, escape

__all__ = ["GrantRow", "Machine", "Outcome", "Report", "banner", "missing", "outcome", "recommendation", "report"]

_MAX_LINE: Final = 200
_MAX_LISTED: Final = 6


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine offers, as probing found it.

    Attributes:
        landlock_abi: 0 where there is none.
        user_namespaces: Whether one was made for a try, and used.
        max_user_ns: The kernel's limit; `None` where it does not say.
        seccomp: Whether a filter could be loaded.
        selinux: `enforcing`, `permissive` or `disabled`.
    """

    landlock_abi: int = 0
    user_namespaces: bool = False
    max_user_ns: int | None = None
    seccomp: bool = False
    selinux: str = "disabled"


class Outcome(IntEnum):
    """How `--dry-run` ends."""

    OK = 0
    DEGRADED = 1
    UNAVAILABLE = 2


class GrantRow(msgspec.Struct, frozen=True):
    """One grant in the report."""

    path: str
    access: Access
    why: str
    source: Source


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`--dry-run --json`: the keys of the original, and ours from `outcome` on."""

    landlock_abi: int
    user_namespaces: bool
    max_user_ns: int | None
    seccomp: bool
    selinux: str
    recommendation: str
    outcome: str
    rung: Rung
    mode: ContainmentMode
    agent: str
    profile: str
    command: tuple[str, ...]
    workspace: str
    folder: str
    walls: tuple[Wall, ...]
    grants: tuple[GrantRow, ...]
    links: tuple[tuple[str, str], ...]
    variables: tuple[str, ...]
    ports: tuple[int, ...]
    host_ports: tuple[int, ...]
    proxy_port: int
    rules: tuple[str, ...]
    config_rules: tuple[str, ...]
    notes: tuple[str, ...]


def missing(walls: Iterable[Wall]) -> tuple[Wall, ...]:
    """The walls that were wanted and do not stand whole."""
    return tuple(wall for wall in walls if wall.state in (WallState.PARTLY, WallState.DOWN))


def outcome(mode: ContainmentMode, walls: Sequence[Wall]) -> Outcome:
    """Whether an agent would be started, and behind all walls.

    Strict wants every wall whole; normal wants the network held by the kernel; best effort wants nothing.
    """
    lacking = missing(walls)
    if not lacking:
        return Outcome.OK
    network = next((wall.state for wall in walls if wall.name is WallName.NETWORK), WallState.DOWN)
    if mode is ContainmentMode.STRICT:
        return Outcome.UNAVAILABLE
    if mode is ContainmentMode.NORMAL and network not in (WallState.UP, WallState.PARTLY):
        return Outcome.UNAVAILABLE
    return Outcome.DEGRADED


def recommendation(mode: ContainmentMode, walls: Sequence[Wall]) -> str:
    """One sentence: what to do."""
    lacking = missing(walls)
    if not lacking:
        return "every wall stands; nothing to do"
    fixes = [wall.fix for wall in lacking if wall.fix]
    if fixes:
        return fixes[0]
    names = ", ".join(wall.name for wall in lacking)
    if outcome(mode, walls) is Outcome.UNAVAILABLE:
        return f"{names}: not to be had on this machine; run the agent in a virtual machine, or with --best-effort"
    return f"{names}: not to be had on this machine; the others hold"


def banner(profile: Profile, walls: Sequence[Wall]) -> list[str]:
    """What a person should know before the agent starts, a line each, fit for a terminal.

    First who and where, then the walls that do not stand, then what was opened by hand and what needs a look.
    """
    lacking = missing(walls)
    up = sum(wall.state is WallState.UP for wall in walls)
    lines = [
        f"{profile.agent} works in {profile.workspace}; {up} of {up + len(lacking)} walls stand"
        + (f" ({profile.mode})" if profile.mode is not ContainmentMode.NORMAL else "")
    ]
    for wall in lacking:
        state = "does not stand" if wall.state is WallState.DOWN else "stands in part"
        detail = f": {wall.detail}" if wall.detail else ""
        fix = f"; {wall.fix}" if wall.fix else ""
        lines.append(f"! {wall.name} {state}{detail}{fix}")
    bare = _bare(profile, walls)
    lines += _opened(profile, bare)
    if bare:
        lines.append(f"! NOT hidden, for want of a file system view: {_few(bare)}")
    lines += [f"! {note}" for note in profile.notes]
    return [escape(line, _MAX_LINE) for line in lines]


def _bare(profile: Profile, walls: Sequence[Wall]) -> list[str]:
    """What somebody wanted hidden and nothing hides: without a view, what lies in a folder that may be changed."""
    if not any(wall.name is WallName.FILES and wall.state is WallState.DOWN for wall in walls):
        return []
    by_path = {grant.path: grant for grant in profile.grants}
    found = []
    for grant in profile.grants:
        around = covering(by_path, grant.path.rpartition("/")[0] or "/")
        is_masked = grant.access is Access.MASK and grant.source is not Source.BUILT_IN
        if is_masked and around is not None and around.access is Access.WRITE:
            found.append(grant.path)
    return found


def _opened(profile: Profile, bare: Sequence[str]) -> list[str]:
    """What somebody opened: config or the command line. What is `bare` is not said to be hidden."""
    by_hand = [grant for grant in profile.grants if grant.source is not Source.BUILT_IN and grant.path not in bare]
    lines = []
    for access, word in ((Access.WRITE, "may change"), (Access.READ, "may read"), (Access.MASK, "hidden")):
        paths = [grant.path for grant in by_hand if grant.access is access]
        if paths:
            lines.append(f"{word}: {_few(paths)}")
    if profile.network.host_ports:
        lines.append(f"ports of this machine: {_few(list(map(str, profile.network.host_ports)))}")
    if profile.config_rules:
        lines.append(f"reaches only (sandbox.allow): {_few(profile.config_rules)}")
    if profile.rules:
        word = "and of that only" if profile.config_rules else "reaches only"
        lines.append(f"{word}: {_few(profile.rules)}")
    return lines


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - _MAX_LISTED} more" if len(words) > _MAX_LISTED else ""
    return ", ".join(words[:_MAX_LISTED]) + more


def report(profile: Profile, walls: Sequence[Wall], machine: Machine, rung: Rung) -> Report:
    """Everything about a launch that is not made. Values of variables are left out: they may be secrets.

    `rung` is what would hold the network.
    """
    return Report(
        landlock_abi=machine.landlock_abi,
        user_namespaces=machine.user_namespaces,
        max_user_ns=machine.max_user_ns,
        seccomp=machine.seccomp,
        selinux=machine.selinux,
        recommendation=recommendation(profile.mode, walls),
        outcome=outcome(profile.mode, walls).name.lower(),
        rung=rung,
        mode=profile.mode,
        agent=profile.agent,
        profile=profile.name,
        command=profile.command,
        workspace=profile.workspace,
        folder=profile.folder,
        walls=tuple(walls),
        grants=tuple(_row(grant) for grant in profile.grants),
        links=profile.links,
        variables=tuple(name for name, _ in profile.environment),
        ports=profile.network.ports,
        host_ports=profile.network.host_ports,
        proxy_port=profile.network.proxy_port,
        rules=profile.rules,
        config_rules=profile.config_rules,
        notes=profile.notes,
    )


def _row(grant: Grant) -> GrantRow:
    return GrantRow(grant.path, grant.access, grant.why, grant.source)
