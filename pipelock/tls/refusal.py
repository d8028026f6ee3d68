"""A client that broke off a handshake with us: whether it refused our authority, and what its user can do about it.

Programs say it in different ways. OpenSSL (curl, Python, Ruby) and rustls (uv, cargo) send the alert unknown_ca, Go
bad_certificate, Java and BoringSSL certificate_unknown. Node finishes the handshake, looks, and closes without a word,
and so do programs on GnuTLS (Debian's git and wget).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.model import escape
from pipelock.tls.contexts import NoCommonProtocolError
from pipelock.tls.pipe import BrokenTlsError

__all__ = ["TlsFailure", "broken_handshake", "closed_silently", "hint_for", "out_of_time"]


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """Why no conversation came about inside a tunnel.

    Attributes:
        refused_ca: The client does not trust our authority. The fix is on its side.
        why: One sentence for the record.
        hint: What to do, one line; empty where nothing is known.
    """

    refused_ca: bool
    why: str
    hint: str = ""


_DOCTOR = "`pipelock trust doctor` finds out which programs trust the authority and how to make the others"

# By what the User-Agent of CONNECT begins with, lower case.
_HINTS = (
    ("curl/", 'curl trusts what CURL_CA_BUNDLE names: start it from a shell with `eval "$(pipelock env)"`'),
    ("git/", 'git trusts what GIT_SSL_CAINFO or http.sslCAInfo names: `eval "$(pipelock env)"` sets the first'),
    (
        "go-http-client/",
        "Go trusts what SSL_CERT_FILE names on Linux, and the keychain on macOS: `pipelock tls install-ca`",
    ),
    (
        "java",
        "Java has a store of its own: `pipelock tls install-ca --store java`, or JAVA_TOOL_OPTIONS of `pipelock env`",
    ),
    ("apache-httpclient", "Java has a store of its own: `pipelock tls install-ca --store java`"),
    ("okhttp", "Java has a store of its own: `pipelock tls install-ca --store java`"),
    (
        "python",
        "Python trusts what SSL_CERT_FILE (requests: REQUESTS_CA_BUNDLE, pip: PIP_CERT) names: `pipelock env` sets all",
    ),
    ("pip/", 'pip trusts what PIP_CERT names: start it from a shell with `eval "$(pipelock env)"`'),
    ("uv/", 'uv trusts what SSL_CERT_FILE names: start it from a shell with `eval "$(pipelock env)"`'),
    ("cargo", 'cargo trusts what CARGO_HTTP_CAINFO names: start it from a shell with `eval "$(pipelock env)"`'),
    (
        "node",
        "Node reads NODE_EXTRA_CA_CERTS when it starts: `pipelock env` sets it, and running programs are started anew",
    ),
    ("npm/", "npm runs on Node, which reads NODE_EXTRA_CA_CERTS when it starts: `pipelock env` sets it"),
    (
        "undici",
        "Node reads NODE_EXTRA_CA_CERTS when it starts: `pipelock env` sets it, and running programs are started anew",
    ),
    ("bun/", "Bun reads NODE_EXTRA_CA_CERTS when it starts: `pipelock env` sets it"),
    ("deno/", "Deno trusts what DENO_CERT names: `pipelock env` sets it"),
    ("wget/", "wget trusts the system's store: `pipelock tls install-ca`"),
    ("ruby", "Ruby trusts what SSL_CERT_FILE names: `pipelock env` sets it"),
    ("mozilla/", "browsers have stores of their own: `pipelock tls install-ca --store nss`"),
    ("docker", "the Docker daemon trusts the system's store: `pipelock tls install-ca`, then restart it"),
)
_BY_ALERT = {
    "unknown ca": "programs on OpenSSL or rustls (curl, Python, uv) send this alert: `pipelock env` helps them",
    "bad certificate": "Go sends this alert; it trusts what SSL_CERT_FILE names on Linux, and the keychain on macOS",
    "certificate unknown": "Java and browsers send this alert; `pipelock tls install-ca` knows their stores",
    "": "Node closes in this way, and git and wget where they use GnuTLS; `pipelock env` sets what they read",
}
_REFUSALS = frozenset(
    {
        "unknown ca",
        "bad certificate",
        "certificate unknown",
        "unsupported certificate",
        "certificate expired",
        "certificate revoked",
        "bad certificate status response",
        "access denied",
    }
)
_OTHER = (
    ("unsupported protocol", "the client speaks no TLS newer than 1.1", "use a newer version of it"),
    ("no shared cipher", "the client has no cipher in common with us", "use a newer version of it"),
    ("no suitable signature algorithm", "the client takes no ECDSA signatures", "use a newer version of it"),
    ("inappropriate fallback", "the client tries an older version of TLS than both sides have", ""),
    ("http request", "the client speaks plain HTTP inside the tunnel", "send it as an ordinary proxy request"),
    ("wrong version number", "what the client sends is not TLS", ""),
    ("protocol version", "the client refused our version of TLS", ""),
)


def hint_for(agent: str, alert: str) -> str:
    """What to do about a client that refuses our authority.

    Args:
        agent: The User-Agent of its CONNECT; empty where it sent none.
        alert: How it said so: the alert's name as OpenSSL writes it, empty for none.
    """
    known = agent.casefold()
    for start, hint in _HINTS:
        if known.startswith(start):
            return hint
    return f"{_BY_ALERT[alert]}; {_DOCTOR}" if alert in _BY_ALERT else _DOCTOR


def broken_handshake(error: BrokenTlsError, agent: str, *, showed_certificate: bool) -> TlsFailure:
    """What became of a handshake that ended with an error.

    Args:
        error: The error; without reasons for an end of stream.
        agent: The User-Agent of CONNECT.
        showed_certificate: Our certificate was sent before.
    """
    if isinstance(error.cause, NoCommonProtocolError):
        return TlsFailure(
            refused_ca=False,
            why=f"the client offers only {escape(str(error.cause), 200)} and HTTP/1.1 is what is spoken here",
            hint="allow it to use HTTP/1.1, or add the host to tls_interception.passthrough_domains",
        )
    if error.cause is not None:
        return TlsFailure(refused_ca=False, why=f"the TLS handshake failed here: {type(error.cause).__name__}")
    alert = _alert(error)
    if alert in _REFUSALS:
        why = f"the client does not trust Pipelock's certificate authority (alert: {alert})"
        return TlsFailure(refused_ca=True, why=why, hint=hint_for(agent, alert))
    if not error.reasons:
        return (
            closed_silently(agent)
            if showed_certificate
            else TlsFailure(refused_ca=False, why="the client closed the connection during the TLS handshake")
        )
    reasons = " ".join(error.reasons).casefold()
    for words, why, hint in _OTHER:
        if words in reasons:
            return TlsFailure(refused_ca=False, why=why, hint=hint)
    return TlsFailure(refused_ca=False, why=f"the TLS handshake failed: {escape('; '.join(error.reasons), 200)}")


def closed_silently(agent: str) -> TlsFailure:
    """A client that was shown our certificate and closed before it said anything."""
    return TlsFailure(
        refused_ca=True,
        why="the client closed as soon as it saw Pipelock's certificate; it seems not to trust its authority",
        hint=hint_for(agent, ""),
    )


def out_of_time() -> TlsFailure:
    """A client that did not finish its handshake."""
    return TlsFailure(refused_ca=False, why="the TLS handshake with the client did not finish in time")


def _alert(error: BrokenTlsError) -> str:
    """The name of the alert the client sent, without the version OpenSSL puts before it; empty if it sent none."""
    for reason in reversed(error.reasons):
        _, found, name = reason.casefold().rpartition("alert ")
        if found:
            return name.strip()
    return ""
