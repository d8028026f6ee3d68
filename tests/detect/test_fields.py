"""Values of bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.fields import read_fields

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("data", "kind", "lines", "joined"),
    [
        (b'{"a": "x", "b": ["y", {"c": "z"}], "n": 5}', "", b"", b"xyz"),
        (b'{"a": "\\u0041"}', "application/json", b"a\nA", b""),
        (b'{"a": ', "application/json", b"", b""),
        (b'{"a": "x"}\n{"a": "y"}\n', "application/x-ndjson", b"", b"xy"),
        (b"a=1%41&b=2+3", FORM, b"a\nb\n1A\n2 3", b"1A2 3"),
        (b"a=%zz", FORM, b"a\n%zz", b""),
        (b"plain", "text/plain", b"", b""),
        (b"5", "application/json", b"", b""),
        (b"[" * 100_000, "application/json", b"", b""),
    ],
)
def test_table(data, kind, lines, joined):
    assert read_fields(data, kind) == (lines, joined)


def test_multipart_parts_are_decoded():
    body = (
        b"--B\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n"
        b"--B\r\nContent-Transfer-Encoding: base64\r\n\r\neHl6\r\n--B--\r\n"
    )
    assert read_fields(body, "multipart/form-data; boundary=B").joined == b"a=bcxyz"


@given(st.binary(max_size=200), st.sampled_from(["", "application/json", FORM, "multipart/form-data; boundary=a"]))
def test_any_bytes_are_read_or_left(data, kind):
    assert isinstance(read_fields(data, kind).joined, bytes)
