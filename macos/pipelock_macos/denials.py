"""What the sandbox refused, read from the system's log while the agent runs.

The kernel writes a line for each refusal, with the profile's message after it:

    Sandbox: node(4711) deny(1) file-read-data /Users/u/.ssh/id_ed25519
    pipelock:0123456789ab

Many alike within a short time are told once, as `3 duplicate reports for Sandbox: …`. The name is the program's own and
the rest its argument's: both are hostile text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pipelock.model import Denial, WallName

__all__ = ["MAX_LINE", "Explain", "LogLines", "Refusal", "command", "denial", "refusal"]

MAX_LINE = 65_536
"""Bytes of a line of the log; the rest of a longer one is left out, and so is what it says."""
_LONGEST = 300
_QUIET = frozenset({"file-read-metadata", "file-test-existence", "sysctl-read", "iokit-get-properties"})
"""Tried by every program at its start, and of no consequence."""

Explain = Callable[[str, bool], Denial | None]
"""Why a path can't be had (the second argument: to be changed), as far as the profile knows."""


class _Line(msgspec.Struct):
    """A line of `log stream --style ndjson`; there is more in it."""

    eventMessage: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """One line. `count` is how often it happened."""

    program: str
    operation: str
    subject: str
    count: int = 1


def command(tag: str, program: str = "/usr/bin/log") -> tuple[str, ...]:
    """What prints the refusals of one agent as they happen, one JSON object a line.

    `tag` may hold neither quotes nor backslashes.
    """
    return (
        program,
        "stream",
        "--style",
        "ndjson",
        "--predicate",
        f'sender == "Sandbox" AND eventMessage CONTAINS "{tag}"',
    )


class LogLines:
    """Cuts what `log` prints into messages. Keeps at most one line of `MAX_LINE`."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The messages of the lines that are whole now; what is no line of the log is left out."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            try:
                yield msgspec.json.decode(line, type=_Line).eventMessage
            except (msgspec.DecodeError, UnicodeError):
                # `log` begins with a line of plain text.
                continue
        if len(self._rest) > MAX_LINE:
            self._rest, self._skipping = b"", True


def refusal(message: str, tag: str) -> Refusal | None:
    """What a message says; `None` where it is none of this agent's."""
    head, _, end = message.rstrip().rpartition(tag)
    if end or not head:
        return None
    before, found, after = head.partition("Sandbox: ")
    who, is_denied, said = after.partition(") deny(")
    if not found or not is_denied:
        return None
    program = who.rpartition("(")[0]
    said = said.partition(") ")[2].strip()
    operation, _, subject = said.partition(" ")
    if not operation or not program:
        return None
    count, _, is_many = before.partition(" duplicate report")
    number = int(count) if is_many and count.isascii() and count.isdigit() and len(count) < 7 else 1
    return Refusal(program, operation, subject.strip(), max(number, 1))


def denial(refused: Refusal, explain: Explain) -> Denial | None:
    """What to tell a person and the daemon; `None` for what every program tries."""
    operation, subject = refused.operation, refused.subject
    if operation in _QUIET:
        return None
    is_file = operation.startswith(("file-", "process-exec"))
    writes = operation.startswith(("file-write", "file-link", "file-mknod"))
    known = explain(subject, writes) if is_file and subject.startswith("/") else None
    if known is not None:
        return msgspec.structs.replace(known, program=refused.program[:_LONGEST], count=refused.count)
    wall, words, why = _kind(operation)
    what = f"{words} {subject}".strip()[:_LONGEST]
    return Denial(wall, what, why, program=refused.program[:_LONGEST], count=refused.count)


_KINDS: tuple[tuple[str, WallName, str, str], ...] = (
    ("network-outbound", WallName.NETWORK, "connect to", "only the proxy can be reached"),
    ("network-", WallName.NETWORK, "listen on", "only this machine's own addresses may be listened on"),
    ("file-read", WallName.FILES, "read", "nobody granted it"),
    ("file-write", WallName.FILES, "write", "nobody granted it"),
    ("file-ioctl", WallName.DEVICES, "control", "the device is not one of its own"),
    ("process-exec", WallName.FILES, "run", "nobody granted it"),
    ("process-info", WallName.PROCESSES, "look at process", "only its own processes can be seen"),
    ("signal", WallName.PROCESSES, "signal", "only its own processes can be signalled"),
    ("mach-lookup", WallName.IPC, "ask service", "services of the system are only had by name"),
    ("mach-", WallName.IPC, "offer service", "services would be found by programs outside"),
    ("ipc-", WallName.IPC, "share", "memory would be shared with programs outside"),
    ("appleevent-send", WallName.IPC, "command another program by", "that would act outside of the walls"),
    ("lsopen", WallName.IPC, "open", "that would start a program outside of the walls"),
    ("iokit-", WallName.DEVICES, "open", "the device is not one of its own"),
)


def _kind(operation: str) -> tuple[WallName, str, str]:
    for begin, wall, words, why in _KINDS:
        if operation.startswith(begin):
            return wall, words, why
    return WallName.SYSCALLS, operation, "the sandbox does not know it as allowed"
