"""How messages between us and a webhook prove who sent them: `t=SECONDS,v1=HEX`, an HMAC-SHA256 over `t.body`.

`t` is seconds since the epoch in decimal, and `body` exactly the bytes that are sent. Pure: the time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac

__all__ = ["FRESH_SECONDS", "HEADER", "SignatureError", "check", "sign"]

HEADER = "X-Pipelock-Signature"
FRESH_SECONDS = 300
"""How far a message's time may lie from ours, either way."""
_MAX_HEADER = 256


class SignatureError(Exception):
    """The message does not prove who sent it, or is too old; the text says which."""


def sign(secret: bytes, body: bytes, at: int) -> str:
    """The value of the header for `body`, sent at `at` (seconds since the epoch)."""
    return f"t={at},v1={_digest(secret, body, str(at))}"


def _digest(secret: bytes, body: bytes, at: str) -> str:
    return hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()


def check(secret: bytes, header: str, body: bytes, now: float) -> int:
    """Make sure that whoever sent `body` with this `header` knows the secret; the time it was signed at.

    Raises:
        SignatureError: it is not so, or was signed more than 300 s before or after `now`.
    """
    if not header:
        raise SignatureError(f"the message is not signed; it needs exactly one {HEADER}")
    at, digest = _parts(header)
    # Compared before anything is said about the time: who can't sign learns nothing.
    if not hmac.compare_digest(digest, _digest(secret, body, at)):
        raise SignatureError("the signature does not fit the message")
    if abs(now - int(at)) > FRESH_SECONDS:
        raise SignatureError(f"the message was signed more than {FRESH_SECONDS} s away from now; check the clocks")
    return int(at)


def _parts(header: str) -> tuple[str, str]:
    fields = header.split(",") if len(header) <= _MAX_HEADER and header.isascii() else []
    if len(fields) == 2 and fields[0].startswith("t=") and fields[1].startswith("v1="):
        at, digest = fields[0][2:], fields[1][3:]
        if at.isdecimal() and len(at) <= 12 and len(digest) == 64:
            return at, digest
    raise SignatureError(f"{HEADER} has the form t=SECONDS,v1=64 hexadecimal digits")
