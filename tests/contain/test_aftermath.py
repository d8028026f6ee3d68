"""What an agent left that runs outside: new, changed, and whatever stands in the way of looking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelock.contain import aftermath as module
from pipelock.contain.aftermath import Look, aftermath, look


def put(folder: Path, path: str, text: str = "x") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def test_what_appeared_and_what_changed_is_told_with_its_reason(tmp_path: Path) -> None:
    for path in (".git/config", ".github/workflows/ci.yml", ".envrc", "AGENTS.md", "src/a.py", ".git/HEAD"):
        put(tmp_path, path)
    before = look(str(tmp_path))
    assert set(before.files) == {".git/config", ".github/workflows/ci.yml", ".envrc", "AGENTS.md"}
    assert aftermath(before, look(str(tmp_path))) == []
    put(tmp_path, ".git/hooks/pre-commit")
    put(tmp_path, ".vscode/tasks.json")
    put(tmp_path, "AGENTS.md", "y")
    put(tmp_path, "src/a.py", "y")
    (tmp_path / ".envrc").unlink()
    (tmp_path / ".github/workflows/ci.yml").chmod(0o755)
    (tmp_path / ".mcp.json").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / ".gitmodules")
    put(tmp_path, ".idea/a\nb\x1b.xml")
    assert aftermath(before, look(str(tmp_path))) == [
        "new: .git/hooks/pre-commit (git runs these programs outside)",
        "changed: .github/workflows/ci.yml (runs on the build server once it is pushed)",
        "new: .gitmodules (names what git fetches and where it goes)",
        "new: .idea/a\\x0ab\\x1b.xml (run configurations)",
        "new: .mcp.json (names programs that agents start)",
        "new: .vscode/tasks.json (tasks and settings that run programs)",
        "changed: AGENTS.md (instructions that agents follow)",
    ]


def test_what_is_watched_besides_is_told_by_its_whole_path(tmp_path: Path) -> None:
    own = tmp_path / "own"
    put(own, "hooks/a")
    watch = ((str(own / "hooks"), "runs outside"), (str(own / "settings.json"), "names hooks"))
    before = look(str(tmp_path / "ws"), watch)
    put(own, "settings.json")
    assert aftermath(before, look(str(tmp_path / "ws"), watch)) == [f"new: {own}/settings.json (names hooks)"]


def test_a_look_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 30)
    for number in range(40):
        put(tmp_path, f".vscode/{number:02}")
    put(tmp_path, "/".join([".idea", *"abcdefgh", "deep"]))
    found = look(str(tmp_path))
    assert (len(found.files), found.is_whole) == (30, False)
    lines = aftermath(Look({}), found)
    assert (len(lines), lines[20]) == (22, "and 10 more")
    assert lines[21] == "there are more than 30 files that run outside; not all were looked at"


def test_depth_has_an_end_and_a_folder_beyond_it_counts_as_one(tmp_path: Path) -> None:
    put(tmp_path, "/".join([".idea", *"abcdefgh", "deep"]))
    (path,) = look(str(tmp_path)).files
    assert path == ".idea/a/b/c/d/e/f"


def test_no_workspace_nothing_to_tell(tmp_path: Path) -> None:
    assert look(str(tmp_path / "gone")) == Look({})
