from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.config import loads
from pipelock.config.presets import preset_names, preset_text

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_printed_and_is_valid(run: Run, name: str) -> None:
    code, out, err = run("generate", "config", "--preset", name)
    assert (code, out, err) == (0, preset_text(name), "")
    assert loads(out, name).config.mode == name


def test_balanced_is_the_default(run: Run) -> None:
    assert run("generate", "config")[1] == preset_text("balanced")


def test_a_file_is_private_and_not_overwritten(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pipelock.yaml"
    code, out, _ = run("generate", "config", "-o", str(path))
    assert code == 0
    assert str(path) in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("mine")
    code, _, err = run("generate", "config", "-o", str(path))
    assert code == 1
    assert "--force" in err
    assert path.read_text() == "mine"
    assert run("generate", "config", "-o", str(path), "--force")[0] == 0
    assert path.read_text() == preset_text("balanced")


def test_a_place_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, _, err = run("generate", "config", "-o", str(tmp_path / "none" / "x.yaml"))
    assert code == 1
    assert "cannot be written" in err
