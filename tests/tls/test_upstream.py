from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from pipelock.tls.pipe import BrokenTlsError, TlsPipe
from pipelock.tls.upstream import ClientIdentity, TrustError, UpstreamTls, system_store
from pipelock.tls.verify import wire_problem
from tests.tls.peers import (
    DAY,
    PythonSide,
    Signer,
    Wish,
    authority,
    converse,
    ec_key,
    files,
    rsa_key,
    server_side,
    signed,
)

HOST = "origin.example"
ROOT = authority()
GOOD = Wish()


def trusting(folder: Path, *roots: Signer, **more: object) -> UpstreamTls:
    path = folder / "roots.pem"
    path.write_bytes(b"".join(root.pem for root in roots))
    # The system's own store is left out: the tests' answers don't depend on it.
    return UpstreamTls(extra=(path,), environ=nobody(folder), **more)  # type: ignore[arg-type]


def nobody(folder: Path) -> dict[str, str]:
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    return {"SSL_CERT_DIR": str(empty)}


def outcome(upstream: UpstreamTls, context: ssl.SSLContext, host: str = HOST) -> str:
    """Why the server is refused; empty if it is not."""
    connection = upstream.connection(host, 443)
    try:
        converse(TlsPipe(connection), PythonSide(context))
    except BrokenTlsError as error:
        return upstream.problem_found(connection) or wire_problem(host, error)
    return upstream.problem(connection)


def test_a_good_server_is_accepted(tmp_path):
    assert outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, ROOT))) == ""


def middle() -> Signer:
    return signed(Wish("Test Middle", names=(), key=rsa_key(2048), is_authority=True), ROOT)


def test_so_is_one_below_an_authority_between(tmp_path):
    between = middle()
    assert outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, between), between)) == ""


def test_an_authority_between_may_be_what_is_trusted(tmp_path):
    between = middle()
    assert outcome(trusting(tmp_path, between), server_side(tmp_path, signed(GOOD, between))) == ""


def test_so_may_a_servers_own_certificate(tmp_path):
    own = signed(GOOD, None)
    assert outcome(trusting(tmp_path, own), server_side(tmp_path, own)) == ""


BAD = [
    ("expired", GOOD.but(begins=-3 * DAY, ends=-DAY), "its certificate expired on"),
    ("not yet valid", GOOD.but(begins=DAY, ends=2 * DAY), "its certificate is not valid before"),
    (
        "another host's",
        GOOD.but(names=("other.example", "www.other.example")),
        "but for other.example, www.other.example",
    ),
    ("by common name alone", GOOD.but(names=()), "but for nothing it says in subjectAltName"),
    ("a wildcard of the wrong level", GOOD.but(names=("*.origin.example",)), "but for *.origin.example"),
    ("a wildcard of a whole domain", GOOD.but(names=("*.example",)), "but for *.example"),
    ("an address", GOOD.but(names=("192.0.2.1",)), "but for 192.0.2.1"),
    ("RSA 1024", GOOD.but(key=rsa_key(1024)), "weak key"),
    ("EC 192", GOOD.but(key=ec_key("secp192r1")), "no cipher in common"),
]


@pytest.mark.parametrize(("wish", "problem"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_server_is_refused_in_words(tmp_path, wish, problem):
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(wish, ROOT)))
    assert problem in said
    assert said.startswith(HOST)
    assert "\n" not in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("key", "words"),
    [(rsa_key(1024), "RSA with 1024 bits"), (ec_key("secp192r1"), "an elliptic curve of 192 bits")],
    ids=["RSA", "EC"],
)
def test_a_weak_authority_between_is_refused(tmp_path, key, words):
    weak = signed(Wish("Weak", names=(), key=key, is_authority=True), ROOT)
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD.but(key=rsa_key(2048)), weak), weak))
    assert f'its authority "Weak" has a weak key ({words})' in said


def test_a_forgeable_signature_is_refused_wherever_it_is(tmp_path):
    root = authority("RSA Root", key=rsa_key(2048))
    forged = signed(GOOD.but(sha1=True), root)
    said = outcome(trusting(tmp_path, root), server_side(tmp_path, forged))
    assert "its certificate is signed with SHA1, which can be forged" in said
    between = signed(Wish("Old", names=(), is_authority=True, sha1=True), root)
    said = outcome(trusting(tmp_path, root), server_side(tmp_path, signed(GOOD, between), between))
    assert 'its authority "Old" is signed with SHA1, which can be forged' in said


def test_a_self_signed_server_is_refused(tmp_path):
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, None)))
    assert "self-signed" in said
    assert "tls_interception.upstream_ca" in said


def test_an_unknown_authority_is_named(tmp_path):
    stranger = authority("Stranger \x1b[2J", key=rsa_key(2048))
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, stranger)))
    assert 'signed by "Stranger \\x1b[2J", which is not trusted here' in said
    assert "tls_interception.upstream_ca" in said
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, stranger), stranger))
    assert 'its authority "Stranger \\x1b[2J" is not trusted here' in said


def test_a_host_that_signs_is_no_authority(tmp_path):
    """A certificate for a host must not vouch for other hosts."""
    host = signed(GOOD.but(key=rsa_key(2048)), ROOT)
    said = outcome(trusting(tmp_path, ROOT), server_side(tmp_path, signed(GOOD, host), host))
    assert said.startswith(f"{HOST} can't be trusted")


def test_what_our_own_authority_signed_is_refused(tmp_path):
    own = frozenset({ROOT.certificate.fingerprint(hashes.SHA256())})
    said = outcome(trusting(tmp_path, ROOT, own=own), server_side(tmp_path, signed(GOOD, ROOT)))
    assert "this machine's own Pipelock authority" in said


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_addresses_are_checked_as_addresses(tmp_path, host):
    upstream = trusting(tmp_path, ROOT)
    assert outcome(upstream, server_side(tmp_path, signed(GOOD.but(names=(host,)), ROOT)), host) == ""
    assert "is not for that name" in outcome(upstream, server_side(tmp_path, signed(GOOD, ROOT)), host)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_are_refused(tmp_path):
    context = server_side(tmp_path, signed(GOOD, ROOT))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert "no TLS newer than 1.1" in outcome(trusting(tmp_path, ROOT), context)


def test_ciphers_without_forward_secrecy_are_refused(tmp_path):
    context = server_side(tmp_path, signed(GOOD.but(key=rsa_key(2048)), ROOT), maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-GCM-SHA256")
    assert "no cipher in common" in outcome(trusting(tmp_path, ROOT), context)


def test_only_http_1_1_is_offered(tmp_path):
    context = server_side(tmp_path, signed(GOOD, ROOT))
    context.set_alpn_protocols(["h2", "http/1.1"])
    side = PythonSide(context)
    converse(TlsPipe(trusting(tmp_path, ROOT).connection(HOST, 443)), side)
    assert side.tls.selected_alpn_protocol() == "http/1.1"


def test_the_name_is_sent_and_addresses_are_not(tmp_path):
    seen: list[str | None] = []
    context = server_side(tmp_path, signed(GOOD.but(names=(HOST, "192.0.2.7")), ROOT))
    context.sni_callback = lambda _tls, name, _context: seen.append(name)
    upstream = trusting(tmp_path, ROOT)
    assert outcome(upstream, context, HOST) == ""
    assert outcome(upstream, context, "192.0.2.7") == ""
    assert seen == [HOST, None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_with_their_host_alone(tmp_path, version):
    upstream = trusting(tmp_path, ROOT)
    context = server_side(tmp_path, signed(GOOD.but(names=(HOST, "b.example")), ROOT), maximum_version=version)

    def visit(host: str) -> bool:
        connection = upstream.connection(host, 443)
        side = PythonSide(context)
        converse(TlsPipe(connection), side)
        assert upstream.problem(connection) == ""
        upstream.finished(connection, host, 443)
        return side.tls.session_reused or False

    assert [visit(HOST), visit(HOST), visit("b.example"), visit("b.example")] == [False, True, False, True]


def test_a_host_that_asks_is_shown_its_client_certificate(tmp_path):
    client = signed(Wish("client", names=("me.example",)), ROOT)
    certificate, key = files(tmp_path, client, stem="client")
    upstream = trusting(tmp_path, ROOT, identities=(ClientIdentity("*.asks.example", certificate, key),))
    names = ("api.asks.example", HOST)
    context = server_side(tmp_path, signed(GOOD.but(names=names), ROOT), verify_mode=ssl.CERT_OPTIONAL)
    context.load_verify_locations(cadata=ROOT.pem.decode())
    shown = []
    for host in names:
        side = PythonSide(context)
        converse(TlsPipe(upstream.connection(host, 443)), side)
        shown.append(bool(side.tls.getpeercert()))
    assert shown == [True, False]


@pytest.mark.parametrize(
    ("pattern", "host", "shown"),
    [
        ("a.example", "a.example", True),
        ("a.example", "A.Example.", True),
        ("a.example", "b.a.example", False),
        ("*.a.example", "a.example", True),
        ("*.a.example", "C.b.a.example", True),
        ("*.a.example", "ba.example", False),
        ("*.a.example", "a.example.evil", False),
    ],
)
def test_identities_are_for_hosts_as_they_are_written_everywhere(pattern, host, shown):
    assert ClientIdentity(pattern, Path(), Path()).is_for(host) is shown


def test_a_client_certificate_is_shown_with_its_chain(tmp_path):
    between = middle()
    certificate, key = files(tmp_path, signed(Wish("client", names=("me.example",)), between), between, stem="client")
    upstream = trusting(tmp_path, ROOT, identities=(ClientIdentity(HOST, certificate, key),))
    context = server_side(tmp_path, signed(GOOD, ROOT), verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(cadata=ROOT.pem.decode())
    assert outcome(upstream, context) == ""


def test_contexts_of_identities_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelock.tls.upstream.MAX_CONTEXTS", 2)
    certificate, key = files(tmp_path, signed(Wish("client", names=("me.example",)), ROOT), stem="client")
    identities = tuple(ClientIdentity(f"h{i}.example", certificate, key) for i in range(4))
    upstream = trusting(tmp_path, ROOT, identities=identities)
    for i in range(4):
        upstream.connection(f"h{i}.example", 443)
        assert len(upstream._contexts) <= 2


def test_a_host_that_insists_says_so(tmp_path):
    context = server_side(tmp_path, signed(GOOD, ROOT), verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(cadata=ROOT.pem.decode())
    assert "tls_interception.client_certificates" in outcome(trusting(tmp_path, ROOT), context)


def test_files_that_are_no_use_are_named(tmp_path):
    with pytest.raises(TrustError, match=r"upstream_ca.*missing\.pem"):
        UpstreamTls(extra=(tmp_path / "missing.pem",), environ=nobody(tmp_path))
    text = tmp_path / "text.pem"
    text.write_text("hello")
    with pytest.raises(TrustError, match="holds no certificate"):
        UpstreamTls(extra=(text,), environ=nobody(tmp_path))
    certificate, _ = files(tmp_path, signed(GOOD, ROOT), stem="one")
    _, key = files(tmp_path, signed(GOOD.but(key=rsa_key(2048)), ROOT), stem="two")
    with pytest.raises(TrustError, match="is not the key of"):
        UpstreamTls(identities=(ClientIdentity(HOST, certificate, key),), environ=nobody(tmp_path))
    key.chmod(0o644)
    with pytest.raises(TrustError, match="chmod 600"):
        UpstreamTls(identities=(ClientIdentity(HOST, certificate, key),), environ=nobody(tmp_path))


def test_the_systems_store_is_the_environments_first(tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ROOT.pem)
    assert system_store({"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": str(tmp_path)}) == (bundle, None)
    assert system_store({"SSL_CERT_DIR": str(tmp_path)}) == (None, tmp_path)
    assert outcome(UpstreamTls(environ={"SSL_CERT_FILE": str(bundle)}), server_side(tmp_path, signed(GOOD, ROOT))) == ""
    said = outcome(UpstreamTls(environ=nobody(tmp_path)), server_side(tmp_path, signed(GOOD, ROOT)))
    assert "not trusted here" in said
