from __future__ import annotations

import fcntl
import os

import pytest

from pipelock.tls import files
from pipelock.tls.files import MAX_PEM, FileProblemError, Sensitivity, locked, read_pem, write_file


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_keys_that_are_ours_alone_are_read(tmp_path, mode):
    path = tmp_path / "key"
    path.write_text("k")
    path.chmod(mode)
    assert read_pem(path, private=True) == b"k"


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o666, 0o700, 0o650])
def test_keys_that_others_may_read_or_change_are_not(tmp_path, mode):
    path = tmp_path / "key"
    path.write_text("k")
    path.chmod(mode)
    with pytest.raises(FileProblemError, match="chmod 600"):
        read_pem(path, private=True)
    assert read_pem(path) == b"k"


def test_links_are_followed_when_reading(tmp_path):
    """A secret that is mounted into a container is a link."""
    (tmp_path / "data").write_text("k")
    (tmp_path / "key").symlink_to("data")
    assert read_pem(tmp_path / "key") == b"k"


@pytest.mark.parametrize("size", [MAX_PEM + 1, MAX_PEM * 3])
def test_large_files_are_refused(tmp_path, size):
    (tmp_path / "big").write_bytes(b"x" * size)
    with pytest.raises(FileProblemError, match="larger than"):
        read_pem(tmp_path / "big")


def test_writing_replaces_in_one_step_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file"
    for text in (b"one", b"two"):
        write_file(path, text, Sensitivity.KEY)
        assert path.read_bytes() == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_left_by_a_crash_is_in_nobodys_way(tmp_path):
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / f".file.{os.getpid()}.new").symlink_to(target)
    write_file(tmp_path / "file", b"new", Sensitivity.CERTIFICATE)
    assert target.read_text() == "mine"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileProblemError, match="No such file"):
        write_file(tmp_path / "no" / "file", b"", Sensitivity.KEY)


def test_two_do_not_write_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.05)
    holder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(FileProblemError, match="another process"), locked(tmp_path):
        pass
    os.close(holder)
    with locked(tmp_path):
        pass
