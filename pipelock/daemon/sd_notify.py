"""What a supervisor is told: that the daemon is up, reads its configuration, still turns, stops.

The protocol of sd_notify(3): datagrams of `NAME=VALUE` lines to the socket that NOTIFY_SOCKET names. Without that
variable nothing is sent. WATCHDOG_USEC asks for a sign of life more often than that; it comes from the reactor, so a
reactor that hangs is noticed.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Protocol

__all__ = ["MAX_STATUS", "Clock", "Supervisor"]

MAX_STATUS = 200
"""Characters of the text that `systemctl status` shows."""
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Clock(Protocol):
    """Whoever calls back later; a reactor does."""

    def callLater(self, delay: float, call: Callable[[], object], /) -> object:
        """Call `call` after `delay` seconds."""


class Supervisor:
    """The way to whoever supervises this process; does nothing where nobody does.

    Args:
        environ: The variables are taken out of it: what the daemon starts is not supervised in its place.
        pid: Ours. A watchdog meant for another process is not ours to feed.
    """

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        place, usec, whose = (environ.pop(name, "") for name in _VARIABLES)
        # "@" stands for the NUL of an abstract socket; other kinds (vsock) are for virtual machines.
        self._place = f"\0{place[1:]}" if place.startswith("@") else place if place.startswith("/") else ""
        is_ours = whose in ("", str(pid))
        self.watchdog = int(usec) / 1e6 if self._place and is_ours and usec.isascii() and usec.isdigit() else 0.0
        """Seconds after which silence counts as death; 0 where nobody listens for it."""

    def ready(self, status: str) -> None:
        """The daemon is up, or has read its configuration again; `status` is one line for people."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """The configuration is being read; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The daemon lets what is under way finish, and ends."""
        self._send("STOPPING=1")

    def watch(self, clock: Clock) -> None:
        """Give a sign of life now, and twice in every interval from now on."""
        if self.watchdog <= 0:
            return
        self._send("WATCHDOG=1")
        clock.callLater(self.watchdog / 2, lambda: self.watch(clock))

    def _send(self, text: str) -> None:
        if not self._place:
            return
        # A supervisor that is gone or does not read is no reason to stop filtering, nor to wait.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.settimeout(0)
            link.sendto(text.encode(), self._place)


def _line(text: str) -> str:
    return text.translate({10: " ", 13: " "})[:MAX_STATUS]
