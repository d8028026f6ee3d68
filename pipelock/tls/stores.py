"""Where systems and programs keep the authorities they trust, and what puts ours in and takes it out: plans, as data.

Nothing is run or written here. A store gives the steps; `pipelock.cli.tls` prints or takes them, and keeps a receipt.
What we put in is called `pipelock-HOME-CERTIFICATE`, two hashes of eight digits: so several of ours are told apart, and
what a receipt forgot is found again, without ever touching another user's.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar
from typing import Protocol as Shape

import msgspec

__all__ = [
    "KINDS",
    "AnchorFolder",
    "Drop",
    "JavaStore",
    "Keychain",
    "Machine",
    "NssDatabase",
    "Put",
    "Run",
    "Step",
    "Store",
    "as_shell",
    "find_stores",
    "name_in_stores",
    "prefix_of",
]

KINDS = ("system", "nss", "java")
MAX_DATABASES = 32
"""Profiles of browsers that are looked at."""


class Put(msgspec.Struct, frozen=True):
    """Copy the certificate to a place, mode 0644."""

    source: Path
    path: Path


class Drop(msgspec.Struct, frozen=True):
    """Remove a file."""

    path: Path


class Run(msgspec.Struct, frozen=True):
    """Run a program."""

    command: tuple[str, ...]


Step = Put | Drop | Run


def as_shell(step: Step) -> str:
    """The step as a line for a shell."""
    match step:
        case Put(source, path):
            return shlex.join(["install", "-m", "0644", str(source), str(path)])
        case Drop(path):
            return shlex.join(["rm", "-f", str(path)])
        case Run(command):
            return shlex.join(command)


def prefix_of(home: Path) -> str:
    """What the names of everything begin with that was installed from this home."""
    return f"pipelock-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}-"


def name_in_stores(home: Path, fingerprint: bytes) -> str:
    """What a certificate is called in every store."""
    return prefix_of(home) + fingerprint.hex()[:8]


class Store(Shape):
    """A place where authorities are trusted."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def place(self) -> str:
        """Where it is; with `kind` it is what a receipt remembers."""

    @property
    def label(self) -> str:
        """Whose it is, for people."""

    @property
    def needs_root(self) -> bool:
        """Whether its steps are for root alone."""

    @property
    def can_look(self) -> bool:
        """Whether what is in it can be listed."""

    @property
    def listing(self) -> tuple[str, ...]:
        """The command that lists the names in it; empty where `names` looks itself."""

    def names(self, listed: str) -> list[str]:
        """The names in it that could be ours, from what `listing` printed."""

    def install(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """What puts a certificate in."""

    def remove(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """What takes it out; `certificate` is a copy of what was put in."""


class AnchorFolder(msgspec.Struct, frozen=True):
    """A Linux distribution's: a folder of files, and a program that makes bundles of them.

    Attributes:
        label: Of which distributions.
        folder: Where certificates are put.
        suffix: Of their names; other files are passed over by the program.
        update: The program, after one was added.
        clean: The program, after one was taken away.
        hook: A program that has to be told by itself what was taken away, if it is there; Debian's Java.
    """

    label: str
    folder: Path
    suffix: str
    update: tuple[str, ...]
    clean: tuple[str, ...]
    hook: Path | None = None
    needs_root: bool = True

    kind: ClassVar[str] = "system"
    can_look: ClassVar[bool] = True

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def listing(self) -> tuple[str, ...]:
        """Looked at without a program."""
        return ()

    def names(self, listed: str) -> list[str]:
        """The files in the folder."""
        return sorted(path.name.removesuffix(self.suffix) for path in self.folder.glob(f"pipelock-*{self.suffix}"))

    def install(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Copy and update."""
        return Put(certificate, self._file(name)), Run(self.update)

    def remove(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Remove and update."""
        steps = Drop(self._file(name)), Run(self.clean)
        if self.hook is None or not self.hook.is_file():
            return steps
        return *steps, Run(("sh", "-c", _TELL_HOOK, "sh", f"/etc/ssl/certs/{name}.pem", str(self.hook)))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{self.suffix}"


class Keychain(msgspec.Struct, frozen=True):
    """The System keychain of macOS."""

    needs_root: bool = True

    kind: ClassVar[str] = "system"
    place: ClassVar[str] = "/Library/Keychains/System.keychain"
    label: ClassVar[str] = "macOS"
    can_look: ClassVar[bool] = False

    @property
    def listing(self) -> tuple[str, ...]:
        """It knows no names of ours: what is in it, the receipt says."""
        return ()

    def names(self, listed: str) -> list[str]:
        """None."""
        return []

    def install(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Add it as a root that is trusted for everything."""
        trust = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", self.place, str(certificate))
        return (Run(trust),)

    def remove(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Trust it no more, then forget it."""
        return (
            Run(("security", "remove-trusted-cert", "-d", str(certificate))),
            Run(("sh", "-c", _FORGET_IN_KEYCHAIN, "sh", str(certificate), self.place)),
        )


# `delete-certificate` goes by SHA-1, which is what names a certificate there.
_FORGET_IN_KEYCHAIN = (
    'security delete-certificate -Z "$(openssl x509 -in "$1" -noout -fingerprint -sha1 | sed "s/.*=//; s/://g")" "$2"'
)


class NssDatabase(msgspec.Struct, frozen=True):
    """A database of NSS: of Chromium on Linux, or of one profile of Firefox."""

    label: str
    folder: Path
    certutil: str = "certutil"

    kind: ClassVar[str] = "nss"
    can_look: ClassVar[bool] = True
    needs_root: ClassVar[bool] = False

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def listing(self) -> tuple[str, ...]:
        """All nicknames."""
        return (self.certutil, "-L", "-d", f"sql:{self.folder}")

    def names(self, listed: str) -> list[str]:
        """The first word of each line."""
        return _first_words(listed)

    def install(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Add it as an authority for servers, and for nothing else."""
        flags = ("-A", "-d", f"sql:{self.folder}", "-t", "C,,", "-n", name, "-i", str(certificate))
        return (Run((self.certutil, *flags)),)

    def remove(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Delete it by its nickname."""
        return (Run((self.certutil, "-D", "-d", f"sql:{self.folder}", "-n", name)),)


class JavaStore(msgspec.Struct, frozen=True):
    """The `cacerts` of a Java."""

    keytool: Path
    needs_root: bool = False

    kind: ClassVar[str] = "java"
    can_look: ClassVar[bool] = True
    label: ClassVar[str] = "Java"

    @property
    def place(self) -> str:
        """The program that keeps it."""
        return str(self.keytool)

    @property
    def listing(self) -> tuple[str, ...]:
        """All aliases."""
        return self._keytool("-list")

    def names(self, listed: str) -> list[str]:
        """The first word of each line."""
        return _first_words(listed)

    def install(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Import it under its alias."""
        return (Run(self._keytool("-importcert", "-noprompt", "-alias", name, "-file", str(certificate))),)

    def remove(self, name: str, certificate: Path) -> tuple[Step, ...]:
        """Delete it by its alias."""
        return (Run(self._keytool("-delete", "-alias", name)),)

    def _keytool(self, *words: str) -> tuple[str, ...]:
        # The password of cacerts is this one everywhere; it protects nothing and is still asked for.
        return (str(self.keytool), *words, "-cacerts", "-storepass", "changeit")


def _first_words(listed: str) -> list[str]:
    words = (line.split(maxsplit=1)[0].rstrip(",") for line in listed.splitlines() if line.strip())
    return [word for word in words if word.startswith("pipelock-")]


class Machine(msgspec.Struct, frozen=True):
    """What is looked at to find stores.

    Attributes:
        platform: `sys.platform`.
        which: Finds a program.
        home: The user's home folder.
        environ: For JAVA_HOME.
        is_root: Whether we are root.
        root: Where the file system begins; another folder for tests.
    """

    platform: str
    which: Callable[[str], str | None]
    home: Path
    environ: Mapping[str, str]
    is_root: bool = False
    root: Path = Path("/")


_TELL_HOOK = 'printf "%s\\n" "-$1" | "$2"'

# Debian's program leaves what it linked before where it is, unless it is told to begin afresh.
_ANCHORS = (
    AnchorFolder(
        "Debian, Ubuntu, Alpine",
        Path("usr/local/share/ca-certificates"),
        ".crt",
        ("update-ca-certificates",),
        ("update-ca-certificates", "--fresh"),
        Path("etc/ca-certificates/update.d/jks-keystore"),
    ),
    AnchorFolder(
        "Fedora, RHEL",
        Path("etc/pki/ca-trust/source/anchors"),
        ".pem",
        ("update-ca-trust", "extract"),
        ("update-ca-trust", "extract"),
    ),
    AnchorFolder(
        "SUSE",
        Path("etc/pki/trust/anchors"),
        ".pem",
        ("update-ca-certificates",),
        ("update-ca-certificates",),
    ),
    AnchorFolder(
        "Arch",
        Path("etc/ca-certificates/trust-source/anchors"),
        ".crt",
        ("trust", "extract-compat"),
        ("trust", "extract-compat"),
    ),
)
# Chromium's own, and where Firefox keeps profiles: itself, as a snap, as a flatpak, on macOS.
_CHROMIUM = ".pki/nssdb"
_FIREFOX = (
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
)
_NIXOS = (
    "NixOS: add the file to security.pki.certificateFiles in its configuration; it can't be installed in another way"
)


def find_stores(kind: str, machine: Machine) -> tuple[list[Store], list[str]]:
    """The stores of a kind (or of `all`) on a machine, and what stands in the way of others, as sentences."""
    stores: list[Store] = []
    notes: list[str] = []
    looks: dict[str, Callable[[Machine, list[str]], Iterator[Store]]] = {
        "system": _system_stores,
        "nss": _nss_stores,
        "java": _java_stores,
    }
    for name, look in looks.items():
        if kind in (name, "all"):
            stores.extend(look(machine, notes))
    return stores, notes


def _system_stores(machine: Machine, notes: list[str]) -> Iterator[Store]:
    if machine.platform == "darwin":
        yield Keychain(needs_root=not machine.is_root)
        return
    for store in _ANCHORS:
        folder = machine.root / store.folder
        if folder.is_dir() and machine.which(store.update[0]) is not None:
            hook = machine.root / store.hook if store.hook is not None else None
            yield msgspec.structs.replace(store, folder=folder, hook=hook, needs_root=not machine.is_root)
            return
    if (machine.root / "etc/NIXOS").exists():
        notes.append(_NIXOS)
    else:
        notes.append("the system's store was not found: is the package ca-certificates installed?")


def _nss_stores(machine: Machine, notes: list[str]) -> Iterator[Store]:
    found = list(_nss_folders(machine.home))
    certutil = machine.which("certutil")
    if found and certutil is None:
        notes.append("certutil is missing: Firefox and Chromium need it (package libnss3-tools or nss-tools)")
    elif certutil is not None:
        for label, folder in found:
            yield NssDatabase(label, folder, certutil)


def _nss_folders(home: Path) -> Iterator[tuple[str, Path]]:
    if (home / _CHROMIUM / "cert9.db").is_file():
        yield "Chromium", home / _CHROMIUM
    profiles = [path.parent for folder in _FIREFOX for path in sorted((home / folder).glob("*/cert9.db"))]
    for profile in profiles[:MAX_DATABASES]:
        yield f"Firefox {profile.name}", profile


def _java_stores(machine: Machine, notes: list[str]) -> Iterator[Store]:
    java_home = machine.environ.get("JAVA_HOME", "")
    found = Path(java_home) / "bin/keytool" if java_home else None
    if found is None or not found.is_file():
        on_path = machine.which("keytool")
        found = Path(on_path) if on_path is not None else None
    if found is None:
        return
    cacerts = found.resolve().parent.parent / "lib/security/cacerts"
    if not cacerts.exists():
        notes.append(f"{found} has no lib/security/cacerts beside it; its Java is left alone")
        return
    yield JavaStore(found, needs_root=not (machine.is_root or os.access(cacerts, os.W_OK)))
