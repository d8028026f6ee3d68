from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config import ConfigError, loads
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import MAX_ENTRIES, entry_id, format_file, overlaid, parse_file

ENTRY = Suppression(
    rule="JWT Token", path="https://h.test/v1/*", host="h.test", field="url:query:t", expires="2027-01-31"
)


def test_what_is_written_is_read_back() -> None:
    entries = (ENTRY, Suppression(rule="Other", path="*.md", reason='it\'s "fine"'))
    assert parse_file(format_file(entries), "s.yaml") == entries
    assert parse_file(format_file(()), "s.yaml") == ()
    assert parse_file(b"", "s.yaml") == ()


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.strip() == text), st.text(max_size=40))
def test_any_text_is_read_back_or_refused(rule: str, reason: str) -> None:
    entry = Suppression(rule=rule, path="*", reason=reason)
    try:
        read = parse_file(format_file((entry,)), "s.yaml")
    except ConfigError:
        return
    assert read == (entry,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("suppress:\n  - rule: X\n", "s.yaml:2:5: suppress[0]"),
        ("suppress:\n  - {rule: X, path: '*', hosts: h}\n", "unknown"),
        ("suppress:\n  - {rule: AWS Access ID, path: '*'}\n", "core floor"),
        ("version: 2\n", "version"),
        ("mode: strict\n", "mode"),
        ("suppress: [", "not valid YAML"),
        ("- a\n", "expected keys and values"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_file(text.encode(), "s.yaml")
    assert says in str(caught.value)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse_file(b"version: 1\n\xff\n", "s.yaml")


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(ConfigError):
        parse_file(format_file((ENTRY,) * (MAX_ENTRIES + 1)), "s.yaml")


def test_an_id_tells_entries_apart_by_what_they_excuse() -> None:
    other = Suppression(rule="JWT Token", path="https://h.test/v2/*", host="h.test", field="url:query:t")
    again = Suppression(
        rule="jwt token", path=ENTRY.path, host="H.test", field=ENTRY.field, expires=ENTRY.expires, reason="x"
    )
    assert entry_id(ENTRY) == entry_id(again)
    assert entry_id(ENTRY) != entry_id(other)
    assert len(entry_id(ENTRY)) == 12


def test_entries_come_after_those_of_the_configuration() -> None:
    loaded = loads("suppress: [{rule: A, path: '*'}]", "c.yaml")
    with_more = overlaid(loaded, (ENTRY,))
    assert [entry.rule for entry in with_more.config.suppress] == ["A", "JWT Token"]
    assert with_more.policy_hash != loaded.policy_hash
    assert overlaid(loaded, ()) is loaded
