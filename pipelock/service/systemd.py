"""The user's systemd: the unit, and the commands that make it heed one. Formats: systemd.unit(5), systemd.service(5).

What is hardened here goes by filters of system calls alone. Whatever takes a mount or a user namespace is left out on
purpose (ProtectSystem, PrivateTmp, ProtectProc, PrivateUsers…): a manager without privileges makes a user namespace for
it. From inside of one the daemon sees nobody's processes, and whoever decides seems to live in another one, as
contained agents do, so that nobody may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelock.service.kinds import Kind, Service, ServiceError, State, Step

__all__ = ["UNIT", "quoted", "service", "state_of", "unit"]

UNIT = "pipelock.service"
_MAX_WORD = 4096
_UNIT_TEXT = """\
# Written by `pipelock service install`; `pipelock service uninstall` removes it as long as nobody changes it.
[Unit]
Description=Pipelock, the firewall for AI agents
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=1
# The configuration is not valid: starting again does not mend it.
RestartPreventExitStatus=2
# Rules that were never compiled on this machine take a while.
TimeoutStartSec=180
TimeoutStopSec=20
WatchdogSec=60
# Every decision is in the audit log already.
StandardOutput=null
StandardError=journal
LimitNOFILE=65536
LimitCORE=0
UMask=0077
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts", "StatusText")


def service(program: str, arguments: Sequence[str], home: Path, environ: Mapping[str, str]) -> Service:
    """The service of the user whose home and environment these are.

    Raises:
        ServiceError: the program can't be named in a unit.
    """
    set_folder = environ.get("XDG_CONFIG_HOME", "")
    folder = (Path(set_folder) if set_folder.startswith("/") else home / ".config") / "systemd" / "user"
    control = ("systemctl", "--user", "--no-pager", "--no-ask-password")
    return Service(
        kind=Kind.SYSTEMD,
        name=UNIT,
        file=folder / UNIT,
        text=unit((program, *arguments)).encode(),
        links=(folder / "default.target.wants" / UNIT,),
        enable=(Step((*control, "daemon-reload")), Step((*control, "enable", UNIT))),
        # Not `start`: where it runs already, it is to run as the new file says.
        start=(Step((*control, "restart", UNIT)),),
        disable=(Step((*control, "disable", "--now", UNIT)),),
        # Failed or not, nothing of it is to be remembered.
        forget=(Step((*control, "daemon-reload")), Step((*control, "reset-failed", UNIT), may_fail=True)),
        look=(*control, "show", f"--property={','.join(_PROPERTIES)}", UNIT),
        logs=("journalctl", "--user", "--no-pager", "--unit", UNIT, "--lines", "100"),
        follow=("journalctl", "--user", "--unit", UNIT, "--lines", "100", "--follow"),
        hint="`loginctl enable-linger` lets it run while you are not logged in",
    )


def unit(command: Sequence[str]) -> str:
    """The unit that runs `command`, whose first word is an absolute path.

    Raises:
        ServiceError: a word can't be written in a unit.
    """
    program = command[0]
    if not program.startswith("/") or any(sign in program for sign in "\\\"'$"):
        # What is quoted is unquoted for arguments; the program's own path is a special case at several points.
        raise ServiceError(f"a unit can't name the program {program!r}; a link to it with a plainer path will do")
    return _UNIT_TEXT.format(command=" ".join(map(quoted, command)))


def quoted(word: str) -> str:
    """A word as systemd reads it back: no specifier, no variable, no separator.

    Raises:
        ServiceError: it has characters that can't be written, or more than 4096.
    """
    if len(word) > _MAX_WORD or not word.isprintable():
        raise ServiceError(f"a unit can't hold the word {word[:80]!r}")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if not word or any(sign in " ;'\"\\" for sign in word) else escaped


def state_of(said: str) -> State:
    """What `systemctl show` printed."""
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    number = {name: int(found[name]) for name in ("MainPID", "NRestarts") if found.get(name, "").isdecimal()}
    return State(
        known=found.get("LoadState") == "loaded",
        active=found.get("ActiveState") in ("active", "reloading"),
        enabled=found.get("UnitFileState") in ("enabled", "enabled-runtime", "linked"),
        pid=number.get("MainPID", 0),
        restarts=number.get("NRestarts", 0),
        word="/".join(found[name] for name in ("ActiveState", "SubState") if found.get(name)),
        text=found.get("StatusText", ""),
    )
