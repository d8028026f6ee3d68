from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.evidence._history_file import HistoryFile
from pipelock.evidence.history import FILE
from pipelock.model import Record, Verdict
from tests.factories import a_decision, a_finding, a_record, a_summary

Run = Callable[..., tuple[int, str, str]]


def keep(home: Path, *records: Record) -> None:
    file = HistoryFile(home / FILE)
    file.add(records)
    file.close()


def refused(number: int, host: str = "example.com") -> Record:
    decision = a_decision(
        verdict=Verdict.BLOCK,
        layer="body_dlp",
        rule="",
        findings=(a_finding(rule="JWT\x1b[0m", scanner="body_dlp", place="body"),),
    )
    return a_record(at=time.time() - 100 + number, action=a_summary(id=f"a-{number}", host=host), decision=decision)


def test_decisions_are_found_newest_last(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, refused(1), refused(2, "other.test"), refused(3), a_record(at=time.time()))
    code, out, err = run("--home", str(tmp_path), "history", "verdict:block host:example.com")
    assert (code, err) == (0, "")
    assert [line.rpartition("[")[2] for line in out.splitlines()] == ["a-1]", "a-3]"]
    assert "\x1b" not in out


def test_the_rule_that_decided_is_named_before_what_was_found_beside_it(tmp_path: Path, run: Run) -> None:
    found = (a_finding(rule="JWT Token", scanner="header_dlp", place="header:x"),)
    decision = a_decision(verdict=Verdict.BLOCK, layer="egress_rules", rule="posts", findings=found)
    keep(tmp_path, a_record(at=time.time(), action=a_summary(id="a-1"), decision=decision))
    assert "  egress_rules posts  [" in run("--home", str(tmp_path), "history")[1]


def test_json_is_a_line_each(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, refused(1), refused(2))
    _, out, _ = run("--home", str(tmp_path), "history", "--json", "--limit", "1")
    assert [json.loads(line)["action"]["id"] for line in out.splitlines()] == ["a-2"]


def test_what_is_left_out_is_said(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, refused(1), refused(2))
    assert "--limit shows more" in run("--home", str(tmp_path), "history", "-n", "1")[2]


def test_nothing_found(tmp_path: Path, run: Run) -> None:
    keep(tmp_path, refused(1))
    assert run("--home", str(tmp_path), "history", "host:none") == (1, "", "")
    assert run("--home", str(tmp_path), "history", "--since", "10s") == (1, "", "")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("history",), 1, "there is no history"),
        (("history", "colour:red"), 2, "no field is called"),
        (("history", "--since", "soon"), 2, "is no time"),
        (("history", "--limit", "0"), 2, "--limit is 1 to 100000"),
        (("history", "--limit", "100001"), 2, "--limit is 1 to 100000"),
    ],
)
def test_mistakes(tmp_path: Path, run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    said = run("--home", str(tmp_path), *words)
    assert (said[0], says in said[2]) == (code, True)
