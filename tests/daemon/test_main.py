from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.config import loads
from pipelock.daemon.main import RunOptions, _read, _steady, with_lines


@pytest.mark.parametrize(
    ("written", "output", "file"),
    [
        ("", "stdout", ""),
        ("logging: {format: json, output: stdout}", "stdout", ""),
        ("logging: {format: json, output: file, file: /log/audit.jsonl}", "both", "/log/audit.jsonl"),
        ("logging: {format: json, output: both, file: /log/audit.jsonl}", "both", "/log/audit.jsonl"),
        ("logging: {format: text, output: stdout}", "stdout", ""),
    ],
)
def test_lines_put_text_on_standard_output_and_leave_the_file_alone(written: str, output: str, file: str) -> None:
    loaded = loads(written, "x")
    section = with_lines(loaded).config.logging
    assert (section.format, section.output, section.file) == ("text", output, file)


def test_lines_are_no_other_policy() -> None:
    loaded = loads("logging: {include_allowed: false}", "x")
    shown = with_lines(loaded)
    assert shown.policy_hash == loaded.policy_hash
    assert not shown.config.logging.include_allowed


@pytest.mark.parametrize("lines", [True, False])
def test_every_reading_of_the_file_obeys_the_command_line(tmp_path: Path, lines: bool) -> None:
    path = tmp_path / "pipelock.yaml"
    path.write_text("logging: {format: json}\n")
    section = _read(RunOptions(config=path, lines=lines)).config.logging
    assert section.format == ("text" if lines else "json")
    assert _read(RunOptions(preset="balanced", lines=lines)).config.logging.format == section.format


def test_timers_go_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _steady()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= _steady() - before < 60
