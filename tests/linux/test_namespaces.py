from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipelock.model import WallName, WallState
from pipelock_linux import libc, namespaces

FILES = {
    "/proc/sys/user/max_user_namespaces": "15000\n",
    "/proc/self/status": "Name:\tpython\nSeccomp:\t0\nSeccomp_filters:\t0\n",
}


@pytest.mark.parametrize(
    ("number", "files", "said"),
    [
        (errno.EPERM, {}, ""),
        (errno.EINVAL, {}, "lacks a kind of namespace"),
        (errno.ENOSPC, {}, "too many namespaces"),
        (errno.ENOSPC, {"/proc/sys/user/max_user_namespaces": "0\n"}, "switched off"),
        (errno.EPERM, {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "AppArmor"),
        (errno.EACCES, {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "2\n"}, "AppArmor"),
        (errno.EPERM, {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n"}, ""),
        (
            errno.EACCES,
            {"/proc/self/attr/current": "docker-default (enforce)\n"},
            "AppArmor profile docker-default holds",
        ),
        (errno.EACCES, {"/proc/self/attr/current": "unconfined\n"}, ""),
        (errno.EPERM, {"/proc/self/status": "Name:\tx\nSeccomp:\t2\n"}, "seccomp"),
        (errno.EPERM, {"/proc/self/status": "Name:\tx Seccomp: 2\nSeccomp:\t1\n"}, ""),
    ],
)
def test_the_fix_is_chosen_by_what_the_system_says_about_itself(number, files, said) -> None:
    fix = namespaces.fix_for(OSError(number, "no"), {**FILES, **files}.get)
    assert said in fix
    assert bool(said) is bool(fix)


def test_debians_switch_counts_for_those_who_are_not_root(monkeypatch) -> None:
    read = {**FILES, "/proc/sys/kernel/unprivileged_userns_clone": "0\n"}.get
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "unprivileged_userns_clone=1" in namespaces.fix_for(OSError(errno.EPERM, "no"), read)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert namespaces.fix_for(OSError(errno.EPERM, "no"), read) == ""


class Unshare:
    """A kernel without some kinds of namespaces."""

    def __init__(self, lacking: int, number: int = errno.EINVAL) -> None:
        self.lacking = lacking
        self.number = number
        self.asked: list[int] = []

    def __call__(self, name: str, flags: int) -> int:
        assert name == "unshare"
        self.asked.append(flags)
        if flags & self.lacking:
            raise OSError(self.number, os.strerror(self.number), name)
        return 0


@pytest.mark.parametrize(
    ("lacking", "calls", "state"),
    [
        (0, 1, WallState.UP),
        (libc.CLONE_NEWCGROUP, 2, WallState.UP),
        (libc.CLONE_NEWCGROUP | libc.CLONE_NEWIPC, 3, WallState.DOWN),
        (libc.CLONE_NEWIPC, 3, WallState.DOWN),
    ],
)
def test_what_a_kernel_was_built_without_is_done_without_and_told(monkeypatch, lacking, calls, state) -> None:
    kernel = Unshare(lacking)
    monkeypatch.setattr(libc, "call", kernel)
    (wall,) = namespaces.enter()
    assert (wall.name, wall.state) == (WallName.IPC, state)
    assert len(kernel.asked) == calls
    needed = libc.CLONE_NEWUSER | libc.CLONE_NEWNET | libc.CLONE_NEWNS | libc.CLONE_NEWPID | libc.CLONE_NEWUTS
    assert all(flags & needed == needed for flags in kernel.asked)


@pytest.mark.parametrize(("lacking", "number"), [(libc.CLONE_NEWUSER, errno.EPERM), (libc.CLONE_NEWNET, errno.EINVAL)])
def test_without_a_network_of_its_own_there_is_no_launch(monkeypatch, lacking, number) -> None:
    monkeypatch.setattr(libc, "call", Unshare(lacking, number))
    with pytest.raises(namespaces.WallError, match="making namespaces was refused") as raised:
        namespaces.enter()
    wall = raised.value.down()
    assert (wall.name, wall.state, wall.fix) == (WallName.NETWORK, WallState.DOWN, raised.value.fix)


def test_a_process_that_is_gone_can_not_be_mapped() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    with pytest.raises(ProcessLookupError):
        namespaces.map_identity(child)


def test_a_process_that_has_not_left_can_not_be_mapped() -> None:
    with pytest.raises(namespaces.WallError, match="mapping user"):
        namespaces.map_identity(os.getpid())


@pytest.mark.parametrize(("uid", "said"), [(0, "CAP_SETFCAP"), (1000, "")])
def test_root_needs_a_capability_to_be_itself(monkeypatch, uid, said) -> None:
    def write(path: Path, _: str) -> None:
        if path.name == "uid_map":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(namespaces.kernel_files, "write", write)
    monkeypatch.setattr(namespaces.kernel_files, "read", FILES.get)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    with pytest.raises(namespaces.WallError, match=f"mapping user {uid} was refused") as raised:
        namespaces.map_identity(4711)
    assert said in raised.value.fix
    assert bool(said) is bool(raised.value.fix)
