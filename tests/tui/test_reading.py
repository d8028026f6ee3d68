from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelock_tui.reading import UnreadableError, read_small


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_small(path, 5) == b"12345"
    with pytest.raises(UnreadableError, match="longer than 4 bytes"):
        read_small(path, 4)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(UnreadableError, match="is no file"):
            read_small(path, 10)


def test_what_is_not_there_is_another_matter(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_small(tmp_path / "none", 10)
    with pytest.raises(UnreadableError, match="can't be read"):
        read_small(tmp_path / ("x" * 300), 10)
    with pytest.raises(UnreadableError, match="can't be read"):
        read_small(Path("a\0b"), 10)
