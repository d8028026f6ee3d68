"""Whole launches, with programs that stand in for sandbox-exec, log and the daemon (driver.py)."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from pipelock.model import WallState
from pipelock_macos.launcher import walls
from pipelock_macos.parse import parse
from tests.macos.profiles import AGENT

HERE = Path(__file__).parent
DRIVER = (sys.executable, str(HERE / "driver.py"))
# One process for all.
NAMES = [
    "plain",
    "signal",
    "passed",
    "end",
    "stubborn",
    "frozen",
    "absent",
    "unfit",
    "ungranted",
    "leaks",
    "breaks",
    "missing",
    "wide",
    "unwanted",
]
SECONDS = 60


def environ():
    return {**os.environ, "PYTHONPATH": str(HERE.parents[1])}


def results(folder):
    found = [json.loads(line) for line in (folder / "results").read_text().splitlines()]
    return {result["scenario"]: result for result in found}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launches")
    done = subprocess.run(
        (*DRIVER, str(folder), *NAMES),
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder, results(folder)


def test_a_command_runs_in_its_folder_with_its_variables(ended) -> None:
    folder, found = ended
    plain = found["plain"]
    assert plain["code"] == 3
    temporary, where, greeting, descriptors = plain["seen"][0].split()
    assert (where, greeting, plain["seen"][1]) == (str(folder / "p"), "hello", "made")
    # Standard input, output and error, and the folder that is listed.
    assert descriptors == "4"
    assert not Path(temporary).exists()
    assert plain["upper"]
    assert plain["closed"]


def test_what_it_started_ends_with_it(ended) -> None:
    pid = int(ended[1]["plain"]["seen"][2])
    stat = Path(f"/proc/{pid}/stat")
    # A zombie is nobody's harm: whoever adopted it takes its time.
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX"


def test_the_daemon_gets_the_listener_and_the_sandbox_its_port(ended) -> None:
    folder, found = ended
    plain, last = found["plain"], found["unwanted"]
    assert plain["lent"] == ["system", plain["port"], 1]
    text = (folder / "profile").read_text()
    parse(text)
    assert f'(allow network-outbound (remote ip "localhost:{last["port"]}"))' in text
    assert str(folder / "p") in text


def test_what_the_log_says_is_told(ended) -> None:
    plain = ended[1]["plain"]
    assert plain["denials"] == [["read /Users/u/.ssh/id", "cat", 2]]
    assert plain["reported"] == ["read /Users/u/.ssh/id"]


def test_signals_and_orders(ended) -> None:
    _, found = ended
    assert found["signal"]["code"] == 137
    # What the launcher is sent is the command's.
    assert found["passed"]["code"] == 8
    assert (found["end"]["code"], found["end"]["ended_by"]) == (5, "a test")
    assert found["end"]["said"] == ["the daemon ends the agent: a test"]
    assert (found["stubborn"]["code"], found["stubborn"]["ended_by"]) == (137, "a test")
    assert (found["frozen"]["code"], found["frozen"]["thawed"]) == (4, "T")
    assert len(found["frozen"]["said"]) == 2


def test_commands_that_can_t_be_run(ended) -> None:
    folder, found = ended
    assert (found["absent"]["code"], found["absent"]["not_run"]) == (127, [errno.ENOENT, "no-such-program"])
    assert (found["unfit"]["code"], found["unfit"]["not_run"]) == (126, [errno.EACCES, str(folder / "p" / "unfit")])
    there = str(folder / "out" / "sh")
    assert (found["ungranted"]["code"], found["ungranted"]["not_run"]) == (126, [errno.EPERM, there])
    assert not any(found[name]["lent"] for name in ("absent", "unfit", "ungranted"))


@pytest.mark.parametrize(
    ("name", "wall", "complaint"),
    [
        ("leaks", "files", "let a file be used"),
        ("breaks", "network", "unbound variable: file-clone"),
        ("missing", "network", "can't be had"),
        ("unwanted", "", "not like this"),
        ("wide", "files", "no place to try"),
    ],
)
def test_without_a_sandbox_that_holds_nothing_is_started(ended, name, wall, complaint) -> None:
    result = ended[1][name]
    assert complaint in result["error"]
    assert result["wall"] == wall
    assert result["lent"] is None
    assert result["closed"]


def test_it_has_a_terminal_of_its_own(tmp_path) -> None:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 33, 101, 0, 0))
    before = termios.tcgetattr(slave)
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            shown += os.read(master, 4096)

    with subprocess.Popen(
        (*DRIVER, str(tmp_path), "terminal", "keys"),
        env=environ(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=lambda: os.login_tty(slave),  # noqa: PLW1509 - between fork and exec alone it can be done
    ) as process:
        until(b"shown")
        os.write(master, b"hi\r")
        until(b"got hi")
        until(b"ready")
        # Keys that mean something to a terminal are the program's, once it wants them.
        os.write(master, b"\x03\x1cx")
        assert process.wait(SECONDS) == 0
    found = results(tmp_path)
    assert (found["terminal"]["code"], found["keys"]["code"]) == (6, 7)
    inner, size = found["terminal"]["seen"]
    assert inner != os.ttyname(slave)
    assert size == "33 101"
    assert found["keys"]["seen"] == ["\x03", "x"]  # splitlines cuts at \x1c
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_walls_say_what_is_missing() -> None:
    by_name = {wall.name: wall for wall in walls(AGENT)}
    assert len(by_name) == len(walls(AGENT))
    assert by_name["network"].state is WallState.UP
    assert "51234, 5432" in by_name["network"].detail
    assert by_name["landlock"].state is WallState.OFF
    assert by_name["processes"].state is WallState.PARTLY
    assert by_name["cgroup"].state is WallState.OFF
