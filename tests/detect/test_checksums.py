"""Checksums and shapes, with near misses beside hits."""

from __future__ import annotations

from binascii import crc32

import pytest

from pipelock.detect.checksums import (
    CHECKS,
    GRADES,
    aba,
    base58check,
    crc_hex,
    luhn,
    mod97,
    strkey,
    token_crc,
    wif,
    xprv,
)

XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
"""Test vector 1 of BIP-32."""
SEED = "SBU2RRGLXH3E5CQHTD3ODLDF2BWDCYUSSBLLZ5GNW7JXHDIYKXZWHOKR"
"""An example of SEP-23."""
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("check", "text", "good"),
    [
        (luhn, "4012888888881881", True), (luhn, "4012-8888-8888-1881", True), (luhn, "4012888888881882", False),
        (luhn, "378282246310005", True), (luhn, "5555555555554444", True), (luhn, "2223003122003222", True),
        (luhn, "0000000000000000", False), (luhn, "9999999999999995", False), (luhn, "40128888", False),
        (luhn, "30569309025904", True), (luhn, "30569309025905", False), (luhn, "38520000023237", True),
        (luhn, "31569309025903", False), (luhn, "6200000000000005", True), (luhn, "6759649826438453", True),
        (luhn, "6759649826438454", False), (luhn, "5018000000000009", True), (luhn, "5017000000000000", False),
        (xprv, XPRV, True), (xprv, XPRV[:-1] + "Y", False), (xprv, "5HpjKrb7dH5kKQQzmbjB87Mxova7mek5bXUTWfndcX6tBoqUwzm", False),
        (strkey, SEED, True), (strkey, SEED[:-1] + "A", False), (strkey, SEED.lower(), False), (strkey, "S" * 55, False),
        (mod97, "DE89 3704 0044 0532 0130 00", True), (mod97, "gb82west12345698765432", True),
        (mod97, "DE89370400440532013001", False), (mod97, "DE8937040044053201300", False), (mod97, "ZZ12", False),
        (aba, "021000021", True), (aba, "021000022", False), (aba, "991000021", False), (aba, "02100002", False),
        (aba, "000000000", False), (wif, "5" * 51, False), (wif, "", False), (wif, "0OIl" * 13, False),
        (CHECKS["ssn"], "219-09-9998", True), (CHECKS["ssn"], "666-09-9998", False), (CHECKS["ssn"], "219-00-9998", False),
        (CHECKS["aws_id"], "AKIAQRSTUVWX2EXAMPLE", True), (CHECKS["aws_id"], "AKIAQRSTUVWX2EXAMPLF", True),
        (CHECKS["ssn"], "222-33-4444", False), (CHECKS["mod97"], "DE89370400440532013000 today", True),
        (CHECKS["mod97"], "DE893704004405320130004f1a", False),
        (CHECKS["value"], "Ab3dEf9h", True), (CHECKS["value"], "$SECRET_ENV", False), (CHECKS["value"], "yourtoken1", False),
        (CHECKS["password"], "hunter2x", True), (CHECKS["password"], "password", False), (CHECKS["password"], "${PW}", False),
    ],
)  # fmt: skip
def test_table(check, text, good):
    assert check(text) is good


def test_token_checksum_grades():
    body = "k3Jd92LmQx7TzVb1Rf6YpWc8Hn5GsA"
    value, digits = crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    assert token_crc(f"ghp_{body}{digits}")
    assert not token_crc(f"ghp_{body}{digits[::-1]}x")
    assert not token_crc("ghp_short")


def test_a_grafana_tokens_checksum_grades():
    # The example of Grafana's own documentation.
    assert crc_hex("glsa_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58a")
    assert not crc_hex("glsa_yscW25imSKJIuav8zF37RZmnbiDvB05H_fcaaf58a")
    assert not crc_hex("glsa")
    assert GRADES["crc_hex"] is crc_hex


@pytest.mark.parametrize(
    ("name", "text", "good"),
    [
        ("mixed", "pa-k3Jd92LmQx7TzVb1Rf6YpWc8Hn5G", True), ("mixed", "pa-k3jd92lmqx7tzvb1rf6ypwc8hn5g", False),
        ("mixed", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaA1", False),
        ("random", "wk-q8w2e7r1t6y5u3i9", True), ("random", "test_exceptionGreaterThan64kEncoded", False),
        ("random", "sha256~XXXX_PUT_YOUR_TOKEN_HERE_XX12_34", False), ("random", "1234567890123456", False),
        ("random", "k2_is_a_name", False),
        ("basic", "YWRtaW46SDR2bTlxWnQ=", True), ("basic", "YWRtaW46SDR2bTlxWnQ", True), ("basic", "c3ZjOg==", False),
        ("basic", "dXNlcjpwYXNzd29yZA==", False), ("basic", "bm9jb2xvbmhlcmU=", False), ("basic", "////", False),
        ("sample", "duffel_test_k3Jd92LmQx7TzVb1Rf6YpWc8Hn5GsA_z5", True), ("sample", "glpat-xxxxxxxxxxxxxxxxxxxx", False),
    ],
)  # fmt: skip
def test_shapes(name, text, good):
    assert CHECKS[name](text) is good


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize("text", ["", "\xff", "a.b", "=" * 40, "\u0661" * 20, "x" * 5_000])
def test_no_check_ever_raises(name, text):
    assert CHECKS[name](text) in (True, False)


def test_base58check_refuses_foreign_characters_and_sizes():
    assert base58check("0" * 51) is None
    assert base58check("1" * 300) is None
