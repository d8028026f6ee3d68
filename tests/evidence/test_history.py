from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipelock.evidence import history as history_module
from pipelock.evidence._history_file import CHUNK, COLUMNS, HistoryFile, columns_of
from pipelock.evidence.history import MAX_WAITING, History, HistoryLimits
from pipelock.evidence.history_search import WINDOW, BrokenHistoryError, Reader
from pipelock.model import Record, Verdict
from pipelock.query import parse
from tests.factories import a_decision, a_finding, a_record, a_summary

NOW = 1_700_000_000.0


def a_file(tmp_path: Path) -> Path:
    return tmp_path / "history" / "history.db"


def some(count: int, *, at: float = NOW, **summary: object) -> list[Record]:
    return [a_record(at=at + number, action=a_summary(id=f"a-{number}", **summary)) for number in range(count)]


def written(path: Path, records: list[Record]) -> HistoryFile:
    file = HistoryFile(path)
    file.add(records)
    return file


def test_what_is_added_is_found_newest_first(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    history = History(path, HistoryLimits(), wall=lambda: NOW)
    history.start()
    for record in some(5):
        history.add(record)
    assert history.flush()
    with Reader(path) as reader:
        page = reader.search()
        assert [kept.record.action.id for kept in page.items] == ["a-4", "a-3", "a-2", "a-1", "a-0"]
        assert (page.before, page.looked_at, page.oldest_at, page.total) == (0, 5, NOW, 5)
        assert reader.find("a-3")[0].at == NOW + 3
        assert reader.find("none") == ()
    history.stop()
    assert history.total == 5
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_waits_is_written_when_it_ends(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    history = History(path, HistoryLimits(), wall=lambda: NOW)
    history.start()
    for record in some(30):
        history.add(record)
    history.stop()
    with Reader(path) as reader:
        assert reader.search().total == 30


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    record = a_record(decision=a_decision(verdict=Verdict.BLOCK, findings=(a_finding(),), layer="DLP"))
    written(path, [record]).close()
    with Reader(path) as reader:
        assert reader.search().items[0].record == record
        assert reader.search(parse('rule:"aws access" layer:dlp')).items
        assert not reader.search(parse("layer:ssrf")).items


def test_pages_join_without_holes(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(25)).close()
    seen: list[str] = []
    before = 0
    with Reader(path) as reader:
        for _ in range(9):
            page = reader.search(before=before, limit=7)
            seen += [kept.record.action.id for kept in page.items]
            before = page.before
            if not before:
                break
    assert seen == [f"a-{number}" for number in reversed(range(25))]


def test_a_page_fits_into_a_frame(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(8, preview="x" * 200_000)).close()
    with Reader(path) as reader:
        page = reader.search()
        assert len(page.items) == 2
        assert reader.search(before=page.before).items[0].row == page.items[-1].row - 1


def test_what_is_too_large_for_a_page_is_a_page_of_its_own(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(2, preview="x" * 700_000)).close()
    with Reader(path) as reader:
        assert len(reader.search().items) == 1


def test_a_search_that_takes_long_says_where_to_go_on(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(WINDOW + 10)).close()
    times = iter([0.0, 3.0, 10.0, 10.5])
    with Reader(path, clock=lambda: next(times)) as reader:
        page = reader.search(parse("id:a-0"), seconds=2.0)
        assert (page.items, page.before, page.looked_at) == ((), 11, WINDOW)
        page = reader.search(parse("id:a-0"), before=page.before, seconds=2.0)
        assert (len(page.items), page.before, page.looked_at) == (1, 0, 10)


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(10)).close()
    with Reader(path) as reader:
        assert len(reader.search(since=NOW + 7).items) == 3
        assert [record.action.id for record, _, _ in reader.every(since=NOW + 8)] == ["a-9", "a-8"]
        assert [looked for _, looked, _ in reader.every(since=NOW + 8)] == [1, 2]


def test_too_many_waiting_are_counted_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    history = History(a_file(tmp_path), HistoryLimits(), told.append, lambda: NOW)
    record = a_record()
    for _ in range(MAX_WAITING + 3):
        history.add(record)
    assert history.lost == 3
    history.start()
    history.stop(30)
    assert told == ["3 decisions are missing in the history; the audit log has them"]
    assert history.total == MAX_WAITING


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says" * 50, b"SQLite format 3\0" + b"x" * 5000]
)
def test_what_is_no_history_is_moved_aside(tmp_path: Path, content: bytes) -> None:
    path = a_file(tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    told: list[str] = []
    history = History(path, HistoryLimits(), told.append, lambda: NOW)
    history.start()
    history.add(a_record(at=NOW))
    history.stop()
    assert "begins anew" in told[0]
    assert path.with_name("history.db.broken").read_bytes() == content
    with Reader(path) as reader:
        assert reader.search().total == 1


def test_another_version_begins_anew(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    written(path, some(3)).close()
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    told: list[str] = []
    history = History(path, HistoryLimits(), told.append)
    history.start()
    history.stop()
    assert "version 99" in told[0]
    assert history.total == 0


def test_a_file_that_is_damaged_while_it_is_open_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_file(tmp_path)
    told: list[str] = []
    history = History(path, HistoryLimits(), told.append, lambda: NOW)
    history.start()

    def broken(_self: HistoryFile, _records: list[Record]) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with monkeypatch.context() as patched:
        patched.setattr(history_module.HistoryFile, "add", broken)
        history.add(a_record(at=NOW))
        assert history.flush()
    history.add(a_record(at=NOW))
    assert history.flush()
    history.stop()
    assert told == ["the history can't be written: database disk image is malformed"]
    assert (history.total, history.lost) == (1, 1)


def test_a_file_that_is_locked_or_on_a_full_disk_is_left_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path)
    written(path, some(3)).close()

    def full(_self: HistoryFile) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    told: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(HistoryFile, "_set_up", full)
        with pytest.raises(OSError, match="disk is full"):
            History(path, HistoryLimits(), told.append, lambda: NOW).start()
    assert (told, path.with_name("history.db.broken").exists()) == ([], False)
    history = History(path, HistoryLimits(), told.append, lambda: NOW)
    history.start()
    history.stop()
    assert history.total == 3


def test_a_new_file_that_is_no_better_is_said_to_be_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: HistoryFile) -> None:
        raise sqlite3.DatabaseError("not a database")

    monkeypatch.setattr(HistoryFile, "_set_up", broken)
    with pytest.raises(OSError, match="not a database"):
        History(a_file(tmp_path), HistoryLimits()).start()


def test_rows_that_can_t_be_removed_do_not_keep_others_from_coming(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    file = written(path, some(20))
    other = sqlite3.connect(path)
    other.execute("CREATE TRIGGER keep BEFORE DELETE ON decision BEGIN SELECT RAISE(FAIL, 'no'); END")
    other.close()
    with pytest.raises(sqlite3.Error, match="no"):
        file.trim(max_rows=0, max_bytes=0, before=0.0)
    file.add(some(1))
    assert file.rows == 21
    file.close()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    path.parent.mkdir()
    (tmp_path / "other").write_bytes(b"")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic link"):
        History(path, HistoryLimits()).start()


def test_a_reader_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BrokenHistoryError, match="unable to open"):
        Reader(tmp_path / "none.db")
    (tmp_path / "empty.db").write_bytes(b"")
    with pytest.raises(BrokenHistoryError, match="no such table"):
        Reader(tmp_path / "empty.db")


@pytest.mark.parametrize("query", ["size>999999999999999g", "host:a\0b", "pid:999999999999999"])
def test_any_number_and_text_can_be_looked_for(tmp_path: Path, query: str) -> None:
    path = a_file(tmp_path)
    written(path, some(3)).close()
    with Reader(path) as reader:
        assert reader.search(parse(query)).items == ()


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"max_rows": 15, "max_bytes": 1 << 30, "before": 0.0}, 15),
        ({"max_rows": 100, "max_bytes": 1 << 30, "before": NOW + 12}, 8),
        ({"max_rows": 100, "max_bytes": 1 << 30, "before": NOW + 100}, 0),
        ({"max_rows": 100, "max_bytes": 1 << 30, "before": 0.0}, 20),
    ],
)
def test_the_oldest_go_first(tmp_path: Path, limits: dict[str, float], left: int) -> None:
    path = a_file(tmp_path)
    file = written(path, some(20))
    while file.trim(**limits):  # type: ignore[arg-type]
        pass
    assert file.rows == left
    file.close()
    with Reader(path) as reader:
        assert [kept.record.action.id for kept in reader.search().items] == [f"a-{n}" for n in range(19, 19 - left, -1)]


def test_a_file_that_is_too_large_loses_its_oldest_and_gives_back_room(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    file = written(path, some(400, preview="x" * 5_000))
    assert file.size > 2_000_000
    while file.trim(max_rows=10_000, max_bytes=1_000_000, before=0.0):
        pass
    assert 150 < file.rows < 250
    assert file.size <= 1_000_000
    file.close()
    assert path.stat().st_size < 1_500_000


def test_rows_are_never_numbered_twice(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    file = written(path, some(5))
    while file.trim(max_rows=0, max_bytes=0, before=NOW + 100):
        pass
    file.add(some(1))
    file.close()
    with Reader(path) as reader:
        assert reader.search().items[0].row == 6


def test_a_column_for_each_value() -> None:
    assert len(columns_of(a_record())) == len(COLUMNS)
    assert CHUNK < MAX_WAITING
