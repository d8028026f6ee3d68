from __future__ import annotations

import base64
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from pipelock.tls.authority import Authority
from pipelock.trust import bundle
from pipelock.trust.bundle import certificates, refresh, refresh_home, renew, system_store


def pem(number: int) -> str:
    """Something that looks like a certificate to whoever doesn't parse it."""
    body = base64.b64encode(b"\x30" + bytes([number]) * 90).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body[:64]}\n{body[64:]}\n-----END CERTIFICATE-----"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "system.crt").write_text(f"# Root One\n{pem(1)}\n{pem(2)}\n")
    (tmp_path / "ca.pem").write_text(pem(9))
    return tmp_path


def made(place: Path, environ: dict[str, str] | None = None, **rest: bool) -> bundle.Bundle:
    return refresh(
        place / "trust", place / "ca.pem", environ or {}, stores=["/nonexistent", str(place / "system.crt")], **rest
    )


def held(place: Path) -> list[str]:
    return certificates((place / "trust" / "bundle.pem").read_text())


def test_the_system_s_come_first_and_ours_last(place: Path) -> None:
    result = made(place)
    assert held(place) == [pem(1), pem(2), pem(9)]
    assert (result.certificates, result.notes) == (3, ())
    assert result.files[:3] == (str(place / "ca.pem"), str(place / "trust" / "bundle.pem"), "")
    assert (place / "trust" / "bundle.pem").stat().st_mode & 0o777 == 0o644


def test_it_is_written_only_when_something_changed(place: Path) -> None:
    target = place / "trust" / "bundle.pem"
    made(place)
    before = target.stat().st_ino
    made(place)
    assert target.stat().st_ino == before
    (place / "ca.pem").write_text(pem(8))
    made(place)
    assert held(place) == [pem(1), pem(2), pem(8)]
    (place / "system.crt").write_text(pem(3))
    made(place)
    assert held(place) == [pem(3), pem(8)]
    target.write_text("cut off")
    made(place)
    assert held(place) == [pem(3), pem(8)]


def test_authorities_of_the_user_s_own_variables_stay(place: Path) -> None:
    (place / "corp.pem").write_text(pem(5))
    made(place, {"REQUESTS_CA_BUNDLE": str(place / "corp.pem")})
    assert held(place) == [pem(1), pem(2), pem(5), pem(9)]
    # In a shell that has our variables the user's own are gone; they are remembered.
    ours = {"REQUESTS_CA_BUNDLE": str(place / "trust" / "bundle.pem")}
    made(place, ours)
    assert held(place) == [pem(1), pem(2), pem(5), pem(9)]
    # One that is gone by now is not missed.
    (place / "corp.pem").rename(place / "gone.pem")
    assert made(place, ours).notes == ()
    assert held(place) == [pem(1), pem(2), pem(9)]
    (place / "gone.pem").rename(place / "corp.pem")
    # In one that has neither, they are not wanted any more.
    made(place)
    assert held(place) == [pem(1), pem(2), pem(9)]


def test_our_own_files_are_no_source(place: Path) -> None:
    made(place)
    (place / "ca.pem").write_text(pem(8))
    made(place, {"SSL_CERT_FILE": str(place / "trust" / "bundle.pem"), "NODE_EXTRA_CA_CERTS": str(place / "ca.pem")})
    assert held(place) == [pem(1), pem(2), pem(8)]


def test_private_keys_and_rubbish_are_not_copied(place: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
    rubbish = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----"
    other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    (place / "own.pem").write_text("\n".join([key, rubbish, other, pem(4), "-----BEGIN CERTIFICATE-----"]))
    made(place, {"SSL_CERT_FILE": str(place / "own.pem")})
    assert held(place) == [pem(1), pem(2), pem(4), pem(9)]
    assert "PRIVATE" not in (place / "trust" / "bundle.pem").read_text()


def test_sources_that_can_not_be_read_are_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_SOURCE", 1000)
    (place / "big.pem").write_text("x" * 1001)
    environ = {"SSL_CERT_FILE": str(place / "big.pem"), "PIP_CERT": "/nonexistent/x.pem", "DENO_CERT": str(place)}
    notes = "\n".join(made(place, environ).notes)
    assert "big.pem is left out: larger than 1000 bytes" in notes
    assert "/nonexistent/x.pem is left out: not a file" in notes
    assert held(place) == [pem(1), pem(2), pem(9)]


def test_a_system_without_authorities_is_told(place: Path) -> None:
    result = refresh(place / "trust", place / "ca.pem", {}, stores=())
    assert "Pipelock's alone" in result.notes[0]
    assert held(place) == [pem(9)]
    assert system_store(()) == ""


def test_without_our_own_nothing_is_written(place: Path) -> None:
    (place / "ca.pem").write_text("nothing")
    with pytest.raises(OSError, match="holds no certificate"):
        made(place)
    (place / "ca.pem").unlink()
    with pytest.raises(OSError, match="not a file"):
        made(place)
    assert not (place / "trust" / "bundle.pem").exists()


def test_a_link_in_the_place_of_the_bundle_is_replaced_not_followed(place: Path) -> None:
    (place / "trust").mkdir()
    (place / "precious").write_text("keep")
    (place / "trust" / "bundle.pem").symlink_to(place / "precious")
    made(place)
    assert (place / "precious").read_text() == "keep"
    assert held(place) == [pem(1), pem(2), pem(9)]


def test_java_s_store_follows(place: Path) -> None:
    Authority.create(place / "one.pem", place / "one-key.pem", validity=timedelta(days=9))
    shutil.copy(place / "one.pem", place / "ca.pem")
    store = place / "trust" / "truststore.p12"
    assert made(place).files.truststore == ""
    # What looks like a certificate and is none (the system's here) is left out.
    assert made(place, with_java=True).files.truststore == str(store)
    first = store.read_bytes()
    made(place, with_java=True)
    assert store.read_bytes() == first
    Authority.create(place / "one.pem", place / "one-key.pem", validity=timedelta(days=9), replace=True)
    shutil.copy(place / "one.pem", place / "ca.pem")
    made(place, with_java=True)
    assert store.read_bytes() != first


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no keytool")
def test_java_reads_its_store(place: Path) -> None:
    Authority.create(place / "one.pem", place / "one-key.pem")
    shutil.copy(place / "one.pem", place / "ca.pem")
    store = made(place, with_java=True).files.truststore
    words = ["keytool", "-list", "-keystore", store, "-storepass", "changeit"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    assert "1 entry" in done.stdout
    assert "trustedCertEntry" in done.stdout


def test_at_home_everything_has_its_place(place: Path) -> None:
    result = refresh_home(place, "", {"PATH": ""})
    assert result.files[:3] == (str(place / "ca.pem"), str(place / "trust" / "bundle.pem"), "")
    (place / "other.pem").write_text(pem(7))
    result = refresh_home(place, str(place / "other.pem"), {"PATH": "", "JAVA_HOME": "/opt/java"})
    assert result.files.authority == str(place / "other.pem")
    assert result.files.truststore == str(place / "trust" / "truststore.p12")
    assert held(place)[-1] == pem(7)


def test_wget_s_file_is_the_system_s_and_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "WGETRCS", ("/nonexistent", str(place / "system.wgetrc")))
    ours, line = place / "trust" / "wgetrc", f"ca_certificate = {place}/trust/bundle.pem\n"
    assert made(place).files.wgetrc == str(ours)
    assert ours.read_text() == f"\n{line}"
    (place / "system.wgetrc").write_text("tries = 3\n")
    made(place)
    assert ours.read_text() == f"tries = 3\n{line}"
    # It is no source of its own; one of the user's own is.
    made(place, {"SYSTEM_WGETRC": str(ours)})
    assert ours.read_text() == f"tries = 3\n{line}"
    (place / "own.wgetrc").write_text("tries = 9")
    made(place, {"SYSTEM_WGETRC": str(place / "own.wgetrc")})
    assert ours.read_text() == f"tries = 9\n{line}"


def test_a_path_that_wget_s_file_can_not_hold(place: Path) -> None:
    assert refresh(place / "two\nlines", place / "ca.pem", {}, stores=()).files.wgetrc == ""


def test_while_the_authority_is_replaced_both_are_trusted(place: Path) -> None:
    (place / "ca-old.pem").write_text(pem(8))
    made(place)
    assert held(place) == [pem(1), pem(2), pem(8), pem(9)]
    (place / "ca-old.pem").unlink()
    made(place)
    assert held(place) == [pem(1), pem(2), pem(9)]


def test_what_is_there_is_renewed_and_nothing_else(place: Path) -> None:
    renew(place, "", {"PATH": ""})
    assert not (place / "trust").exists()
    (place / "corp.pem").write_text(pem(5))
    refresh_home(place, "", {"PATH": "", "SSL_CERT_FILE": str(place / "corp.pem")})
    (place / "ca.pem").write_text(pem(8))
    renew(place, "", {"PATH": ""})
    assert held(place)[-2:] == [pem(5), pem(8)]
