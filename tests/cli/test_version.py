from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelock import __version__
from pipelock.cli import version

Run = Callable[..., tuple[int, str, str]]


def test_four_lines(run: Run) -> None:
    code, out, _ = run("version")
    first, *others = out.splitlines()
    assert code == 0
    assert first == f"pipelock version {__version__}"
    assert [line.split(":")[0] for line in others] == ["  python version", "  platform", "  libraries"]


def test_a_library_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "_ENGINES", ("no-such-distribution",))
    assert "no-such-distribution missing" in run("version")[1]


def test_the_flag(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    with pytest.raises(SystemExit) as caught:
        run("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pipelock {__version__}\n"
