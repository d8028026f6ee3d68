"""Writing at once instead of at the next turn of the reactor.

Twisted's `transport.write` always waits for the descriptor to be reported writable: two epoll calls and a turn of the
loop for every small answer. Here an idle socket is tried first, and only what it does not take goes to the transport.

Two of Twisted's private names are looked at (`_tempDataBuffer`, and `dataBuffer` being empty), on exactly the two
classes that are known to have them; for anything else, and with `PIPELOCK_STOCK_WRITES` set, this is `transport.write`.
"""

from __future__ import annotations

import contextlib
import os

from twisted.internet import tcp

from pipelock.door.edges import Wire

__all__ = ["send_at_once", "write_now"]

_KNOWN = frozenset({tcp.Server, tcp.Client})
_ENABLED = "PIPELOCK_STOCK_WRITES" not in os.environ


def send_at_once(transport: Wire | None) -> None:
    """Have TCP send small pieces as they come (RFC 9293 §3.7.4).

    Held back for an acknowledgement, which the other side delays by 40 ms, a head would wait that long for its body.
    """
    set_no_delay = getattr(transport, "setTcpNoDelay", None)
    if set_no_delay is not None:
        # What is not TCP, as a Unix socket, has no such choice.
        with contextlib.suppress(OSError):
            set_no_delay(True)


def write_now(transport: Wire, data: bytes) -> None:
    """Send `data` on `transport`, in order after all that was written before, as `transport.write` does."""
    if _ENABLED and type(transport) in _KNOWN and _is_idle(transport):
        try:
            sent = transport.socket.send(data)  # type: ignore[attr-defined]
        except OSError:
            # Full, or broken: the transport knows what to do about either.
            sent = 0
        if sent == len(data):
            return
        data = data[sent:]
    transport.write(data)


def _is_idle(transport: Wire) -> bool:
    return bool(
        transport.connected  # type: ignore[attr-defined]
        and not transport.disconnecting  # type: ignore[attr-defined]
        and not transport.dataBuffer  # type: ignore[attr-defined]
        and not transport._tempDataBuffer  # type: ignore[attr-defined]  # noqa: SLF001 - the point of this file
    )
