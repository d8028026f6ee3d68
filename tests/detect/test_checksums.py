"""Checksums and shapes, with near misses beside hits."""

from __future__ import annotations

from binascii import crc32

import pytest

from pipelock.detect.checksums import CHECKS, aba, base58check, luhn, mod97, token_crc, wif

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("check", "text", "good"),
    [
        (luhn, "4012888888881881", True), (luhn, "4012-8888-8888-1881", True), (luhn, "4012888888881882", False),
        (luhn, "378282246310005", True), (luhn, "5555555555554444", True), (luhn, "2223003122003222", True),
        (luhn, "0000000000000000", False), (luhn, "9999999999999995", False), (luhn, "40128888", False),
        (mod97, "DE89 3704 0044 0532 0130 00", True), (mod97, "gb82west12345698765432", True),
        (mod97, "DE89370400440532013001", False), (mod97, "DE8937040044053201300", False), (mod97, "ZZ12", False),
        (aba, "021000021", True), (aba, "021000022", False), (aba, "991000021", False), (aba, "02100002", False),
        (aba, "000000000", False), (wif, "5" * 51, False), (wif, "", False), (wif, "0OIl" * 13, False),
        (CHECKS["ssn"], "219-09-9998", True), (CHECKS["ssn"], "666-09-9998", False), (CHECKS["ssn"], "219-00-9998", False),
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


def test_base58check_refuses_foreign_characters_and_sizes():
    assert base58check("0" * 51) is None
    assert base58check("1" * 300) is None
