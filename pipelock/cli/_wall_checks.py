"""Checks of what holds an agent: which walls this machine lets us raise, and whether anything gets around the proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelock.cli._check_results import Result, failed, passed, skipped
from pipelock.cli._rehearsal import Rehearsal, rehearse
from pipelock.model import Wall, WallName, WallState
from pipelock.trust.instance import InstanceError

__all__ = ["CONTAINMENT", "hold", "walls"]

CONTAINMENT = ("no_direct_http", "no_direct_dns", "no_direct_https")
_ROADS = {"no_direct_http": "http", "no_direct_dns": "dns", "no_direct_https": "https"}
_SECONDS = 90.0
"""For one run of the probe: three roads of 3 s, a start, and a machine that does much else."""
_SELINUX = Path("/sys/fs/selinux/enforce")
_LINUX_ALONE = "launches of agents are tried on Linux; on this system they are not"
_NAMES = {WallName.NETWORK: "userns", WallName.SYSCALLS: "seccomp"}
"""Where a check is called otherwise than its wall."""


def walls() -> list[Result]:
    """What can be raised here, by trying. The caller has one thread."""
    if not sys.platform.startswith("linux"):
        why = "these are walls of Linux"
        return [skipped(f"sandbox_{name}", why) for name in ("landlock", "userns", "seccomp", "selinux")]
    # Imported here: it is Linux's alone.
    from pipelock_linux.probe import probe  # noqa: PLC0415

    found = probe()
    first = [_wall(found.wall(name)) for name in (WallName.LANDLOCK, WallName.NETWORK, WallName.SYSCALLS)]
    rest = [_wall(wall) for wall in found.walls if f"sandbox_{_name(wall)}" not in {one.name for one in first}]
    return [*first, _selinux(holds=found.user_namespaces), *rest]


def _name(wall: Wall) -> str:
    return _NAMES.get(wall.name, wall.name.value)


def _wall(wall: Wall) -> Result:
    name = f"sandbox_{_name(wall)}"
    text = "; to raise it: ".join(part for part in (wall.detail, wall.fix) if part)
    if wall.state in (WallState.UP, WallState.PARTLY):
        return passed(name, f"partly: {text}" if wall.state is WallState.PARTLY else wall.detail)
    if wall.name is WallName.CGROUP:
        return skipped(name, f"no limits on memory and processes: {text}")
    return failed(name, text)


def _selinux(*, holds: bool) -> Result:
    try:
        state = _SELINUX.read_text("ascii").strip()
    except (OSError, ValueError):
        return skipped("sandbox_selinux", "SELinux is not in force here")
    if state != "1":
        return passed("sandbox_selinux", "permissive")
    if holds:
        return passed("sandbox_selinux", "enforcing, and it lets the walls be raised")
    return failed("sandbox_selinux", "enforcing, and no namespace could be entered: see `ausearch -m avc -ts recent`")


def hold(home: Path, config: Path | None) -> list[Result]:
    """Launch a probe as an agent, and see whether it reaches a server of ours around the proxy.

    Args:
        home: The user's.
        config: The user's configuration; `None` for the defaults.
    """
    if not sys.platform.startswith("linux"):
        return [skipped(name, _LINUX_ALONE) for name in CONTAINMENT]
    try:
        with rehearse(home, config, closed=True) as stage:
            if not _calibrated(stage):
                return [failed(name, "the probe can't even reach our server unconfined") for name in CONTAINMENT]
            return _tried(stage)
    except (InstanceError, OSError, subprocess.TimeoutExpired) as error:
        return [failed(name, f"it could not be tried: {error}") for name in CONTAINMENT]


def _calibrated(stage: Rehearsal) -> bool:
    """Whether the probe arrives where nothing is in its way; if it did not, its failing would prove nothing."""
    token = stage.token()
    _run(_probe(stage, token), os.environ, "/")
    return all(stage.origin.saw(f"{road}-{token}".encode()) for road in _ROADS.values())


def _tried(stage: Rehearsal) -> list[Result]:
    token = stage.token()
    pipelock = (sys.executable, "-m", "pipelock", "--home", str(stage.home))
    # What the interpreter is made of; an agent's own grants need not have it.
    parts = [word for part in sorted({sys.prefix, sys.base_prefix}) for word in ("--allow-read", part)]
    with_home = {name: value for name, value in os.environ.items() if name != "PIPELOCK_HOME"}
    with tempfile.TemporaryDirectory(prefix="pipelock-check-") as work:
        # Not where we are: that may be a folder that no agent may have.
        keeps_nothing = ("--caches", "private")
        walled = (*pipelock, "sandbox", "--quiet", "--workspace", work, *keeps_nothing, *parts, "--")
        ended = _run((*walled, *_probe(stage, token)), with_home, work)
    said = _read(ended.stdout)
    if said is None:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with code {ended.returncode}"
        return [failed(name, f"no agent can be launched behind walls: {why}") for name in CONTAINMENT]
    results = []
    for name, road in _ROADS.items():
        if stage.origin.saw(f"{road}-{token}".encode()):
            results.append(failed(name, f"a launched agent reached a server of this machine by {road}, unseen"))
        else:
            results.append(passed(name, f"tried from inside: {said.get(road, 'nothing')}"))
    return results


def _probe(stage: Rehearsal, token: str) -> tuple[str, ...]:
    text = Path(__file__).with_name("_wall_probe.py").read_text("utf-8")
    return (sys.executable, "-I", "-c", text, str(stage.origin.port), str(stage.origin.udp_port), token)


def _run(command: tuple[str, ...], environ: Mapping[str, str], folder: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - ourselves
        command,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )


def _read(output: bytes) -> dict[str, object] | None:
    """What the probe said; `None` where it did not get to say anything."""
    try:
        said = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        return None
    return said if isinstance(said, dict) else None
