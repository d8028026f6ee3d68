"""Which findings an entry of section `suppress` covers."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.detect.hosts import HostSet
from pipelock.engine._suppress import CROWDED, FULL, Entry, Suppressions
from pipelock.model import Finding, Span
from tests.factories import a_finding, an_action

RULE = "JWT Token"
URL = "https://api.example.com/v1/items?page=2"


def found(**changes: Any) -> Finding:
    return a_finding(**{"rule": RULE, "scanner": "body_dlp", "place": "body", **changes})


def covers(target: str, finding: Finding | None = None, wall: float = 0.0, **entry: Any) -> bool:
    suppressions = Suppressions([Entry(**{"rule": "jwt token", "path": "*", **entry})])
    return suppressions.covers(finding or found(), an_action(url=target, host=""), wall)


@pytest.mark.parametrize(
    ("pattern", "target", "expected"),
    [
        ("https://h/docs/x", "https://h/docs/x", True),
        ("https://h/docs/x", "https://h/docs/x?q=1", True),
        ("https://h/docs/x?q=1", "https://h/docs/x?q=1", True),
        ("https://h/docs/x?q=1", "https://h/docs/x", False),
        ("https://h/docs/", "https://h/docs/deep/x", True),
        ("https://h/docs/", "https://h/docsx", False),
        ("https://h/", "https://h/anything", True),
        ("https://h", "https://h/", True),
        ("https://h", "https://h/anything", False),
        ("https://h*", "https://h/anything", True),
        ("https://h*", "https://h.evil.example/anything", False),
        ("HTTPS://H/x", "https://h/x", True),
        ("h/docs/*", "https://h/docs/x", True),
        ("docs/*.md", "https://h/a/docs/x.md", True),
        ("docs/*.md", "https://h/a/docsx.md", False),
        ("https://h/x", "https://h:443/x", True),
        ("http://h/x", "http://h:80/x", True),
        ("http://h/x", "http://h:81/x", False),
        ("https://h/x", "http://h/x", False),
        ("*", "https://h/x", True),
        # Another host's path or query is no host.
        ("evil.example/*", "https://h/?u=evil.example/x", False),
        ("https://*.example.com/*", "https://evil.test/x.example.com/y", False),
        ("https://*.example.com/*", "https://evil.test/?.example.com/", False),
        ("docs/*.md", "https://h/?x=docs/a.md", False),
        # More than one reading of the target, so none holds.
        ("https://h/*", "https://h@evil.test/x", False),
        ("https://h/*", "https://h\\@evil.test/x", False),
        ("http://h:port/x", "http://h:port/x", False),
        # Files.
        ("docs/a.md", "docs/a.md", True),
        ("./docs/a.md", "docs/a.md", True),
        ("docs\\a.md", "docs/a.md", True),
        ("docs/", "docs/deep/a.md", True),
        ("docs/", "other/docs.md", False),
        ("a.md", "docs/a.md", True),
        ("a.md", "docs/aa.md", False),
        ("*.md", "docs/a.md", True),
        ("tests/*/key.pem", "tests/data/key.pem", True),
        ("https://h/*", "docs/a.md", False),
    ],
)
def test_paths(pattern: str, target: str, expected: bool) -> None:
    assert covers(target, path=pattern) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"rule": "AWS Access ID"}, False),
        ({"hard": True}, False),
        ({"scanner": "header_dlp"}, True),
        ({"scanner": "response_scan"}, True),
        ({"scanner": "core_dlp"}, False),
        ({"scanner": "core_ssrf"}, False),
        ({"scanner": "core_response"}, False),
        ({"scanner": "ssrf"}, False),
        ({"scanner": "blocklist"}, False),
        ({"scanner": "dlp", "place": "url:query:k"}, False),
        ({"scanner": "dlp", "place": "url"}, False),
    ],
)
def test_what_can_be_suppressed(changes: dict[str, Any], expected: bool) -> None:
    assert covers(URL, found(**changes)) is expected


def test_a_name_of_the_core_is_not_taken_wherever_it_is_found() -> None:
    suppressions = Suppressions([Entry(rule="AWS Access ID", path="*")], core=frozenset({"aws access id"}))
    assert not suppressions
    assert not suppressions.covers(a_finding(scanner="body_dlp", place="body"), an_action(), 0.0)


@pytest.mark.parametrize(
    ("hosts", "host", "expected"),
    [
        (["api.example.com"], "API.example.com.", True),
        (["*.example.com"], "a.b.example.com", True),
        (["api.example.com"], "example.com", False),
        (["api.example.com"], "not a host", False),
    ],
)
def test_hosts(hosts: list[str], host: str, expected: bool) -> None:
    suppressions = Suppressions([Entry(rule=RULE, path="*", hosts=HostSet(hosts))])
    assert suppressions.covers(found(), an_action(url="https://x/", host=host), 0.0) is expected


def test_an_entry_with_a_host_does_not_hold_for_files() -> None:
    assert not covers("a/b.txt", hosts=HostSet(["*.example.com"]))


@pytest.mark.parametrize(
    ("field", "place", "expected"),
    [
        ("header:authorization", "header:authorization", True),
        ("header:*", "header:x-key", True),
        ("header:authorization", "headers", False),
        ("url:query:token", "url:query:token", True),
        ("url:*", "url:path", True),
        ("url:query:token", "url:query:tokens", False),
        ("body", "body", True),
        ("body", "header:body", False),
    ],
)
def test_fields(field: str, place: str, expected: bool) -> None:
    assert covers(URL, found(place=place), field=field) is expected


BODY = b'{"user": {"name": "tok-1", "notes": ["a", "tok-2"]}, "other": "tok-3"}'


@pytest.mark.parametrize(
    ("field", "needle", "expected"),
    [
        ("body:user.name", b"tok-1", True),
        ("body:user.name", b"tok-3", False),
        ("body:user.notes.1", b"tok-2", True),
        ("body:user.*", b"tok-2", True),
        ("body:other", b"tok-3", True),
        ("body:other", b"other", False),
    ],
)
def test_fields_of_a_body(field: str, needle: bytes, expected: bool) -> None:
    at = BODY.find(needle)
    action = an_action(url=URL, host="", body=BODY, content_type="application/json")
    suppressions = Suppressions([Entry(rule=RULE, path="*", field=field)])
    located = found(span=Span(at, at + len(needle)))
    assert suppressions.covers(located, action, 0.0) is expected
    assert not suppressions.covers(found(), action, 0.0)  # nobody knows where it stands


def test_an_entry_holds_until_its_time() -> None:
    assert covers(URL, wall=99.9, expires=100.0)
    assert not covers(URL, wall=100.0, expires=100.0)


def test_where_not_all_matches_may_be_listed_a_field_excuses_nothing() -> None:
    action = an_action(url=URL)
    entries = [Entry(rule=RULE, path="*", field="header:a")]
    few = [found(scanner="header_dlp", place="header:a")] * (CROWDED - 1)
    many = [*few, few[0]]
    assert Suppressions(entries).split(few, action, 0.0) == ((), tuple(few))
    assert Suppressions(entries).split(many, action, 0.0) == (tuple(many), ())
    assert Suppressions([*entries, Entry(rule=RULE, path="*")]).split(many, action, 0.0) == ((), tuple(many))
    assert Suppressions([Entry(rule=RULE, path="*")]).split(few * FULL, action, 0.0)[1] == ()


def test_which_rules_are_looked_at_by_field() -> None:
    suppressions = Suppressions([Entry(rule="A", path="*"), Entry(rule="B", path="*", field="body")])
    assert (suppressions.looks_at_fields("a"), suppressions.looks_at_fields("b")) == (False, True)
