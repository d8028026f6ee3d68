"""What package managers and git fetch from, on loopback and by TLS: PyPI's, npm's and Cargo's forms, small packages."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import ssl
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.e2e.origins import Answer, GitOrigin, RecordingOrigin
from tests.tls.peers import Signer, Wish, files, signed

__all__ = ["Registries", "make_tarball", "make_wheel"]


def make_wheel(name: str, blob: bytes) -> bytes:
    """A wheel as PEP 427 wants it, with one module and `NAME.bin`."""
    info = f"{name}-1.0.dist-info"
    held = {
        f"{name}.py": b"ANSWER = 42\n",
        f"{name}.bin": blob,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in held.items()
    )
    held[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in held.items():
            archive.writestr(path, data)
    return whole.getvalue()


def make_tarball(folder: str, held: dict[str, bytes]) -> bytes:
    """Files below one folder, as npm and Cargo pack them."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz", compresslevel=1) as archive:
        for path, data in held.items():
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


class Registries:
    """One host by name, with packages called `tiny` in each form, and a bare repository.

    Attributes:
        origin: Serves the packages, and says hello for every other path.
        url: Of the origin.
        repository: URL of the repository.
    """

    def __init__(self, folder: Path, root: Signer, host: str) -> None:
        shown = files(folder, signed(Wish(host, names=(host,)), root), root)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*shown)
        self.origin = RecordingOrigin(tls)
        self.url = f"https://{host}:{self.origin.port}"
        self._offer_wheel()
        self._offer_npm()
        self._offer_crate()
        repositories = folder / "repositories"
        bare = repositories / "project.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
        subprocess.run(["git", "config", "http.receivepack", "true"], cwd=bare, check=True)
        self.git = GitOrigin(repositories, tls)
        self.repository = f"https://{host}:{self.git.port}/project.git"

    def _offer_wheel(self) -> None:
        """PEP 503."""
        file = "tiny-1.0-py3-none-any.whl"
        page = f"<!DOCTYPE html><html><body><a href='/files/{file}'>{file}</a></body></html>"
        self.origin.answers |= {
            "/simple/tiny/": Answer(page.encode(), "text/html"),
            f"/files/{file}": Answer(make_wheel("tiny", bytes(1000)), "application/octet-stream"),
        }

    def _offer_npm(self) -> None:
        about = {
            "name": "tiny",
            "version": "1.0.0",
            "bin": {"tiny": "tiny.js"},
            "scripts": {"postinstall": "node -p 1+1 > built"},
        }
        program = (
            b"#!/usr/bin/env node\nconsole.log('tiny says', require('fs').readFileSync(__dirname + '/built', 'utf8'))\n"
        )
        tarball = make_tarball("package", {"package.json": json.dumps(about).encode(), "tiny.js": program})
        dist = {
            "tarball": f"{self.url}/tiny/-/tiny-1.0.0.tgz",
            "integrity": f"sha512-{base64.b64encode(hashlib.sha512(tarball).digest()).decode()}",
        }
        version = {**about, "dist": dist}
        document = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        self.origin.answers |= {
            "/tiny": Answer(json.dumps(document).encode(), "application/json"),
            "/tiny/-/tiny-1.0.0.tgz": Answer(tarball, "application/octet-stream"),
        }

    def _offer_crate(self) -> None:
        """A sparse index, as Cargo's reference has it."""
        manifest = b'[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n'
        source = b"pub fn answer() -> u32 { 42 }\n"
        crate = make_tarball("tiny-1.0.0", {"Cargo.toml": manifest, "src/lib.rs": source})
        row = {
            "name": "tiny",
            "vers": "1.0.0",
            "deps": [],
            "cksum": hashlib.sha256(crate).hexdigest(),
            "features": {},
            "yanked": False,
        }
        self.origin.answers |= {
            "/crates/config.json": Answer(json.dumps({"dl": f"{self.url}/dl"}).encode(), "application/json"),
            "/crates/ti/ny/tiny": Answer(json.dumps(row).encode()),
            "/dl/tiny/1.0.0/download": Answer(crate, "application/octet-stream"),
        }

    def close(self) -> None:
        self.origin.close()
        self.git.close()
