"""Certificates as values: the authority's own, and one for each host. No files, no clock.

What is made here satisfies the strictest checkers there are (RFC 5280, the CA/Browser Forum's Baseline Requirements,
Python's VERIFY_X509_STRICT): names in subjectAltName alone, key usages, key identifiers, 397 days at most.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "LONGEST_LEAF",
    "SKEW",
    "CertificateError",
    "Issuer",
    "SigningKey",
    "general_name",
    "make_authority",
    "make_leaf",
    "problem_with",
]

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The kinds of key an authority may have. Ours are P-256."""

LONGEST_LEAF = timedelta(days=397)
"""No checker takes a longer-lived certificate of a host."""
SKEW = timedelta(hours=1)
"""How far a client's clock may be behind ours."""
_LONGEST_NAME = 253


class CertificateError(ValueError):
    """No certificate can be made of this; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: an authority's certificate and its key."""

    certificate: x509.Certificate
    key: SigningKey


def general_name(host: str) -> x509.GeneralName:
    """What subjectAltName says for a host: an address (IPv6 with or without brackets), or a name as A-labels.

    Raises:
        CertificateError: it is neither; wildcards are refused, because nobody connects to one.
    """
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return x509.IPAddress(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        name = host.removesuffix(".").lower().encode("ascii" if host.isascii() else "idna").decode("ascii")
    except UnicodeError as error:
        raise CertificateError(f"{host[:80]!r} is no host name") from error
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(0 < len(label) <= 63 and _is_plain(label) for label in labels):
        raise CertificateError(f"{host[:80]!r} is no host name")
    return x509.DNSName(name)


def _is_plain(label: str) -> bool:
    """Letters, digits, hyphens, and the underscores that DNS names of services have."""
    return label.replace("-", "a").replace("_", "a").isalnum()


def make_authority(organisation: str, name: str, now: datetime, validity: timedelta) -> Issuer:
    """A new authority: P-256, self-signed, allowed to sign for hosts and nothing above them (path length 0).

    Args:
        organisation: O of its name, at most 64 characters.
        name: CN of its name; what tells several of them apart in a trust store. Cut to 64 characters.
        now: The time; validity begins a day earlier, for machines whose clock is behind.
        validity: How long it is valid from now on.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def make_leaf(
    issuer: Issuer, host: x509.GeneralName, key: ec.EllipticCurvePublicKey, now: datetime, validity: timedelta
) -> x509.Certificate:
    """A certificate for one host, valid from an hour ago for `validity`, never longer than its issuer or 397 days.

    Raises:
        CertificateError: the issuer is not valid now.
    """
    problem = problem_with(issuer.certificate, now)
    if problem:
        raise CertificateError(problem)
    begins = now - SKEW
    ends = min(now + validity, begins + LONGEST_LEAF, issuer.certificate.not_valid_after_utc)
    # The subject says who made it and names no host: clients have read subjectAltName alone for years (RFC 9525 §2).
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pipelock interception")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_authority_key_identifier(issuer.certificate), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def problem_with(authority: x509.Certificate, now: datetime) -> str:
    """Why this certificate can't sign for hosts at this time, as a sentence; empty if it can."""
    if now >= authority.not_valid_after_utc:
        return f"the authority expired on {authority.not_valid_after_utc:%Y-%m-%d}"
    if now < authority.not_valid_before_utc:
        return f"the authority is not valid before {authority.not_valid_before_utc:%Y-%m-%d}; is the clock right?"
    try:
        return _wrong_purpose(authority.extensions)
    except ValueError:
        return "the certificate's extensions can't be read"


def _wrong_purpose(extensions: x509.Extensions) -> str:
    purposes = {type(extension.value): extension.value for extension in extensions}
    basic, usage = purposes.get(x509.BasicConstraints), purposes.get(x509.KeyUsage)
    if not isinstance(basic, x509.BasicConstraints) or not basic.ca:
        return "the certificate is a host's, not an authority's (basicConstraints does not say CA:TRUE)"
    # One that `openssl req -x509` made says nothing of its usage, which is any (RFC 5280 §4.2.1.3).
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        return "the certificate may not sign others (keyUsage lacks keyCertSign)"
    return ""


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        public = issuer.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise CertificateError("the authority's key is neither EC nor RSA") from None
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
