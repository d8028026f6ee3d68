"""Layers of encoding, and their limits."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.decode import MAX_DEPTH, Decoder

DECODER = Decoder()
TEXT = b"the quick brown fox jumps over the lazy dog"


def derive(data):
    return DECODER.derive(data, DECODER.gates(data))


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (base64.b64encode(TEXT), ("base64",)), (TEXT.hex().encode(), ("hex",)), (base64.b32encode(TEXT), ("base32",)),
        (TEXT.hex(":").encode(), ("hex",)), (base64.b64encode(TEXT.hex().encode()), ("base64", "hex")),
        (b"".join(b"%%%02x" % byte for byte in TEXT), ("url",)),
        (b"".join(b"&#x%x;" % byte for byte in TEXT), ("html",)),
        (b"".join(b"\\u%04x" % byte for byte in TEXT), ("escape",)),
    ],
)  # fmt: skip
def test_each_encoding_names_its_path(data, path):
    assert (TEXT, path) in derive(data)


def test_ordinary_text_has_nothing_hidden():
    assert derive(TEXT) == []
    assert derive(b"see /usr/lib/python3/dist-packages/some_package_name/__init__.py") == []


def test_depth_ends():
    data = TEXT
    for _ in range(MAX_DEPTH + 2):
        data = base64.b64encode(data)
    found = derive(data)
    assert max(len(one.path) for one in found) == MAX_DEPTH
    assert TEXT not in {one.data for one in found}


def test_size_ends():
    data = b"%25" * 50_000
    assert sum(len(one.data) for one in derive(data)) <= 4 * len(data) + 65_536


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet="%&#x;\\u041=AZaz:, -", max_size=200).map(str.encode)))
def test_any_bytes_are_taken(data):
    for one in derive(data):
        assert one.path
