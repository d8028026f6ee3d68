from __future__ import annotations

from pipelock.engine.sessions.rows import MAX_DOMAINS, Row, Rows


def a_row(key: str, at: float = 0.0, account: str = "") -> Row:
    return Row(key, account or key, key, "", at, at)


def keys(rows: Rows) -> list[str]:
    return [row.key for row in rows]


def test_the_least_recently_seen_goes_first() -> None:
    rows = Rows(lambda _: True)
    assert rows.add(a_row("a"), 2) == 0
    rows.add(a_row("b"), 2)
    rows.seen("a")
    assert rows.add(a_row("c"), 2) == 1
    assert keys(rows) == ["a", "c"]


def test_a_session_with_something_against_it_stays_while_there_are_calm_ones() -> None:
    rows = Rows(lambda account: account != "bad")
    rows.add(a_row("bad"), 3)
    for number in range(100):
        rows.add(a_row(f"n{number}"), 3)
    assert keys(rows) == ["bad", "n98", "n99"]


def test_a_smaller_limit_after_a_reload_is_kept() -> None:
    rows = Rows(lambda _: True)
    for key in "abcde":
        rows.add(a_row(key), 10)
    assert rows.add(a_row("f"), 2) == 4
    assert keys(rows) == ["e", "f"]


def test_silent_sessions_are_forgotten_unless_something_is_against_them() -> None:
    rows = Rows(lambda account: account != "bad")
    for key, at in (("bad", 1.0), ("a", 2.0), ("b", 3.0)):
        rows.add(a_row(key, at), 10)
    assert rows.expire(2.0) == 1
    assert keys(rows) == ["bad", "b"]


def test_sessions_of_one_account_the_latest_first() -> None:
    rows = Rows(lambda _: True)
    for key in "abc":
        rows.add(a_row(key, account="x" if key != "b" else "y"), 10)
    assert [row.key for row in rows.of("x")] == ["c", "a"]


def test_domains_are_counted_up_to_a_limit() -> None:
    row = a_row("a")
    for number in range(MAX_DOMAINS + 10):
        row.meet(number)
    assert len(row.domains) == MAX_DOMAINS


def test_what_was_ended_starts_afresh() -> None:
    row = a_row("a")
    row.requests, row.blocked, row.bytes, row.ended = 3, 1, 900, True
    row.meet(1)
    row.begin(50.0)
    assert (row.started_at, row.requests, row.blocked, row.bytes, row.ended) == (50.0, 0, 0, 0, False)
    assert not row.domains
