"""Reaching the daemon, and saying why not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pipelock.control import _connect
from pipelock.control._connect import connect_error, lost_error, try_connect
from pipelock.control.errors import ControlError
from pipelock.control.peers import Credentials


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(), "not_running"),
        (ConnectionRefusedError(), "not_running"),
        (NotADirectoryError(), "not_running"),
        (PermissionError(), "forbidden"),
        (TimeoutError(), "timeout"),
        (OSError(24, "Too many open files"), "disconnected"),
    ],
)
def test_failed_connects_are_explained(error: OSError, code: str) -> None:
    assert connect_error(error, Path("/x")).code == code


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionResetError(104, "reset"), "closed the connection"),
        (BrokenPipeError(32, "pipe"), "closed the connection"),
        (OSError(5, "Input/output error"), "broke: [Errno 5] Input/output error"),
    ],
)
def test_broken_connections_are_explained(error: OSError, text: str) -> None:
    assert text in lost_error(error).message


def test_a_full_queue_is_a_reason_to_wait_and_not_to_despair(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        first = try_connect(path)
        assert first is not None
        with first:
            assert try_connect(path) is None
            accepted, _ = busy.accept()
            with accepted:
                second = try_connect(path)
                assert second is not None
                second.close()


def test_a_server_of_another_user_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_connect, "credentials", lambda link: Credentials(1, os.getuid() + 1))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with pytest.raises(ControlError, match="runs as uid") as caught:
            try_connect(tmp_path / "s")
        assert caught.value.code == "forbidden"
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(100) == b""
