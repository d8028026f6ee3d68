from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.trust.shells import SHELLS, UnwritableError, shell_of, write

HOSTILE = {
    "A": 'it\'s "odd"',
    "B": "$(touch /tmp/x) `id` ${HOME} $HOME %PATH% !x",
    "C": "back\\slash \\' end\\",
    "D": "two\nlines\tand \r more ",
    "E": "‘curly’ ‚and‛ “double”",
    "F": "",
    "G_PATH": "/with:colon/and space",
    "H": "#; & | > * ? [a] {b} ~",
    "npm_config_cafile": "/ünïcode/☃.pem",
}
PROGRAMS = {"sh": "sh", "bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "pwsh"}


def installed(shell: str) -> str:
    program = shutil.which(PROGRAMS[shell])
    if program is None:
        pytest.skip(f"no {shell}")
    return program


def environment_after(shell: str, script: str) -> dict[str, str]:
    """The environment of a program that the shell starts after the script, whatever is in it."""
    show = "/usr/bin/env -0"
    words = [installed(shell), *(["-NoProfile"] if shell == "powershell" else []), "-c", f"{script}\n{show}"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", "GONE": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(words, env=environ, capture_output=True, check=True, timeout=30)
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("shell", PROGRAMS)
def test_the_shell_reads_back_what_was_meant(shell: str) -> None:
    after = environment_after(shell, write(shell, HOSTILE))
    # There, to set a variable to nothing is to remove it.
    meant = {name: value for name, value in HOSTILE.items() if value or shell != "powershell"}
    assert {name: after.get(name) for name in meant} == meant


@pytest.mark.parametrize("shell", PROGRAMS)
def test_the_shell_takes_variables_back(shell: str) -> None:
    assert "GONE" not in environment_after(shell, write(shell, {"GONE": None, "NEVER_THERE": None}))


def test_eval_of_a_substitution_is_the_same() -> None:
    script = write("sh", HOSTILE)
    done = subprocess.run(
        ["sh", "-c", 'eval "$(cat)"; printf %s "$D"'], input=script.encode(), capture_output=True, check=True
    )
    assert done.stdout.decode() == HOSTILE["D"]


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30))
def test_any_text_survives_sh_and_json(value: str) -> None:
    written = write("sh", {"X": value})
    # What POSIX says of single quotes, said once more in Python.
    inner = written.removeprefix("export X=")
    assert "".join(inner.replace("'\\''", "\0").split("'")).replace("\0", "'") == value
    assert json.loads(write("json", {"X": value, "Y": None})) == {"X": value, "Y": None}


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("http://127.0.0.1:8888", "X=http://127.0.0.1:8888"),
        ("-Da=b -Dc=d", "X=-Da=b -Dc=d"),
        ("", "X="),
        ("/a#b", "X='/a#b'"),
        ("$HOME/x", "X='$HOME/x'"),
        (" edge", "X=' edge'"),
        (None, "X="),
    ],
)
def test_dotenv(value: str | None, line: str) -> None:
    assert write("dotenv", {"X": value}) == line


@pytest.mark.parametrize("value", ["it's", "a\nb", "a\\b", "a\x1bb"])
def test_dotenv_refuses_what_its_readers_read_differently(value: str) -> None:
    with pytest.raises(UnwritableError, match="X holds"):
        write("dotenv", {"X": value})


@pytest.mark.parametrize(
    ("shell", "form"),
    [
        ("/usr/bin/fish", "fish"),
        ("/bin/zsh", "zsh"),
        ("/usr/local/bin/pwsh", "powershell"),
        ("/bin/tcsh", "sh"),
        ("", "sh"),
        ("json", "json"),
    ],
)
def test_the_user_s_shell(shell: str, form: str) -> None:
    assert shell_of({"SHELL": shell}) == form
    assert form in SHELLS
