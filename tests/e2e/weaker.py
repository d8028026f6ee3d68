"""Machines that give less than ours: `python weaker.py CALL,CALL… COMMAND…` runs a command to which the kernel refuses
these system calls, as the filters of containers do."""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path

from pipelock_linux import privileges, seccomp
from pipelock_linux.syscalls import number

__all__ = ["without"]

_LOAD_NUMBER, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET


def without(calls: str, *words: str | Path) -> list[str]:
    """What runs `words` where the calls named, separated by commas, are refused."""
    return [sys.executable, str(Path(__file__).resolve()), calls, *map(str, words)]


def _filter(calls: list[str]) -> bytes:
    steps = [(_LOAD_NUMBER, 0, 0, 0)]
    steps += [(_EQUAL, len(calls) - place, 0, number(call)) for place, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, 0x7FFF0000), (_RETURN, 0, 0, 0x00050000 | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


if __name__ == "__main__":
    privileges.no_new_privileges()
    seccomp.load(_filter(sys.argv[1].split(",")), notify=False)
    os.execvp(sys.argv[2], sys.argv[2:])
