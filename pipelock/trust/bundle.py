"""The files that trust variables point at, kept up to date under Pipelock's home.

`bundle.pem` holds the system's authorities, those the user's own variables name, and ours; `truststore.p12` the same
for Java; `wgetrc` is the system's own with a line that names the bundle, for wget reads no variable but one for that,
and `pipelock-php` a folder of settings for PHP. They are written again when one of their sources changed, each in one
step, readable by all: a certificate is public, and a program that runs as somebody else needs it too.

The first line of the bundle names its sources. A shell that has our variables no longer shows what the user's own were;
from that line they are still known.

Limits: 32 sources of 8 MiB each, 4 096 certificates, 64 KiB of one, 64 KiB of a wgetrc.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pipelock.tls.files import FileProblemError, Sensitivity, write_file
from pipelock.trust import php
from pipelock.trust.java import TRUSTSTORE_PASSWORD
from pipelock.trust.variables import ADDED, REPLACING, WGETRC_VARIABLE, TrustFiles

__all__ = ["SYSTEM_STORES", "Bundle", "certificates", "refresh", "refresh_home", "renew", "system_store"]

MAX_SOURCES = 32
MAX_SOURCE = 8 << 20
MAX_CERTIFICATES = 4096
MAX_CERTIFICATE = 65_536

SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, NixOS
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",  # SUSE
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",  # macOS, Alpine, the BSDs
)

WGETRCS = ("/etc/wgetrc", "/usr/local/etc/wgetrc", "/opt/homebrew/etc/wgetrc", "/etc/wget/wgetrc")
MAX_WGETRC = 65_536

_AUTHORITY = "ca.pem"
_OLD = "ca-old.pem"
_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_HEAD = "# pipelock "


class Bundle(NamedTuple):
    """What `refresh` made, and what the user should know: sources that could not be read, or that there are none."""

    files: TrustFiles
    certificates: int
    notes: tuple[str, ...] = ()


def refresh_home(home: Path, certificate: str, environ: Mapping[str, str], *, remembers: bool = False) -> Bundle:
    """`refresh` where Pipelock keeps these files: in `trust` below its home; for Java too if that is installed.

    Args:
        home: Pipelock's.
        certificate: `tls_interception.ca_cert`; empty for `ca.pem` in the home.
        environ: The user's.
        remembers: As `refresh`.

    Raises:
        OSError: as `refresh`.
    """
    with_java = bool(environ.get("JAVA_HOME")) or shutil.which("java", path=environ.get("PATH")) is not None
    authority = Path(certificate or home / _AUTHORITY)
    return refresh(home / "trust", authority, environ, with_java=with_java, remembers=remembers)


def renew(home: Path, certificate: str, environ: Mapping[str, str]) -> None:
    """`refresh_home` where these files are there already: running shells point at them, and the authority has changed.

    Raises:
        OSError: as `refresh`.
    """
    if (home / "trust" / "bundle.pem").is_file():
        # What the user's own variables were is in the bundle, whether or not this shell has ours.
        refresh_home(home, certificate, environ, remembers=True)


def refresh(
    folder: Path,
    authority: Path,
    environ: Mapping[str, str],
    *,
    stores: Sequence[str] = SYSTEM_STORES,
    with_java: bool = False,
    remembers: bool = False,
) -> Bundle:
    """Write the files in `folder` where they are missing or older than their sources.

    Args:
        folder: Ours alone; made where it is missing.
        authority: Our certificate, PEM. While it is being replaced the old one lies beside it; both are taken.
        environ: Variables of the user that name further authorities are heeded.
        stores: Where a system may keep its authorities; the first that is there is taken.
        with_java: Write the truststore too.
        remembers: Take what the bundle was made of before, even if `environ` does not point at it.

    Raises:
        OSError: our certificate can't be read, or a file can't be written.
    """
    target, truststore = folder / "bundle.pem", folder / "truststore.p12"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = certificates(_read(authority))
    if not own:
        raise FileProblemError(f"{authority} holds no certificate")
    found, used, notes = _collect(_sources(environ, folder, authority, stores, remembers=remembers))
    pems = list(dict.fromkeys([*found, *own]))[-MAX_CERTIFICATES:]
    text = _text(used, pems)
    is_fresh = _holds(target, text)
    # The truststore first: whoever is interrupted in between finds an old bundle, and writes both again.
    if with_java and not (is_fresh and truststore.is_file()):
        write_file(truststore, _truststore(pems), Sensitivity.CERTIFICATE)
    if not is_fresh:
        write_file(target, text, Sensitivity.CERTIFICATE)
    wgetrc = _write_wgetrc(folder, target, environ)
    if not found:
        notes.append("no authorities of the system were found: programs will trust Pipelock's alone")
    java = str(truststore) if truststore.is_file() else ""
    return Bundle(
        TrustFiles(str(authority), str(target), java, wgetrc, _write_php(folder, target)), len(pems), tuple(notes)
    )


def system_store(stores: Sequence[str] = SYSTEM_STORES) -> str:
    """The file of the system's authorities; empty where none is known."""
    return next((path for path in stores if Path(path).is_file()), "")


def certificates(text: str) -> list[str]:
    """The certificates in a PEM file, each in one canonical spelling. All else, private keys above all, is left out."""
    return list(dict.fromkeys(_certificates(text)))


def _certificates(text: str) -> Iterator[str]:
    position = 0
    while (start := text.find(_BEGIN, position)) >= 0 and (end := text.find(_END, start)) >= 0:
        position = end + len(_END)
        body = text[start + len(_BEGIN) : end]
        if len(body) > MAX_CERTIFICATE:
            continue
        with suppress(binascii.Error, ValueError):
            der = base64.b64decode("".join(body.split()), validate=True)
            if der[:1] == b"\x30":  # an ASN.1 sequence
                yield _pem(der)


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    return "\n".join([_BEGIN, *(text[at : at + 64] for at in range(0, len(text), 64)), _END])


def _sources(
    environ: Mapping[str, str], folder: Path, authority: Path, stores: Sequence[str], *, remembers: bool
) -> list[str]:
    """Files to take certificates from: the system's, the user's own, and those that were the user's before."""
    named = [environ.get(name, "") for name in (*REPLACING, *ADDED)]
    target = folder / "bundle.pem"
    old = authority.with_name(_OLD)
    named = [*named, str(old) if old.is_file() else ""]
    chosen = [system_store(stores), *named, *(_recorded(target) if remembers or str(target) in named else ())]
    kept = (path for path in chosen if path and Path(path).parent != folder and Path(path) != authority)
    return list(dict.fromkeys(kept))[:MAX_SOURCES]


def _collect(sources: Iterable[str]) -> tuple[list[str], tuple[str, ...], list[str]]:
    """The certificates of all sources, the sources that gave some, and what was wrong with the others."""
    found: list[str] = []
    used: list[str] = []
    notes: list[str] = []
    for source in sources:
        try:
            theirs = certificates(_read(Path(source)))
        except OSError as error:
            notes.append(f"{source} is left out: {getattr(error, 'strerror', None) or error}")
            continue
        if theirs:
            found += theirs
            used.append(source)
    return found, tuple(used), notes


def _read(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(2, "not a file", str(path))
    with path.open("rb") as file:
        data = file.read(MAX_SOURCE + 1)
    if len(data) > MAX_SOURCE:
        raise FileProblemError(f"larger than {MAX_SOURCE} bytes")
    return data.decode("latin-1")  # certificates are ASCII; comments may be anything


def _recorded(target: Path) -> tuple[str, ...]:
    """The sources named in the first line of a bundle that we wrote, as far as they are still there."""
    try:
        with target.open("rb") as file:
            line = file.readline(MAX_CERTIFICATE).decode("ascii")
        sources = tuple(map(str, json.loads(line.removeprefix(_HEAD))))
        return tuple(path for path in sources if Path(path).is_file())
    except (OSError, ValueError, TypeError):
        return ()


def _text(sources: Sequence[str], pems: Sequence[str]) -> bytes:
    head = _HEAD + json.dumps(sources)
    return "\n".join(
        [head, "# Made of these files and Pipelock's own authority; changes are lost.", *pems, ""]
    ).encode()


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _write_wgetrc(folder: Path, target: Path, environ: Mapping[str, str]) -> str:
    """The file for SYSTEM_WGETRC; empty where its form can't hold the bundle's path."""
    ours = folder / "wgetrc"
    if any(not char.isprintable() for char in str(target)):
        return ""
    named = environ.get(WGETRC_VARIABLE, "")
    system = next((path for path in (named, *WGETRCS) if path and path != str(ours) and Path(path).is_file()), "")
    try:
        with Path(system or os.devnull).open("rb") as file:
            text = file.read(MAX_WGETRC)
    except OSError:
        text = b""
    text = b"%s\nca_certificate = %s\n" % (text.rstrip(b"\n"), os.fsencode(target))
    if not _holds(ours, text):
        write_file(ours, text, Sensitivity.CERTIFICATE)
    return str(ours)


def _write_php(folder: Path, target: Path) -> str:
    """The folder for PHP_INI_SCAN_DIR; empty where a file in it can't hold the bundle's path."""
    ours = folder / php.FOLDER
    text = os.fsencode(php.php_settings(str(target)))
    if not text:
        return ""
    ours.mkdir(mode=0o755, exist_ok=True)
    if not _holds(ours / "pipelock.ini", text):
        write_file(ours / "pipelock.ini", text, Sensitivity.CERTIFICATE)
    return str(ours)


def _truststore(pems: Sequence[str]) -> bytes:
    """The certificates in the form that Java reads from 8 on; one that can't be parsed is left out."""
    # Imported late: only Java needs it.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12  # noqa: PLC0415

    entries: list[pkcs12.PKCS12Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old roots have odd serial numbers
        for number, pem in enumerate(pems):
            with suppress(ValueError):
                entries.append(pkcs12.PKCS12Certificate(x509.load_pem_x509_certificate(pem.encode()), b"%d" % number))
    # Weak, and it does not matter: nothing here is secret, and Java 8 reads no stronger one.
    form = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303
        .build(TRUSTSTORE_PASSWORD.encode())
    )
    return pkcs12.serialize_java_truststore(entries, form)
