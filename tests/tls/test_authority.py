from __future__ import annotations

import os
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from pipelock.tls.authority import MAX_CONTEXTS, Authority, AuthorityError
from pipelock.tls.certificates import CertificateError, Issuer, general_name, make_authority
from pipelock.tls.pipe import TlsPipe
from tests.tls.peers import PythonSide, Wish, authority, client_side, converse, files, rsa_key, signed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MADE = make_authority("Pipelock", "Pipelock test", NOW, 730 * DAY)


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def made(wall: Wall | None = None, **options: object) -> Authority:
    return Authority(MADE, now=wall or Wall(), **options)  # type: ignore[arg-type]


def shown(context: SSL.Context) -> x509.Certificate:
    certificate = SSL.Connection(context, None).get_certificate(as_cryptography=True)
    assert certificate is not None
    return certificate


def extension(certificate: x509.Certificate, kind: type) -> object:
    return certificate.extensions.get_extension_for_class(kind).value


def names(certificate: x509.Certificate) -> list[object]:
    return [name.value for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


# -- the authority itself ----------------------------------------------------------------------------------------------


def test_an_authority_is_what_strict_checkers_want():
    certificate = MADE.certificate
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert extension(certificate, x509.SubjectKeyIdentifier).digest == (
        extension(certificate, x509.AuthorityKeyIdentifier).key_identifier
    )
    assert certificate.public_key().curve.name == "secp256r1"
    assert certificate.not_valid_after_utc == NOW + 730 * DAY


def test_creating_writes_both_files_for_us_alone(tmp_path):
    certificate, key = tmp_path / "home" / "ca.pem", tmp_path / "home" / "ca-key.pem"
    made_here = Authority.create(certificate, key)
    assert (certificate.stat().st_mode & 0o777, key.stat().st_mode & 0o777) == (0o644, 0o600)
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in sorted(certificate.parent.iterdir())] == ["ca-key.pem", "ca.pem"]
    again = Authority.load(certificate, key)
    assert again.fingerprint == made_here.fingerprint
    assert again.pem == certificate.read_bytes()


def test_two_authorities_differ_in_name(tmp_path):
    subjects = {
        Authority.create(tmp_path / f"{i}.pem", tmp_path / f"{i}-key.pem").certificate.subject.rfc4514_string()
        for i in range(2)
    }
    assert len(subjects) == 2


def test_nothing_is_replaced_unasked(tmp_path):
    paths = tmp_path / "ca.pem", tmp_path / "ca-key.pem"
    first = Authority.create(*paths)
    with pytest.raises(AuthorityError, match="is there already"):
        Authority.create(*paths)
    assert Authority.load(*paths).fingerprint == first.fingerprint
    assert Authority.create(*paths, replace=True).fingerprint != first.fingerprint


def test_a_link_is_not_written_through(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    (tmp_path / "ca-key.pem").symlink_to(target)
    with pytest.raises(AuthorityError, match="is there already"):
        Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem", replace=True)
    assert target.read_text() == "mine"
    assert not (tmp_path / "ca-key.pem").is_symlink()


def test_a_folder_that_others_write_in_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(AuthorityError, match="others may write in it"):
        Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    assert list(tmp_path.iterdir()) == []


def test_opening_makes_what_is_not_there_once(tmp_path):
    paths = tmp_path / "ca.pem", tmp_path / "ca-key.pem"
    assert Authority.open(*paths).fingerprint == Authority.open(*paths).fingerprint
    paths[1].unlink()
    with pytest.raises(AuthorityError, match=r"is there and .* is not"):
        Authority.open(*paths)


def test_of_two_that_open_at_once_one_makes_it(tmp_path):
    paths = tmp_path / "ca.pem", tmp_path / "ca-key.pem"
    start = threading.Barrier(4)
    found: list[bytes] = []

    def open_it() -> None:
        start.wait(30)
        found.append(Authority.open(*paths).fingerprint)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1


def broken(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Pairs of files, none of which is an authority that may be used."""
    root = authority()
    good = files(folder, root, stem="good")
    wide = files(folder, root, stem="wide")
    wide[1].chmod(0o644)
    (folder / "text.pem").write_text("hello")
    (folder / "huge.pem").write_bytes(b"#" * (1 << 21))
    os.mkfifo(folder / "pipe.pem")
    return {
        "has no key there": (good[0], folder / "missing.pem"),
        "is readable by others": wide,
        "is another's key": (good[0], files(folder, authority(key=rsa_key(2048)), stem="other")[1]),
        "is a host's": files(folder, signed(Wish(), None), stem="host"),
        "is no certificate": (folder / "text.pem", good[1]),
        "is too large": (folder / "huge.pem", good[1]),
        "is a pipe": (folder / "pipe.pem", good[1]),
        "has expired": files(folder, authority(begins=-3 * DAY, ends=-DAY), stem="expired"),
        "is not valid yet": files(folder, authority(begins=DAY, ends=2 * DAY), stem="future"),
    }


WORDS = {
    "has no key there": "No such file",
    "is readable by others": "chmod 600",
    "is another's key": "is not the key of",
    "is a host's": "not an authority's",
    "is no certificate": "holds no certificate",
    "is too large": "larger than",
    "is a pipe": "not a regular file",
    "has expired": "expired on",
    "is not valid yet": "is not valid before",
}


@pytest.mark.parametrize("what", WORDS)
def test_what_is_no_authority_is_refused_in_words(tmp_path, what):
    with pytest.raises(AuthorityError, match=WORDS[what]) as caught:
        Authority.load(*broken(tmp_path)[what])
    assert "\n" not in str(caught.value)


# -- hosts -------------------------------------------------------------------------------------------------------------


def test_a_leaf_is_what_strict_checkers_want():
    leaf = shown(made().context_for("api.example.com"))
    assert names(leaf) == ["api.example.com"]
    assert extension(leaf, x509.BasicConstraints).ca is False
    assert list(extension(leaf, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extension(leaf, x509.KeyUsage).digital_signature
    assert not extension(leaf, x509.KeyUsage).key_cert_sign
    assert extension(leaf, x509.AuthorityKeyIdentifier).key_identifier == (
        extension(MADE.certificate, x509.SubjectKeyIdentifier).digest
    )
    assert leaf.issuer == MADE.certificate.subject
    assert leaf.not_valid_before_utc < NOW
    assert leaf.not_valid_after_utc == NOW + DAY
    leaf.verify_directly_issued_by(MADE.certificate)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_dmarc.example", "_dmarc.example"),
        ("192.0.2.1", ip_address("192.0.2.1")),
        ("2001:db8::1", ip_address("2001:db8::1")),
        ("[2001:db8::1]", ip_address("2001:db8::1")),
        ("localhost", "localhost"),
    ],
)
def test_hosts_stand_in_subject_alternative_name(host, name):
    assert names(shown(made().context_for(host))) == [name]


@pytest.mark.parametrize(
    "host", ["", "*.example.com", "a..b", "a b", "x" * 64 + ".example", "a." * 127 + "example", "a/b"]
)
def test_what_is_no_host_gets_no_certificate(host):
    with pytest.raises(AuthorityError, match="no certificate can be made"):
        made().context_for(host)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_name_or_an_error(host):
    try:
        name = general_name(host)
    except CertificateError:
        return
    if isinstance(name, x509.DNSName):
        assert name.value.isascii()
        assert "*" not in name.value
        assert 0 < len(name.value) <= 253


@pytest.mark.parametrize(
    ("seconds", "authority_days", "expected"),
    [
        (3600.0, 730, timedelta(hours=1)),
        (10 * 365 * 86400.0, 730, 397 * DAY - timedelta(hours=1)),
        (30 * 86400.0, 3, 3 * DAY),
    ],
)
def test_a_leaf_never_outlives_what_it_may(seconds, authority_days, expected):
    issuer = make_authority("Pipelock", "short", NOW, authority_days * DAY)
    leaf = shown(Authority(issuer, leaf_seconds=seconds, now=Wall()).context_for("a.example"))
    assert leaf.not_valid_after_utc - NOW == expected


def test_a_leaf_is_kept_and_made_anew_before_it_expires():
    wall = Wall()
    one = made(wall)
    first = one.context_for("a.example")
    wall.moment += timedelta(hours=17)
    assert one.context_for("a.example") is first
    wall.moment += timedelta(hours=2)
    second = one.context_for("a.example")
    assert shown(second).not_valid_after_utc == wall.moment + DAY
    assert shown(second).serial_number != shown(first).serial_number


@pytest.mark.parametrize("jump", [-2 * DAY, 300 * DAY])
def test_a_clock_that_jumps_makes_it_anew(jump):
    wall = Wall(NOW + 10 * DAY)
    one = made(wall)
    one.context_for("a.example")
    wall.moment += jump
    leaf = shown(one.context_for("a.example"))
    assert leaf.not_valid_before_utc < wall.moment < leaf.not_valid_after_utc


def test_an_authority_that_expires_signs_no_more():
    wall = Wall()
    one = made(wall)
    one.context_for("a.example")
    wall.moment += 731 * DAY
    with pytest.raises(AuthorityError, match="the authority expired on 2028-11-20"):
        one.context_for("a.example")


def test_what_is_kept_is_bounded_and_the_oldest_goes():
    one = made(cache_size=2)
    first = one.context_for("a.example")
    one.context_for("b.example")
    assert one.context_for("a.example") is first
    one.context_for("c.example")
    assert one.context_for("a.example") is first
    serial = shown(one.context_for("b.example")).serial_number
    assert len(one._contexts) == len(one._leaves) == 2
    assert shown(one.context_for("b.example")).serial_number == serial


def test_contexts_are_fewer_than_certificates(monkeypatch):
    assert MAX_CONTEXTS < 10_000
    monkeypatch.setattr("pipelock.tls.authority.MAX_CONTEXTS", 2)
    one = made(cache_size=100)
    serials = [shown(one.context_for(f"h{i}.example")).serial_number for i in range(5)]
    assert (len(one._contexts), len(one._leaves)) == (2, 5)
    assert shown(one.context_for("h0.example")).serial_number == serials[0]


# -- handshakes --------------------------------------------------------------------------------------------------------


def real(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem")


def shake(context: SSL.Context, client: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None) -> PythonSide:
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    side = PythonSide(client, host=host, session=session)
    side.step()
    pipe = TlsPipe(connection)
    pipe.feed(side.give())
    converse(pipe, side)
    return side


@pytest.mark.parametrize("host", ["a.example", "192.0.2.1", "2001:db8::1"])
def test_a_strict_client_accepts(tmp_path, host):
    one = real(tmp_path)
    client = client_side(one.pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shake(one.context_for(host), client, host).done


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_with_the_same_host_alone(tmp_path, version):
    one = real(tmp_path)
    client = client_side(one.pem, maximum_version=version)
    client.check_hostname = False
    first = shake(one.context_for("a.example"), client, "a.example")
    assert shake(one.context_for("a.example"), client, "a.example", first.tls.session).tls.session_reused
    assert not shake(one.context_for("b.example"), client, "a.example", first.tls.session).tls.session_reused


def test_http_1_1_is_agreed_on(tmp_path):
    one = real(tmp_path)
    client = client_side(one.pem)
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert shake(one.context_for("a.example"), client, "a.example").tls.selected_alpn_protocol() == "http/1.1"
    client.set_alpn_protocols(["http/1.0"])
    assert shake(one.context_for("a.example"), client, "a.example").tls.selected_alpn_protocol() == "http/1.0"


@pytest.mark.parametrize(
    "cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"]
)
def test_weak_ciphers_are_refused(tmp_path, cipher):
    one = real(tmp_path)
    client = client_side(one.pem, maximum_version=ssl.TLSVersion.TLSv1_2)
    client.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(Exception, match="no shared cipher"):
        shake(one.context_for("a.example"), client, "a.example")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(tmp_path, version):
    one = real(tmp_path)
    client = client_side(one.pem)
    client.minimum_version = client.maximum_version = version
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(Exception, match="unsupported protocol"):
        shake(one.context_for("a.example"), client, "a.example")


def test_an_authority_below_another_is_sent_along(tmp_path):
    root = authority("Company Root", key=rsa_key(2048))
    company = signed(Wish("Company Proxies", names=(), is_authority=True, ends=9 * DAY), root)
    below = Issuer(company.certificate, company.key)
    one = Authority(below, chain=[below.certificate])
    assert shake(one.context_for("a.example"), client_side(root.pem), "a.example").done
