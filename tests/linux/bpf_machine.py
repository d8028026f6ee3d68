"""Runs classic BPF as the kernel does, on what a seccomp filter is shown. An instruction it does not know is an error."""

from __future__ import annotations

import operator
import struct
from functools import cache

from pipelock_linux.bpf import disassemble

_DATA = struct.Struct("<iIQ6Q")
_CONDITIONS = {0x15: operator.eq, 0x25: operator.gt, 0x35: operator.ge, 0x45: operator.and_}
_instructions = cache(disassemble)


def data_of(number: int, args: tuple[int, ...] = (), arch: int = 0) -> bytes:
    """`struct seccomp_data`."""
    padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
    signed = number - (1 << 32) if number >= 1 << 31 else number
    return _DATA.pack(signed, arch, 0, *(one & (1 << 64) - 1 for one in padded))


def run(program: bytes, data: bytes) -> tuple[int, int]:
    """The result, and how many instructions it took."""
    instructions = _instructions(program)
    accumulator, at, steps = 0, 0, 0
    while True:
        code, jump_true, jump_false, k = instructions[at]
        at += 1
        steps += 1
        match code:
            case 0x20:
                if k % 4 or k + 4 > len(data):
                    raise ValueError(f"the kernel would refuse to load from {k}")
                accumulator = int.from_bytes(data[k : k + 4], "little")
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x06:
                return k, steps
            case 0x15 | 0x25 | 0x35 | 0x45:
                at += jump_true if _CONDITIONS[code](accumulator, k) else jump_false
            case _:
                raise ValueError(f"code {code:#x}")
