"""What the kernel says about the other end, asked of the real kernel."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.control._credentials import PeerHandle, credentials

CONNECT = """
import socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
sys.stdin.read()
"""


def test_both_ends_of_a_pair_are_us() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert credentials(near) == credentials(far) == (os.getpid(), os.getuid())


def test_a_peer_in_another_process_and_its_end(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with subprocess.Popen([sys.executable, "-c", CONNECT, path], stdin=subprocess.PIPE) as child:
            link, _ = server.accept()
            with link:
                handle = PeerHandle(link)
                assert credentials(link) == (child.pid, os.getuid())
                assert not handle.is_gone()
                child.communicate()
                assert handle.is_gone()
                late = PeerHandle(link)
                assert late.is_gone(), "asked for only after the end"
                late.close()
                handle.close()
                handle.close()


class OldKernel:
    """A socket whose kernel does not know the option, or answers it with an error."""

    def __init__(self, error: int) -> None:
        self.error = error

    def getsockopt(self, *_args: int) -> int:
        raise OSError(self.error, os.strerror(self.error))


def test_an_old_kernel_can_only_say_no() -> None:
    assert not PeerHandle(OldKernel(errno.ENOPROTOOPT)).is_gone()  # type: ignore[arg-type]
    assert PeerHandle(OldKernel(errno.ESRCH)).is_gone()  # type: ignore[arg-type]


def test_a_system_without_pidfd_can_only_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "pidfd_send_signal")
    near, far = socket.socketpair()
    with near, far:
        handle = PeerHandle(near)
        assert not handle.is_gone()
        handle.close()


def test_a_process_that_may_not_be_signalled_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(descriptor: int, number: int) -> None:
        raise PermissionError

    near, far = socket.socketpair()
    with near, far:
        handle = PeerHandle(near)
        monkeypatch.setattr(signal, "pidfd_send_signal", forbid)
        assert not handle.is_gone()
        handle.close()


class Mac:
    """A socket as macOS has them: struct xucred and a pid."""

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert level == 0
        answer = {1: struct.pack("IIh", 0, 501, 1).ljust(76, b"\0"), 2: struct.pack("i", 4242)}[option]
        assert len(answer) == size
        return answer


def test_the_layout_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert credentials(Mac()) == (4242, 501)  # type: ignore[arg-type]
