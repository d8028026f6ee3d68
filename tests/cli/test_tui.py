from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("flags", "plain"), [((), False), (("--plain",), True)])
def test_the_dashboard_gets_the_socket_and_the_home(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: tuple[str, ...], plain: bool
) -> None:
    seen: list[tuple[Path, Path, bool]] = []

    def show(path: Path, home: Path, plain: bool = False) -> int:
        seen.append((path, home, plain))
        return 0

    monkeypatch.setattr("pipelock.cli.tui.run", show)
    assert run("--home", str(tmp_path), "tui", *flags)[0] == 0
    assert seen == [(tmp_path / "run" / "control.sock", tmp_path, plain)]
