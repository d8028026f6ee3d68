"""One TLS connection without its socket: bytes of the wire go in, bytes of the wire come out, plain text between.

    ┌─────────┐  handshake() is True   ┌──────┐  close_notify both ways, or a broken record  ┌──────┐
    │ SHAKING ├───────────────────────▶│ OPEN ├─────────────────────────────────────────────▶│ OVER │
    └────┬────┘                        └──────┘                                              └──▲───┘
         └──────────────────────────── BrokenTlsError ──────────────────────────────────────────┘

Whoever drives it feeds what arrived, asks for what became of that, and sends what `outgoing` gives, after every call,
alerts included. What is held is bounded by what is fed: a record that is not whole yet (16 KiB), and ciphertext that
nobody has taken out.
"""

from __future__ import annotations

from OpenSSL import SSL

__all__ = ["BrokenTlsError", "TlsPipe"]

_RECORD = 16_384
_TAKE = 65_536


class BrokenTlsError(Exception):
    """The connection can't go on.

    Attributes:
        reasons: What OpenSSL says, innermost first; such as "tlsv1 alert unknown ca".
        cause: What one of our own callbacks raised, if that is why.
    """

    def __init__(self, reasons: tuple[str, ...], cause: Exception | None = None) -> None:
        super().__init__("; ".join(reasons) or "the connection ended within the TLS handshake")
        self.reasons = reasons
        self.cause = cause


class TlsPipe:
    """Drives one of OpenSSL's connections over memory."""

    def __init__(self, connection: SSL.Connection) -> None:
        self.connection = connection
        self.sent = 0
        """Bytes of the wire given out so far."""

    def feed(self, data: bytes) -> None:
        """Bytes that arrived on the wire."""
        self.connection.bio_write(data)

    def handshake(self) -> bool:
        """Go on with the handshake; whether it is done.

        Raises:
            BrokenTlsError: it failed.
        """
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise BrokenTlsError(_reasons(error)) from error
        except Exception as error:
            # What a callback of ours raised comes out here.
            raise BrokenTlsError((), error) from error
        return True

    def read(self) -> tuple[bytes, bool]:
        """All plain text that has arrived, and whether the other side said that no more comes (close_notify).

        Raises:
            BrokenTlsError: a record is broken, or the other side gave up with an alert. What was whole before is lost
                with it: who breaks off is not listened to.
        """
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self.connection.recv(_RECORD))
            except SSL.WantReadError:
                return (parts[0] if len(parts) == 1 else b"".join(parts)), False
            except SSL.ZeroReturnError:
                return b"".join(parts), True
            except SSL.Error as error:
                raise BrokenTlsError(_reasons(error)) from error

    def write(self, data: bytes) -> None:
        """Encrypt. Only after the handshake, and not after `close`.

        Raises:
            BrokenTlsError: the connection is over.
        """
        try:
            if len(data) <= _RECORD:
                self.connection.send(data)
                return
            view = memoryview(data)
            while view:
                view = view[self.connection.send(view[:_RECORD]) :]
        except SSL.Error as error:
            raise BrokenTlsError(_reasons(error)) from error

    def close(self) -> None:
        """Say that no more comes (close_notify). What the other side says still can be read."""
        try:
            self.connection.shutdown()
        except SSL.Error:
            # Before the handshake is done, or after an alert: there is nobody to say it to.
            return

    def outgoing(self) -> bytes:
        """What has to be sent; it is given once."""
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self.connection.bio_read(_TAKE))
            except SSL.WantReadError:
                break
            if len(parts[-1]) < _TAKE:
                break
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.sent += len(data)
        return data


def _reasons(error: SSL.Error) -> tuple[str, ...]:
    """OpenSSL's error queue as words. A bare end of stream is an empty queue, or a SysCallError that says so."""
    if isinstance(error, SSL.SysCallError):
        return ()
    queue = error.args[0] if error.args else ()
    words = (str(entry[-1]) for entry in queue if entry and entry[-1])
    return tuple(word for word in words if not word.casefold().startswith("unexpected eof"))
