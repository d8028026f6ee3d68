"""The daemon's LaunchAgent as data: what launchd needs to start it at login and to keep it up.

Keys as launchd.plist(5) has them. launchd expands neither `~` nor variables, so every path is absolute.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

__all__ = ["LABEL", "agent_path", "agent_plist", "bootout", "bootstrap", "domain", "kickstart", "show"]

LABEL = "dev.pipelock.daemon"
_PATH = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_THROTTLE = 5
"""Seconds between two starts; launchd's own is ten."""
_DRAIN = 20
"""Seconds from SIGTERM to SIGKILL; launchd's own is twenty, said here so that a change of theirs changes nothing."""
_FILES = 65_536
"""Open files at most; launchd's own is 256, which a few dozen connections use up."""
_CONTROLS = frozenset(chr(code) for code in (*range(32), 127))


def agent_path(home: str) -> str:
    """Where the plist of a user with this `home` belongs."""
    return f"{home}/Library/LaunchAgents/{LABEL}.plist"


def agent_plist(program: Sequence[str], home: str, logs: str, environment: Mapping[str, str] | None = None) -> bytes:
    """The plist (XML) of the agent.

    Args:
        program: The command line; its first word is an absolute path.
        home: The user's home: where the daemon runs.
        logs: The folder for what it prints (`~/Library/Logs/pipelock`, written out); it has to exist: launchd does
            not start a program whose log it can't open.
        environment: Variables besides PATH, which agents of launchd hardly get.

    Raises:
        ValueError: A path is not absolute, the command is empty, or a text can't be written in XML.
    """
    if not program:
        raise ValueError("a service needs a command line")
    for path in (program[0], home, logs):
        if not PurePosixPath(path).is_absolute():
            raise ValueError(f"launchd needs absolute paths, and {path!r} is none")
    variables = {"PATH": _PATH, **(environment or {})}
    for text in (*program, home, logs, *variables, *variables.values()):
        if not _CONTROLS.isdisjoint(text):
            raise ValueError(f"{text!r} holds control characters, which a plist can't")
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(program),
            "WorkingDirectory": home,
            "EnvironmentVariables": variables,
            "RunAtLoad": True,
            # A daemon that was told to stop stays down; one that crashed comes back.
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": _THROTTLE,
            "ExitTimeOut": _DRAIN,
            # Not `Background`: that slows down disk and network, and every request of an agent waits for us.
            "ProcessType": "Interactive",
            # 0o077, and plists know no octal numbers: what the daemon makes is the user's own.
            "Umask": 0o077,
            "SoftResourceLimits": {"NumberOfFiles": _FILES},
            "HardResourceLimits": {"NumberOfFiles": _FILES},
            # Every decision is printed there, and in the audit log, which is rotated.
            "StandardOutPath": "/dev/null",
            "StandardErrorPath": f"{logs}/daemon.log",
        },
        sort_keys=False,
    )


def domain(uid: int) -> str:
    """The domain of a user's agents while they are logged in."""
    return f"gui/{uid}"


def bootstrap(uid: int, home: str) -> tuple[str, ...]:
    """The command that loads and starts the agent. It fails where it is loaded already: `bootout` first."""
    return ("/bin/launchctl", "bootstrap", domain(uid), agent_path(home))


def bootout(uid: int) -> tuple[str, ...]:
    """The command that stops and unloads the agent."""
    return ("/bin/launchctl", "bootout", f"{domain(uid)}/{LABEL}")


def kickstart(uid: int) -> tuple[str, ...]:
    """The command that starts the agent anew, stopping it before where it runs."""
    return ("/bin/launchctl", "kickstart", "-k", f"{domain(uid)}/{LABEL}")


def show(uid: int) -> tuple[str, ...]:
    """The command that tells the agent's state; it fails where the agent is not loaded."""
    return ("/bin/launchctl", "print", f"{domain(uid)}/{LABEL}")
