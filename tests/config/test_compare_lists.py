from __future__ import annotations

import pytest

from pipelock.config import loads
from pipelock.config.compare_lists import added, egress_rules, patterns, removed, uncovered, widened
from pipelock.config.schema_scanning import DlpPattern, ResponsePattern


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([], ["a"], ["k: a added"]),
        (["a"], ["A"], []),
        (["a", "b"], ["b"], []),
        ([], list("abcdefg"), ["k: a, b, c, d, e and 2 more added"]),
    ],
)
def test_added(old: list[str], new: list[str], told: list[str]) -> None:
    assert list(added("k", old, new)) == told


@pytest.mark.parametrize(("old", "new", "told"), [(["a"], [], ["k: a removed"]), (["A"], ["a"], []), ([], ["a"], [])])
def test_removed(old: list[str], new: list[str], told: list[str]) -> None:
    assert list(removed("k", old, new)) == told


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (["10.1.0.0/16"], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.0.0.0/9", "10.128.0.0/9"]),
        (["fd00::/8"], ["fc00::/7", "10.0.0.0/8"]),
        (["127.0.0.1/32", "::1/128"], ["127.0.0.0/8", "::1/128"]),
        ([], ["10.0.0.0/8"]),
    ],
)
def test_networks_are_compared_by_what_they_cover(small: list[str], large: list[str]) -> None:
    assert list(widened("k", large, small)) == []
    assert list(uncovered("k", small, large)) == []


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        (["10.0.0.0/8"], ["10.0.0.0/9"], "10.0.0.0/8"),
        (["10.0.0.0/8"], [], "10.0.0.0/8"),
        (["0.0.0.0/8"], ["::/8"], "0.0.0.0/8"),
        (["10.0.0.0/8", "fc00::/7"], ["10.0.0.0/8", "fe80::/10"], "fc00::/7"),
    ],
)
def test_networks_that_come_and_go(old: list[str], new: list[str], gone: str) -> None:
    assert list(uncovered("k", old, new)) == [f"k: {gone} removed"]
    assert list(widened("k", new, old)) == [f"k: {gone} added"]


BASE = DlpPattern(name="Key", regex="abc", severity="high")


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ([BASE], []),
        ([DlpPattern(name="KEY", regex="abc", severity="critical")], []),
        ([], ["k: 'Key' removed"]),
        ([DlpPattern(name="Key", regex="abcd")], ["k: the regex of 'Key' changed"]),
        ([DlpPattern(name="Key", regex="abc", severity="low")], ["k: 'Key' has severity low, was high"]),
        ([DlpPattern(name="Key", regex="abc", action="warn")], ["k: 'Key' only warns now"]),
        ([DlpPattern(name="Key", regex="abc", validator="luhn")], ["k: 'Key' now needs a valid luhn checksum"]),
        (
            [DlpPattern(name="Key", regex="abc", exempt_domains=("a.example",))],
            ["k: 'Key' exempt_domains: a.example added"],
        ),
    ],
)
def test_patterns(new: list[DlpPattern], told: list[str]) -> None:
    assert list(patterns("k", [BASE], new)) == told


def test_response_patterns() -> None:
    old, new = (ResponsePattern(name="Phrase", regex=regex) for regex in ("abc", "abcd"))
    assert list(patterns("k", [old], [old])) == []
    assert list(patterns("k", [old], [new])) == ["k: the regex of 'Phrase' changed"]


ASK = "{name: a, action: ask, host: a.example}"
BLOCK = "{name: b, action: block, host: b.example}"
ALLOW = "{name: c, action: allow, host: c.example}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (f"[{ASK}, {BLOCK}]", f"[{ASK}, {BLOCK}]", []),
        (f"[{ASK}]", f"[{ASK}, {BLOCK}]", []),
        (f"[{ALLOW}]", "[]", []),
        (f"[{BLOCK}]", f"[{BLOCK}, {ALLOW}]", []),
        (f"[{ASK}]", "[]", ["egress_rules: 'a' (ask) removed"]),
        (f"[{ASK}]", f"[{ASK.replace('ask', 'warn')}]", ["egress_rules: 'a' became warn, was ask"]),
        (f"[{ASK}]", f"[{ASK.replace('ask', 'block')}]", []),
        (
            f"[{ASK}]",
            f"[{ASK.replace('a.example', 'x.example')}]",
            ["egress_rules: 'a' is about other requests than before"],
        ),
        (f"[{BLOCK}]", f"[{ALLOW}, {BLOCK}]", ["egress_rules: 'c' (allow) added ahead of something stricter"]),
        (f"[{BLOCK}]", f"[{ASK}, {BLOCK}]", ["egress_rules: 'a' (ask) added ahead of something stricter"]),
        (f"[{ASK}, {BLOCK}]", f"[{BLOCK}, {ASK}]", ["egress_rules: the order changed, and the first match decides"]),
        ("[{name: a, action: ask, method: 'GET,PUT'}]", "[{name: a, action: ask, method: [put, get]}]", []),
    ],
)
def test_egress_rules(old: str, new: str, told: list[str]) -> None:
    before, after = (loads(f"egress_rules: {rules}", "x").config for rules in (old, new))
    assert list(egress_rules(before, after)) == told


def test_an_allowing_rule_weakens_a_default_that_blocks() -> None:
    before, after = (
        loads(f"egress_default: block\negress_rules: {rules}", "x").config for rules in ("[]", f"[{ALLOW}]")
    )
    assert list(egress_rules(before, after)) == ["egress_rules: 'c' (allow) added ahead of something stricter"]


def test_a_rule_that_the_default_replaces_is_not_missed() -> None:
    before = loads(f"egress_rules: [{BLOCK}]", "x").config
    after = loads("egress_default: block", "x").config
    assert list(egress_rules(before, after)) == []
