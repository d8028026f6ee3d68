"""The file on disk beside what is in force, as a person sees it."""

from __future__ import annotations

import pytest

from pipelock.config import ConfigError, loads
from pipelock.daemon.config_review import MAX_CHANGES, MAX_VALUE, review


def test_values_that_are_secrets_are_not_shown() -> None:
    token = "hidden" * 8
    shown = review(loads("", "a"), loads(f"scan_api: {{auth: {{bearer_tokens: [{token}]}}}}\n", "b"))
    (change,) = [one for one in shown.changes if one.key == "scan_api.auth.bearer_tokens"]
    assert (change.old, change.new) == ("", "(not shown)")
    assert token not in str(shown)


@pytest.mark.parametrize(
    ("text", "key", "new"),
    [
        ("egress_rules: [{name: one, action: block}, {name: two, action: ask}]", "egress_rules", "2: one, two"),
        ("suppress: [{rule: JWT Token, path: a/b}]", "suppress", "1: JWT Token"),
        ("api_allowlist: [a.example, b.example]", "api_allowlist", "2: a.example, b.example"),
        ("fetch_proxy: {timeout_seconds: 7}", "fetch_proxy.timeout_seconds", "7"),
        ("explain_blocks: true", "explain_blocks", "true"),
    ],
)
def test_how_values_are_shown(text: str, key: str, new: str) -> None:
    changes = {change.key: change for change in review(loads("", "a"), loads(text, "b")).changes}
    assert changes[key].new == new


def test_long_lists_are_cut() -> None:
    hosts = ", ".join(f"host-{number}.example" for number in range(100))
    (change,) = review(loads("", "a"), loads(f"api_allowlist: [{hosts}]", "b")).changes
    assert change.new.startswith("100: host-0.example, ")
    assert change.new.endswith("…")
    assert len(change.new) <= MAX_VALUE + 10


def test_what_takes_a_restart_and_what_becomes_weaker_is_marked() -> None:
    shown = review(loads("mode: balanced", "a"), loads("mode: audit\nfetch_proxy: {listen: '127.0.0.1:9999'}", "b"))
    changes = {change.key: change for change in shown.changes}
    assert changes["fetch_proxy.listen"].restart
    assert (changes["mode"].weaker, changes["mode"].restart) == ("balanced became audit", False)
    assert shown.weaker
    assert len(shown.changes) <= MAX_CHANGES


def test_the_same_is_no_change() -> None:
    shown = review(loads("mode: audit", "a"), loads("mode: audit", "b"))
    assert (shown.changes, shown.weaker, shown.error) == ((), (), "")
    assert shown.on_disk == shown.running


def test_a_file_that_is_not_valid_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        loads("mod: audit", "b.yaml")
    shown = review(loads("", "a"), caught.value)
    assert (shown.on_disk, shown.changes) == ("", ())
    assert "b.yaml:1:1" in shown.error
