from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.contain.profile import Access, Grant
from pipelock.model import WallState
from pipelock_linux import landlock, libc
from pipelock_linux.landlock import KNOWN_ABI, Port, Right, Ruleset, Scope, apply, carve, ruleset

_EVERY = range(1, KNOWN_ABI + 1)
_DEVICE_MAKING = Right.MAKE_CHAR | Right.MAKE_BLOCK


class FakeKernel:
    """A kernel of any version: takes what that version takes, and tells what it was given."""

    def __init__(self, abi: int) -> None:
        self._handled = ruleset([], ports=(), abi=abi)
        self._size = 8 if abi < 4 else 16 if abi < 6 else 24
        self.attributes: tuple[int, ...] = ()
        self.paths: dict[str, Right] = {}
        self.ports: dict[int, int] = {}
        self.restricted = False

    def create(self, attributes: bytes) -> int:
        if len(attributes) > self._size:
            raise OSError(errno.E2BIG, "too long")
        self.attributes = struct.unpack(f"={len(attributes) // 8}Q", attributes)
        if self.attributes[0] & ~self._handled.files:
            raise OSError(errno.EINVAL, "unknown rights")
        return os.open(os.devnull, os.O_RDONLY)

    def allow_path(self, ruleset: int, rights: int, descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        folder_rights = Right.READ_DIR | Right.REFER | Right(Right.REFER - Right.REMOVE_DIR)
        if not rights or rights & ~self.attributes[0] or (not is_folder and rights & folder_rights):
            raise OSError(errno.EINVAL, "rights that this can't carry")
        self.paths[str(Path(f"/proc/self/fd/{descriptor}").readlink())] = Right(rights)

    def allow_port(self, ruleset: int, rights: int, port: int) -> None:
        if rights & ~self.attributes[1]:
            raise OSError(errno.EINVAL, "rights that are not handled")
        self.ports[port] = rights

    def restrict(self, ruleset: int) -> None:
        self.restricted = True


def a_grant(path: Path | str, access: Access = Access.READ) -> Grant:
    return Grant(path=str(path), access=access, why="test")


@pytest.fixture
def no_new_privileges(monkeypatch):
    """What `apply` sets besides, which would hold for the rest of the tests."""
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(landlock.libc, "prctl", lambda *args: asked.append(args))
    return asked


@pytest.mark.parametrize(
    ("abi", "files", "attributes", "scopes"),
    [
        (1, 0x1FFF, 1, 0),
        (2, 0x3FFF, 1, 0),
        (3, 0x7FFF, 1, 0),
        (4, 0x7FFF, 2, 0),
        (5, 0xFFFF, 2, 0),
        (6, 0xFFFF, 3, 3),
        (7, 0xFFFF, 3, 3),
        (8, 0xFFFF, 3, 3),
        (9, 0x1FFFF, 3, 3),
        (12, 0x1FFFF, 3, 3),
    ],
)
def test_each_version_is_asked_for_all_that_it_knows(
    abi, files, attributes, scopes, tmp_path, no_new_privileges
) -> None:
    kernel = FakeKernel(abi)

    wall = apply([a_grant(tmp_path, Access.WRITE)], ports=None, abi=abi, kernel=kernel)

    assert kernel.attributes == (files, 0, scopes)[:attributes]
    assert kernel.paths[str(tmp_path)] == (Right(files) & ~_DEVICE_MAKING & ~Right.IOCTL_DEV)
    assert kernel.restricted
    assert no_new_privileges == [(libc.PR_SET_NO_NEW_PRIVS, 1)]
    assert wall.state is (WallState.UP if abi >= 6 else WallState.PARTLY)
    assert bool(wall.fix) is (abi < 6)
    assert f"ABI {abi}: files" in wall.detail


@pytest.mark.parametrize(
    ("abi", "detail"),
    [
        (1, "Landlock ABI 1: files; not moves between folders, truncating, devices, scopes"),
        (3, "Landlock ABI 3: files; not devices, scopes"),
        (5, "Landlock ABI 5: files, devices; not scopes"),
        (7, "Landlock ABI 7: files, devices, scopes"),
        (9, "Landlock ABI 9: files, devices, scopes, sockets"),
    ],
)
def test_the_wall_says_what_it_consists_of(abi, detail, no_new_privileges) -> None:
    assert apply([], ports=None, abi=abi, kernel=FakeKernel(abi)).detail == detail


def test_ports_are_held_from_version_4_on(no_new_privileges) -> None:
    kernel = FakeKernel(4)

    wall = apply([], ports=(8888, 9999), abi=4, kernel=kernel)

    assert kernel.attributes[1] == Port.BIND | Port.CONNECT
    assert kernel.ports == {8888: Port.CONNECT, 9999: Port.CONNECT}
    assert "files, ports" in wall.detail
    for older in (0, 1, 3):
        with pytest.raises(OSError, match="can't hold ports") as caught:
            apply([], ports=(8888,), abi=older, kernel=FakeKernel(max(older, 1)))
        assert caught.value.errno == errno.EOPNOTSUPP


def test_no_ports_at_all_is_not_all_ports(no_new_privileges) -> None:
    kernel = FakeKernel(7)

    apply([], ports=(), abi=7, kernel=kernel)

    assert kernel.attributes[1] == Port.BIND | Port.CONNECT
    assert not kernel.ports


def test_a_kernel_without_it_is_told_and_nothing_is_asked() -> None:
    wall = apply([], ports=None, abi=0, kernel=FakeKernel(1))

    assert wall.state is WallState.DOWN
    assert "5.13" in wall.fix


def test_rights_by_access(tmp_path, no_new_privileges) -> None:
    names = ("read", "write", "copy", "private", "mask")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.txt").touch()
    grants = [a_grant(tmp_path / name, Access(name)) for name in names]
    grants += [a_grant(tmp_path / f"{name}.txt", Access(name)) for name in names]
    kernel = FakeKernel(9)

    apply(grants, ports=None, abi=9, kernel=kernel)

    read = Right.EXECUTE | Right.READ_FILE | Right.READ_DIR
    everything = Right(0x1FFFF) & ~_DEVICE_MAKING & ~Right.IOCTL_DEV
    file = Right.EXECUTE | Right.READ_FILE | Right.WRITE_FILE | Right.TRUNCATE | Right.RESOLVE_UNIX
    assert {path: rights for path, rights in kernel.paths.items() if path.startswith(str(tmp_path))} == {
        f"{tmp_path}/read": read,
        f"{tmp_path}/write": everything,
        f"{tmp_path}/copy": everything,
        f"{tmp_path}/private": everything,
        f"{tmp_path}/read.txt": Right.EXECUTE | Right.READ_FILE,
        f"{tmp_path}/write.txt": file,
        f"{tmp_path}/copy.txt": file,
        f"{tmp_path}/private.txt": file,
    }


def test_paths_that_are_not_there_and_links_are_granted_to_nobody(tmp_path, no_new_privileges) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (tmp_path / "last").symlink_to(secret)
    (tmp_path / "first").symlink_to(tmp_path)
    kernel = FakeKernel(7)

    wall = apply(
        [a_grant(tmp_path / name) for name in ("none", "last", "first/secret")], ports=None, abi=7, kernel=kernel
    )

    assert not [path for path in kernel.paths if path.startswith(str(tmp_path))]
    assert "3 paths not there" in wall.detail


def test_links_are_refused_where_a_filter_forbids_the_newer_call(tmp_path, monkeypatch, no_new_privileges) -> None:
    def forbidden(*args: object) -> int:
        raise PermissionError(errno.EPERM, "no", "openat2")

    monkeypatch.setattr(landlock.libc, "call", forbidden)
    (tmp_path / "real").mkdir()
    (tmp_path / "last").symlink_to(tmp_path / "real")
    (tmp_path / "first").symlink_to(tmp_path)
    kernel = FakeKernel(7)

    apply([a_grant(tmp_path / name) for name in ("real", "last", "first/real")], ports=None, abi=7, kernel=kernel)

    assert [path for path in kernel.paths if path.startswith(str(tmp_path))] == [f"{tmp_path}/real"]


def test_what_is_open_already_can_be_opened_again_by_its_own_name(tmp_path, no_new_privileges) -> None:
    with (tmp_path / "out").open("w") as out:
        kernel = FakeKernel(7)
        apply([a_grant(f"/proc/self/fd/{out.fileno()}", Access.WRITE)], ports=None, abi=7, kernel=kernel)

    assert kernel.paths[str(tmp_path / "out")] & Right.WRITE_FILE


def test_terminals_and_devices_take_their_requests(no_new_privileges) -> None:
    kernel, outside = FakeKernel(7), FakeKernel(7)

    apply([a_grant("/dev/null"), a_grant("/dev/zero", Access.WRITE)], ports=None, abi=7, kernel=kernel)
    apply([], ports=None, abi=7, own_root=False, kernel=outside)

    assert (
        kernel.paths["/dev"] == Right.READ_FILE | Right.WRITE_FILE | Right.READ_DIR | Right.IOCTL_DEV | Right.TRUNCATE
    )
    assert not kernel.paths["/dev/null"] & Right.IOCTL_DEV
    assert kernel.paths["/dev/zero"] & Right.IOCTL_DEV
    assert kernel.paths["/"] == Right.READ_DIR
    # The system's own /dev has the user's other terminals and shared memory.
    assert outside.paths["/dev/null"] & Right.IOCTL_DEV
    assert not {"/", "/dev", "/dev/pts", "/dev/shm"} & set(outside.paths)


def test_masks_inside_what_may_be_read_are_left_out_piece_by_piece() -> None:
    tree = {
        "/home": ["me", "you"],
        "/home/me": ["notes", ".ssh", "code", "shared"],
        "/home/me/code": ["a", ".env"],
    }
    grants = [
        a_grant("/home"),
        a_grant("/home/me/.ssh", Access.MASK),
        a_grant("/home/me/code/.env", Access.MASK),
        a_grant("/home/me/shared", Access.WRITE),
        a_grant("/usr"),
    ]

    done, still_open = carve(grants, lambda path: tree[path])

    assert {(grant.path, grant.access) for grant in done if grant.access is not Access.MASK} == {
        ("/home/you", Access.READ),
        ("/home/me/notes", Access.READ),
        ("/home/me/code/a", Access.READ),
        ("/home/me/shared", Access.WRITE),
        ("/usr", Access.READ),
    }
    assert still_open == []


def test_what_is_masked_inside_what_may_be_changed_is_told(no_new_privileges, tmp_path) -> None:
    (tmp_path / ".env").touch()
    grants = [a_grant(tmp_path, Access.WRITE), a_grant(tmp_path / ".env", Access.MASK)]
    covered, bare = FakeKernel(7), FakeKernel(7)

    assert apply(grants, ports=None, abi=7, kernel=covered).state is WallState.UP
    wall = apply(grants, ports=None, abi=7, own_root=False, kernel=bare)

    assert wall.state is WallState.PARTLY
    assert "1 paths inside" in wall.detail
    assert "mount namespace" in wall.fix


def test_a_folder_that_can_not_be_listed_is_granted_to_nobody() -> None:
    def nothing(path: str) -> list[str]:
        raise PermissionError(path)

    assert carve([a_grant("/a"), a_grant("/a/b", Access.MASK)], nothing)[0] == [a_grant("/a/b", Access.MASK)]


def test_pieces_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(landlock, "MAX_RULES", 10)

    done, _ = carve(
        [a_grant("/a"), a_grant("/a/b", Access.MASK)], lambda path: [f"name {number}" for number in range(100)]
    )

    assert len(done) == 11


@given(
    accesses=st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
        st.sampled_from(Access),
        max_size=8,
    )
)
def test_no_piece_leads_to_a_mask_unless_it_is_told(accesses) -> None:
    grants = [a_grant(path, access) for path, access in sorted(accesses.items())]

    done, still_open = carve(grants, lambda path: "abcd")

    masks = [path for path, access in accesses.items() if access is Access.MASK and path not in still_open]
    for grant in done:
        if grant.access is not Access.MASK:
            assert not [mask for mask in masks if mask == grant.path or mask.startswith(f"{grant.path}/")]


@pytest.mark.parametrize("abi", _EVERY)
def test_nobody_is_granted_the_making_of_devices(abi) -> None:
    wanted = ruleset([a_grant("/", access) for access in Access], ports=None, abi=abi)

    assert wanted.files & _DEVICE_MAKING == _DEVICE_MAKING
    assert not [rule for rule in wanted.rules if rule.rights & _DEVICE_MAKING]


def test_a_set_says_what_it_holds() -> None:
    wanted = ruleset([], ports=(1,), abi=3)
    rights = Port.BIND | Port.CONNECT
    assert wanted == Ruleset(Right(0x7FFF), rights, Scope(0), rules=wanted.rules, ports=(1,))


def test_the_version_of_this_kernel_is_a_number() -> None:
    assert landlock.abi() >= 0
