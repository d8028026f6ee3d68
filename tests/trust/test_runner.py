from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pipelock.trust import runner
from pipelock.trust.runner import MAX_OUTPUT, run

ENVIRON = {"PATH": os.environ["PATH"], "WORD": "given"}


def python(code: str, folder: Path, seconds: float = 10.0) -> runner.Run:
    return run([sys.executable, "-c", code], ENVIRON, folder, seconds)


def test_a_program_gets_its_environment_and_folder_and_no_input(tmp_path: Path) -> None:
    went = python("import os, sys; print(os.environ['WORD'], os.getcwd(), repr(sys.stdin.read()))", tmp_path)
    assert (went.code, went.timed_out) == (0, False)
    assert went.output == f"given {tmp_path} ''\n"


def test_both_outputs_are_kept_and_the_code(tmp_path: Path) -> None:
    went = python("import sys; print('out', flush=True); sys.exit('err')", tmp_path)
    assert (went.code, went.output) == (1, "out\nerr\n")


def test_what_is_too_much_is_dropped_without_stopping_the_program(tmp_path: Path) -> None:
    went = python(f"print('x' * {MAX_OUTPUT * 5}, flush=True); raise SystemExit(3)", tmp_path)
    assert (went.code, len(went.output), went.timed_out) == (3, MAX_OUTPUT, False)


def test_a_program_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    code = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    went = python(code, tmp_path, 1.0)
    assert went.timed_out
    assert went.seconds < 5
    stat = Path(f"/proc/{int(went.output)}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and " Z " not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stat.exists() or " Z " in stat.read_text()


def test_one_that_closes_its_output_and_hangs_is_stopped_too(tmp_path: Path) -> None:
    went = python("import os, time; os.close(1); os.close(2); time.sleep(60)", tmp_path, 0.5)
    assert went.timed_out


def test_a_child_that_holds_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    code = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)"])
print("done")
"""
    went = python(code, tmp_path)
    assert (went.output, went.timed_out) == ("done\n", False)
    assert went.seconds < 2.5


def test_a_program_that_can_not_be_started(tmp_path: Path) -> None:
    went = run(["/nonexistent/program"], ENVIRON, tmp_path, 1.0)
    assert (went.code, went.output) == (None, "No such file or directory")
