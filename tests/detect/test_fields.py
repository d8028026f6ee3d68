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
        (b'{"a": "x", "b": ["y", {"c": "z"}], "n": 5}', "", b"", {b"xyz", b"abcn", b"axbyczn"}),
        (b'{"a": "\\u0041"}', "application/json", b"a\nA", {b"aA"}),
        (b'{"a": "q\\"q", "b": "\\\\"}', "application/json", b'a\nq"q\nb\n\\', {b'q"q\\'}),
        (b'{"a": "x"}\n{"a": "y"}\n', "application/x-ndjson", b"", {b"xy"}),
        (b'{"a": "x", "a": "y"}', "", b"", {b"xy"}),
        (b'{"a": "x"}{"a": "y"}', "", b"", {b"xy"}),
        (b'\xef\xbb\xbf  {"a": "x", "b": NaN, "c": "y",}', "text/plain", b"", {b"xy"}),
        (b'// it\n{"a": "x", /* c */ "b": "y"}', "text/plain", b"", {b"xy"}),
        (b'/* " */ {"a": "x", "b": "y"}', "text/plain", b"", {b"/* xy"}),
        (b"{'a': 'x', 'b': 'y', 'c': 'z'}", "text/plain", b"", {b"xyz"}),
        (b'[{"x": 1}, {"y": 2}]', "", b"", {b"xy"}),
        (b"a=1%41&b=2+3", FORM, b"a\nb\n1A\n2 3", {b"1A2 3", b"ab", b"a1Ab2 3"}),
        (b"a=1;b=2", FORM, b"", {b"12"}),
        (b"x=1&y=2;z=3", FORM, b"", {b"123"}),
        (b"a=%zz", FORM, b"a\n%zz", {b"a%zz"}),
        (b"one = x\ntwo = y\n", "text/plain", b"", {b"xy", b"onextwoy"}),
        (b"one: x\ntwo: 'y'\n", "application/yaml", b"", {b"xy"}),
        (b"x,y\nz", "text/csv", b"", {b"xyz"}),
        (b"<r><a>x</a> <a><![CDATA[y]]></a></r>", "application/xml", b"", {b"xy"}),
        (b"<r a='x' b=\"y\"/>", "text/xml", b"", {b"xy"}),
    ],
)
def test_table(data, kind, lines, joined):
    fields = read_fields(data, kind)
    assert fields.lines == lines
    assert joined <= {*fields.joined, *fields.mixed}
    assert fields.problem == ""


@pytest.mark.parametrize("data", [b"plain", b"5", b"[" * 100_000, b"a: single", b'{"a": ', b""])
def test_nothing_is_joined_where_there_are_no_parts(data):
    assert read_fields(data, "text/plain") == (b"", (), (), "")


HEAD = b"Content-Transfer-Encoding: "


def part(*lines):
    return b"--B\r\n" + b"\r\n".join(lines)


def test_multipart_parts_are_decoded():
    body = part(HEAD + b"quoted-printable", b"", b"a=3Db=", b"c", b"") + part(
        HEAD.strip() + b"BASE64", b"", b"eHl6", b"--B--"
    )
    assert b"a=bcxyz" in read_fields(body, "multipart/form-data; boundary=B").joined


def test_names_of_parts_are_joined_too():
    body = part(b'Content-Disposition: form-data; name="x"', b"", b"1", b"") + part(
        b'A: b; name="y"', b"", b"2", b"--B--"
    )
    fields = read_fields(body, "multipart/form-data; boundary=B")
    assert b"12" in fields.joined
    assert {b"xy", b"x1y2"} <= set(fields.mixed)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--B\r\n\r\nx"),
        ("multipart/form-data; boundary=B; boundary=C", b"--B\r\n\r\nx\r\n--C"),
        ("multipart/form-data; boundary*=utf-8''B", b"--B\r\n\r\nx"),
        ("multipart/form-data; boundary=C", b"--B\r\n\r\nx"),
        ("multipart/form-data; boundary=B", b"--B\r\n\r\nx\r\n" * 1_100 + b"--B--"),
    ],
)
def test_a_multipart_body_that_can_not_be_read_in_full_is_a_problem(kind, body):
    assert read_fields(body, kind).problem


def test_very_many_values_are_a_problem():
    assert read_fields(b'"",' * 600_000, "application/json").problem
    assert read_fields(b"a&" * 1_100_000, FORM).problem


@given(st.binary(max_size=200), st.sampled_from(["", "application/json", FORM, "multipart/form-data; boundary=a"]))
def test_any_bytes_are_read_or_left(data, kind):
    assert all(read_fields(data, kind).joined)
