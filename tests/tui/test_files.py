from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelock_tui.files import MAX_TRIES, remove, save, scratch

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_for_this_user_alone_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "exports"
    first, second = save(folder, "row.json", "one"), save(folder, "row.json", "two")
    assert (first.name, second.name) == ("row.json", "row-2.json")
    assert first.read_text() == "one"
    assert first.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    (tmp_path / "row.json").symlink_to(target)
    assert save(tmp_path, "row.json", "x").name == "row-2.json"
    assert not target.exists()


def test_it_gives_up_some_time(tmp_path: Path) -> None:
    for _ in range(MAX_TRIES):
        save(tmp_path, "row.json", "x")
    with pytest.raises(FileExistsError, match="are taken"):
        save(tmp_path, "row.json", "x")


def test_a_scratch_file_goes_with_all_that_its_editor_left(tmp_path: Path) -> None:
    path = scratch(b"\x00body", ".json", tmp_path)
    assert path.read_bytes() == b"\x00body"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.with_name("body.json~").write_text("left over")
    path.with_name(".undo").mkdir()
    remove(path)
    remove(path)
    assert list(tmp_path.iterdir()) == []
