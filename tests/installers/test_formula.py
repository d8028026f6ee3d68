from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUM = "ab" * 32
URL = "https://example.com/pipelock/archive/v1.tar.gz"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("formula", ROOT / "installers/homebrew/formula.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, *needed: str, sdist: dict[str, str] | None = None, marker: str = "") -> dict[str, Any]:
    archive = {"url": f"https://files.example/{name}.tar.gz", "hash": f"sha256:{SUM}"}
    dependencies = [{"name": one, **({"marker": marker} if marker else {})} for one in needed]
    return {"name": name, "version": "1", "sdist": archive if sdist is None else sdist, "dependencies": dependencies}


def test_what_is_needed_by_what_is_needed(script: ModuleType) -> None:
    lock = {
        "package": [
            package("pipelock", "msgspec", "twisted", "hyperscan", "cryptography"),
            package("msgspec"),
            package("twisted", "attrs", "twisted"),
            package("attrs"),
            package("hyperscan", "unknown"),
            package("cryptography", "cffi"),
            package("cffi"),
            package("pytest"),
        ]
    }
    assert [one.name for one in script.resources(lock)] == ["attrs", "msgspec", "twisted"]
    only_windows = {"package": [package("pipelock", "pywin", marker="sys_platform == 'win32'"), package("pywin")]}
    assert script.resources(only_windows) == []


@pytest.mark.parametrize(
    "sdist",
    [{}, {"url": "file:///x", "hash": f"sha256:{SUM}"}, {"url": "https://x", "hash": "md5:00"}, {"url": "https://x"}],
)
def test_what_can_t_be_checked_is_refused(script: ModuleType, sdist: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no source archive"):
        script.resources({"package": [package("pipelock", "a"), package("a", sdist=sdist)]})


def test_two_versions_are_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="several versions"):
        script.resources({"package": [package("pipelock", "a"), package("a"), package("a")]})


@pytest.mark.parametrize("text", ['x"; system("rm")', "#{1}", "line\nfeed", "é"])
def test_nothing_ends_a_string_of_ruby_s(script: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="can't stand"):
        script.formula(text, SUM, "1", [])
    with pytest.raises(ValueError, match="can't stand"):
        script.formula(URL, SUM, "1", [script.Resource("a", text, SUM)])


def test_the_formula(script: ModuleType, tmp_path: Path) -> None:
    found = script.formula(URL, SUM, "1.2", [script.Resource("attrs", "https://files.example/attrs.tar.gz", SUM)])
    assert 'homepage "https://example.com/pipelock"\n' in found
    assert f'  resource "attrs" do\n    url "https://files.example/attrs.tar.gz"\n    sha256 "{SUM}"\n  end\n' in found
    assert 'assert_match "pipelock version #{version}"' in found
    words = found.split()
    blocks = words.count("do") + words.count("def") + words.count("class")
    assert blocks == words.count("end")
    if shutil.which("ruby") is not None:
        (tmp_path / "pipelock.rb").write_text(found)
        ended = subprocess.run(
            ["ruby", "-c", str(tmp_path / "pipelock.rb")], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.stdout == "Syntax OK\n", ended.stderr


def test_the_version_is_that_of_the_project(script: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert script.own_version() == project["version"]
