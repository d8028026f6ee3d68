from __future__ import annotations

import gc
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.cli import main as main_module
from pipelock.cli.commands import COMMANDS, Command
from pipelock.cli.errors import CommandError

Run = Callable[..., tuple[int, str, str]]
HEAVY = {"twisted", "textual", "OpenSSL", "asyncio", "rich", "cryptography", "prometheus_client", "psutil"}
MATCHERS = {"re2", "hyperscan"}
JUDGES = [command for command in COMMANDS if command.name in ("explain", "scan", "git", "policy")]
LIGHT = [command for command in COMMANDS if command.name not in ("run", "tui") and command not in JUDGES]


def test_a_missing_daemon_is_one_line_and_code_1(daemon: object, run: Run) -> None:
    daemon.up = False  # type: ignore[attr-defined]
    code, out, err = run("status")
    assert (code, out) == (1, "")
    assert err.startswith("pipelock: no pipelock daemon answers at")
    assert err.count("\n") == 1


def test_usage_is_code_2(run: Run) -> None:
    code, _, err = run("nonsense")
    assert code == 2
    assert err.count("\n") == 1


def test_a_home_that_is_too_long_for_a_socket_is_code_2(run: Run) -> None:
    code, _, err = run("--home", "/" + "x" * 200, "status")
    assert code == 2
    assert "shorter home" in err


def test_an_error_has_its_own_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise CommandError("forged\x1b[1m", 3)

    monkeypatch.setattr("pipelock.cli.version.execute", fail)
    assert run("version") == (3, "", "pipelock: forged\\x1b[1m\n")


def test_an_interrupt_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelock.cli.version.execute", interrupt)
    assert run("version") == (130, "", "")


def test_a_bug_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("pipelock.cli.version.execute", crash)
    with pytest.raises(ZeroDivisionError):
        run("version")


@pytest.fixture
def collector() -> Iterator[None]:
    """The program's way with the garbage collector is for processes that end with it."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_run_exits_with_the_code_of_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["pipelock", "nonsense"])
    with pytest.raises(SystemExit) as caught:
        main_module.run()
    assert caught.value.code == 2
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.usefixtures("collector")
def test_brief_commands_end_at_once_and_the_others_collect_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    for words, is_brief in ((["connect", "--proxy", "nowhere", "x", "22"], True), (["completion", "bash"], False)):
        monkeypatch.setattr(sys, "argv", ["pipelock", *words])
        with pytest.raises(SystemExit):
            main_module.run()
        assert (bool(ended), gc.isenabled()) == (is_brief, not is_brief), words
        ended.clear()


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "pipelock", "logs", "--file", str(_long_log(tmp_path))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.readline()
    program.stdout.close()
    errors = program.stderr.read()
    program.stderr.close()
    assert (program.wait(30), errors) == (1, b"")


def _long_log(folder: Path) -> Path:
    path = folder / "log"
    path.write_text('{"event":"allowed"}\n' * 50_000)
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_its_module(command: object) -> None:
    assert callable(importlib.import_module(getattr(command, "module", "")).execute)


def names(modules: str) -> set[str]:
    """The top-level packages, and ours in full."""
    found = modules.split()
    return {name.partition(".")[0] for name in found} | {name for name in found if name.startswith("pipelock.")}


def imported_by(code: str, *words: str) -> str:
    """What `code`, which may use `sys`, prints, and in the last line the modules that are there after it."""
    code = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


# Each command's module is imported by a child of its own: it costs a fork and not an interpreter.
EACH = """
import importlib, os
import pipelock.cli.main
for module in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(module)
        print(module, *sys.modules, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, module
"""


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """What the module of each command imports, together with the entry point."""
    lines = imported_by(EACH, *(command.module for command in COMMANDS if command in LIGHT + JUDGES)).splitlines()
    return {module: names(modules) for module, _, modules in (line.partition(" ") for line in lines[:-1])}


@pytest.mark.parametrize("command", LIGHT, ids=lambda command: command.name)
def test_light_commands_import_nothing_heavy(command: Command, imports: dict[str, set[str]]) -> None:
    found = imports[command.module]
    assert "pipelock.cli.main" in found
    assert not (HEAVY | MATCHERS) & found
    assert not {name for name in found if name.startswith(("pipelock.engine", "pipelock.daemon", "pipelock.proxy"))}


@pytest.mark.parametrize("command", JUDGES, ids=lambda command: command.name)
def test_commands_that_judge_need_no_event_loop(command: Command, imports: dict[str, set[str]]) -> None:
    found = imports[command.module]
    assert "pipelock.cli.main" in found
    assert not HEAVY & found
    assert not {name for name in found if name.startswith("pipelock.proxy")}


def test_a_check_without_a_file_runs_without_matchers_and_parser() -> None:
    found = names(imported_by("import pipelock.cli.main as m; assert m.main(['check']) == 0").splitlines()[-1])
    assert not (HEAVY | MATCHERS | {"yaml", "difflib", "shutil", "pipelock.engine"}) & found


def test_judging_a_url_needs_no_event_loop_and_nothing_about_responses(tmp_path: Path) -> None:
    # What others have compiled in this run; what begins with a dot is not finished.
    shutil.copytree(os.environ["PIPELOCK_TEST_RULES"], tmp_path / "cache", ignore=shutil.ignore_patterns(".*"))
    words = ["--home", str(tmp_path), "check", "--url", "http://192.0.2.1/"]
    found = names(imported_by(f"import pipelock.cli.main as m; m.main({words!r})").splitlines()[-1])
    assert "pipelock.engine" in found
    assert not (HEAVY | {"yaml", "difflib", "pipelock.detect.injection"}) & found
