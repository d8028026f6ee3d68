from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.service.kinds import ServiceError, State
from pipelock.service.systemd import UNIT, quoted, service, state_of, unit

PROGRAM = "/home/u/.local/bin/pipelock"


def read_back(text: str) -> list[str]:
    """The words of a command line, as systemd.service(5) reads it (the part of it that we write)."""
    return [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(text)]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_word_is_read_back_as_it_was_or_refused(word: str) -> None:
    try:
        written = quoted(word)
    except ServiceError:
        assert not word.isprintable()
        return
    assert "\n" not in written
    assert read_back(written) == [word]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("run", "run"),
        ("/a b/c", '"/a b/c"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('say "it\'s"', '"say \\"it\'s\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
        ("a;b", '"a;b"'),
    ],
)
def test_words(word: str, written: str) -> None:
    assert quoted(word) == written


@pytest.mark.parametrize("word", ["line\nfeed", "nul\0", "x" * 5000, "\x1b[1m"])
def test_words_that_no_unit_can_hold(word: str) -> None:
    with pytest.raises(ServiceError, match="can't hold"):
        quoted(word)


@pytest.mark.parametrize("program", ["relative", "/a'b/pipelock", "/a$b/pipelock", '/a"b/pipelock', "/a\\b"])
def test_programs_that_no_unit_can_name(program: str) -> None:
    with pytest.raises(ServiceError, match="can't name"):
        unit((program, "run"))


def settings(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    pairs = [line.partition("=")[::2] for line in lines]
    assert len(pairs) == len(dict(pairs)), "a key stands twice"
    return dict(pairs)


def test_the_unit() -> None:
    found = settings(unit((PROGRAM, "--home", "/data/my home", "run")))
    assert found["ExecStart"] == f'{PROGRAM} --home "/data/my home" run'
    assert found["Type"] == "notify"
    # SIGUSR1 is the kill switch.
    assert found["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert (found["Restart"], found["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert found["RestrictAddressFamilies"].split() == ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"]


def test_nothing_in_it_takes_a_user_namespace() -> None:
    """From inside of one nobody may decide, and no agent is known by its process."""
    taking = ("Private", "ProtectSystem", "ProtectHome", "ProtectProc", "ProtectKernel", "ProtectControl", "ReadOnly")
    taking += ("ReadWrite", "Inaccessible", "TemporaryFileSystem", "Bind", "ProcSubset", "RootDirectory", "Dynamic")
    taking += ("CapabilityBoundingSet", "MemoryDenyWriteExecute")
    assert not [key for key in settings(unit((PROGRAM, "run"))) if key.startswith(taking)]


@pytest.mark.parametrize(
    ("environ", "folder"),
    [({}, "/home/u/.config"), ({"XDG_CONFIG_HOME": "/cfg"}, "/cfg"), ({"XDG_CONFIG_HOME": "rel"}, "/home/u/.config")],
)
def test_where_it_goes(environ: dict[str, str], folder: str) -> None:
    found = service(PROGRAM, ["run"], Path("/home/u"), environ)
    assert found.file == Path(folder, "systemd/user", UNIT)
    assert found.links == (Path(folder, "systemd/user/default.target.wants", UNIT),)
    assert all("--user" in step.command for step in (*found.enable, *found.start, *found.disable, *found.forget))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("", State()),
        ("nonsense\n=\nMainPID=x\n", State()),
        (
            "MainPID=0\nNRestarts=0\nStatusText=\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n",
            State(word="inactive/dead"),
        ),
        (
            (
                "MainPID=17\nNRestarts=2\nStatusText=listening on 127.0.0.1:8888, mode balanced\nLoadState=loaded\n"
                "ActiveState=active\nSubState=running\nUnitFileState=enabled\n"
            ),
            State(
                known=True,
                active=True,
                enabled=True,
                pid=17,
                restarts=2,
                word="active/running",
                text="listening on 127.0.0.1:8888, mode balanced",
            ),
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=disabled\n",
            State(known=True, word="activating/auto-restart"),
        ),
    ],
)
def test_states(said: str, state: State) -> None:
    assert state_of(said) == state


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_no_complaint(tmp_path: Path) -> None:
    file = tmp_path / UNIT
    file.write_text(unit(("/bin/sh", "--home", "/a b/100%/$x", "run")))
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "--user", "--man=no", "verify", str(file)]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
