import json

import pytest

from conformance.tls_report import read_scan, weaknesses


def suite(name="TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", bits=128, ephemeral=True, anonymous=False):
    described = {"name": name, "key_size": bits, "is_anonymous": anonymous}
    return {"cipher_suite": described, "ephemeral_key": {"size": 256} if ephemeral else None}


def done(**result):
    return {"status": "COMPLETED", "result": result}


def good(**changes):
    scan = {
        f"{old}_cipher_suites": done(is_tls_version_supported=False)
        for old in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
    }
    scan |= {
        f"tls_1_{n}_cipher_suites": done(is_tls_version_supported=True, accepted_cipher_suites=[suite()])
        for n in (2, 3)
    }
    scan |= {
        "tls_compression": done(supports_compression=False),
        "openssl_ccs_injection": done(is_vulnerable_to_ccs_injection=False),
        "heartbleed": done(is_vulnerable_to_heartbleed=False),
        "tls_fallback_scsv": done(supports_fallback_scsv=True),
        "robot": done(robot_result="NOT_VULNERABLE_RSA_NOT_SUPPORTED"),
        "session_renegotiation": done(
            supports_secure_renegotiation=True, is_vulnerable_to_client_renegotiation_dos=False
        ),
        "tls_extended_master_secret": done(supports_ems_extension=True),
        "elliptic_curves": done(supported_curves=[{"name": "X25519"}, {"name": "secp256r1"}]),
    }
    return scan | changes


def test_a_good_server_has_no_weakness():
    assert weaknesses(good()) == []


def accepting(*suites):
    return done(is_tls_version_supported=True, accepted_cipher_suites=list(suites))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tls_1_1_cipher_suites": done(is_tls_version_supported=True)}, "tls_1_1 is accepted"),
        ({"ssl_2_0_cipher_suites": done(is_tls_version_supported=True)}, "ssl_2_0 is accepted"),
        (
            {"tls_1_2_cipher_suites": accepting(suite("TLS_RSA_WITH_AES_128_GCM_SHA256", ephemeral=False))},
            "forward secrecy",
        ),
        ({"tls_1_2_cipher_suites": accepting(suite("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"))}, "authenticated encryption"),
        ({"tls_1_2_cipher_suites": accepting(suite("TLS_X_GCM", bits=56))}, "has 56 bits"),
        ({"tls_1_2_cipher_suites": accepting(suite("TLS_X_GCM", anonymous=True))}, "is anonymous"),
        ({"tls_1_2_cipher_suites": accepting(), "tls_1_3_cipher_suites": accepting()}, "no cipher suite"),
        ({"tls_compression": done(supports_compression=True)}, "supports_compression is True"),
        ({"heartbleed": done(is_vulnerable_to_heartbleed=True)}, "is_vulnerable_to_heartbleed is True"),
        ({"session_renegotiation": done(supports_secure_renegotiation=True)}, "renegotiation_dos is None"),
        ({"elliptic_curves": done(supported_curves=[{"name": "secp192r1"}])}, "curve secp192r1 is accepted"),
        ({"robot": {"status": "ERROR", "result": None}}, "robot was not found out"),
        ({"tls_1_0_cipher_suites": {"status": "NOT_SCHEDULED"}}, "tls_1_0_cipher_suites was not found out"),
        ({"tls_1_3_cipher_suites": {}}, "tls_1_3_cipher_suites was not found out"),
    ],
)
def test_each_weakness_is_told_once(changes, expected):
    (weakness,) = weaknesses(good(**changes))
    assert expected in weakness


def test_nothing_known_is_weak():
    assert len(weaknesses({})) > 10


@pytest.mark.parametrize(
    "content", [{}, {"server_scan_results": [{"scan_result": None, "connectivity_status": "ERROR"}]}]
)
def test_a_scan_that_reached_nobody_is_an_error(tmp_path, content):
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no completed scan"):
        read_scan(path)
