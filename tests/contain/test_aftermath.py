"""What an agent left that runs outside: new, changed, and whatever stands in the way of looking."""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

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
    put(tmp_path, ".git/hooks/pre-push.sample")
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
    assert "more files that run outside than the 30 that are looked at" in lines[21]


def test_empty_folders_have_an_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        (tmp_path / f".vscode/{number:02}/empty").mkdir(parents=True)
    put(tmp_path, ".zed/tasks.json")
    assert look(str(tmp_path)).is_whole
    monkeypatch.setattr(module, "_MAX_PLACES", 60)
    found = look(str(tmp_path))
    assert (list(found.files), found.is_whole) == ([".zed/tasks.json"], False), "one path can't hide another"


def test_depth_has_an_end_and_a_folder_beyond_it_counts_as_one(tmp_path: Path) -> None:
    put(tmp_path, "/".join([".idea", *"abcdefgh", "deep"]))
    (path,) = look(str(tmp_path)).files
    assert path == ".idea/a/b/c/d/e/f"


def test_no_workspace_nothing_to_tell(tmp_path: Path) -> None:
    assert look(str(tmp_path / "gone")) == Look({})


def test_another_content_of_the_same_checksum_is_another(tmp_path: Path) -> None:
    """Four bytes are enough to give a file the CRC of another."""
    mine = b"# harmless\n"
    wanted, start = crc32(mine), b"evil"
    put(tmp_path, "AGENTS.md", mine.decode())
    before = look(str(tmp_path))
    forged = forge(start, wanted, len(mine))
    assert crc32(forged) == wanted
    (tmp_path / "AGENTS.md").write_bytes(forged)
    assert aftermath(before, look(str(tmp_path))) == ["changed: AGENTS.md (instructions that agents follow)"]


def forge(start: bytes, wanted: int, size: int) -> bytes:
    """Bytes of this size that begin so and have this CRC-32: it is linear, so four of them can be solved for."""
    body = start.ljust(size - 4, b".")
    base = crc32(body + bytes(4))
    columns = [(crc32(body + (1 << bit).to_bytes(4, "little")) ^ base, 1 << bit) for bit in range(32)]
    target, found = wanted ^ base, 0
    for bit in reversed(range(32)):
        pivot = next((one for one in columns if one[0] >> bit & 1), None)
        if pivot is None:
            continue
        columns = [(a ^ pivot[0], b ^ pivot[1]) if a >> bit & 1 else (a, b) for a, b in columns if (a, b) != pivot]
        if target >> bit & 1:
            target, found = target ^ pivot[0], found ^ pivot[1]
    return body + found.to_bytes(4, "little")


def test_beyond_what_is_read_the_time_tells(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "x" * (module._MAX_READ + 10))
    before = look(str(tmp_path))
    with (tmp_path / "AGENTS.md").open("r+") as file:
        file.seek(module._MAX_READ + 5)
        file.write("y")
    os.utime(tmp_path / "AGENTS.md", (1, 1))
    assert len(aftermath(before, look(str(tmp_path)))) == 1


def test_many_of_one_kind_hide_none_of_another(tmp_path: Path) -> None:
    before = look(str(tmp_path))
    for number in range(40):
        put(tmp_path, f".claude/commands/{number}")
    put(tmp_path, ".git/hooks/pre-commit")
    told = aftermath(before, look(str(tmp_path)))
    assert any(".git/hooks/pre-commit" in line for line in told)
    assert (len(told), told[-1]) == (21, "and 21 more")
