"""The authority that signs for the hosts whose tunnels are opened.

Made on first use: a P-256 key of this machine's own, two years valid. Hosts get certificates as they are asked for,
all on one key that lives as long as the process, and the contexts that serve them are kept, bounded, the least
recently used going first.
"""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from pipelock.model import escape
from pipelock.tls.certificates import (
    CertificateError,
    Issuer,
    SigningKey,
    general_name,
    make_authority,
    make_leaf,
    problem_with,
)
from pipelock.tls.contexts import HTTP_1_1, server_context
from pipelock.tls.files import FileProblemError, Sensitivity, locked, read_pem, write_file

__all__ = [
    "CERTIFICATE_FILE",
    "KEY_FILE",
    "OLD_FILE",
    "VALIDITY",
    "Authority",
    "AuthorityError",
    "fingerprints",
    "read_certificates",
    "read_key",
]

CERTIFICATE_FILE = "ca.pem"
KEY_FILE = "ca-key.pem"
OLD_FILE = "ca-old.pem"
"""Beside the certificate: the one it took the place of, as long as clients trust that too."""
VALIDITY = timedelta(days=730)
"""How long a new authority is valid unless another time is asked for."""
MAX_CONTEXTS = 512
"""Contexts kept: one is 20 KB of OpenSSL's memory, a certificate a kilobyte."""
MAX_CHAIN = 8


class AuthorityError(Exception):
    """There is no usable authority, or it can't sign for this; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A host's certificate: as bytes, because as an object it takes five times as much."""

    certificate: bytes
    fresh_from: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class _Served:
    context: SSL.Context
    leaf: _Leaf


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """Signs for hosts, and keeps the contexts that answer as them. For one thread: the reactor's.

    Args:
        issuer: Its certificate and key.
        chain: What lies between it and an authority that clients have; sent with each host's certificate.
        leaf_seconds: How long a host's certificate is valid; it is made anew before a quarter of that is left.
        cache_size: Certificates kept. Of contexts at most 512 are.
        protocols: What is spoken inside, best first (ALPN).
        now: The wall clock. One that jumps makes certificates anew that it would find invalid.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        chain: Sequence[x509.Certificate] = (),
        leaf_seconds: float = 86_400.0,
        cache_size: int = 10_000,
        protocols: Sequence[bytes] = (HTTP_1_1,),
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.certificate = issuer.certificate
        self._issuer = issuer
        self._chain = tuple(chain)
        self._validity = timedelta(seconds=leaf_seconds)
        self._cache_size = max(cache_size, 1)
        self._protocols = tuple(protocols)
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaves: OrderedDict[str, _Leaf] = OrderedDict()
        self._contexts: OrderedDict[str, _Served] = OrderedDict()

    # -- where it comes from ---------------------------------------------------------------------------------------

    @classmethod
    def load(
        cls,
        certificate: Path,
        key: Path,
        *,
        leaf_seconds: float = 86_400.0,
        cache_size: int = 10_000,
        now: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """The authority of two PEM files. Certificates after the first are the chain above it.

        Raises:
            AuthorityError: they can't be read, don't belong together, others may read the key, or it is not valid now.
        """
        first, *above = read_certificates(certificate)
        issuer = Issuer(first, read_key(key))
        if issuer.key.public_key() != first.public_key():
            raise AuthorityError(f"{key} is not the key of {certificate}")
        problem = problem_with(first, now())
        if problem:
            raise AuthorityError(f"{certificate}: {problem}; `pipelock tls rotate` makes a new one")
        # An authority that signed itself is what clients have; any other is sent along.
        chain = above if first.issuer == first.subject else [first, *above]
        return cls(issuer, chain=chain, leaf_seconds=leaf_seconds, cache_size=cache_size, now=now)

    @classmethod
    def create(
        cls,
        certificate: Path,
        key: Path,
        *,
        organisation: str = "Pipelock",
        validity: timedelta = VALIDITY,
        replace: bool = False,
        now: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """Make an authority, write both files, and give what was written.

        Args:
            certificate: Where its certificate goes, mode 0644.
            key: Where its key goes, mode 0600. Folders that are not there are made, 0700.
            organisation: O of its name.
            validity: From now on.
            replace: Whether files that are there already are replaced.
            now: The wall clock.

        Raises:
            AuthorityError: they can't be written, or are there already.
        """
        try:
            with locked(key.parent):
                for path in (certificate, key):
                    if not replace and os.path.lexists(path):
                        raise AuthorityError(f"{path} is there already; --force replaces it")
                issuer = make_authority(organisation, _own_name(now()), now(), validity)
                certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_file(key, _private_pem(issuer.key), Sensitivity.KEY)
                pem = issuer.certificate.public_bytes(serialization.Encoding.PEM)
                write_file(certificate, pem, Sensitivity.CERTIFICATE)
        except OSError as error:
            raise AuthorityError(str(error)) from error
        return cls.load(certificate, key, now=now)

    @classmethod
    def open(
        cls,
        certificate: Path,
        key: Path,
        *,
        leaf_seconds: float = 86_400.0,
        cache_size: int = 10_000,
        now: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """The authority of two files; where neither is there, it is made first.

        Raises:
            AuthorityError: as `load` and `create` do. One file without the other is an error: it may be a mistake
                that a new authority would hide.
        """
        here = _present(certificate, key)
        if len(here) == 1:
            # Another process may be between the two.
            try:
                with locked(key.parent):
                    here = _present(certificate, key)
            except FileProblemError as error:
                raise AuthorityError(str(error)) from error
        if len(here) == 1:
            missing = key if here[0] == certificate else certificate
            raise AuthorityError(
                f"{here[0]} is there and {missing} is not; put it back, or make both anew: pipelock tls init --force"
            )
        if not here:
            try:
                cls.create(certificate, key, now=now)
            except AuthorityError:
                # Another process was faster: what it made is as good.
                if not (certificate.exists() and key.exists()):
                    raise
        return cls.load(certificate, key, leaf_seconds=leaf_seconds, cache_size=cache_size, now=now)

    # -- what it does ----------------------------------------------------------------------------------------------

    def context_for(self, host: str) -> SSL.Context:
        """The context that answers as `host`: a name, or an address, as it stood in CONNECT.

        Costs nothing if it is kept, 0.4 ms if it has to be made.

        Raises:
            AuthorityError: the host can't stand in a certificate, or the authority is not valid any more.
        """
        now = self._now()
        served = self._contexts.get(host)
        if served is not None and served.leaf.fresh_from <= now < served.leaf.fresh_until:
            self._contexts.move_to_end(host)
            return served.context
        leaf = self._leaf(host, now)
        certificate = x509.load_der_x509_certificate(leaf.certificate)
        context = server_context(host, certificate, self._key, self._chain, self._protocols)
        self._contexts[host] = _Served(context, leaf)
        self._contexts.move_to_end(host)
        while len(self._contexts) > min(self._cache_size, MAX_CONTEXTS):
            self._contexts.popitem(last=False)
        return context

    def _leaf(self, host: str, now: datetime) -> _Leaf:
        leaf = self._leaves.get(host)
        if leaf is None or not leaf.fresh_from <= now < leaf.fresh_until:
            leaf = self._make_leaf(host, now)
            self._leaves[host] = leaf
        self._leaves.move_to_end(host)
        while len(self._leaves) > self._cache_size:
            self._leaves.popitem(last=False)
        return leaf

    def _make_leaf(self, host: str, now: datetime) -> _Leaf:
        try:
            certificate = make_leaf(self._issuer, general_name(host), self._key.public_key(), now, self._validity)
        except CertificateError as error:
            raise AuthorityError(f"no certificate can be made for {escape(host, 100)}: {error}") from error
        ends = certificate.not_valid_after_utc
        der = certificate.public_bytes(serialization.Encoding.DER)
        return _Leaf(der, certificate.not_valid_before_utc, max(ends - (ends - now) / 4, now))

    # -- what it says of itself ------------------------------------------------------------------------------------

    @property
    def pem(self) -> bytes:
        """Its certificate, for clients to trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of its certificate."""
        return self.certificate.fingerprint(hashes.SHA256())


def _present(*paths: Path) -> list[Path]:
    return [path for path in paths if os.path.lexists(path)]


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, one to eight.

    Raises:
        AuthorityError: it can't be read, or holds none or more.
    """
    try:
        found = x509.load_pem_x509_certificates(read_pem(path))
    except FileProblemError as error:
        raise AuthorityError(str(error)) from error
    except ValueError as error:
        raise AuthorityError(f"{path} holds no certificate in PEM form") from error
    if len(found) > MAX_CHAIN:
        raise AuthorityError(
            f"{path} holds {len(found)} certificates; an authority and its chain are {MAX_CHAIN} at most"
        )
    return found


def fingerprints(certificate: Path) -> frozenset[bytes]:
    """SHA-256 of the authority in a file and of the one it took the place of, as far as they are there to be read."""
    found = set()
    for path in (certificate, certificate.with_name(OLD_FILE)):
        with suppress(AuthorityError):
            found.add(read_certificates(path)[0].fingerprint(hashes.SHA256()))
    return frozenset(found)


def read_key(path: Path) -> SigningKey:
    """The private key of a PEM file that is nobody else's to read.

    Raises:
        AuthorityError: it can't be read, or others may.
    """
    try:
        key = serialization.load_pem_private_key(read_pem(path, private=True), password=None)
    except FileProblemError as error:
        raise AuthorityError(str(error)) from error
    except TypeError as error:
        raise AuthorityError(f"{path} is encrypted; a daemon has nobody to ask for its password") from error
    except ValueError as error:
        raise AuthorityError(f"{path} holds no private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise AuthorityError(f"{path}: the key is neither EC nor RSA")
    return key


def _private_pem(key: SigningKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _own_name(now: datetime) -> str:
    """What tells this machine's authority, and this one of them, from others: host, date and four random digits."""
    host = "".join(char for char in socket.gethostname() if char.isascii() and (char.isalnum() or char in ".-"))
    return f"Pipelock {host[:32] or 'localhost'} {now:%Y-%m-%d} {os.urandom(2).hex()}"
