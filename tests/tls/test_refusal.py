from __future__ import annotations

import pytest

from pipelock.tls.contexts import NoCommonProtocolError
from pipelock.tls.pipe import BrokenTlsError
from pipelock.tls.refusal import broken_handshake, closed_silently, hint_for, out_of_time

AGENTS = [
    ("curl/8.9.1", "CURL_CA_BUNDLE"),
    ("git/2.47.0", "GIT_SSL_CAINFO"),
    ("Go-http-client/1.1", "keychain"),
    ("Java/17.0.15", "--store java"),
    ("Java-http-client/21", "--store java"),
    ("Apache-HttpClient/4.5", "--store java"),
    ("python-requests/2.32", "REQUESTS_CA_BUNDLE"),
    ("Python-urllib/3.12", "SSL_CERT_FILE"),
    ("pip/25.0 {}", "PIP_CERT"),
    ("uv/0.9", "SSL_CERT_FILE"),
    ("cargo/1.90", "CARGO_HTTP_CAINFO"),
    ("node", "NODE_EXTRA_CA_CERTS"),
    ("npm/11 node/v24", "NODE_EXTRA_CA_CERTS"),
    ("Mozilla/5.0 (X11)", "--store nss"),
    ("Something/1.0", "pipelock trust doctor"),
    ("", "pipelock trust doctor"),
]


@pytest.mark.parametrize(("agent", "words"), AGENTS)
def test_help_is_for_the_program(agent, words):
    assert words in hint_for(agent, "unrecognised")


@pytest.mark.parametrize(
    ("alert", "words"),
    [("unknown ca", "OpenSSL"), ("bad certificate", "Go "), ("certificate unknown", "Java"), ("", "GnuTLS")],
)
def test_where_the_program_is_unknown_its_alert_tells(alert, words):
    assert words in hint_for("", alert)
    assert "pipelock trust doctor" in hint_for("", alert)


REASONS = [
    # what OpenSSL says, in several of its versions; whether the authority was refused; words of the reason
    (("tlsv1 alert unknown ca",), True, "alert: unknown ca"),
    (("sslv3 alert bad certificate",), True, "alert: bad certificate"),
    (("ssl/tls alert certificate unknown",), True, "alert: certificate unknown"),
    (("ssl/tls alert certificate expired",), True, "alert: certificate expired"),
    (("tlsv1 alert protocol version",), False, "refused our version"),
    (("unsupported protocol",), False, "no TLS newer than 1.1"),
    (("no shared cipher",), False, "no cipher in common"),
    (("http request",), False, "plain HTTP"),
    (("wrong version number",), False, "is not TLS"),
    (("something new\x1b[2J",), False, "something new\\x1b[2J"),
]


@pytest.mark.parametrize(("reasons", "refused", "words"), REASONS)
def test_reasons(reasons, refused, words):
    failure = broken_handshake(BrokenTlsError(reasons), "", showed_certificate=True)
    assert failure.refused_ca is refused
    assert words in failure.why
    assert bool(failure.hint) >= refused


def test_an_end_counts_as_a_refusal_after_our_certificate_alone():
    assert broken_handshake(BrokenTlsError(()), "", showed_certificate=True).refused_ca
    assert not broken_handshake(BrokenTlsError(()), "", showed_certificate=False).refused_ca


def test_our_own_errors_are_no_refusals():
    wants_h2 = broken_handshake(BrokenTlsError((), NoCommonProtocolError("h2")), "", showed_certificate=False)
    assert (wants_h2.refused_ca, "offers only h2" in wants_h2.why) == (False, True)
    bug = broken_handshake(BrokenTlsError((), ZeroDivisionError()), "", showed_certificate=True)
    assert (bug.refused_ca, "ZeroDivisionError" in bug.why) == (False, True)


def test_all_of_it_is_short():
    long = "x" * 10_000
    for failure in (
        broken_handshake(BrokenTlsError((long,)), long, showed_certificate=True),
        broken_handshake(BrokenTlsError((), NoCommonProtocolError(long)), long, showed_certificate=True),
        closed_silently(long),
        out_of_time(),
    ):
        assert len(failure.why) + len(failure.hint) < 600
