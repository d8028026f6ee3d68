"""The socket's place: private, replaced only when nobody is there, given up to nobody."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.control import listen as listen_module
from pipelock.control.client import Client
from pipelock.control.listen import AlreadyRunningError, UnsafePathError, prepare_runtime_dir
from pipelock.control.paths import SocketPathError
from pipelock.control.testing import LoopbackDaemon


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def second(daemon: LoopbackDaemon) -> None:
    """Try to start another daemon at the same place."""
    LoopbackDaemon(daemon.reactor, daemon.path).start()


def test_missing_directories_are_made_private(tmp_path: Path) -> None:
    directory = tmp_path / "home" / "run"
    before = os.umask(0)
    try:
        prepare_runtime_dir(directory)
    finally:
        os.umask(before)
    assert mode(directory) == mode(tmp_path / "home") == 0o700
    prepare_runtime_dir(directory)


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o777, 0o704])
def test_a_directory_open_to_others_is_refused(tmp_path: Path, bits: int) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    directory.chmod(bits)
    with pytest.raises(UnsafePathError, match=f"mode {bits:04o}.*chmod 700"):
        prepare_runtime_dir(directory)


def test_a_link_is_refused_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(UnsafePathError, match="not a link"):
        prepare_runtime_dir(tmp_path / "run")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnsafePathError, match="not a link"):
        prepare_runtime_dir(tmp_path / "dangling")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(UnsafePathError, match="must be a directory"):
        prepare_runtime_dir(tmp_path / "run")


def test_somebody_elses_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: directory.lstat().st_uid + 1)
    with pytest.raises(UnsafePathError, match="belongs to uid"):
        prepare_runtime_dir(directory)


def test_the_socket_is_private_and_goes_with_the_daemon(daemon: LoopbackDaemon) -> None:
    assert mode(daemon.path) == 0o600
    assert mode(daemon.path.parent) == 0o700
    assert mode(daemon.path.with_suffix(".lock")) == 0o600
    daemon.stop()
    assert not daemon.path.exists()


def test_the_socket_is_never_open_to_others_not_even_while_it_is_made(
    daemon: LoopbackDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.stop()
    seen: list[int] = []
    chmod = os.chmod

    def watch(path: str | bytes, bits: int) -> None:
        seen.append(mode(Path(os.fsdecode(path))))
        chmod(path, bits)

    monkeypatch.setattr(os, "chmod", watch)
    daemon.start()
    assert seen == [0o600]


def test_stopping_copes_with_a_socket_that_was_removed(daemon: LoopbackDaemon) -> None:
    daemon.path.unlink()
    daemon.stop()
    assert not daemon.path.exists()
    daemon.start()
    with Client(daemon.path) as client:
        assert client.welcome.epoch == "run-1"


def test_stopping_copes_with_a_directory_that_was_removed(daemon: LoopbackDaemon) -> None:
    shutil.rmtree(daemon.path.parent)
    daemon.stop()
    daemon.start()
    with Client(daemon.path) as client:
        assert client.welcome.epoch == "run-1"


def test_a_second_daemon_gives_way_and_names_the_first(daemon: LoopbackDaemon) -> None:
    before = daemon.path.lstat().st_ino
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()} holds") as caught:
        second(daemon)
    assert caught.value.pid == os.getpid()
    assert daemon.path.lstat().st_ino == before
    with Client(daemon.path) as client:
        assert client.status().version == "9.9"


def test_a_daemon_that_answers_without_holding_the_lock_is_respected_too(daemon: LoopbackDaemon) -> None:
    daemon.path.with_suffix(".lock").unlink()
    with pytest.raises(AlreadyRunningError) as caught:
        second(daemon)
    assert caught.value.pid == os.getpid()


def test_a_daemon_too_busy_to_answer_is_a_daemon(daemon: LoopbackDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.stop()
    monkeypatch.setattr(listen_module, "_PROBE_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(daemon.path))
        busy.listen(0)
        waiting.connect(str(daemon.path))
        with pytest.raises(AlreadyRunningError, match="another process"):
            daemon.start()
    daemon.path.unlink()


CRASH = """
import os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.bind(sys.argv[1])
link.listen()
os._exit(9)
"""


def test_what_a_crashed_daemon_left_is_replaced(daemon: LoopbackDaemon) -> None:
    daemon.stop()
    subprocess.run([sys.executable, "-c", CRASH, str(daemon.path)], check=False)
    assert daemon.path.is_socket()
    daemon.path.with_suffix(".lock").write_text("99999\n")
    daemon.start()
    with Client(daemon.path) as client:
        assert client.welcome.epoch == "run-1"
    assert daemon.path.with_suffix(".lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_not_a_socket_is_not_removed(daemon: LoopbackDaemon, kind: str) -> None:
    daemon.stop()
    if kind == "file":
        daemon.path.write_text("precious")
    else:
        daemon.path.symlink_to("/dev/null")
    with pytest.raises(UnsafePathError, match="not a socket"):
        daemon.start()
    assert os.path.lexists(daemon.path)
    with daemon.path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    daemon.path.unlink()


def test_a_lock_held_by_who_knows_whom(daemon: LoopbackDaemon) -> None:
    daemon.stop()
    with daemon.path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunningError, match="another process") as caught:
            daemon.start()
    assert caught.value.pid == 0


def test_a_path_that_is_too_long_is_refused_before_anything_is_made(daemon: LoopbackDaemon, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120) / "control.sock"
    daemon.stop()
    daemon.path = deep
    with pytest.raises(SocketPathError):
        daemon.start()
    assert not deep.parent.exists()
