from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipelock.cli.logs import MAX_LINE, Tail, execute, matches
from pipelock.cli.table import Arguments

from .conftest import STATUS, FakeDaemon

Run = Callable[..., tuple[int, str, str]]

LINES = """\
{"event":"allowed","n":1}
{"event":"blocked","n":2}
not json, blocked
["blocked"]
{"event":"allowed","message":"blocked","n":3}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    path.write_text(LINES)
    return path


@pytest.mark.parametrize(
    ("line", "event", "expected"),
    [
        ('{"event":"blocked"}', "blocked", True),
        ('{"event":"blocked"}', "", True),
        ('{"event":"allowed","message":"blocked"}', "blocked", False),
        ('{"event":["blocked"]}', "blocked", False),
        ("plain blocked", "blocked", True),
        ("plain", "blocked", False),
        ('["blocked"]', "blocked", True),
        ("[" * 100_000 + "blocked", "blocked", True),
    ],
)
def test_matches(line: str, event: str, expected: bool) -> None:
    assert matches(line, event) is expected


def test_all_of_it(log: Path, run: Run) -> None:
    assert run("logs", "--file", str(log)) == (0, LINES, "")


def test_filter_and_end(log: Path, run: Run) -> None:
    assert run("logs", "--file", str(log), "--filter", "allowed", "-n", "1")[1] == LINES.splitlines()[4] + "\n"
    assert len(run("logs", "--file", str(log), "--filter", "blocked")[1].splitlines()) == 3


def test_the_limit_of_the_end(log: Path, run: Run) -> None:
    assert run("logs", "--file", str(log), "-n", "100001")[0] == 2


def test_a_file_that_is_not_there(tmp_path: Path, run: Run) -> None:
    code, _, err = run("logs", "--file", str(tmp_path / "none"))
    assert code == 1
    assert "No such file" in err


def test_a_directory(tmp_path: Path, run: Run) -> None:
    assert run("logs", "--file", str(tmp_path))[0] == 1


def test_the_running_daemon_says_where_its_log_is(daemon: FakeDaemon, run: Run, log: Path) -> None:
    daemon.state = msgspec.structs.replace(STATUS, audit_path=str(log))
    assert run("logs")[1] == LINES


def test_without_a_daemon_it_is_in_the_home(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    daemon.up = False
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.jsonl").write_text("{}\n")
    assert run("logs") == (0, "{}\n", "")


def test_lines_draw_nothing(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\x1b[2J\xff\xe2\x80\xae\n")
    assert run("logs", "--file", str(path))[1] == "\\x1b[2J\ufffd\\u202e\n"


def test_a_line_without_an_end_waits_for_it(log: Path) -> None:
    tail = Tail(log)
    assert len(list(tail.lines())) == 5
    with log.open("a") as file:
        file.write('{"event":')
    assert list(tail.lines()) == []
    with log.open("a") as file:
        file.write('"late"}\n')
    assert list(tail.lines()) == ['{"event":"late"}']
    tail.close()


def test_rotation_loses_nothing(log: Path) -> None:
    tail = Tail(log)
    list(tail.lines())
    with log.open("a") as file:
        file.write("last of the old\n")
    log.rename(log.with_suffix(".1"))
    assert list(tail.lines()) == ["last of the old"]
    log.write_text("first of the new\n")
    assert list(tail.lines()) == ["first of the new"]
    tail.close()


def test_a_torn_line_ends_with_its_file(log: Path) -> None:
    tail = Tail(log)
    list(tail.lines())
    with log.open("a") as file:
        file.write("torn")
    log.rename(log.with_suffix(".1"))
    log.write_text("new\n")
    assert list(tail.lines()) == ["torn", "new"]
    tail.close()


def test_a_truncated_file_is_begun_again(log: Path) -> None:
    tail = Tail(log)
    list(tail.lines())
    log.write_text("again\n")
    list(tail.lines())
    assert list(tail.lines()) == ["again"] or log.read_text() == "again\n"
    tail.close()


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (3 * MAX_LINE) + b"\nnext\n")
    tail = Tail(path)
    first, second = tail.lines()
    assert len(first) == MAX_LINE
    assert second == "next"
    tail.close()


def test_following_polls_until_interrupted(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt
        with log.open("a") as file:
            file.write(f"line {len(naps)}\n")

    arguments = Arguments(file=log, last=1, filter="", follow=True, check=False, home=None)
    with pytest.raises(KeyboardInterrupt):
        execute(arguments, sleep)
    assert capsys.readouterr().out.splitlines() == [LINES.splitlines()[-1], "line 1", "line 2"]
    assert naps == [0.25] * 3
