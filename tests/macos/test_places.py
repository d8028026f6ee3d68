"""Paths of this machine, and where programs are sent instead."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pipelock.contain.profile import Access
from pipelock_macos import places
from tests.macos.profiles import grant, profile


def test_links_are_followed(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    here = os.path.realpath(tmp_path)
    assert places.real(f"{tmp_path}/b/x") == f"{here}/a/x"


def test_the_spelling_is_the_disk_s(tmp_path, monkeypatch) -> None:
    """F_GETPATH, played: what macOS gives for the file that was opened."""
    monkeypatch.setattr(places.fcntl, "F_GETPATH", 50, raising=False)
    monkeypatch.setattr(places.fcntl, "fcntl", lambda fd, asks, space: b"/Users/u/Documents".ljust(len(space), b"\0"))
    monkeypatch.setattr(places, "_FOR_EVENTS", 0)
    assert places.real(str(tmp_path)) == "/Users/u/Documents"
    assert places.real(f"{tmp_path}/not-there") == f"{os.path.realpath(tmp_path)}/not-there"


def test_a_temporary_folder_is_its_own() -> None:
    folder = places.temporary_folder()
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    (Path(folder) / "x").write_text("")
    places.forget(folder)
    places.forget(folder)
    assert not Path(folder).exists()


def test_variables(tmp_path) -> None:
    chosen = profile(
        grant("/Users/u/.npm", Access.COPY, upper=str(tmp_path / "npm")),
        grant("/Users/u/Library/Caches/pip", Access.PRIVATE),
        grant("/Users/u/.cache/uv", Access.WRITE),
        grant("/Users/u/go/pkg/mod", Access.COPY, upper=str(tmp_path / "go")),
        grant("/Users/u/x.npm", Access.COPY),
    )
    chosen = msgspec.structs.replace(chosen, environment=(("GOMODCACHE", "/mine"), ("TMPDIR", "/tmp"), ("TEMP", "/t")))
    folder = str(tmp_path / "t")
    assert places.environment(chosen, folder) == {
        "GOMODCACHE": "/mine",
        "TMPDIR": folder,
        "TEMP": folder,
        "npm_config_cache": str(tmp_path / "npm"),
        "PIP_CACHE_DIR": f"{folder}/caches/PIP_CACHE_DIR",
    }
    assert (tmp_path / "npm").is_dir()
    assert (tmp_path / "t" / "caches" / "PIP_CACHE_DIR").is_dir()


def test_programs(tmp_path) -> None:
    (tmp_path / "bin").mkdir()
    program, text = tmp_path / "bin" / "x", tmp_path / "bin" / "y"
    program.write_text("")
    program.chmod(0o755)
    text.write_text("")
    text.chmod(0o644)
    path = f"/nonexistent:{tmp_path}/bin"
    assert places.find_program("x", "/", path) == (str(program), True)
    assert places.find_program("./x", str(tmp_path / "bin"), "") == (str(program), True)
    assert places.find_program("x", str(tmp_path / "bin"), "") == (str(program), True)
    assert places.find_program(str(program), "/", "") == (str(program), True)
    assert places.find_program("y", "/", path) == (str(text), False)
    assert places.find_program("z", "/", path) == ("z", False)
    assert places.find_program("bin", "/", str(tmp_path)) == ("bin", False)
    assert places.find_program("a\0b", "/", path) == ("a\0b", False)


def test_seeds_are_planted_where_nothing_is_and_the_agent_may_write(tmp_path) -> None:
    seed, own, other = tmp_path / "seed", tmp_path / "own", tmp_path / "other"
    seed.write_text("new")
    own.mkdir()
    other.mkdir()
    (own / "there").write_text("old")
    (own / "link").symlink_to(other / "x")
    targets = (own / "fresh", own / "there", own / "link", other / "y")
    chosen = profile(
        grant(str(own), Access.WRITE),
        grant(str(other), Access.PRIVATE),
        seeds=(*((str(seed), str(target)) for target in targets), (str(tmp_path / "absent"), str(own / "z"))),
    )
    places.plant(chosen)
    assert (own / "fresh").read_text() == "new"
    assert (own / "fresh").stat().st_mode & 0o777 == 0o600
    assert (own / "there").read_text() == "old"
    assert not any(other.iterdir())
    assert not (own / "z").exists()
