"""The fingerprint of exactly what goes out: what one approval of a payload is bound to."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import msgspec

from pipelock.engine.approvals.asked import is_unfinished
from pipelock.model import Action

__all__ = ["Fingerprints", "digest_of"]

# Headers that never go out as the client sent them. Everything else is bound: what reaches the upstream can change
# what the request does there, and Connection says which headers do not reach it.
_VOLATILE = frozenset({"accept-encoding", "content-length", "keep-alive", "proxy-connection"})

_encoder = msgspec.json.Encoder()


def digest_of(action: Action) -> bytes:
    """The digest of its body: by far the most of the work, so it is done once for all fingerprints."""
    return hashlib.sha256(action.body).digest()


class Fingerprints:
    """HMACs under a key of at least 16 random bytes that lives as long as the daemon."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, action: Action, digest: bytes, policy: str, session: str) -> bytes:
        """The fingerprint of `action`, whose body has `digest`, in `session` (empty: in whichever) under a policy.

        Of a request of which only the beginning is here no other has the same.
        """
        return self.mac(
            digest,
            [
                session,
                action.kind,
                action.direction,
                action.transport,
                str(action.opened),
                action.method,
                action.url,
                str(action.status),
                policy,
                action.id if is_unfinished(action) else "",
                *_headers_that_matter(action.headers),
            ],
        )

    def mac(self, head: bytes, fields: list[str]) -> bytes:
        """A digest of bytes of a fixed length and any texts."""
        return hmac.new(self._key, head + _encoder.encode(fields), hashlib.sha256).digest()


def _headers_that_matter(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers if name not in _VOLATILE]
