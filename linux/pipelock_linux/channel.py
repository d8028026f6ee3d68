"""The launcher and its children talk over one pair of sockets: whole messages, descriptors with them.

Both ends are the same program, forked; what has become of the inner end once the agent runs is read with suspicion
all the same: it decodes or the launch ends.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pipelock.model import MAX_HANDED, HandedSocket, Wall, WallName

__all__ = [
    "MAX_MESSAGE",
    "Adopted",
    "Armed",
    "Channel",
    "ChannelError",
    "Ended",
    "Entered",
    "First",
    "Go",
    "Listening",
    "Mapped",
    "Message",
    "NotRun",
    "Received",
    "Refusals",
    "Resume",
    "Signal",
    "Standing",
    "Stop",
    "Stopped",
    "Unable",
    "Uncovered",
    "pair",
]

MAX_MESSAGE = 65_536
"""Bytes of a message."""
_MAX_DESCRIPTORS = MAX_HANDED


class ChannelError(Exception):
    """What came is none of our messages."""


class Entered(msgspec.Struct, frozen=True, tag="entered"):
    """The child is in its namespaces and waits for its user's mapping; `walls` stand by that alone."""

    walls: tuple[Wall, ...] = ()


class Mapped(msgspec.Struct, frozen=True, tag="mapped"):
    """The mapping is written."""


class Listening(msgspec.Struct, frozen=True, tag="listening"):
    """The network is built; the descriptors come with this, in the order of `sockets`."""

    sockets: tuple[HandedSocket, ...]


class First(msgspec.Struct, frozen=True, tag="first"):
    """The agent's first process, as the launcher counts."""

    pid: int


class Adopted(msgspec.Struct, frozen=True, tag="adopted"):
    """The first process has the launcher for its parent."""


class Armed(msgspec.Struct, frozen=True, tag="armed"):
    """The first process ends when the launcher does."""


class Standing(msgspec.Struct, frozen=True, tag="standing"):
    """The walls are up as they are told here; the command has not been started."""

    walls: tuple[Wall, ...]


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """A wall can't be raised: the child ends."""

    wall: WallName
    why: str
    fix: str = ""


class Go(msgspec.Struct, frozen=True, tag="go"):
    """Start the command."""


class Refusals(msgspec.Struct, frozen=True, tag="refusals"):
    """The descriptor that tells what the kernel refuses comes with this."""


class NotRun(msgspec.Struct, frozen=True, tag="not_run"):
    """The command can't be started: `number` is execve's error, `program` what was tried last."""

    number: int
    program: str


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """The command was stopped by this signal."""

    signal: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The command ended; `status` as waitpid(2) gives it."""

    status: int


class Uncovered(msgspec.Struct, frozen=True, tag="uncovered"):
    """Somebody outside has replaced what was hidden at these paths, or could only be read; at most 32 of them."""

    paths: tuple[str, ...]


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Send this signal to the command."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Stop everything."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Let everything go on."""


Message = (
    Entered
    | Mapped
    | Listening
    | First
    | Adopted
    | Armed
    | Standing
    | Unable
    | Go
    | Refusals
    | NotRun
    | Stopped
    | Ended
    | Uncovered
    | Signal
    | Stop
    | Resume
)


class Received(NamedTuple):
    """A message and the descriptors that came with it, which now belong to the receiver."""

    message: Message
    descriptors: tuple[int, ...]


class Channel:
    """One end. Descriptors do not survive `execve`."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Message)

    def fileno(self) -> int:
        """For waiting; -1 when closed."""
        return self._link.fileno()

    def close(self) -> None:
        """Hang up; harmless when done already."""
        self._link.close()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Say it.

        Raises:
            OSError: Nobody is there any more.
        """
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._link.sendmsg([self._encoder.encode(message)], rights, socket.MSG_NOSIGNAL)

    def receive(self, timeout: float | None = None) -> Received | None:
        """The next message, waited for; `None` when the other end is gone.

        Raises:
            TimeoutError: None came within `timeout` seconds.
            ChannelError: It is none of ours.
        """
        self._link.settimeout(timeout)
        room = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, flags, _ = self._link.recvmsg(MAX_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return None
        descriptors = _descriptors(ancillary)
        if not data:
            return None
        try:
            # What was cut off is no JSON any more; descriptors that were would be missed.
            message = None if flags & socket.MSG_CTRUNC else self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            message = None
        if message is None:
            for descriptor in descriptors:
                os.close(descriptor)
            raise ChannelError("a child said what it can't have said")
        return Received(message, descriptors)


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> tuple[int, ...]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return tuple(found)


def pair() -> tuple[Channel, Channel]:
    """The launcher's end and the children's."""
    outer, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(outer), Channel(inner)
