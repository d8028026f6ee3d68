from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pipelock.evidence.audit import AuditLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "audit.jsonl"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_ours_alone_and_so_is_its_new_directory(path: Path) -> None:
    old = os.umask(0)
    try:
        log = AuditLog(path)
    finally:
        os.umask(old)
    log.write(b"one\n")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert path.read_bytes() == b"one\n"
    log.close()


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"old\n")
    path.chmod(0o664)
    log = AuditLog(path)
    log.write(b"new\n")
    log.close()
    assert mode(path) == 0o600
    assert path.read_bytes() == b"old\nnew\n"


def test_a_link_is_refused_and_what_it_leads_to_stays(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "other"
    target.write_bytes(b"theirs")
    target.chmod(0o644)
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        AuditLog(path)
    assert (target.read_bytes(), mode(target)) == (b"theirs", 0o644)


def test_another_users_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="not a regular file of this user"):
        AuditLog(path)


def test_what_is_no_file_is_refused_without_waiting(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"not a regular file|No such device"):
        AuditLog(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        AuditLog(path)


def test_nothing_stays_open_after_a_refusal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    closed: list[int] = []
    real = os.close
    monkeypatch.setattr(os, "close", lambda fd: closed.append(fd) or real(fd))
    with pytest.raises(PermissionError):
        AuditLog(path)
    assert len(closed) == 1


def test_it_rotates_by_size_and_keeps_so_many(path: Path) -> None:
    log = AuditLog(path, max_bytes=20, keep=2)
    for number in range(8):
        log.write(b"line %d...\n" % number)  # ten bytes each
    log.close()
    files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert files == {
        "audit.jsonl": b"line 6...\nline 7...\n",
        "audit.jsonl.1": b"line 4...\nline 5...\n",
        "audit.jsonl.2": b"line 2...\nline 3...\n",
    }
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_it_rotates_to_nothing_where_none_are_kept(path: Path) -> None:
    log = AuditLog(path, max_bytes=10, keep=0)
    log.write(b"one......\n")
    log.write(b"two......\n")
    log.close()
    assert [file.name for file in path.parent.iterdir()] == ["audit.jsonl"]
    assert path.read_bytes() == b"two......\n"


def test_a_line_longer_than_a_file_has_a_file_of_its_own(path: Path) -> None:
    log = AuditLog(path, max_bytes=10)
    log.write(b"a" * 50 + b"\n")
    log.write(b"b\n")
    log.close()
    assert path.read_bytes() == b"b\n"
    assert path.with_name("audit.jsonl.1").read_bytes() == b"a" * 50 + b"\n"


def test_the_size_of_what_is_there_counts(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 18 + b"\n")
    log = AuditLog(path, max_bytes=20)
    log.write(b"new\n")
    log.close()
    assert path.read_bytes() == b"new\n"


def test_half_a_line_left_behind_is_closed_first(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"half": ')
    log = AuditLog(path)
    log.write(b"whole\n")
    log.write(b"next\n")
    log.close()
    assert path.read_bytes() == b'{"half": \nwhole\nnext\n'


def test_a_torn_write_is_an_error_and_the_next_line_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(path)
    log.write(b"one\n")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    with pytest.raises(OSError, match="only 3 of 4 bytes"):
        log.write(b"two\n")
    monkeypatch.setattr(os, "write", lambda fd, data: 0)
    with pytest.raises(OSError, match="only 0 of"):
        log.write(b"three\n")
    monkeypatch.setattr(os, "write", real)
    log.write(b"four\n")
    log.close()
    assert path.read_bytes() == b"one\ntwo\nfour\n"


def test_a_full_disk_is_the_writers_business(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    log = AuditLog(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            log.write(b"one\n")
    log.write(b"two\n")
    log.close()
    assert path.read_bytes() == b"two\n"


def test_a_rotation_that_fails_is_an_error_and_is_tried_again(path: Path) -> None:
    log = AuditLog(path, max_bytes=5, keep=1)
    log.write(b"one..\n")
    path.with_name("audit.jsonl.1").mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match=r"audit.jsonl.1"):
            log.write(b"two..\n")
    path.with_name("audit.jsonl.1").rmdir()
    log.write(b"two..\n")
    log.close()
    assert path.read_bytes() == b"two..\n"


def test_closed_it_opens_again_when_written_to(path: Path) -> None:
    log = AuditLog(path)
    log.close()
    log.close()
    log.write(b"one\n")
    log.close()
    assert path.read_bytes() == b"one\n"


def test_a_file_that_was_removed_is_made_anew_and_one_that_was_moved_is_followed(path: Path) -> None:
    now = [100.0]
    log = AuditLog(path, clock=lambda: now[0])
    log.write(b"one\n")
    path.unlink()
    now[0] += 1.0  # it is looked at once a second
    log.write(b"two\n")
    assert (path.read_bytes(), mode(path)) == (b"two\n", 0o600)
    path.rename(path.with_name("moved"))
    log.write(b"three\n")
    log.close()
    assert path.with_name("moved").read_bytes() == b"two\nthree\n"
