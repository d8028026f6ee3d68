"""What config and the command line ask for, checked and made into claims.

What cannot be as asked is a `PlanError`; what can be and should be known is a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.contain.claims import Claim, Rank, is_inside, links_in
from pipelock.contain.ground import Ground
from pipelock.contain.host import Kind
from pipelock.contain.profile import Access, Source
from pipelock.contain.protect import protected
from pipelock.contain.wish import PlanError, Wish
from pipelock.contain.workspace import KERNEL, TOO_WIDE
from pipelock.model import ContainmentSettings

__all__ = ["Asked"]

_ALLOW: Final = {Source.CONFIG: Rank.CONFIG_ALLOW, Source.COMMAND: Rank.COMMAND_ALLOW}
_MASK: Final = {Source.CONFIG: Rank.CONFIG_MASK, Source.COMMAND: Rank.COMMAND_MASK}
_MADE: Final = ("/dev/pts", "/dev/shm", "/dev/mqueue")  # noqa: S108
"""Made anew inside."""

_MAY: Final = {Access.READ: "can read", Access.WRITE: "can read and change"}


class Asked:
    """The lists of paths that one side gives. `notes` grow while `claims` are made."""

    def __init__(self, said: ContainmentSettings | Wish, source: Source, ground: Ground, workspace: str) -> None:
        self._said = said
        self._source = source
        self._ground = ground
        self._host = ground.host
        self._workspace = workspace
        self.notes: list[str] = []

    def claims(self) -> Iterator[Claim]:
        """All of them. Raises PlanError for the first that can't be."""
        yield from self._masks()
        for key, texts, access in (
            ("allow_read", self._said.allow_read, Access.READ),
            ("allow_write", self._said.allow_write, Access.WRITE),
        ):
            for text in texts:
                yield from self._allowed(text, key, access)
        for text in self._said.unix_sockets:
            yield from self._socket(text)

    def _masks(self) -> Iterator[Claim]:
        for text in self._said.mask:
            path = self._ground.absolute(text)
            if not self._host.exists(path):
                self._tell_missing(self._written("mask", text))
                continue
            if is_inside(self._workspace, self._host.realpath(path)):
                raise PlanError(f"{self._written('mask', text)} would hide the workspace")
            why = f"hidden by {self._source}"
            yield Claim(path=path, access=Access.MASK, why=why, rank=_MASK[self._source], source=self._source)

    def _allowed(self, text: str, key: str, access: Access) -> Iterator[Claim]:
        said, path = self._written(key, text), self._ground.absolute(text)
        kind = self._host.kind(path)
        if kind is None:
            self._tell_missing(said)
            return
        real = self._host.realpath(path)
        self._check_not_ours(said, real)
        self._check_kernel(said, real, kind, access)
        if kind is Kind.SOCKET:
            raise PlanError(f"{said} is a socket; write {self._written('unix_sockets', text)}")
        if access is Access.WRITE and (real in TOO_WIDE or is_inside(self._ground.home, real)):
            raise PlanError(f"{said}: too much to be written to; name the folder that is needed")
        self._check_secret(said, path, real, _MAY[access])
        yield self._claim(path, access, f"asked for by {self._source}")
        if access is Access.WRITE and kind is Kind.FOLDER:
            yield from protected(real, self._host)

    def _socket(self, text: str) -> Iterator[Claim]:
        said, path = self._written("unix_sockets", text), self._ground.absolute(text)
        kind = self._host.kind(path)
        if kind is None:
            self._tell_missing(said)
            return
        self._check_not_ours(said, self._host.realpath(path))
        if kind is not Kind.SOCKET:
            raise PlanError(f"{said} is no socket; write {self._written('allow_read', text)}")
        self._check_secret(said, path, self._host.realpath(path), "can use")
        self.notes.append(f"{said}: the agent can ask of it whatever you can")
        yield self._claim(path, Access.WRITE, f"socket asked for by {self._source}")

    def _claim(self, path: str, access: Access, why: str) -> Claim:
        return Claim(path=path, access=access, why=why, rank=_ALLOW[self._source], source=self._source)

    def _check_kernel(self, said: str, real: str, kind: Kind, access: Access) -> None:
        """Single devices, and parts of /sys to be read, can be granted of what the kernel shows; /proc is never."""
        if real == "/" or real in KERNEL or is_inside(real, "/proc") or any(is_inside(real, own) for own in _MADE):
            raise PlanError(f"{said}: that is never granted as a whole; name the folder that is needed")
        if kind is Kind.DISK:
            raise PlanError(f"{said} is a disk: what is on it would be beyond every wall; name a folder of it")
        if is_inside(real, "/sys") and access is Access.WRITE:
            raise PlanError(f"{said}: settings of the kernel are never the agent's to change")
        if is_inside(real, "/dev"):
            self.notes.append(f"{said}: the agent can use this device as you can")

    def _check_not_ours(self, said: str, real: str) -> None:
        if self._ground.is_ours(real):
            raise PlanError(f"{said} belongs to Pipelock; no agent ever sees it")

    def _check_secret(self, said: str, path: str, real: str, may: str) -> None:
        """A secret is granted where it is named, and then it is told. Links of the user's own may name anything."""
        secret = self._ground.secret_at(real)
        by_link = any(is_inside(link, self._ground.home) for link, _ in links_in(path, self._host))
        if secret and by_link and not self._ground.is_named_secret(path):
            raise PlanError(f"{said} leads to {real}, where there is {secret}; if that is meant, name that")
        if secret and any(real == place for place, _ in self._ground.secrets):
            self.notes.append(f"{said}: the agent {may} {secret}")
        elif secret:
            # Not all that lies there is one: `known_hosts` beside the keys.
            self.notes.append(f"{said}: in a place of {secret}; the agent {may} it")

    def _tell_missing(self, said: str) -> None:
        """Config is for many machines; a command line is for this one."""
        if self._source is Source.COMMAND:
            raise PlanError(f"{said}: there is nothing; make it first")
        self.notes.append(f"{said}: there is nothing")

    def _written(self, key: str, text: str) -> str:
        """How whoever asked wrote it."""
        if self._source is Source.CONFIG:
            return f"sandbox.filesystem.{key}: {text}"
        option = "unix-socket" if key == "unix_sockets" else key.replace("_", "-")
        return f"--{option} {text}"
