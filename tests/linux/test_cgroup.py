from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pipelock.contain.profile import Limits
from pipelock.model import WallState
from pipelock_linux import cgroup

HYBRID = """29 23 0:25 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
30 29 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 29 0:36 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
PART = "35 24 0:30 /user.slice/a\\040b /mnt/odd\\011name rw - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize(
    ("mounts", "membership", "found"),
    [
        (UNIFIED, "0::/user.slice/app.scope\n", ("/sys/fs/cgroup/user.slice/app.scope", "/sys/fs/cgroup")),
        (UNIFIED, "0::/\n", ("/sys/fs/cgroup", "/sys/fs/cgroup")),
        (HYBRID, "9:pids:/x\n0::/init.scope\n", ("/sys/fs/cgroup/unified/init.scope", "/sys/fs/cgroup/unified")),
        (PART, "0::/user.slice/a b/c\n", ("/mnt/odd\tname/c", "/mnt/odd\tname")),
        (PART, "0::/user.slice/a b\n", ("/mnt/odd\tname", "/mnt/odd\tname")),
        # In a group that this mount does not show, or above it.
        (PART, "0::/user.slice/a bc\n", None),
        (UNIFIED, "0::/../other\n", None),
        (HYBRID, "9:pids:/x\n", None),
        ("", "0::/\n", None),
        ("nonsense - cgroup2\n", "0::/\n", None),
    ],
)
def test_the_own_group_is_found_where_the_tree_is_mounted(mounts, membership, found) -> None:
    folders = cgroup.own_folder(mounts, membership)
    assert (folders and tuple(map(str, folders))) == found


class Tree:
    """A tree of groups in a folder: what the kernel would make in a new group is there when it is made."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, controllers: tuple[str, ...]) -> None:
        self.root = root
        self.own = root / "app.slice" / "own.scope"
        self.own.mkdir(parents=True)
        for group in (root, root / "app.slice", self.own):
            (group / "cgroup.procs").write_text("")
        mkdir = Path.mkdir

        def make(path: Path, *args: object, **options: object) -> None:
            mkdir(path, *args, **options)  # type: ignore[arg-type]
            if path.name.startswith("pipelock-"):
                for name in ("cgroup.procs", "cgroup.freeze", *controllers):
                    (path / name).write_text("")

        texts = {
            "/proc/self/mountinfo": f"1 1 0:1 / {root} rw - cgroup2 x rw\n",
            "/proc/self/cgroup": "0::/app.slice/own.scope\n",
        }
        monkeypatch.setattr(cgroup, "read", texts.__getitem__)
        monkeypatch.setattr(Path, "mkdir", make)


BOUNDED = Limits(processes=10, memory=1 << 20)
ALL = ("pids.max", "memory.max", "memory.swap.max")


@pytest.mark.parametrize(
    ("controllers", "limits", "parent", "missing", "state"),
    [
        (ALL, Limits(), "app.slice/own.scope", (), WallState.UP),
        (ALL, BOUNDED, "app.slice", (), WallState.UP),
        (("pids.max", "memory.max"), BOUNDED, "app.slice", (), WallState.UP),
        (("pids.max",), BOUNDED, "app.slice", ("memory",), WallState.PARTLY),
        ((), BOUNDED, "app.slice", ("memory", "processes"), WallState.PARTLY),
    ],
)
def test_a_group_is_made_where_its_bounds_are_to_be_had(
    tmp_path, monkeypatch, controllers, limits, parent, missing, state
) -> None:
    tree = Tree(tmp_path, monkeypatch, controllers)
    group = cgroup.create("abc", limits)
    assert group is not None
    assert group.path == tree.root / parent / "pipelock-abc"
    assert group.missing == missing
    assert cgroup.wall(group, limits).state is state
    if controllers == ALL and limits is BOUNDED:
        # Our own first process is one more.
        assert [(group.path / name).read_text() for name in ALL] == ["11", str(1 << 20), "0"]


def test_no_group_where_it_can_not_be_made(tmp_path, monkeypatch) -> None:
    Tree(tmp_path, monkeypatch, ())
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cgroup.create("abc", BOUNDED) is None
    assert cgroup.wall(None, BOUNDED).state is WallState.DOWN
    assert "memory, processes" in cgroup.wall(None, BOUNDED).detail
    assert "systemd-run" in cgroup.wall(None, BOUNDED).fix
    assert cgroup.wall(None, Limits()).state is WallState.OFF
    # What something else holds is not missed.
    assert cgroup.wall(None, BOUNDED, held=("processes",)).detail == "no control group, so no bounds on memory"
    assert cgroup.wall(None, Limits(processes=9), held=("processes",)).state is WallState.OFF


def test_what_a_killed_launcher_left_is_removed_when_it_is_old(tmp_path, monkeypatch) -> None:
    tree = Tree(tmp_path, monkeypatch, ())
    for name in ("pipelock-old", "pipelock-new", "other-old", "pipelock-full"):
        (tree.own / name / ("inner" if name == "pipelock-full" else "")).mkdir(parents=True)
    for path in tree.own.glob("pipelock-*/cgroup.*"):
        path.unlink()  # the kernel removes these with the group
    for name in ("pipelock-old", "other-old", "pipelock-full"):
        os.utime(tree.own / name, (time.time() - 3600,) * 2)
    assert cgroup.create("abc", Limits()) is not None
    left = {path.name for path in tree.own.iterdir() if path.is_dir()}
    assert left == {"pipelock-abc", "pipelock-new", "other-old", "pipelock-full"}


def test_a_real_group_freezes_ends_and_goes() -> None:
    group = cgroup.create(f"test{os.getpid()}", Limits())
    if group is None:
        pytest.skip("this user may make no control groups")
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        group.add(child)
        with pytest.raises(OSError, match="busy"):
            group.path.rmdir()
        group.freeze()
        group.thaw()
        group.freeze()
        group.kill()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    finally:
        group.remove()
    assert not group.path.exists()
    group.remove()


def test_without_the_kernels_help_they_are_ended_one_by_one(tmp_path, monkeypatch) -> None:
    (tmp_path / "cgroup.procs").write_text("101\n102\n")
    (tmp_path / "cgroup.freeze").write_text("")
    ended: list[int] = []

    def kill(pid: int, number: int) -> None:
        ended.append(pid)
        assert number == signal.SIGKILL
        assert (tmp_path / "cgroup.freeze").read_text() == "0"
        if pid == 101:
            raise ProcessLookupError
        (tmp_path / "cgroup.procs").write_text("")

    monkeypatch.setattr(os, "kill", kill)
    cgroup.Cgroup(tmp_path).kill()
    assert ended == [101, 102]
