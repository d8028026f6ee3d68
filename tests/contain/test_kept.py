from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelock.contain.kept import kept_folder, remove_tree
from tests.contain.fake_host import fake_host

_NOBODY = 65_534
_DEEP = 2_500


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty one of a user whom modes keep out, as they don't root."""
    made = Path(tempfile.mkdtemp(prefix="pipelock-test-", dir="/tmp"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(made, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield made
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(made, ignore_errors=True)


def dig(folder: Path, depth: int) -> None:
    """Folders in folders, deeper than a path can say."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("deep", 0o700, dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_closed_folders_links_and_depth_are_no_hindrance_and_nothing_else_goes(folder: Path) -> None:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    outside.chmod(0o500)
    kept = folder / "kept"
    module = kept / "project/go_mod/changes/module"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module m")
    module.chmod(0o555)
    work = kept / "project/go_mod/work/work"
    work.mkdir(parents=True)
    work.chmod(0)
    (kept / "project/link").symlink_to(outside)
    (kept / "project/dangling").symlink_to("nowhere")
    os.mkfifo(kept / "project/pipe")
    (kept / "deep").mkdir()
    dig(kept / "deep", _DEEP)
    kept.chmod(0)
    remove_tree(kept)
    assert sorted(one.name for one in folder.iterdir()) == ["outside"]
    assert (outside.stat().st_mode & 0o777, (outside / "file").read_text()) == (0o500, "stays")


def test_what_is_not_there_is_gone_and_what_is_no_folder_stays(folder: Path) -> None:
    remove_tree(folder / "never" / "made")
    target = folder / "target"
    target.mkdir()
    (folder / "link").symlink_to(target)
    (folder / "file").write_text("x")
    for name in ("link", "file"):
        with pytest.raises(OSError, match="can't be removed") as refused:
            remove_tree(folder / name)
        assert name in str(refused.value)
    assert sorted(one.name for one in folder.iterdir()) == ["file", "link", "target"]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (None, "/home/u/.cache/pipelock/caches"),
        ("/fast/caches/", "/fast/caches/pipelock/caches"),
        ("relative", "/home/u/.cache/pipelock/caches"),
    ],
    ids=["unsaid", "moved", "relative"],
)
def test_where_changes_are_kept(said: str | None, where: str) -> None:
    assert kept_folder(fake_host({}, {} if said is None else {"XDG_CACHE_HOME": said})) == where
