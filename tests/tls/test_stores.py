"""The plans, as text: what would be run on which machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.tls.stores import (
    AnchorFolder,
    Drop,
    JavaStore,
    Keychain,
    Machine,
    NssDatabase,
    Put,
    Run,
    as_shell,
    find_stores,
    name_in_stores,
    prefix_of,
)

CA = Path("/h/ca.pem")


def machine(root: Path, *programs: str, platform: str = "linux", is_root: bool = False) -> Machine:
    which: Callable[[str], str | None] = lambda name: f"/usr/bin/{name}" if name in programs else None  # noqa: E731
    return Machine(platform=platform, which=which, home=root / "home", environ={}, is_root=is_root, root=root)


LINUX = [
    (
        "usr/local/share/ca-certificates",
        "update-ca-certificates",
        ".crt",
        "update-ca-certificates",
        "update-ca-certificates --fresh",
    ),
    (
        "etc/pki/ca-trust/source/anchors",
        "update-ca-trust",
        ".pem",
        "update-ca-trust extract",
        "update-ca-trust extract",
    ),
    ("etc/pki/trust/anchors", "update-ca-certificates", ".pem", "update-ca-certificates", "update-ca-certificates"),
    ("etc/ca-certificates/trust-source/anchors", "trust", ".crt", "trust extract-compat", "trust extract-compat"),
]


@pytest.mark.parametrize(
    ("folder", "program", "suffix", "update", "clean"), LINUX, ids=["Debian", "Fedora", "SUSE", "Arch"]
)
def test_distributions(tmp_path, folder, program, suffix, update, clean):
    (tmp_path / folder).mkdir(parents=True)
    ((store,), notes) = find_stores("system", machine(tmp_path, program))
    assert notes == []
    assert store.needs_root
    file = tmp_path / folder / f"pipelock-a-b{suffix}"
    assert [as_shell(step) for step in store.install("pipelock-a-b", CA)] == [
        f"install -m 0644 /h/ca.pem {file}",
        update,
    ]
    assert [as_shell(step) for step in store.remove("pipelock-a-b", CA)] == [f"rm -f {file}", clean]
    assert store.names("") == []
    file.touch()
    (file.parent / f"another{suffix}").touch()
    assert store.names("") == ["pipelock-a-b"]
    ((store,), _) = find_stores("system", machine(tmp_path, program, is_root=True))
    assert not store.needs_root


def test_debians_java_is_told_what_went(tmp_path):
    """Its hook hears of what is added alone when everything is done afresh."""
    hook = tmp_path / "etc/ca-certificates/update.d/jks-keystore"
    hook.parent.mkdir(parents=True)
    (tmp_path / "usr/local/share/ca-certificates").mkdir(parents=True)
    ((store,), _) = find_stores("system", machine(tmp_path, "update-ca-certificates"))
    assert len(store.remove("n", CA)) == 2
    hook.touch()
    *_, last = store.remove("n", CA)
    assert last == Run(("sh", "-c", 'printf "%s\\n" "-$1" | "$2"', "sh", "/etc/ssl/certs/n.pem", str(hook)))


def test_a_folder_without_its_program_is_no_store(tmp_path):
    (tmp_path / "usr/local/share/ca-certificates").mkdir(parents=True)
    stores, notes = find_stores("system", machine(tmp_path))
    assert stores == []
    assert "ca-certificates" in notes[0]


def test_nixos_is_told_what_to_do(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/NIXOS").touch()
    assert "security.pki.certificateFiles" in find_stores("system", machine(tmp_path))[1][0]


def test_macos(tmp_path):
    ((store,), _) = find_stores("system", machine(tmp_path, platform="darwin"))
    assert isinstance(store, Keychain)
    assert store.needs_root
    assert not store.can_look
    assert [as_shell(step) for step in store.install("n", CA)] == [
        "security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain /h/ca.pem"
    ]
    first, second = [as_shell(step) for step in store.remove("n", CA)]
    assert first == "security remove-trusted-cert -d /h/ca.pem"
    assert "security delete-certificate -Z" in second
    assert second.endswith("sh /h/ca.pem /Library/Keychains/System.keychain")


def profile(tmp_path: Path, folder: str) -> Path:
    path = tmp_path / "home" / folder
    path.mkdir(parents=True)
    (path / "cert9.db").touch()
    return path


def test_browsers(tmp_path):
    chromium = profile(tmp_path, ".pki/nssdb")
    firefox = profile(tmp_path, ".mozilla/firefox/abc.default release")
    profile(tmp_path, "snap/firefox/common/.mozilla/firefox/x")
    stores, notes = find_stores("nss", machine(tmp_path, "certutil"))
    assert [store.label for store in stores] == ["Chromium", "Firefox abc.default release", "Firefox x"]
    assert notes == []
    store = stores[1]
    assert not store.needs_root
    assert [as_shell(step) for step in store.install("pipelock-a-b", CA)] == [
        f"/usr/bin/certutil -A -d 'sql:{firefox}' -t C,, -n pipelock-a-b -i /h/ca.pem"
    ]
    assert store.remove("pipelock-a-b", CA) == (
        Run(("/usr/bin/certutil", "-D", "-d", f"sql:{firefox}", "-n", "pipelock-a-b")),
    )
    assert stores[0].listing == ("/usr/bin/certutil", "-L", "-d", f"sql:{chromium}")
    listed = "\nCertificate Nickname    Trust Attributes\n\npipelock-a-b        C,,\nOther CA     C,,\n"
    assert store.names(listed) == ["pipelock-a-b"]


def test_browsers_without_certutil_are_told_of(tmp_path):
    assert find_stores("nss", machine(tmp_path)) == ([], [])
    profile(tmp_path, ".pki/nssdb")
    stores, notes = find_stores("nss", machine(tmp_path))
    assert stores == []
    assert "certutil is missing" in notes[0]


def test_java(tmp_path):
    (tmp_path / "jdk/bin").mkdir(parents=True)
    (tmp_path / "jdk/lib/security").mkdir(parents=True)
    keytool = tmp_path / "jdk/bin/keytool"
    keytool.touch()
    here = Machine(
        platform="linux",
        which=lambda _: None,
        home=tmp_path,
        environ={"JAVA_HOME": str(tmp_path / "jdk")},
    )
    assert "left alone" in find_stores("java", here)[1][0]
    (tmp_path / "jdk/lib/security/cacerts").touch()
    ((store,), notes) = find_stores("java", here)
    assert (notes, store.place, store.needs_root) == ([], str(keytool), False)
    assert as_shell(store.install("pipelock-a-b", CA)[0]) == (
        f"{keytool} -importcert -noprompt -alias pipelock-a-b -file /h/ca.pem -cacerts -storepass changeit"
    )
    assert as_shell(store.remove("pipelock-a-b", CA)[0]) == (
        f"{keytool} -delete -alias pipelock-a-b -cacerts -storepass changeit"
    )
    assert store.names("Keystore type: JKS\n\npipelock-a-b, Nov 21, 2026, trustedCertEntry,\n") == ["pipelock-a-b"]


def test_names_tell_homes_and_certificates_apart():
    one, other = Path("/home/a/.pipelock"), Path("/home/b/.pipelock")
    assert prefix_of(one) != prefix_of(other)
    assert name_in_stores(one, b"\x01" * 32) == f"{prefix_of(one)}01010101"
    assert name_in_stores(one, b"\x01" * 32) != name_in_stores(one, b"\x02" * 32)


def test_steps_are_quoted_for_a_shell():
    assert as_shell(Put(Path("/a b"), Path("/c;d"))) == "install -m 0644 '/a b' '/c;d'"
    assert as_shell(Drop(Path("/$x"))) == "rm -f '/$x'"


@pytest.mark.parametrize(
    "store",
    [
        AnchorFolder("x", Path("/x"), ".crt", ("u",), ("u",)),
        Keychain(),
        NssDatabase("x", Path("/x")),
        JavaStore(Path("/x")),
    ],
)
def test_every_store_says_what_it_is(store):
    assert store.kind in ("system", "nss", "java")
    assert store.place
    assert store.label
    assert bool(store.listing) <= store.can_look
