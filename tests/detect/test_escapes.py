"""Escapes undone at memory speed, held beside a plain reading of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect._escapes import entities, escapes, percent

HEX = b"0123456789abcdefABCDEF"


def plain_percent(data):
    out = bytearray()
    index = 0
    while index < len(data):
        digits = data[index + 1 : index + 3]
        if data[index] == ord("%") and len(digits) == 2 and not digits.translate(None, HEX):
            out.append(int(digits, 16))
            index += 3
        else:
            out.append(data[index])
            index += 1
    return bytes(out)


PIECES = [b"%", b"=", b"\n", b"\r", b"%25", b"%3D", b"%3d", b"%41", b"%zz", b"4", b"2", b"5", b"_", b" ", b"\xff", b"D"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"&#105;&#x69;&lt;", b"ii<"), (b"&#105gn", b"ign"), (b"&#x69 g", b"i g"), (b"&#x69gnore", b"ignore"),
        (b"&#;&#x;&#", b"&#;&#x;&#"), (b"&amp&nosuch;", b"&amp&nosuch;"), (b"&#99999999;", b"&#99999999;"),
    ],
)  # fmt: skip
def test_references(data, text):
    assert entities(data) == text


@given(st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join))
def test_percent_is_undone_once_whatever_stands_around(data):
    assert percent(data) == plain_percent(data)


@given(st.binary(max_size=80))
def test_percent_takes_any_bytes(data):
    assert percent(data) == plain_percent(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\\u0041\\x42c", b"ABc"), (b"\\ud83d\\ude00", "\U0001f600".encode()), (b"\\ud83d alone", "� alone".encode()),
        (b"\\xe9", "é".encode()), (b"\\u004", b"\\u004"), (b"\\u00zz", b"\\u00zz"), (b"\\x4", b"\\x4"),
        ("한é".encode() + b"\\u0041", "한éA".encode()),
        (b"\\", b"\\"), (b"", b""), (b"\xff\\u0041", b"\xffA"),
    ],
)  # fmt: skip
def test_backslash_escapes(data, expected):
    assert escapes(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"&amp;&lt;&#65;&#x42;&#X43;", b"&<ABC"), (b"&amp;lt;", b"&lt;"), (b"&amp", b"&amp"), (b"a & b; c", b"a & b; c"),
        (b"&nosuch;", b"&nosuch;"), (b"&#xZZ;", b"&#xZZ;"), (b"&#999999999;", b"&#999999999;"), (b"&;", b"&;"),
        (b"&#55296;", b"&#55296;"), (b"&" + b"a" * 40 + b";", b"&" + b"a" * 40 + b";"),
    ],
)  # fmt: skip
def test_character_references(data, expected):
    assert entities(data) == expected


@given(st.text(alphabet="&#x;\\uX041dD=AZaz", max_size=100).map(str.encode))
def test_any_text_is_taken_and_does_not_grow(data):
    assert len(entities(data)) <= len(data)
    assert len(escapes(data)) <= len(data)
