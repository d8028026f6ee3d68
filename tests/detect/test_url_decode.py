"""Encoded text is found through its layers; words and random bytes yield nothing."""

from __future__ import annotations

from base64 import b32encode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.url_decode import hidden_texts, is_text, may_hide

SECRET = "token-Q7f2kLm9xW3vR8tB"
RAW = SECRET.encode()


def texts(token: str) -> dict[str, tuple[str, ...]]:
    return {text: path for path, text in hidden_texts(token)}


@pytest.mark.parametrize(
    ("token", "path"),
    [
        (b64encode(RAW).decode(), ("base64",)),
        (b64encode(RAW).decode().rstrip("="), ("base64",)),
        (urlsafe_b64encode(RAW).decode(), ("base64",)),
        (RAW.hex(), ("hex",)),
        (RAW.hex().upper(), ("hex",)),
        (RAW.hex(":"), ("hex",)),
        (RAW.hex("-"), ("hex",)),
        (RAW.hex(" "), ("hex",)),
        ("".join(f"\\x{byte:02x}" for byte in RAW), ("hex",)),
        (",".join(f"0x{byte:02x}" for byte in RAW), ("hex",)),
        (b32encode(RAW).decode(), ("base32",)),
        (b32encode(RAW).decode().lower().rstrip("="), ("base32",)),
        (b64encode(RAW.hex().encode()).decode(), ("base64", "hex")),
        (b64encode(b64encode(b64encode(RAW))).decode(), ("base64", "base64", "base64")),
        (f"data:text/plain;base64,{b64encode(RAW).decode()}", ("base64",)),
        (f"eyJ9.{urlsafe_b64encode(RAW).decode().rstrip('=')}.sig", ("base64",)),
        (f"name={b64encode(RAW).decode()}", ("base64",)),
        (b64encode(b"a=" + b"".join(b"%%%02x" % byte for byte in RAW)).decode(), ("base64",)),
    ],
)
def test_found(token: str, path: tuple[str, ...]) -> None:
    found = texts(token)
    matching = [key for key in found if SECRET in key]
    assert matching
    assert path in [found[key] for key in matching]


@pytest.mark.parametrize(
    "token",
    ["documentation", "Hello-World-2024", "2147483647123456", "d41d8cd98f00b204e9800998ecf8427e", "a" * 40, "", "x=y"],
)
def test_nothing_there(token: str) -> None:
    assert texts(token) == {}


def test_layers_beyond_the_fourth_are_left() -> None:
    data = RAW
    for _ in range(5):
        data = b64encode(data)
    assert SECRET not in texts(data.decode())
    assert len(hidden_texts(data.decode())) == 4


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("documentation", False),
        ("Documentation", False),
        ("documentation2", True),
        ("short1", False),
        ("QUJDREVGR0hJ", True),
    ],
)
def test_the_gate(token: str, expected: bool) -> None:
    assert may_hide(token) is expected


def test_text_is_long_and_printable() -> None:
    assert is_text(b"abcdef")
    assert not is_text(b"abcde")
    assert not is_text(b"abc\x00\x01\x02")


@given(st.text(max_size=400))
def test_any_text_is_taken_and_bounded(token: str) -> None:
    assert len(hidden_texts(token)) <= 33


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60))
def test_what_encoders_write_is_read(text: str) -> None:
    plain = text.replace("%", "x")
    assert plain in texts(b64encode(plain.encode()).decode())
    assert plain in texts(plain.encode().hex())
