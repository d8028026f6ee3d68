"""The command that starts agents behind the kernel's walls, as data."""

from __future__ import annotations

from pathlib import Path

from pipelock.cli.table import JSON, Command, Operand, Option

__all__ = ["CACHE_USES", "SANDBOX_COMMAND"]

CACHE_USES = ("copy", "shared", "private")


def _paths(flag: str, text: str, name: str) -> Option:
    return Option((flag,), text, name, "PATH", path=True, repeat=True)


SANDBOX_COMMAND = Command(
    "sandbox",
    "pipelock.cli.sandbox",
    "start an agent that can reach nothing but pipelock",
    (
        Option(("--workspace",), "the folder it works in (default: this one)", "workspace", "DIR", path=True),
        Option(("--profile",), "as agents.NAME of the configuration says", "profile", "NAME"),
        Option(("--name",), "what the session is called (default: profile or program)", "session_name", "NAME"),
        Option(("--preset",), "additions for this program (default: by its name)", "preset", "NAME"),
        Option(("--strict",), "with every wall, or not at all", "strict"),
        Option(("--best-effort",), "with whatever walls there are", "best_effort"),
        _paths("--allow-read", "may be read and run; may be repeated", "allow_read"),
        _paths("--allow-write", "may be changed; may be repeated", "allow_write"),
        _paths("--mask", "is hidden whatever is granted around it; may be repeated", "mask"),
        _paths("--unix-socket", "a local socket that may be used; may be repeated", "unix_socket"),
        Option(("--env",), "a variable to take along, or NAME=VALUE; may be repeated", "env", "VAR", repeat=True),
        Option(
            ("--allow",),
            "reach only what such rules name, as in method=GET host=*.github.com; may be repeated",
            "allow",
            "RULE",
            repeat=True,
        ),
        Option(("--host-port",), "a loopback port of this machine; may be repeated", "host_port", "N", repeat=True),
        Option(("--caches",), "those of package managers (default: copy)", "caches", choices=CACHE_USES),
        Option(("--explain",), "look at each refused file access, which costs time", "explain"),
        Option(("--write",), "to change it rather than to read it (explain)", "write"),
        Option(("-q", "--quiet"), "do not tell which walls stand", "quiet"),
        Option(("--dry-run",), "only say what would be granted and which walls would stand", "dry_run"),
        Option(
            ("-c", "--config"),
            "configuration to plan with, without a daemon",
            "config",
            "FILE",
            convert=Path,
            path=True,
        ),
        JSON,
    ),
    (
        Operand("what", "list, or explain PATH", metavar="WHAT", optional=True, offered=("list", "explain")),
        Operand("path", "what to explain", metavar="PATH", optional=True),
    ),
    details=(
        "As `pipelock sandbox -- claude`: the agent sees its workspace, its own settings and the programs of this\n"
        "machine; the rest is not there. All its connections come to the daemon, whatever the program makes of\n"
        "proxy variables. `list` shows the agents that run so, `explain PATH` says what one may do to a file.\n"
        "The exit code is that of the command; 126: it may not be run, 127: it is not there, 128 and more: a signal.\n"
        "With --dry-run 0: all walls stand; 1: some are missing; 2: the agent could not be started."
    ),
    takes_agent=True,
    brief=True,
)
