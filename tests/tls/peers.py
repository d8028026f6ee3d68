"""Certificates in every state of disrepair, and Python's own TLS as the other side, all in memory."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from pipelock.tls.pipe import TlsPipe

DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def ec_key(curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key({"secp256r1": ec.SECP256R1(), "secp192r1": ec.SECP192R1()}[curve])


@cache
def other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Signer:
    """An authority of the tests' own."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Wish:
    """A certificate as it should be, or as it should not."""

    name: str = "origin.example"
    names: tuple[str, ...] = ("origin.example",)
    key: Key | None = None
    begins: timedelta = -DAY
    ends: timedelta = DAY
    sha1: bool = False
    is_authority: bool = False

    def but(self, **changes: object) -> Wish:
        return replace(self, **changes)  # type: ignore[arg-type]


def signed(wish: Wish, signer: Signer | None) -> Signer:
    """The certificate wished for; self-signed without a signer."""
    key = wish.key or ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wish.name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wish.begins)
        .not_valid_after(now + wish.ends)
        .add_extension(x509.BasicConstraints(ca=wish.is_authority, path_length=None), critical=True)
    )
    if wish.names:
        names = [_general(name) for name in wish.names]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    by = signer.key if signer else key
    made = builder.sign(by, hashes.SHA256())
    return Signer(_with_sha1(made, by) if wish.sha1 else made, key)


def _with_sha1(made: x509.Certificate, by: Key) -> x509.Certificate:
    """The same signed with SHA-1 and RSA, which the library refuses to do: the two algorithms' names are of one length."""
    assert isinstance(by, rsa.RSAPrivateKey)
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    body = made.tbs_certificate_bytes.replace(sha256, sha1)
    whole = made.public_bytes(serialization.Encoding.DER)
    whole = whole.replace(made.tbs_certificate_bytes, body).replace(sha256, sha1)
    signature = by.sign(body, padding.PKCS1v15(), hashes.SHA1())
    return x509.load_der_x509_certificate(whole.removesuffix(made.signature) + signature)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def authority(name: str = "Test Root", **changes: object) -> Signer:
    return signed(Wish(name, names=(), key=other_key(), is_authority=True, ends=30 * DAY).but(**changes), None)


def files(folder: Path, shown: Signer, *chain: Signer, stem: str = "shown") -> tuple[Path, Path]:
    """Certificate and key as PEM files."""
    certificate, key = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
    certificate.write_bytes(b"".join(one.pem for one in (shown, *chain)))
    key.touch(0o600)
    key.write_bytes(
        shown.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


class PythonSide:
    """Python's ssl module over memory: what it is fed, what it has to say, what it heard."""

    def __init__(self, context: ssl.SSLContext, *, host: str = "", session: ssl.SSLSession | None = None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=not host,
            server_hostname=host or None,
            session=session,
        )
        self.done = False
        self.error: ssl.SSLError | None = None
        self.heard = b""
        self.finished = False

    def take(self, data: bytes) -> None:
        if data:
            self.incoming.write(data)
        self.step()

    def step(self) -> None:
        try:
            if not self.done:
                self.tls.do_handshake()
                self.done = True
            while piece := self.tls.read(65536):
                self.heard += piece
            self.finished = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.finished = True
        except ssl.SSLError as error:
            self.error = error

    def give(self) -> bytes:
        return self.outgoing.read()

    def say(self, data: bytes) -> None:
        self.tls.write(data)


def server_side(folder: Path, shown: Signer, *chain: Signer, **options: object) -> ssl.SSLContext:
    """A server of Python's that shows whatever it is told to, however weak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*files(folder, shown, *chain, stem="server"))
    for name, value in options.items():
        setattr(context, name, value)
    return context


def client_side(trusted: bytes | None, **options: object) -> ssl.SSLContext:
    """A client of Python's that trusts one authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted is not None:
        context.load_verify_locations(cadata=trusted.decode())
    for name, value in options.items():
        setattr(context, name, value)
    return context


def converse(pipe: TlsPipe, other: PythonSide, rounds: int = 10) -> None:
    """Shake hands until nobody has more to say; our side's error comes out as it is raised."""
    done = False
    for _ in range(rounds):
        try:
            done = done or pipe.handshake()
            if done:
                pipe.read()
        finally:
            other.take(pipe.outgoing())
        answer = other.give()
        if answer:
            pipe.feed(answer)
        elif done and other.done:
            return
