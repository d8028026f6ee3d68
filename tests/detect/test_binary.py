"""Noise is left out, and nothing that can be read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.binary import BLOCK, searchable

NOISE = random.Random(3).randbytes(40 * BLOCK)
TEXT = b"".join(b"line %d of a text that anybody can read\n" % number for number in range(20_000))
SECRET = b"token=kd83hfj2lq0sv7"


@pytest.mark.parametrize(
    "data",
    [b"", b"x", NOISE[: BLOCK - 1], TEXT, "Ä".encode() * BLOCK, b" " * 3 * BLOCK, TEXT.decode().encode("utf-16")],
    ids=["nothing", "a byte", "a little noise", "text", "umlauts", "spaces", "UTF-16"],
)
def test_what_is_no_noise_stays_as_it_is(data: bytes) -> None:
    assert searchable(data) is data


def test_noise_gives_next_to_nothing() -> None:
    assert len(searchable(NOISE)) < len(NOISE) // 500


def test_zeros_say_nothing_and_part_nothing() -> None:
    assert searchable(bytes(5 * BLOCK)) == b""
    assert SECRET in searchable(TEXT[: BLOCK - 8] + SECRET[:8] + bytes(3 * BLOCK) + SECRET[8:] + TEXT)


def test_text_in_another_charset_is_no_noise_where_that_is_known() -> None:
    words = "".join(chr(random.Random(number).randrange(0x4E00, 0x9FA5)) for number in range(60_000))
    for data, content_type in (
        (words.encode("utf-16"), ""),
        (words.encode("utf-16-le"), "text/plain; charset=utf-16le"),
    ):
        assert searchable(data, content_type) is data


@given(at=st.integers(0, 20 * BLOCK), wide=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_secret_anywhere_in_noise_is_kept(at: int, wide: bool) -> None:
    secret = SECRET.decode().encode("utf-16-le") if wide else SECRET
    assert SECRET in searchable(NOISE[:at] + b"\1\0" + secret + b"\0\1" + NOISE[at : 20 * BLOCK])


@given(at=st.integers(0, 12 * BLOCK), edge=st.integers(2 * BLOCK, 10 * BLOCK), noise_first=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_goes_on_from_noise_to_text_is_whole(at: int, edge: int, noise_first: bool) -> None:
    data = NOISE[:edge] + TEXT[: 12 * BLOCK] if noise_first else TEXT[:edge] + NOISE[: 12 * BLOCK]
    assert SECRET in searchable(data[:at] + b"\n" + SECRET + b"\n" + data[at:])


@pytest.mark.parametrize("magic", [b"PK\3\4", b"\x1f\x8b\x08\0", b"PACK\0\0\0\2", b"\x89HDF", b"GGUF\3\0\0\0"])
def test_a_signature_in_front_does_not_hide_text(magic: bytes) -> None:
    assert searchable(magic + TEXT) == magic + TEXT
    hidden = b"".join(bytes([letter, 1]) for letter in SECRET)
    assert hidden in searchable(magic + NOISE[: 2 * BLOCK] + TEXT[:BLOCK] + hidden + TEXT[:BLOCK])


def test_a_little_noise_spread_out_does_not_hide_text() -> None:
    spread = b"".join(NOISE[n * 100 : n * 100 + 100] + TEXT[n * 900 : n * 900 + 900] for n in range(200))
    read = searchable(spread)
    assert all(TEXT[n * 900 : n * 900 + 900] in read for n in range(200))
