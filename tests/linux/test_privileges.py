"""What the kernel makes of it is in test_walls.py; here is what kernels and callers may answer."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from pipelock.contain.profile import Limits
from pipelock_linux import libc, privileges


class FakeProcess:
    """A thread with capabilities, of a kernel that knows `known` of them. Without CAP_SETPCAP it may narrow nothing."""

    def __init__(self, *, may_narrow: bool = True, known: int = 41, stubborn: bool = False) -> None:
        self.bounding = set(range(known))
        self.sets = [(1 << known) - 1] * 3
        self.ambient = {1}
        self.secure_bits = 0
        self._known = known
        self._may_narrow = may_narrow
        self._stubborn = stubborn
        self.keyrings = 0

    def prctl(self, option: int, argument: int = 0, *_more: int) -> int:
        if option == libc.PR_CAPBSET_READ:
            if argument >= self._known:
                raise OSError(errno.EINVAL, "unknown")
            return int(argument in self.bounding)
        if option == libc.PR_CAP_AMBIENT:
            self.ambient.clear()
        elif not self._may_narrow:
            raise PermissionError(errno.EPERM, "no")
        elif option == libc.PR_CAPBSET_DROP:
            self.bounding -= set() if self._stubborn else {argument}
        elif option == libc.PR_SET_SECUREBITS:
            self.secure_bits = argument
        return 0

    def call(self, name: str, *args: object) -> int:
        if name == "keyctl":
            self.keyrings += 1
            raise OSError(errno.ENOSYS, "none here")
        if name == "capset":
            self.sets = [0, 0, 0] if not self._stubborn else [0, 1 << 40, 0]
        else:
            assert name == "capget"
            effective, permitted, inheritable = self.sets
            low = [one & 0xFFFFFFFF for one in (effective, permitted, inheritable)]
            high = [one >> 32 for one in (effective, permitted, inheritable)]
            args[1].raw = b"".join(one.to_bytes(4, "little") for one in (*low, *high))
        return 0


@pytest.fixture
def process(monkeypatch):
    """Puts a `FakeProcess` in the place of the real one."""

    def put(fake: FakeProcess) -> FakeProcess:
        monkeypatch.setattr(privileges.libc, "prctl", fake.prctl)
        monkeypatch.setattr(privileges.libc, "call", fake.call)
        return fake

    return put


@pytest.mark.parametrize("known", [38, 41, 64])
def test_everything_goes_and_user_0_is_a_user_like_any_other(process, known) -> None:
    fake = process(FakeProcess(known=known))

    privileges.drop()

    assert (fake.bounding, fake.ambient, fake.sets) == (set(), set(), [0, 0, 0])
    assert fake.secure_bits == 0xEF
    assert fake.keyrings == 1
    assert privileges.held() == (0, 0, 0)


def test_who_may_not_narrow_the_bounding_set_drops_the_rest(process) -> None:
    fake = process(FakeProcess(may_narrow=False))

    privileges.drop()

    assert len(fake.bounding) == 41
    assert (fake.ambient, fake.sets) == (set(), [0, 0, 0])


def test_what_stays_is_an_error(process) -> None:
    process(FakeProcess(stubborn=True))
    with pytest.raises(privileges.PrivilegeError, match="bounding set"):
        privileges.drop()

    process(FakeProcess(stubborn=True, may_narrow=False))
    with pytest.raises(privileges.PrivilegeError, match="capabilities are left"):
        privileges.drop()


@pytest.mark.parametrize(
    ("wanted", "hard", "expected"),
    [
        (Limits(), 4096, "no core dumps"),
        (Limits(files=1024), 4096, "no core dumps, 1024 open files"),
        (Limits(files=9999), 4096, "no core dumps, 4096 open files"),
        (Limits(files=9999, file_size=1 << 30), -1, "no core dumps, 9999 open files, files of 1073741824 bytes"),
    ],
)
def test_limits_are_never_above_the_callers_own(monkeypatch, wanted, hard, expected) -> None:
    done: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, hard))
    monkeypatch.setattr(resource, "setrlimit", done.__setitem__)

    assert privileges.limits(wanted).detail == expected
    assert done[resource.RLIMIT_CORE] == (0, 0)
    assert all(soft == above for soft, above in done.values())
    assert (resource.RLIMIT_NPROC in done) is False


@pytest.mark.parametrize(
    ("uid", "release", "own", "expected"),
    [
        (1000, "6.1.0-13-amd64", True, 51),
        (1000, "5.14", True, 51),
        (1000, "5.13.19", True, None),  # counts all of the user's processes
        (1000, "6.1.0", False, None),
        (0, "6.1.0", True, None),  # never held for root
        (1000, "unknown", True, None),
    ],
)
def test_processes_are_counted_where_the_kernel_counts_them_apart(monkeypatch, uid, release, own, expected) -> None:
    done: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (-1, -1))
    monkeypatch.setattr(resource, "setrlimit", done.__setitem__)
    monkeypatch.setattr(privileges.os, "getuid", lambda: uid)
    monkeypatch.setattr(privileges.os, "uname", lambda: os.uname_result(("Linux", "here", release, "", "x86_64")))

    said = privileges.limits(Limits(processes=50), own_users=own).detail
    assert done.get(resource.RLIMIT_NPROC) == (None if expected is None else (expected, expected))
    assert ("50 processes" in said) is (expected is not None)
