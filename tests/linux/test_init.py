from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock_linux.channel import NotRun
from pipelock_linux.init import _execute, _stdio_grants

E = errno


class Program:
    """An execve that says no: by path, and what it was asked."""

    def __init__(self, answers: dict[str, int]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, path: str, words: list[str], environment: dict[str, str]) -> None:
        self.asked.append((path, words))
        if "\0" in "".join(words):
            raise ValueError("embedded null byte")
        raise OSError(self.answers.get(path, E.ENOENT), "no", path)


@pytest.mark.parametrize(
    ("command", "path", "answers", "failed", "asked"),
    [
        (("tool",), "/a:/b", {}, NotRun(E.ENOENT, "tool"), ["/a/tool", "/b/tool"]),
        # What is there and may not be run says more than what is not there.
        (("tool",), "/a:/b:/c", {"/b/tool": E.EACCES}, NotRun(E.EACCES, "/b/tool"), ["/a/tool", "/b/tool", "/c/tool"]),
        (("./tool", "x"), "/a", {}, NotRun(E.ENOENT, "./tool"), ["./tool"]),
        (("/x/tool",), "/a", {"/x/tool": E.EACCES}, NotRun(E.EACCES, "/x/tool"), ["/x/tool"]),
        (("tool",), "", {"./tool": E.EPERM}, NotRun(E.EPERM, "./tool"), ["./tool"]),
        (("tool",), "/f", {"/f/tool": E.ENOTDIR}, NotRun(E.ENOENT, "tool"), ["/f/tool"]),
        # A text without a first line that names its interpreter goes to the shell, and to nobody after that.
        (("tool", "x"), "/a:/b", {"/a/tool": E.ENOEXEC}, NotRun(E.ENOEXEC, "/a/tool"), ["/a/tool", "/bin/sh"]),
        (("tool", "a\0b"), "/a", {}, NotRun(E.EINVAL, "tool"), ["/a/tool"]),
    ],
)
def test_programs_are_looked_for_as_execvp_does(command, path, answers, failed, asked) -> None:
    program = Program(answers)
    assert _execute(command, {"PATH": path}, program) == failed
    assert [path for path, _ in program.asked] == asked
    if asked[-1] == "/bin/sh":
        assert program.asked[-1][1] == ["/bin/sh", asked[-2], *command[1:]]


def inside(code: str, *, environ: dict[str, str] | None = None) -> str:
    """What Python code prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_launchers_variables_and_words_are_gone_from_memory() -> None:
    code = (
        "from pipelock_linux.init import wipe_environment\n"
        "from pathlib import Path\n"
        "wipe_environment()\n"
        "print(Path('/proc/self/environ').read_bytes().strip(b'\\0'), Path('/proc/self/cmdline').read_bytes().strip(b'\\0'))"
    )
    assert inside(code, environ={"MODEL_KEY": "sk-secret"}) == "b'' b''\n"


def test_what_we_were_called_with_is_granted(tmp_path: Path) -> None:
    code = (
        "from pipelock_linux.init import _stdio_grants\n"
        "print([(grant.path, str(grant.access)) for grant in _stdio_grants()])"
    )
    with (tmp_path / "in").open("w+") as both, Path(os.devnull).open() as nothing:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=nothing, stdout=subprocess.PIPE, stderr=both, text=True, check=True
        )
    # A pipe needs no grant: nobody else has it.
    assert done.stdout == "[('/proc/self/fd/0', 'read'), ('/proc/self/fd/2', 'write')]\n"
    assert all(grant.path.startswith("/proc/self/fd/") for grant in _stdio_grants())
