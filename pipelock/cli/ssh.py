"""`pipelock ssh`: SSH through the proxy, which is told what git wants. What GIT_SSH_COMMAND names in a sandbox."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelock.cli import connect
from pipelock.cli.errors import EXIT_USAGE, CommandError
from pipelock.cli.table import Arguments

__all__ = ["MAX_REMOTE", "command_line", "execute", "remote_of"]

MAX_REMOTE = 300
"""Characters of what the proxy is told."""

# ssh(1), SYNOPSIS: the options that take a value.
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_GIT = {
    "git-upload-pack": "git fetch",
    "git-receive-pack": "git push",
    "git-upload-archive": "git archive",
    "git-lfs-authenticate": "git lfs",
    "git-lfs-transfer": "git lfs",
}
_FOR_A_SHELL = frozenset("`$\"'\\;&|<>(){} ")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@:/._~+-[] ")


def execute(arguments: Arguments) -> int:
    """Become SSH. Returns only where there is none."""
    if not arguments.agent:
        raise CommandError("write what SSH is to do behind --: pipelock ssh -- git@github.com", EXIT_USAGE)
    words = command_line(arguments.agent)
    try:
        os.execvp(words[0], words)  # noqa: S606 - it is what was asked for, and no shell is between
    except OSError as error:
        raise CommandError(f"ssh can't be started: {error.strerror}; install OpenSSH's client") from error


def command_line(words: Sequence[str], program: str = sys.executable) -> list[str]:
    """SSH's command line for `words`, its own arguments, through the proxy.

    A connection that is shared with other processes (ControlMaster) would go where nobody has judged it. SSH gives the
    host to a shell, and before OpenSSH 9.6 whatever is in it: that of a submodule may have been written by anybody.

    Raises:
        CommandError: the host is none.
    """
    place = _read(words)[0]
    if not _FOR_A_SHELL.isdisjoint(place) or not place.isprintable():
        raise CommandError("the host that SSH is to go to is none: it holds what a shell would read", EXIT_USAGE)
    file = str(Path(connect.__file__).resolve())
    through = [program, "-I", "-S", file]
    remote = remote_of(words)
    if remote:
        through += ["--remote", remote]
    # For a shell, and before that for SSH, which replaces what stands behind percent signs (ssh_config(5), TOKENS).
    line = shlex.join(through).replace("%", "%%")
    return ["ssh", "-o", f"ProxyCommand={line} %h %p", "-o", "ControlMaster=no", "-o", "ControlPath=none", *words]


def remote_of(words: Sequence[str]) -> str:
    """What SSH's arguments want, for people to read: `git push git@github.com:org/repo.git`, `ssh user@host`.

    Empty where they name no host. Of commands that are not git's nothing is told: they may hold secrets.
    """
    place, port, user, command = _read(words)
    if not place:
        return ""
    if user and "@" not in place:
        place = f"{user}@{place}"
    program, _, rest = command.partition(" ")
    said = _GIT.get(program.removeprefix("/usr/bin/"))
    if command.startswith("git "):
        # Old clients say `git upload-pack`.
        second, _, rest = command[4:].partition(" ")
        said = _GIT.get(f"git-{second}")
    if said is None:
        return _plain(f"ssh {place}" + (f" port {port}" if port else ""))
    path = _path(rest)
    if port or path.startswith("/"):
        number = f":{port}" if port and port != "22" else ""
        return _plain(f"{said} ssh://{place}{number}/{path.lstrip('/')}")
    return _plain(f"{said} {place}:{path}")


def _read(words: Sequence[str]) -> tuple[str, str, str, str]:
    """Host, port, user and remote command of SSH's arguments; empty where they are not given."""
    port = user = ""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        flags = words[at][1:]
        at += 1
        for index, flag in enumerate(flags):
            if flag not in _WITH_VALUE:
                continue
            value = flags[index + 1 :]
            if not value and at < len(words):
                value = words[at]
                at += 1
            port = value if flag == "p" else port
            user = value if flag == "l" else user
            break
    if at < len(words) and words[at] == "--":
        at += 1
    rest = words[at:]
    return (rest[0] if rest else ""), port, user, " ".join(rest[1:])


def _path(rest: str) -> str:
    """The repository in the words behind git's program, which are quoted for a shell."""
    try:
        words = shlex.split(rest)
    except ValueError:
        return "?"
    return words[0] if words else "?"


def _plain(text: str) -> str:
    return "".join(one if one in _SAFE else "?" for one in text)[:MAX_REMOTE]
