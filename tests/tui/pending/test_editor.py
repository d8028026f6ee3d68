from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from textual.app import App

from pipelock_tui.pending import editor as module
from pipelock_tui.pending.editor import EditError, TerminalEditor, command_of, ending_of, folder_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["vi"]),
        ({"EDITOR": "nano -w"}, ["nano", "-w"]),
        ({"EDITOR": "nano", "VISUAL": "code --wait"}, ["code", "--wait"]),
        ({"EDITOR": " "}, ["vi"]),
    ],
)
def test_which_editor(environ: dict[str, str], expected: list[str]) -> None:
    assert command_of(environ) == expected


def test_an_editor_that_is_no_command() -> None:
    with pytest.raises(EditError, match="nothing was sent"):
        command_of({"EDITOR": 'vi "'})


@pytest.mark.parametrize(
    ("media", "ending"), [("application/json; charset=utf-8", ".json"), ("text/HTML", ".html"), ("", ".txt")]
)
def test_endings(media: str, ending: str) -> None:
    assert ending_of(media) == ending


def test_the_file_is_made_in_memory_where_there_is_such_a_folder(tmp_path: Path) -> None:
    assert folder_of({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path
    assert folder_of({"XDG_RUNTIME_DIR": str(tmp_path / "missing")}) is None
    assert folder_of({}) is None


class Still(App[None]):
    """An app whose terminal need not be handed over."""

    def suspend(self) -> object:  # type: ignore[override]
        return self.batch_update()


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def edited(tmp_path: Path, program: str) -> bytes:
    script = tmp_path / "editor.py"
    script.write_text(program)
    runtime = tmp_path / "run"
    runtime.mkdir()
    environ = {"EDITOR": f"{sys.executable} {script}", "XDG_RUNTIME_DIR": str(runtime)}
    try:
        async with Still().run_test() as pilot:
            return await TerminalEditor(pilot.app, environ)(b'{"a": 1}', "application/json")
    finally:
        assert left_behind(runtime) == []


async def test_the_body_comes_back_changed(tmp_path: Path) -> None:
    program = "import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(t.replace('1', '2'))"
    assert await edited(tmp_path, program) == b'{"a": 2}'


async def test_an_editor_that_fails_sends_nothing(tmp_path: Path) -> None:
    with pytest.raises(EditError, match="ended with status 3; nothing was sent"):
        await edited(tmp_path, "raise SystemExit(3)")


async def test_a_body_that_became_too_long_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EDIT", 10)
    with pytest.raises(EditError, match="longer than 10 bytes"):
        await edited(tmp_path, "import sys; open(sys.argv[1], 'a').write('x' * 100)")


async def test_a_terminal_that_can_not_be_handed_over(tmp_path: Path) -> None:
    environ = {"EDITOR": "/bin/true", "XDG_RUNTIME_DIR": str(tmp_path)}
    async with App[None]().run_test() as pilot:
        with pytest.raises(EditError, match="can't be handed to an editor"):
            await TerminalEditor(pilot.app, environ)(b"{}", "")
    assert left_behind(tmp_path) == []


async def test_a_file_that_is_gone_and_an_editor_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EditError, match="nothing was sent"):
        await edited(tmp_path, "import os, sys; os.unlink(sys.argv[1])")
    async with Still().run_test() as pilot:
        with pytest.raises(EditError, match="No such file"):
            await TerminalEditor(pilot.app, {"EDITOR": "/nonexistent/editor"})(b"", "")
