"""Which of the paths that an agent tries are told as refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipelock.model import Denial, WallName

if sys.platform != "linux":
    pytest.skip("launches of Linux", allow_module_level=True)

from pipelock.cli import _sandbox_linux


@pytest.fixture
def noticed(monkeypatch):
    """Explains every path as refused, on a machine that mounts what is asked for in /net."""
    monkeypatch.setattr(
        Path, "read_text", lambda *_args, **_kw: "tmpfs / tmpfs rw 0 0\nauto.net /net autofs rw,fd=6 0 0\nodd line\n"
    )
    looked: list[str] = []
    monkeypatch.setattr(os.path, "lexists", lambda path: looked.append(path) or path.startswith("/there"))
    explained = _sandbox_linux._noticed(lambda path, writes: Denial(WallName.FILES, path, f"{writes}"))
    return explained, looked


@pytest.mark.parametrize(
    ("path", "writes", "is_told"),
    [
        ("/there/x", False, True),
        ("/there/x", True, True),
        ("/missing", False, False),  # nobody has it
        ("/missing", True, True),  # it would have been made
        ("/dev/null", True, False),
        ("/proc/self/fd/2", True, False),
        ("/devices", True, True),
        ("/net/secret.attacker.example/x", False, True),
    ],
)
def test_refusals_are_told_and_attempts_are_not(noticed, path, writes, is_told) -> None:
    explained, _ = noticed

    assert (explained(path, writes) is not None) is is_told


def test_nothing_is_mounted_because_an_agent_named_it(noticed) -> None:
    explained, looked = noticed

    for path in ("/net/secret.attacker.example/x", "/there/y"):
        explained(path, False)

    assert looked == ["/there/y"]
