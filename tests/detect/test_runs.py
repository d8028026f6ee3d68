"""Runs that are a text in base64, hexadecimal or base32, among thousands that are not."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect._runs import RUN, hidden_runs

TEXT = b"the quick brown fox jumps over"


def noise(count, seed=4):
    rng = random.Random(seed)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return [bytes(rng.choices(alphabet, k=30)) for _ in range(count)]


def found(data):
    return [(one.name, one.text) for one in hidden_runs(data)]


@pytest.mark.parametrize(
    ("run", "name", "text"),
    [
        (base64.b64encode(TEXT), "base64", TEXT),
        (base64.b64encode(TEXT).rstrip(b"="), "base64", TEXT),
        (base64.urlsafe_b64encode("naïve?>~ résumé ça".encode()), "base64", "naïve?>~ résumé ça".encode()),
        (base64.b64encode("wide letters".encode("utf-16-le")), "base64", b"wide letters"),
        (base64.b64encode("wide letters".encode("utf-16-be")), "base64", b"wide letters"),
        (base64.b64encode(TEXT + b"\xff\x00\xfe\x01"), "base64", TEXT),
        (TEXT.hex().encode(), "hex", TEXT),
        (TEXT.hex().upper().encode(), "hex", TEXT),
        ("ünïcödé text".encode("utf-16-le").hex().encode(), "hex", "ünïcödé text".encode()),
        (base64.b32encode(TEXT), "base32", TEXT),
        (base64.b32encode(TEXT).lower(), "base32", TEXT),
        (base64.b32hexencode(TEXT).rstrip(b"="), "base32hex", TEXT),
        (base64.b64encode("wide letters".encode("utf-32")), "base64", b"wide letters"),
        (b"+" + base64.b64encode("wide letters".encode("utf-16-be")).rstrip(b"=") + b"-", "base64", b"wide letters"),
    ],
)
def test_a_hidden_text_is_found_alone_and_behind_noise(run, name, text):
    for data in (run, b" ".join([*noise(2_000), run, *noise(2_000, 5)]), b"path:" + run + b":rest"):
        assert (name, text) in found(data)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"short", b"usr/lib/python3/dist-packages/some_package_name/__init__", b"f" * 64,
        base64.b64encode(TEXT)[: RUN - 1], base64.b64encode(bytes(range(30))), bytes(range(128, 170)).hex().encode(),
    ],
)  # fmt: skip
def test_what_hides_no_text_gives_none(data):
    assert list(hidden_runs(data)) == []


def test_noise_gives_nothing():
    assert list(hidden_runs(b" ".join(noise(3_000)))) == []


@given(st.binary(min_size=18, max_size=80))
def test_base32_agrees_with_the_library(data):
    text = b"words " + data.hex().encode()
    for run in (base64.b32encode(text).rstrip(b"="), base64.b32encode(text).rstrip(b"=").lower()):
        assert ("base32", text) in found(run)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken(data):
    assert all(one.name and one.text and one.run in data for one in hidden_runs(data))
