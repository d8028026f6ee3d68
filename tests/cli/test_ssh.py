from __future__ import annotations

import os
import shlex
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.cli.errors import CommandError
from pipelock.cli.ssh import MAX_REMOTE, command_line, remote_of

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "remote"),
    [
        (["git@github.com", "git-receive-pack 'org/repo.git'"], "git push git@github.com:org/repo.git"),
        (["git@github.com", "git-upload-pack 'org/repo.git'"], "git fetch git@github.com:org/repo.git"),
        (["-o", "SendEnv=GIT_PROTOCOL", "git@h", "git-upload-pack 'a'"], "git fetch git@h:a"),
        (["-oSendEnv=GIT_PROTOCOL", "-4", "-p", "2222", "git@h", "git-receive-pack '/a/b.git'"], "git push ssh://git@h:2222/a/b.git"),
        (["-p22", "h", "git-receive-pack 'a'"], "git push ssh://h/a"),
        (["-4Cp", "2222", "h", "git-receive-pack", "'a'"], "git push ssh://h:2222/a"),
        (["-l", "git", "h", "git receive-pack 'a'"], "git push git@h:a"),
        (["--", "h", "git-upload-archive 'a'"], "git archive h:a"),
        (["h", "git-lfs-authenticate org/repo.git upload"], "git lfs h:org/repo.git"),
        (["h", "/usr/bin/git-upload-pack 'a'"], "git fetch h:a"),
        (["git@h", "git-upload-pack 'it'\\''s'"], "git fetch git@h:it?s"),
        (["git@h", "git-upload-pack 'open"], "git fetch git@h:?"),
        (["git@h", "git-upload-pack"], "git fetch git@h:?"),
        (["user@h"], "ssh user@h"),
        (["-p", "2222", "user@h", "mysql -psecret"], "ssh user@h port 2222"),
        (["-G", "h"], "ssh h"),
        (["-V"], ""),
        ([], ""),
        (["-p"], ""),
        (["h\x1b[2J$(x)", "git-receive-pack 'a'"], "git push h?[2J??x?:a"),
    ],
)  # fmt: skip
def test_what_is_wanted_of_a_remote(words: list[str], remote: str) -> None:
    assert remote_of(words) == remote


@pytest.mark.parametrize("host", ["ssh://`id`foo/bar", "$(id)", "h;id", "a@h|id", "h\nid", "x'y", 'x"y', "h\\", "h id"])
def test_a_host_that_a_shell_would_read_is_none(host: str) -> None:
    # SSH gives it to the shell that starts the way through the proxy.
    for words in ([host, "git-upload-pack 'a'"], ["-p", "22", "--", host]):
        with pytest.raises(CommandError, match="is none"):
            command_line(words)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_whatever_is_said_it_is_one_word_for_a_shell_and_for_ssh(words: list[str]) -> None:
    remote = remote_of(words)
    assert len(remote) <= MAX_REMOTE
    try:
        line = command_line(words)
    except CommandError:
        assert any(one in "`$\"'\\;&|<>(){} " or not one.isprintable() for word in words for one in word)
        return
    assert line[:2] == ["ssh", "-o"]
    assert line[-len(words) :] == words or not words
    through = line[2].removeprefix("ProxyCommand=")
    assert through.endswith(" %h %p")
    assert "\n" not in through
    read = shlex.split(through.replace("%h", "H").replace("%p", "P").replace("%%", "%"))
    assert read[-2:] == ["H", "P"]
    assert read[1:3] == ["-I", "-S"]
    assert ("--remote" in read) is bool(remote)
    if remote:
        assert read[read.index("--remote") + 1] == remote


def test_paths_with_signs_that_shells_and_ssh_read_are_quoted() -> None:
    line = command_line(["h"], "/opt/100% mine/python")[2]
    assert line.startswith("ProxyCommand='/opt/100%% mine/python' -I -S ")


def test_connections_are_not_shared() -> None:
    line = command_line(["-o", "ControlMaster=auto", "h"])
    assert line.index("ControlMaster=no") < line.index("ControlMaster=auto")  # ssh takes the first
    assert "ControlPath=none" in line


def test_it_becomes_ssh(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []

    def execvp(program: str, words: list[str]) -> None:
        assert program == "ssh"
        became.append(words)
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "execvp", execvp)
    code, _, err = run("ssh", "--", "-T", "git@h")
    assert code == 1
    assert "ssh can't be started" in err
    assert became[0][-2:] == ["-T", "git@h"]
    assert run("ssh")[0] == 2
