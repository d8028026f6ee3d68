"""A program on a terminal of its own: keys go in, and what it paints is looked at with the time at which it came."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

import psutil

__all__ = ["Terminal"]

KEEP = 8 * 2**20
"""Bytes of output that are kept to be searched."""


class Terminal:
    """One program on a pseudo-terminal of `columns` by `lines`; leave the context to end it.

    Attributes:
        began: When it was started (CLOCK_MONOTONIC).
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], columns: int = 120, lines: int = 40) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._chunks: list[tuple[float, bytes]] = []
        self._size = 0
        self._news = threading.Condition()
        self.began = time.monotonic()
        self._child = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLORFGBG": "15;0"},
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(5)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._master], [], [], 0.5)
                data = os.read(self._master, 65_536) if ready else None
            except (OSError, ValueError):
                return
            if data is None:
                continue
            if not data:
                return
            with self._news:
                self._chunks.append((time.monotonic(), data))
                self._size += len(data)
                while self._size > KEEP:
                    self._size -= len(self._chunks.pop(0)[1])
                self._news.notify_all()

    def press(self, keys: str) -> float:
        """Type; returns when."""
        at = time.monotonic()
        os.write(self._master, keys.encode())
        return at

    def painted(self, what: bytes, since: float = 0.0, seconds: float = 20.0) -> float:
        """When `what` was painted after `since`; empty stands for anything at all.

        Raises:
            TimeoutError: not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                seen = b""
                for at, data in self._chunks:
                    if at < since:
                        continue
                    seen = seen[-len(what) :] + data
                    if what in seen:
                        return at
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what!r} was not painted within {seconds:g} s; last: {seen[-400:]!r}")
                self._news.wait(left)

    def quiet(self, seconds: float = 0.5, limit: float = 20.0) -> None:
        """Wait until nothing was painted for `seconds`, `limit` at most."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            with self._news:
                last = self._chunks[-1][0] if self._chunks else self.began
            if time.monotonic() - last >= seconds:
                return
            time.sleep(0.05)

    def rss(self) -> float:
        """Resident memory, MiB."""
        return psutil.Process(self._child.pid).memory_info().rss / 2**20
