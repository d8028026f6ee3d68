"""Secrets that are cut over several places are whole again in some view."""

from __future__ import annotations

import pytest

from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.url_secrets import find_secrets
from pipelock.detect.url_view import parse_url, split_url

TOKEN = "ghp_Zt4kW9pLx2Rv7Bn1Qs8Dm3Hc6Jf5Gy0TaUeK"
A, B = TOKEN[:20], TOKEN[20:]
FIFTHS = [TOKEN[at : at + 8] for at in range(0, 40, 8)]


@pytest.fixture(scope="module")
def secrets():
    return SecretScanner(RuleSet.builtin("credentials"))


@pytest.mark.parametrize(
    "rest",
    [
        f"/{A}?x={B}", f"/?{A}={B}", f"/?x={A}&y={B}", f"/{A}/{B}", f"/?y={B}&x={A}", f"/?{A}=1&{B}=2", f"/{A}/x/{B}",
        f"/p;a={A};b={B}", f"/?x={A}#{B}", f"/a/{TOKEN[:14]}/b/{TOKEN[14:28]}?k={TOKEN[28:]}", f"/x={A}/y={B}",
        "/?" + "&z=zz&".join(f"k{index}={part}" for index, part in enumerate(FIFTHS)),
        "/?" + "&".join(f"j{index}=x{index}" for index in range(25)) + f"&p={A}&k=v&q={B}",
        "/?" + "&".join(f"c{index}={char}" for index, char in enumerate(TOKEN)),
    ],
)  # fmt: skip
def test_parts_of_a_url(secrets, rest):
    assert [one.rule for one in find_secrets(parse_url(split_url(f"https://e.example{rest}")), secrets)] == [
        "GitHub Token"
    ]


@pytest.mark.parametrize("userinfo", [A, f"me:{A}"])
def test_userinfo_and_path(secrets, userinfo):
    assert find_secrets(parse_url(split_url(f"https://{userinfo}@e.example/{B}?q=1")), secrets)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/xml", f"<r><{A}><{B}/></{A}></r>"), ("text/xml", f'<r {A}="1" {B}="2"/>'),
        ("text/xml", f'<r x="{A}" y="{B}"/>'), ("text/xml", f"<r><{A}>{B}</{A}></r>"),
        ("text/xml", f"<r><![CDATA[{A}]]><b>{B}</b></r>"), ("text/xml", f"<r>{A}<!-- x -->{B}</r>"),
        ("application/json", f'{{"{A}":1,"{B}":2}}'), ("application/json", f'{{"{A}" : "{B}"}}'),
        ("application/json", f'["{A}","{B}"]'), ("application/json", f'{{"a":"{A}","n":5,"z":"hello there","b":"{B}"}}'),
        ("application/json", '{"v":["' + '","ok","'.join(FIFTHS) + '"]}'), ("application/x-www-form-urlencoded", f"{A}={B}"),
        ("application/x-www-form-urlencoded", f"x={A}&j=1&y={B}"), ("text/csv", f"{A},{B}"), ("text/plain", f"{A}\n{B}\n"),
        ("text/yaml", f"a: {A}\nb: {B}\n"),
    ],
)  # fmt: skip
def test_parts_of_a_body(secrets, kind, body):
    found = secrets.scan(body.encode(), "body", content_type=kind)
    assert "GitHub Token" in {one.rule for one in found}
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    "rest",
    [
        "/octocat/hello/commit/da39a3ee5e6b4b0d3255bfef95601890afd80709?w=1&diff=split",
        "/v1/items/550e8400-e29b-41d4-a716-446655440000?cursor=eyJpZCI6MTIzfQ&limit=20#L10-L20",
        "/a;v=1/b;v=2?sig=none",
    ],
)
def test_identifiers_in_several_places_are_ordinary(secrets, rest):
    assert find_secrets(parse_url(split_url(f"https://e.example{rest}")), secrets) == ()
