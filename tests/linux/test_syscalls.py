from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import pytest

from pipelock_linux import syscalls
from pipelock_linux.syscalls import HIGHEST, NUMBERS, UnsupportedMachineError, names, number

_X86_HEADERS = [Path("/usr/include", folder, "asm/unistd_64.h") for folder in ("x86_64-linux-gnu", "")]
_GENERIC_HEADER = Path("/usr/include/asm-generic/unistd.h")
# Names that the generic header has for machines of 32 bits, or in a form of its own.
_OTHER_NAMES = {"fstatat": "newfstatat"}


@pytest.mark.parametrize(
    ("name", "on_x86_64", "on_aarch64"),
    [
        ("read", 0, 63),
        ("write", 1, 64),
        ("openat", 257, 56),
        ("ioctl", 16, 29),
        ("socket", 41, 198),
        ("connect", 42, 203),
        ("clone", 56, 220),
        ("execve", 59, 221),
        ("ptrace", 101, 117),
        ("mount", 165, 40),
        ("unshare", 272, 97),
        ("bpf", 321, 280),
        ("seccomp", 317, 277),
        ("rseq", 334, 293),
        ("kexec_file_load", 320, 294),
        ("pidfd_send_signal", 424, 424),
        ("clone3", 435, 435),
        ("landlock_create_ruleset", 444, 444),
        ("cachestat", 451, 451),
        ("fchmodat2", 452, 452),
        ("mseal", 462, 462),
        ("setxattrat", 463, 463),
        ("open_tree_attr", 467, 467),
        ("file_setattr", 469, 469),
        ("open", 2, None),
        ("modify_ldt", 154, None),
        ("uretprobe", 335, None),
    ],
)
def test_known_numbers(name, on_x86_64, on_aarch64) -> None:
    assert (NUMBERS["x86_64"].get(name), NUMBERS["aarch64"].get(name)) == (on_x86_64, on_aarch64)


@pytest.mark.parametrize("machine", NUMBERS)
def test_each_number_has_one_name(machine) -> None:
    assert {name: nr for nr, name in names(machine).items()} == NUMBERS[machine]
    assert max(names(machine)) == HIGHEST


def test_the_numbers_of_x86_64_are_those_of_the_kernels_headers() -> None:
    header = next((path for path in _X86_HEADERS if path.exists()), None)
    if header is None:
        pytest.skip("the kernel's headers for x86-64 are not installed")
    found = {
        name: int(nr) for name, nr in re.findall(r"^#define __NR_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE)
    }

    assert len(found) > 300
    ours = NUMBERS["x86_64"]
    # Installed headers may be older than the table, or newer.
    assert {name: ours.get(name) for name, nr in found.items() if nr <= HIGHEST} == {
        name: nr for name, nr in found.items() if nr <= HIGHEST
    }


def test_the_numbers_of_aarch64_are_those_of_the_kernels_generic_header() -> None:
    if not _GENERIC_HEADER.exists():
        pytest.skip("the kernel's generic headers are not installed")
    found = {
        int(nr): name.removeprefix("3264_")
        for name, nr in re.findall(r"^#define __NR_?(\w+)\s+(\d+)$", _GENERIC_HEADER.read_text(), re.MULTILINE)
    }
    ours = names("aarch64")
    # Those with two forms (3264) are named by the form for 64 bits, and 244 is a place for machines' own calls; `syscalls` is their count.
    expected = {nr: _OTHER_NAMES.get(name, name) for nr, name in found.items() if name != "syscalls" and nr in ours}

    assert len(expected) > 290
    assert {nr: ours[nr] for nr in expected} == expected


def test_a_machine_that_is_not_known_is_said(monkeypatch) -> None:
    syscalls.machine.cache_clear()
    monkeypatch.setattr(os, "uname", lambda: platform.uname()._replace(machine="riscv64"))
    try:
        with pytest.raises(UnsupportedMachineError, match="riscv64"):
            number("read")
    finally:
        monkeypatch.undo()
        syscalls.machine.cache_clear()
