from __future__ import annotations

from pathlib import Path

import pytest

from pipelock_linux import kernel_files


def test_what_can_not_be_read_is_nothing_and_no_byte_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_bytes(b"/odd\xff\n")
    read = kernel_files.read(str(file))
    assert read is not None
    assert read.encode("utf-8", "surrogateescape") == b"/odd\xff\n"
    assert kernel_files.read(str(tmp_path / "gone")) is None
    assert kernel_files.read(str(tmp_path)) is None


def test_nothing_is_made_and_nothing_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "pids.max"
    with pytest.raises(FileNotFoundError):
        kernel_files.write(file, "1")
    file.write_text("maximum")
    kernel_files.write(file, "64")
    assert file.read_text() == "64ximum", "kernels take one call for one value; nobody truncates"
