from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipelock.service.kinds import ServiceError
from pipelock.service.manifest import FILE, MAX_ENTRIES, Fate, Manifest, fate_of, put


def test_what_was_written_is_remembered_and_forgotten(tmp_path: Path) -> None:
    home, unit = tmp_path / "home", tmp_path / "a.service"
    manifest = Manifest(home)
    assert manifest.entries == ()
    manifest.add(unit, b"text", "/bin/p")
    put(unit, b"text", 0o644)
    (entry,) = Manifest(home).entries
    assert Manifest(home).of(unit) == entry
    assert Manifest(home).of(tmp_path) is None
    assert (entry.program, fate_of(entry)) == ("/bin/p", Fate.INTACT)
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    unit.write_bytes(b"text and more")
    assert fate_of(entry) is Fate.CHANGED
    unit.unlink()
    assert fate_of(entry) is Fate.GONE
    unit.mkdir()
    assert fate_of(entry) is Fate.CHANGED
    manifest.add(unit, b"other", "/bin/p")
    assert len(manifest.entries) == 1
    manifest.drop(manifest.entries[0])
    assert not (home / FILE).exists()


@pytest.mark.parametrize("text", ["", "{}", '[{"path": 1}]', "[", '[{"path": "/x"}]'])
def test_one_that_is_not_ours_is_not_guessed_at(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ServiceError, match="can't be used"):
        Manifest(tmp_path)


def test_there_is_a_limit(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.add(tmp_path / "x", b"", "")
    manifest.entries *= MAX_ENTRIES
    with pytest.raises(ServiceError, match="more than 1000"):
        manifest.add(tmp_path / "y", b"", "")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    (tmp_path / ".f.new").write_text("left by one that was killed")
    put(path, b"new", 0o644)
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]
