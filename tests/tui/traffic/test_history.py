from __future__ import annotations

from pipelock.model import HistoryPage, Kept
from pipelock_tui import testing
from pipelock_tui.text import plain
from pipelock_tui.traffic.history import MAX_FOUND, Search

ZONE = testing.StillClock.zone


def kept(*rows: int, day: float = 0.0) -> tuple[Kept, ...]:
    return tuple(Kept(row, testing.record(at=testing.NOON - day * 86_400 + row)) for row in rows)


def test_pages_are_put_together_in_the_order_of_time() -> None:
    search = Search("host:x")
    assert search.busy
    search.take(HistoryPage(kept(9, 8), before=8, total=9))
    assert not search.complete
    assert search.before == 8
    search.take(HistoryPage(kept(3, 2, day=1), total=9))
    assert search.complete
    assert [entry.key for entry in search.entries(ZONE)] == ["", "2", "3", "", "8", "9"]
    assert [plain(entry.draw(30, False))[:13] for entry in search.entries(ZONE) if not entry.key] == [
        "── 2026-09-20",
        "── 2026-09-21",
    ]


def test_a_row_that_comes_twice_is_kept_once() -> None:
    search = Search("")
    search.take(HistoryPage(kept(9, 8), before=8))
    search.take(HistoryPage(kept(8, 7), before=7))
    assert len(search) == 3


def test_it_is_bounded() -> None:
    search = Search("")
    search.take(HistoryPage(kept(*range(MAX_FOUND + 500, 0, -1)), before=1))
    assert len(search) == MAX_FOUND
    assert search.complete, "no more is asked for"


def test_the_title_says_what_was_found_and_what_went_wrong() -> None:
    search = Search("host:x")
    assert "asking…" in plain(search.title(0, 80))
    search.take(HistoryPage(kept(9), before=9, total=1_200))
    assert plain(search.title(1, 80)).rstrip().endswith("[1/1+]")
    assert "of 1 200 kept" in plain(search.title(1, 80))
    search.error = "the history is switched off"
    assert "✗ the history is switched off" in plain(search.title(1, 80))


def test_records_are_found_again_by_their_key() -> None:
    search = Search("")
    search.take(HistoryPage(kept(9)))
    assert search.record("9") is not None
    assert search.record("8") is None
