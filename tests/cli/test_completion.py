from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

from pipelock.cli._sandbox_command import SANDBOX_COMMAND
from pipelock.cli.commands import COMMANDS, GLOBAL_OPTIONS
from pipelock.cli.completion import bash, fish, zsh

Run = Callable[..., tuple[int, str, str]]
FLAGS_OF_SANDBOX = [flag for option in (*SANDBOX_COMMAND.options, *GLOBAL_OPTIONS) for flag in option.flags]


def complete(*words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    quoted = " ".join(f"'{word}'" for word in ("pipelock", *words))
    script = f'{bash()}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _pipelock; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sta",), ["status"]),
        (("--ho",), ["--home"]),
        (("--home", "/x", "ru"), ["run", "rules"]),
        (("--home", "ki"), []),
        (("kill", "o"), ["on", "off"]),
        (("run", "--mode", ""), ["strict", "balanced", "audit"]),
        (("run", "-m", "st"), ["strict"]),
        (("run", "--config", "x"), []),
        (("approve", "7", "--s"), ["--scope"]),
        (("approve", "7", "--for", "1"), ["1h", "12h"]),
        (("approvals", "re"), ["review", "revoke"]),
        (("completion", "z"), ["zsh"]),
        (("sandbox", "li"), ["list"]),
        (("sandbox", "-"), [*FLAGS_OF_SANDBOX, "--"]),
        (("sandbox", "--", "functio"), ["function"]),
        (("sandbox", "--", "ls", "--"), []),
        (("nonsense", ""), []),
    ],
)
def test_bash_offers_what_fits(words: tuple[str, ...], expected: list[str]) -> None:
    assert complete(*words) == expected


@pytest.mark.parametrize(("shell", "write"), [("bash", bash), ("zsh", zsh), ("fish", fish)])
def test_scripts_name_every_command_and_flag(shell: str, write: Callable[[], str], run: Run) -> None:
    code, out, _ = run("completion", shell)
    assert (code, out) == (0, write())
    for command in COMMANDS:
        assert command.name in out
        for option in command.options:
            assert option.flags[-1].removeprefix("--") in out


def test_the_texts_need_no_quoting() -> None:
    for command in COMMANDS:
        for text in (command.summary, *(option.help for option in command.options)):
            assert not {"'", "\\", "$"} & set(text)
            assert text.isascii()
