"""Whether a server is who it should be: the outcome of OpenSSL's check, the name in the certificate, and the words.

Every refusal is one sentence that names the host, what is wrong, and the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from service_identity.exceptions import CertificateError

from pipelock.model import escape
from pipelock.tls.pipe import BrokenTlsError

__all__ = ["PeerCheck", "is_address", "wire_problem"]

_OTHER = {
    7: "the signature on its certificate is wrong",
    22: "its chain of certificates is too long",
    23: "its certificate was revoked",
    24: "a certificate of its chain is no authority's",
    25: "its chain of certificates is longer than an authority in it allows",
    26: "its certificate is not meant for servers",
    28: "its authority is marked as rejected",
    34: "its certificate has a critical extension that nobody here understands",
    47: "its certificate is for names that its authority may not sign for",
    51: "its certificate is for names that its authority may not sign for",
}
_TRUST_IT = "if that is expected, add the authority's certificate to tls_interception.upstream_ca"
_THEIRS = "only its operator can put that right"


def is_address(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class PeerCheck:
    """What is found out about one server's certificates while its handshake runs.

    Args:
        host: Who it should be: a name as A-labels, or an address.
        own: SHA-256 fingerprints of authorities of our own, whose signatures prove nothing about others.

    Attributes:
        problem: Why the server is refused, a sentence; empty while nothing is wrong.
        passed: The server's own certificate was seen, stands at the end of a trusted chain, and is for the host.
    """

    def __init__(self, host: str, own: Collection[bytes] = ()) -> None:
        self.host = host
        self.problem = ""
        self.passed = False
        self._own = own

    def look(self, certificate: x509.Certificate, error: int, depth: int, *, is_good: bool) -> bool:
        """One step of OpenSSL's check: the certificate at `depth` (the server's is 0), and what is wrong with it."""
        if not is_good:
            self._refuse(_chain_problem(certificate, error, depth))
        elif certificate.fingerprint(hashes.SHA256()) in self._own:
            self._refuse(
                "its certificate was signed by this machine's own Pipelock authority: the request has come round in "
                "a circle, or somebody else has the authority's key (then: pipelock tls rotate)"
            )
        elif depth == 0:
            self.check_name(certificate)
        return not self.problem

    def check_name(self, certificate: x509.Certificate) -> None:
        """Whether the certificate is for the host (RFC 9525): subjectAltName alone counts."""
        try:
            if is_address(self.host):
                verify_certificate_ip_address(certificate, self.host)
            else:
                verify_certificate_hostname(certificate, self.host)
        except (VerificationError, CertificateError, ValueError):
            self._refuse(f"its certificate is not for that name but for {_names(certificate)}; {_THEIRS}")
        else:
            self.passed = True

    def _refuse(self, problem: str) -> None:
        # The first is the cause; what OpenSSL finds after it are consequences.
        self.passed = False
        self.problem = self.problem or f"{escape(self.host, 253)} can't be trusted: {problem}"


def _chain_problem(certificate: x509.Certificate, error: int, depth: int) -> str:
    whose = "its certificate" if depth == 0 else f"its authority {_name(certificate.subject)}"
    words = _WITH_DETAILS.get(error)
    if words is not None:
        return words(whose, certificate)
    return f"{_OTHER.get(error, f'OpenSSL does not accept {whose} (error {error})')}; {_THEIRS}"


def _expired(whose: str, certificate: x509.Certificate) -> str:
    return f"{whose} expired on {_day(certificate.not_valid_after_utc)}; {_THEIRS}, unless our clock is wrong"


def _not_yet(whose: str, certificate: x509.Certificate) -> str:
    return f"{whose} is not valid before {_day(certificate.not_valid_before_utc)}; is our clock right?"


def _self_signed(_whose: str, _certificate: x509.Certificate) -> str:
    return "its certificate is self-signed; if that is expected, add it to tls_interception.upstream_ca"


def _unknown_root(_whose: str, certificate: x509.Certificate) -> str:
    return f"its authority {_name(certificate.subject)} is not trusted here; {_TRUST_IT}"


def _unknown_issuer(_whose: str, certificate: x509.Certificate) -> str:
    return (
        f"its certificate was signed by {_name(certificate.issuer)}, which is not trusted here (or the server does "
        f"not send the certificates between); {_TRUST_IT}"
    )


def _weak_key(whose: str, certificate: x509.Certificate) -> str:
    return f"{whose} has a weak key ({_key_words(certificate)}); {_THEIRS}"


def _weak_signature(whose: str, certificate: x509.Certificate) -> str:
    return f"{whose} is signed with {_signature_words(certificate)}, which can be forged; {_THEIRS}"


# OpenSSL's X509_V_ERR numbers.
_WITH_DETAILS: dict[int, Callable[[str, x509.Certificate], str]] = {
    2: _unknown_issuer,
    9: _not_yet,
    10: _expired,
    18: _self_signed,
    19: _unknown_root,
    20: _unknown_issuer,
    21: _unknown_issuer,
    27: _unknown_issuer,
    66: _weak_key,
    67: _weak_key,
    68: _weak_signature,
}


def wire_problem(host: str, error: BrokenTlsError, *, was_open: bool = False) -> str:
    """Why TLS with `host` failed where its certificate was not the reason.

    Args:
        host: The server.
        error: What ended it.
        was_open: The handshake was done on our side.
    """
    name = escape(host, 253)
    reasons = " ".join(error.reasons).casefold()
    for words, problem in _WIRE:
        if words in reasons:
            return f"{name} {problem}"
    if not error.reasons:
        return f"{name} closed the connection {'without a word' if was_open else 'during the TLS handshake'}"
    return f"TLS with {name} failed: {escape('; '.join(error.reasons), 200)}"


_OLD = "speaks no TLS newer than 1.1, which protects nothing; only its operator can put that right"
_CLIENT_CERTIFICATE = (
    "asks for a client certificate and did not accept what it got; see tls_interception.client_certificates"
)
_WIRE = (
    ("unsupported protocol", _OLD),
    ("alert protocol version", _OLD),
    ("wrong version number", "does not speak TLS on this port; is it http:// that was meant?"),
    ("http request", "does not speak TLS on this port; is it http:// that was meant?"),
    ("certificate required", _CLIENT_CERTIFICATE),
    ("alert bad certificate", _CLIENT_CERTIFICATE),
    ("alert certificate unknown", _CLIENT_CERTIFICATE),
    ("alert unknown ca", _CLIENT_CERTIFICATE),
    ("dh key too small", "offers a key exchange that is too weak; only its operator can put that right"),
    ("ee key too small", "has a certificate with a weak key; only its operator can put that right"),
    ("ca md too weak", "has a certificate with a weak signature; only its operator can put that right"),
    ("wrong signature type", "signs its handshake with SHA-1; only its operator can put that right"),
    ("unrecognized name", "does not know itself by that name"),
    ("no application protocol", "does not speak HTTP/1.1"),
    ("alert handshake failure", "has no cipher in common with us, or wants a client certificate"),
)


def _names(certificate: x509.Certificate) -> str:
    """The names a certificate is for, at most four."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "nothing it says in subjectAltName"
    names = [*alternative.get_values_for_type(x509.DNSName)]
    names += [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
    shown = ", ".join(escape(name, 80) for name in names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown or "nobody"


def _name(name: x509.Name) -> str:
    """A distinguished name, short: its CN, else O, else all of it."""
    for oid in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(oid):
            value = attribute.value
            return f'"{escape(value if isinstance(value, str) else value.hex(), 80)}"'
    return f'"{escape(name.rfc4514_string(), 80)}"'


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _key_words(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except ValueError:
        return "of a kind that can't be read"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA with {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"an elliptic curve of {key.key_size} bits"
    return "of an unusual kind"


def _signature_words(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except ValueError:
        return "an unknown algorithm"
    return algorithm.name.upper() if algorithm is not None else "a weak algorithm"


def looked_at(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, good: int) -> bool:
    """OpenSSL's callback: hands on to the `PeerCheck` of the connection, without which nothing is accepted."""
    check = connection.get_app_data()
    return isinstance(check, PeerCheck) and check.look(certificate.to_cryptography(), error, depth, is_good=bool(good))
