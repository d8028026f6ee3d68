from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.daemon import audit_review
from pipelock.daemon.audit_review import read_audit


def line(second: int, verdict: str = "allow") -> str:
    return f'{{"time":"2026-01-01T00:00:{second:02d}Z","event":"x","verdict":"{verdict}"}}\n'


def log(folder: Path, *texts: str) -> Path:
    """The newest first."""
    path = folder / "audit.jsonl"
    for number, text in enumerate(texts):
        file = path if number == 0 else folder / f"audit.jsonl.{number}"
        file.write_text(text)
        file.chmod(0o600)
    return path


def test_all_files_are_read_oldest_first(tmp_path: Path) -> None:
    path = log(tmp_path, line(30) + line(31, "block"), line(10), line(1))
    state = read_audit(path)
    assert (state.lines, state.blocked, state.broken, state.backwards, state.problems) == (4, 1, 0, 0, ())
    assert state.last_at - state.first_at == 30
    assert [Path(file.path).name for file in state.files] == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert state.complete
    assert state.read_bytes == sum(file.size for file in state.files)


def test_torn_lines_and_lines_that_moved_are_counted(tmp_path: Path) -> None:
    state = read_audit(log(tmp_path, line(5) + "{torn\n[1]\n" + line(3) + line(6)))
    assert (state.lines, state.broken, state.backwards) == (5, 2, 1)
    assert len(state.problems) == 2


def test_only_the_newest_part_of_much_is_read(tmp_path: Path) -> None:
    path = log(tmp_path, "".join(line(second) for second in range(10)), line(0), line(0))
    size = len(line(0))
    state = read_audit(path, max_bytes=3 * size + 5)
    assert (state.lines, state.complete, state.broken) == (3, False, 0)
    state = read_audit(path, max_bytes=11 * size)
    assert (state.lines, state.complete) == (11, False)


def test_others_may_not_read_it(tmp_path: Path) -> None:
    path = log(tmp_path, line(1))
    path.chmod(0o644)
    assert "chmod 600" in read_audit(path).problems[0]


def test_no_log_is_a_problem(tmp_path: Path) -> None:
    assert "no audit log" in read_audit(tmp_path / "none").problems[0]


def test_a_link_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "other")
    assert read_audit(tmp_path / "audit.jsonl").files == ()


def test_a_line_without_an_end_is_not_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_review, "MAX_LINE", 50)
    assert read_audit(log(tmp_path, "x" * 120 + "\n" + line(1)[:49] + "\n")).broken == 4
