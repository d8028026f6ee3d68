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
    return [one[:2] for one in DECODER.derive(data, DECODER.gates(data)).texts]


def is_complete(data):
    return DECODER.derive(data, DECODER.gates(data)).complete


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


def encoded(times, text=TEXT):
    for _ in range(times):
        text = base64.b64encode(text)
    return text


def test_depth_ends_and_says_so():
    assert is_complete(encoded(MAX_DEPTH))
    assert (TEXT, ("base64",) * MAX_DEPTH) in derive(encoded(MAX_DEPTH))
    assert not is_complete(encoded(MAX_DEPTH + 1))
    assert max(len(one[1]) for one in derive(encoded(MAX_DEPTH + 2))) == MAX_DEPTH


JUNK = b"%41 &#x41; \\u0041 \x1b[1m vtaber erongi 41:42:43:44\n"


@pytest.mark.parametrize("head", [b"%41 &#x41;", b"%2541 &amp;#x41; \\\\u0041", b"", b"%41 &amp;amp;lt; \\\\n"])
@pytest.mark.parametrize("size", [100, 90_000])
def test_notations_in_front_leave_nothing_behind_unread(head, size):
    data = head + (b"an ordinary word or two, and more. " * (size // 35)) + base64.b64encode(TEXT)
    assert is_complete(data)
    assert TEXT in {one[0] for one in derive(data)}


def test_what_a_flood_of_notations_gives_turned_is_read_as_far_as_it_is_cheap_and_is_no_reason_to_refuse():
    data = JUNK + (b"an ordinary word or two, and more. " * 3_000) + base64.b64encode(TEXT)
    assert TEXT in {one[0] for one in derive(data)}
    assert is_complete(data)


def test_size_ends_and_says_so():
    data = b"%25" * 50_000
    assert is_complete(data)
    deep = b"%" + b"25" * 300_000
    texts = derive(deep)
    turned = [text for text, path in texts if {"reversed", "rot13"} & {*path}]
    assert sum(map(len, turned)) <= 4 * len(deep) + 131_072
    assert sum(len(text) for text, _ in texts) - sum(map(len, turned)) <= 8 * len(deep) + 262_144
    assert not is_complete(deep)


@pytest.mark.parametrize("row", ["*", "-", "~", "-=", "_ "])
def test_a_ruled_line_of_any_length_spells_nothing(row):
    # A letter at a time, with the same sign between all of them: read so, half of a line is a line again.
    decoder = Decoder(spelled=True)
    data = row.encode() * 40_000
    derivation = decoder.derive(data, decoder.gates(data))
    assert derivation.complete
    assert not [one for one in derivation.texts if "spelled" in one.path]
    letters = TEXT.replace(b" ", b"")
    said = b"-".join(bytes([byte]) for byte in letters)
    assert letters in [one.data for one in decoder.derive(said, decoder.gates(said)).texts]


def test_mixed_notations_are_undone_together():
    assert TEXT in {
        one[0] for one in derive(TEXT.replace(b"q", b"%71").replace(b"k", b"&#107;").replace(b"l", b"\\u006c"))
    }


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet="%&#x;\\u041=AZaz:, -", max_size=200).map(str.encode)))
def test_any_bytes_are_taken(data):
    for one in derive(data):
        assert one[1]
