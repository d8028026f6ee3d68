"""What we offer to clients: TLS 1.2 and 1.3, forward secrecy and authenticated encryption, nothing else.

One context belongs to one host, and so do its ticket keys: a session is resumed with the host it was made with and
with no other. Nothing is kept on our side for that (tickets carry their state), so an open door costs no memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

__all__ = ["HTTP_1_1", "NoCommonProtocolError", "server_context"]

HTTP_1_1 = b"http/1.1"
_HTTP_1_0 = b"http/1.0"
"""Some clients name it when told to use it (curl -0); whoever serves HTTP/1.1 serves it, too."""

# AES-128 first: as good as 256 against anyone who has no quantum computer for every session, and a third faster.
_TLS_1_2 = b"@SECLEVEL=2:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
_TLS_1_3 = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
_PRIORITIZE_CHACHA = 1 << 21
"""SSL_OP_PRIORITIZE_CHACHA: a client that puts ChaCha20 first has no AES in hardware. pyOpenSSL has no name for it."""
_TICKET_SECONDS = 7200


class NoCommonProtocolError(Exception):
    """The client wants an application protocol that is not spoken here; the text says which it named."""


def server_context(
    host: str,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    chain: Sequence[x509.Certificate] = (),
    protocols: Sequence[bytes] = (HTTP_1_1,),
) -> SSL.Context:
    """A context that answers as `host`.

    Args:
        host: Sessions are bound to it.
        certificate: The host's.
        key: Its key.
        chain: What lies between it and an authority that clients have.
        protocols: What is spoken inside (ALPN, RFC 7301), best first. A client that names none gets the last one.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_TLS_1_2)
    context.set_tls13_ciphersuites(_TLS_1_3)
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE | _PRIORITIZE_CHACHA
    )
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_timeout(_TICKET_SECONDS)
    context.set_session_id(hashlib.sha256(host.encode()).digest())
    context.use_certificate(certificate)
    for one in chain:
        context.add_extra_chain_cert(one)
    context.use_privatekey(key)
    ours = tuple(protocols)

    def choose(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
        for protocol in ours:
            if protocol in offered:
                return protocol
        if _HTTP_1_0 in offered and HTTP_1_1 in ours:
            return _HTTP_1_0
        # Raised, it becomes the alert no_application_protocol (RFC 7301 §3.2), and reaches whoever shakes hands.
        raise NoCommonProtocolError(", ".join(repr(name.decode("latin-1"))[1:-1] for name in offered[:8])[:200])

    context.set_alpn_select_callback(choose)
    return context
