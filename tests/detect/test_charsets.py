"""Charsets of bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.charsets import charset_of, decode_text, respelled


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        ("", "utf-8"), ("text/html", "utf-8"), ("text/html; charset=UTF-8", "utf-8"), ("a/b;charset='latin1'", "cp1252"),
        ('a/b; q=1; charset="koi8-r"', "koi8-r"), ("a/b; charset=utf-7", None), ("a/b; charset=base64", None),
        ("a/b; charset=" + "x" * 5_000, None), ("charset=utf-7", "utf-8"),
    ],
)  # fmt: skip
def test_the_charset_of_a_content_type(content_type, codec):
    assert charset_of(content_type) == codec


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("añb".encode("utf-16"), "", "añb"), ("añb".encode("utf-32"), "", "añb"), ("ab".encode("utf-16-be"), "", "ab"),
        ("ж".encode("koi8-r"), "a/b; charset=koi8-r", "ж"), (b"plain", "", ""), ("ж".encode(), "a/b; charset=utf-8", ""),
        (b"a\0\0b", "", ""),
    ],
)  # fmt: skip
def test_other_charsets_are_respelled(data, content_type, text):
    assert respelled(data, content_type) == text.encode()


@given(st.binary(max_size=60), st.sampled_from(["", "a; charset=utf-16", "a; charset=iso-2022-jp", "a; charset=no"]))
def test_any_bytes_are_text(data, content_type):
    assert isinstance(decode_text(data, content_type), str)
    assert isinstance(respelled(data, content_type), bytes)
