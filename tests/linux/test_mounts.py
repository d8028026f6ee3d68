"""What the building of a view does apart from mounting, which `test_life_inside.py` looks at from inside."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest

from pipelock.contain.profile import Access, Grant, Profile
from pipelock_linux import mounts
from pipelock_linux.arrangement import SOCKET, Place
from pipelock_linux.mounts import _Building, _content, _copies_for_ssh, _ends, _fix, _sockets_of_parent
from pipelock_linux.namespaces import WallError

PROFILE = Profile(agent="a", command=("x",), folder="/", workspace="/", home="/", grants=(), environment=())


@pytest.fixture
def building(tmp_path) -> Iterator[_Building]:
    with ExitStack() as closing:
        one = _Building(PROFILE, (), {}, closing)
        one._root = os.open(tmp_path, os.O_PATH)
        closing.callback(os.close, one._root)
        yield one


def masked(path: str, why: str = "test") -> Place:
    return Place(Grant(path=path, access=Access.MASK, why=why), Access.WRITE)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, *paths: str) -> None:
    """These can't be opened inside."""
    real = mounts.mount_calls.inside

    def inside(root: int, path: str, *more: int) -> int:
        if path in paths:
            raise OSError(number, os.strerror(number))
        return real(root, path, *more)

    monkeypatch.setattr(mounts.mount_calls, "inside", inside)


def test_what_can_not_be_covered_because_its_owner_closed_the_way_is_not_taken_for_hidden(
    building, tmp_path, monkeypatch
) -> None:
    (tmp_path / "open/closed").mkdir(parents=True)
    refuse(monkeypatch, errno.EACCES, "/open/closed/deep/secret", "/open/closed/deep")
    with pytest.raises(WallError, match="lies in a folder that is closed"):
        building._mask(masked("/open/closed/deep/secret"))
    # Another user's folder is closed to the agent for good.
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    building._mask(masked("/open/closed/deep/secret"))


def test_what_can_not_be_reached_is_told_and_the_workspace_has_to_be(monkeypatch) -> None:
    def refuse_all(path: str) -> int:
        raise PermissionError(errno.EACCES, "no", path)

    monkeypatch.setattr(mounts.mount_calls, "reach", refuse_all)
    places = [Place(Grant(path="/home/other", access=Access.READ, why="test"))]
    with ExitStack() as closing:
        building = _Building(PROFILE, places, {}, closing)
        building._open_sources()
        assert "/home/other is out of this user's reach" in building._wall().detail
        owned = msgspec.structs.replace(PROFILE, workspace="/home/other")
        with pytest.raises(WallError, match="/home/other is out of this user's reach") as raised:
            _Building(owned, places, {}, closing)._open_sources()
        assert "belongs to" in raised.value.fix


def test_what_was_to_be_hidden_and_is_gone_ends_the_launch_but_for_sockets(building, monkeypatch) -> None:
    with pytest.raises(WallError, match="/gone is to be hidden and has vanished"):
        building._mask(masked("/gone"))
    building._mask(masked("/gone", SOCKET))
    refuse(monkeypatch, errno.ELOOP, "/linked")
    building._mask(masked("/linked", SOCKET))
    with pytest.raises(OSError) as raised:
        building._mask(masked("/linked"))
    assert raised.value.errno == errno.ELOOP


def test_files_that_are_copied_are_files_and_of_bounded_size(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mounts, "MAX_SEED", 4)
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    assert _content(str(path)) == b"1234"
    path.write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    for one in (path, tmp_path, tmp_path / "gone", tmp_path / "pipe"):
        assert _content(str(one)) is None


def test_contents_are_shown_at_the_end_of_links_and_where_the_link_is(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "resolv.conf").symlink_to("run/stub.conf")
    assert _ends(str(tmp_path / "resolv.conf")) == (str(tmp_path / "run/stub.conf"), str(tmp_path / "resolv.conf"))
    assert _ends(str(tmp_path / "hosts")) == (str(tmp_path / "hosts"),)


def test_parts_of_sshs_configuration_are_shown_as_the_users_own(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mounts, "_SSH_PARTS", str(tmp_path))
    (tmp_path / "10-a.conf").write_bytes(b"Host a")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert _copies_for_ssh() == {str(tmp_path / "10-a.conf"): b"Host a"}
    # Root's files are root's inside, too.
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert _copies_for_ssh() == {}


def test_the_hosts_sockets_are_those_of_the_parents_network_too() -> None:
    assert mounts.host_sockets().splitlines()[0].split()[-1] == "Path"
    assert _sockets_of_parent().splitlines()[0].split()[-1] == "Path"


def test_a_kernel_that_is_too_old_is_named() -> None:
    assert "5.12" in _fix(OSError(errno.ENOSYS, "no"))
    assert _fix(OSError(errno.EINVAL, "no")) == ""
