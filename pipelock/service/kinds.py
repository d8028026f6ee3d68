"""What a service is, whoever manages it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

__all__ = ["Kind", "Service", "ServiceError", "State", "Step"]


class ServiceError(Exception):
    """It can't be done; the text says why, and what to do."""


class Kind(StrEnum):
    """Who manages it."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


class Step(msgspec.Struct, frozen=True):
    """A command for the manager. One that `may_fail` is asked for what may be so already."""

    command: tuple[str, ...]
    may_fail: bool = False


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service, as the file that describes it and the commands that its manager takes.

    Attributes:
        name: What the manager calls it.
        file: Where the description goes.
        text: The description.
        folders: What has to be there before it is started.
        links: What the manager makes itself to enable it, and removes again; for where no manager answers.
        enable: After the file was written.
        start: After that, where it is to run at once, or again.
        disable: Before the file is removed: stops it, too.
        forget: After that.
        look: Prints how it is.
        logs: Prints what it said.
        follow: Likewise, and goes on.
        hint: Something to know, for a person; may be empty.
    """

    kind: Kind
    name: str
    file: Path
    text: bytes
    folders: tuple[Path, ...] = ()
    links: tuple[Path, ...] = ()
    enable: tuple[Step, ...] = ()
    start: tuple[Step, ...] = ()
    disable: tuple[Step, ...] = ()
    forget: tuple[Step, ...] = ()
    look: tuple[str, ...]
    logs: tuple[str, ...]
    follow: tuple[str, ...]
    hint: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How its manager says it is.

    Attributes:
        known: Whether the manager has read the description.
        active: Whether it runs.
        enabled: Whether it is started when the user logs in.
        pid: Its process; 0 where there is none.
        restarts: How often it was started again by itself.
        word: The manager's own word.
        text: What the daemon says of itself.
        problem: Why the manager could not be asked; all else is empty then.
    """

    known: bool = False
    active: bool = False
    enabled: bool = False
    pid: int = 0
    restarts: int = 0
    word: str = ""
    text: str = ""
    problem: str = ""
