from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.notify.signature import FRESH_SECONDS, SignatureError, check, sign

SECRET = b"0123456789abcdef"
NOW = 1_700_000_000


@given(st.binary(max_size=200), st.integers(-FRESH_SECONDS, FRESH_SECONDS))
def test_what_is_signed_is_believed(body: bytes, late: int) -> None:
    assert check(SECRET, sign(SECRET, body, NOW), body, NOW + late) == NOW


def test_the_form_is_as_documented() -> None:
    assert sign(b"secret", b'{"a":1}', 1) == "t=1,v1=7900dcfa0dd8e32ee0ef71db511fc5d7b91ed98221ea7eb400f3072f0d7dd39d"


GOOD = sign(SECRET, b"body", NOW)


@pytest.mark.parametrize(
    ("header", "body", "now"),
    [
        ("", b"body", NOW),
        (GOOD, b"bodY", NOW),
        (GOOD, b"body", NOW + FRESH_SECONDS + 1),
        (GOOD, b"body", NOW - FRESH_SECONDS - 1),
        (sign(b"another secret", b"body", NOW), b"body", NOW),
        (GOOD.replace(f"t={NOW}", f"t={NOW + 1}"), b"body", NOW),
        (GOOD.upper(), b"body", NOW),
        (GOOD + "0", b"body", NOW),
        (GOOD + ",v1=" + "0" * 64, b"body", NOW),
        (GOOD.replace("v1", "v2"), b"body", NOW),
        (GOOD.partition(",")[2], b"body", NOW),
        (f"t=-{NOW}" + GOOD[12:], b"body", NOW),
        ("t=" + "9" * 200 + GOOD[12:], b"body", NOW),
        ("t=٣" + GOOD[12:], b"body", NOW),
        ("x" * 10_000, b"body", NOW),
    ],
    ids=range(15),
)
def test_what_does_not_prove_itself(header: str, body: bytes, now: int) -> None:
    with pytest.raises(SignatureError):
        check(SECRET, header, body, now)
