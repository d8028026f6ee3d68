"""TLS towards servers, strictly.

A server is accepted when its chain ends at an authority of the system's store or of `tls_interception.upstream_ca`,
every certificate is valid now, none below the trusted one has a key weaker than RSA 2048 or EC 224 or a signature
with SHA-1 or MD5, the first is for the host (subjectAltName, RFC 9525), and it speaks TLS 1.2 or 1.3 with forward
secrecy. There is no switch that turns any of this off.

The system's store is what SSL_CERT_FILE and SSL_CERT_DIR name in the daemon's environment, else the first of the
places where Linux distributions, the BSDs and macOS keep a bundle. No list of authorities is brought along: it would
be another one to keep up to date, and would trust whom an administrator has removed. X509_V_FLAG_X509_STRICT stays
off: it refuses chains for their form (a missing key identifier), which many a company's own authority lacks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto

from pipelock.tls.authority import AuthorityError, read_certificates, read_key
from pipelock.tls.certificates import Issuer
from pipelock.tls.contexts import HTTP_1_1
from pipelock.tls.files import FileProblemError, read_pem
from pipelock.tls.verify import PeerCheck, is_address, looked_at

__all__ = ["ClientIdentity", "TrustError", "UpstreamTls", "system_store"]

MAX_SESSIONS = 256
"""Sessions kept for resumption: a few kilobytes each."""

MAX_CONTEXTS = 16
"""Contexts kept, one for each identity in use: each holds the whole store, half a megabyte."""
_NOBODY = -1

# Forward secrecy and no SHA-1. Level 2 is 112 bits: RSA 2048, EC 224, no SHA-1 in signatures.
_CIPHERS = b"@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AESGCM:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM:!PSK"
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch, Gentoo, NixOS
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older of those
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, FreeBSD, OpenBSD
    "/usr/local/share/certs/ca-root-nss.crt",  # older FreeBSD
    "/opt/homebrew/etc/ca-certificates/cert.pem",
    "/usr/local/etc/ca-certificates/cert.pem",
)
_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")


class TrustError(Exception):
    """What servers are to be checked against, or shown, can't be used; the text says what and why."""


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """What a host is shown that asks who we are. `host` is a name, or `*.name` for that name and all below it."""

    host: str
    certificate: Path
    key: Path

    def is_for(self, host: str) -> bool:
        """Whether the host is meant."""
        name, bare = host.lower().removesuffix("."), self.host.removeprefix("*.")
        return name == bare or (bare != self.host and name.endswith(f".{bare}"))


def system_store(environ: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The system's authorities: a bundle, or a folder of hashed names, or neither."""
    bundle, folder = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if bundle and Path(bundle).is_file():
        return Path(bundle), None
    if folder and Path(folder).is_dir():
        return None, Path(folder)
    for name in _BUNDLES:
        if Path(name).is_file():
            return Path(name), None
    return None, next((Path(name) for name in _FOLDERS if Path(name).is_dir()), None)


class UpstreamTls:
    """Makes connections that accept the right server and no other. For one thread: the reactor's.

    Args:
        extra: Files of authorities trusted beside the system's, PEM.
        identities: Who we are to hosts that ask; the first that is for a host counts.
        environ: For SSL_CERT_FILE and SSL_CERT_DIR.
        own: Fingerprints (SHA-256) of authorities of our own; what they signed is never accepted.
        protocols: What we speak inside, best first (ALPN).

    Raises:
        TrustError: a file can't be used, or nobody at all would be trusted.
    """

    def __init__(
        self,
        *,
        extra: Sequence[Path] = (),
        identities: Sequence[ClientIdentity] = (),
        environ: Mapping[str, str] | None = None,
        own: Collection[bytes] = (),
        protocols: Sequence[bytes] = (HTTP_1_1,),
    ) -> None:
        self._own = frozenset(own)
        self._protocols = list(protocols)
        self._system = system_store(environ or {})
        self._extra = tuple(crypto.X509.from_cryptography(one) for path in extra for one in _authorities(path))
        if self._system == (None, None) and not self._extra:
            raise TrustError(
                "this system has no authorities to check servers against: install its package ca-certificates, or "
                "name a bundle in SSL_CERT_FILE or tls_interception.upstream_ca"
            )
        self._identities = tuple((one, *_identity(one)) for one in identities)
        self._contexts: OrderedDict[int, SSL.Context] = OrderedDict()
        self._sessions: OrderedDict[tuple[str, int], SSL.Session] = OrderedDict()
        self._context(_NOBODY)

    def connection(self, host: str, port: int) -> SSL.Connection:
        """A connection over memory that will accept `host` alone, before its handshake.

        Args:
            host: A name as A-labels, or an address.
            port: Sessions are kept for each.
        """
        name = host.removesuffix(".")
        connection = SSL.Connection(self._context_for(name), None)
        connection.set_app_data(PeerCheck(name, self._own))
        connection.set_connect_state()
        if not is_address(name):
            connection.set_tlsext_host_name(name.encode("ascii"))
        # Each is used once (RFC 8446 §C.4): nobody who watches can tell that it is the same client again.
        session = self._sessions.pop((host, port), None)
        if session is not None:
            connection.set_session(session)
        return connection

    def problem_found(self, connection: SSL.Connection) -> str:
        """What the check of a server's certificates has found so far; empty for nothing."""
        check = connection.get_app_data()
        return check.problem if isinstance(check, PeerCheck) else ""

    def problem(self, connection: SSL.Connection) -> str:
        """Why a server whose handshake is done is refused all the same; empty if it may be spoken to.

        A session that was resumed shows no certificate anew: the one it began with is asked for its name again.
        """
        check = connection.get_app_data()
        if not isinstance(check, PeerCheck):
            return "nobody checked the server's certificate"
        if not check.passed and not check.problem:
            certificate = connection.get_peer_certificate(as_cryptography=True)
            if certificate is None:
                return f"{check.host} showed no certificate"
            check.check_name(certificate)
        return check.problem

    def finished(self, connection: SSL.Connection, host: str, port: int) -> None:
        """A connection that was good has ended: its session may be resumed. At most 256 are kept."""
        # OpenSSL spoils the session of a connection that is thrown away without a goodbye.
        connection.set_shutdown(connection.get_shutdown() | SSL.SENT_SHUTDOWN)
        session = connection.get_session()
        if session is not None:
            self._sessions[host, port] = session
            self._sessions.move_to_end((host, port))
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)

    def _context_for(self, host: str) -> SSL.Context:
        shown = next((i for i, (identity, *_) in enumerate(self._identities) if identity.is_for(host)), _NOBODY)
        if shown not in self._contexts:
            return self._context(shown)
        self._contexts.move_to_end(shown)
        return self._contexts[shown]

    def _context(self, shown: int) -> SSL.Context:
        """The context for one of the identities; made when it is first needed, each has the whole store in it."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(_CIPHERS)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_CLIENT | SSL.SESS_CACHE_NO_INTERNAL)
        self._trust(context)
        context.set_verify(SSL.VERIFY_PEER, looked_at)
        context.set_alpn_protos(self._protocols)
        if shown != _NOBODY:
            _, issuer, chain = self._identities[shown]
            context.use_certificate(issuer.certificate)
            context.use_privatekey(issuer.key)
            for one in chain:
                context.add_extra_chain_cert(one)
        self._contexts[shown] = context
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        return context

    def _trust(self, context: SSL.Context) -> None:
        bundle, folder = self._system
        try:
            if bundle is not None or folder is not None:
                context.load_verify_locations(bundle, folder)
            store = context.get_cert_store()
            if store is None:
                raise TrustError("OpenSSL has no store of authorities")
            for one in self._extra:
                store.add_cert(one)
            # What an operator names is trusted as it is, be it a root, an authority below one, or a server's own.
            if self._extra:
                store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        except (SSL.Error, crypto.Error) as error:
            raise TrustError(f"the system's authorities in {bundle or folder} can't be read") from error


def _authorities(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(read_pem(path))
    except FileProblemError as error:
        raise TrustError(f"tls_interception.upstream_ca: {error}") from error
    except ValueError as error:
        raise TrustError(f"tls_interception.upstream_ca: {path} holds no certificate in PEM form") from error


def _identity(identity: ClientIdentity) -> tuple[Issuer, list[x509.Certificate]]:
    try:
        first, *chain = read_certificates(identity.certificate)
        key = read_key(identity.key)
    except AuthorityError as error:
        raise TrustError(f"tls_interception.client_certificates: {error}") from error
    if key.public_key() != first.public_key():
        raise TrustError(
            f"tls_interception.client_certificates: {identity.key} is not the key of {identity.certificate}"
        )
    return Issuer(first, key), chain
