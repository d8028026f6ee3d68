"""What is kept of agents' changes to copied caches: folders of the host's, each of which has one user at a time.

Changes reach the disk when the kernel gets to it (`mounts`), so a crash or a power cut may damage them. Whoever uses a
folder leaves a note in it first, an empty file named after this life of the machine, and it stays until all is known to
be written. A note of this life is harmless: what was not written yet is still in memory. One of an earlier life means
that the changes can't be relied on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NoReturn

from pipelock_linux import libc

__all__ = ["CHANGES", "WORK", "may_be_damaged", "take", "write_out"]

CHANGES: Final = "changes"
WORK: Final = "work"
"""Names in such a folder: what was changed, and the file system's own."""
_NOTE: Final = "unwritten."
_LOCK: Final = "lock"
_BOOT: Final = "/proc/sys/kernel/random/boot_id"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MAX_SECONDS: Final = 60
"""For what was changed to be written, after the agent's end."""
_LAST_DESCRIPTOR: Final = 0xFFFFFFFF
_IGNORED: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""They come when the machine is shut down, which is when it counts."""


def may_be_damaged(names: Iterable[str], boot: str) -> bool:
    """Whether among the names in a folder is a note of another life of the machine than `boot`."""
    return any(not one.startswith(f"{_NOTE}{boot}.") for one in names if one.startswith(_NOTE))


def take(folder: str) -> tuple[int, bool]:
    """Have `folder` for as long as this process lives: two that write there would spoil it.

    What may be damaged is removed.

    Returns:
        A descriptor of it, and whether something was removed.

    Raises:
        OSError: it can't be had; another agent has it (`EBUSY`).
    """
    Path(folder).mkdir(0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as closing:
        holder = os.open(folder, _FOLDER)
        closing.callback(os.close, holder)
        closing.callback(os.close, _locked(holder, folder))
        boot = Path(_BOOT).read_text(encoding="ascii").strip()
        notes = _notes(holder)
        was_damaged = may_be_damaged(notes, boot)
        if was_damaged:
            for name in (CHANGES, WORK):
                with contextlib.suppress(FileNotFoundError):
                    _empty(holder, name)
        # A name of its own: whoever still writes out what an earlier agent left takes away that one's note alone.
        os.close(os.open(f"{_NOTE}{boot}.{os.urandom(4).hex()}", _NEW, 0o600, dir_fd=holder))
        _remove(holder, notes)
        closing.pop_all()  # neither is closed; the lock is an empty file, and leads nowhere
    return holder, was_damaged


def write_out(folders: Iterable[str]) -> None:
    """See to it that what agents left in `folders` is written, and take their notes away then. Returns at once.

    A child that outlives this process does it, which has no file open; it ends within 60 seconds, and what was not
    written until then keeps its notes. Folders that another agent has are left to that one's end. The caller is about
    to end, so it does not wait for the child: a second fork, to be rid of it, would take longer than all the rest.
    """
    left = {one: notes for one in folders if (notes := _left(one))}
    if not left:
        return
    with contextlib.suppress(OSError):  # no process can be had
        if not os.fork():
            _write(left)


def _write(left: Mapping[str, list[str]]) -> NoReturn:
    try:
        libc.call("close_range", 0, _LAST_DESCRIPTOR, 0)
        os.setsid()
        os.chdir("/")
        os.nice(19)
        for one in _IGNORED:
            signal.signal(one, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.alarm(_MAX_SECONDS)
        written: set[int] = set()
        for folder, notes in left.items():
            with contextlib.suppress(OSError):  # it was removed meanwhile; something could not be written
                holder = os.open(folder, _FOLDER)
                device = os.fstat(holder).st_dev
                if device not in written:
                    libc.call("syncfs", holder)
                    written.add(device)
                _remove(holder, notes)
    finally:
        os._exit(0)


def _left(folder: str) -> list[str]:
    """The notes of agents that have ended."""
    with contextlib.ExitStack() as closing, contextlib.suppress(OSError):
        holder = os.open(folder, _FOLDER)
        closing.callback(os.close, holder)
        closing.callback(os.close, _locked(holder, folder))
        return _notes(holder)
    return []


def _locked(holder: int, folder: str) -> int:
    """A descriptor that locks the folder until it is closed."""
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=holder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno == errno.EWOULDBLOCK:
            raise OSError(errno.EBUSY, "another agent has what was kept", folder) from None
        raise
    return lock


def _notes(holder: int) -> list[str]:
    return [one for one in _names(holder) if one.startswith(_NOTE)]


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [one.name for one in found]


def _remove(holder: int, names: Iterable[str]) -> None:
    for one in names:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(one, dir_fd=holder)


def _empty(holder: int, name: str) -> None:
    """Remove what is in a folder. Of folders in folders each is moved to the top first: no depth is too great."""
    top = os.open(name, _FOLDER, dir_fd=holder)
    try:
        prefix = os.urandom(8).hex()
        waiting = _names(top)
        moved = 0
        while waiting:
            one = waiting.pop()
            try:
                os.unlink(one, dir_fd=top)
                continue
            except IsADirectoryError:
                inner = os.open(one, _FOLDER, dir_fd=top)
            try:
                for deeper in _names(inner):
                    try:
                        os.unlink(deeper, dir_fd=inner)
                    except IsADirectoryError:
                        moved += 1
                        waiting.append(f"{prefix}.{moved}")
                        os.rename(deeper, waiting[-1], src_dir_fd=inner, dst_dir_fd=top)
            finally:
                os.close(inner)
            os.rmdir(one, dir_fd=top)
    finally:
        os.close(top)
