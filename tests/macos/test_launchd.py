"""The LaunchAgent's plist, read back; launchd itself is not at hand."""

from __future__ import annotations

import plistlib

import pytest

from pipelock_macos import launchd
from tests.macos.golden_files import differs

PROGRAM = ("/Users/u/.local/bin/pipelock", "run", "--config", "/Users/u/a & b/pipelock.yaml")


def test_the_plist_reads_back() -> None:
    text = launchd.agent_plist(PROGRAM, "/Users/u", "/Users/u/Library/Logs/pipelock", {"LANG": "de_DE.UTF-8"})
    assert not differs("daemon.plist", text.decode())
    read = plistlib.loads(text)
    assert read["Label"] == launchd.LABEL
    assert tuple(read["ProgramArguments"]) == PROGRAM
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["Umask"] == 63
    assert read["EnvironmentVariables"]["LANG"] == "de_DE.UTF-8"
    assert "/usr/bin" in read["EnvironmentVariables"]["PATH"].split(":")
    assert read["StandardErrorPath"] == "/Users/u/Library/Logs/pipelock/daemon.log"


def test_one_s_own_path_wins() -> None:
    read = plistlib.loads(launchd.agent_plist(PROGRAM, "/Users/u", "/l", {"PATH": "/only"}))
    assert read["EnvironmentVariables"] == {"PATH": "/only"}


@pytest.mark.parametrize(
    ("program", "home", "logs", "complaint"),
    [
        ((), "/Users/u", "/l", "command line"),
        (("pipelock", "run"), "/Users/u", "/l", "absolute"),
        (("/p",), "~", "/l", "absolute"),
        (("/p",), "/Users/u", "logs", "absolute"),
        (("/p", "a\x1bb"), "/Users/u", "/l", "control"),
        (("/p", "a\nb"), "/Users/u", "/l", "control"),
    ],
)
def test_what_launchd_can_t_take(program, home, logs, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        launchd.agent_plist(program, home, logs)


def test_launchctl_s_commands() -> None:
    assert launchd.agent_path("/Users/u") == "/Users/u/Library/LaunchAgents/dev.pipelock.daemon.plist"
    assert launchd.bootstrap(501, "/Users/u")[1:] == ("bootstrap", "gui/501", launchd.agent_path("/Users/u"))
    assert launchd.bootout(501)[1:] == ("bootout", "gui/501/dev.pipelock.daemon")
    assert launchd.kickstart(501)[-1] == launchd.show(501)[-1] == "gui/501/dev.pipelock.daemon"
