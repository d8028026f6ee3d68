"""Writes the Homebrew formula: `python installers/homebrew/formula.py --url URL --sha256 HEX > pipelock.rb`.

Homebrew builds from source and without an index, so every dependency stands in the formula, with its source archive and
that archive's sum. Both come from the lock that `uv lock` makes of pyproject.toml. What only Windows needs is left out,
and hyperscan, which is optional: the matcher then is google-re2, with the same verdicts.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PYTHON = "python@3.13"
SYSTEM = ("abseil", "cryptography", "libyaml", "re2")
"""Formulas of Homebrew's that are used: a package of Python's, and libraries that others are built with."""
BUILT = ("cffi", "cryptography", "pycparser")
"""Packages that come with those."""
OPTIONAL = ("hyperscan",)
OURS = "pipelock"
_SECONDS = 600


class Resource(NamedTuple):
    """One dependency: a file of the index and its SHA-256."""

    name: str
    url: str
    sha256: str


def main() -> int:
    """Read the lock, or have one made, and write the formula to standard output."""
    parser = argparse.ArgumentParser(description="write the Homebrew formula")
    parser.add_argument("--url", required=True, help="of the source archive of the release")
    parser.add_argument("--sha256", required=True, help="of that archive")
    parser.add_argument("--version", default=own_version(), help="default: that of this checkout")
    parser.add_argument("--lock", type=Path, help="a uv.lock, instead of making one")
    arguments = parser.parse_args()
    text = arguments.lock.read_text("utf-8") if arguments.lock is not None else make_lock()
    sys.stdout.write(formula(arguments.url, arguments.sha256, arguments.version, resources(tomllib.loads(text))))
    return 0


def make_lock() -> str:
    """What uv makes of pyproject.toml. Nothing of it stays."""
    beside = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(ROOT / "pyproject.toml", name)
        command = [str(beside) if beside.exists() else "uv", "lock", "--quiet", "--no-config", "--directory", name]
        subprocess.run(command, check=True, timeout=_SECONDS)
        return Path(name, "uv.lock").read_text("utf-8")


def resources(lock: Mapping[str, Any]) -> list[Resource]:
    """What we need besides what Homebrew has, by name.

    Raises:
        ValueError: one has no source archive with a SHA-256, or there is more than one version of it.
    """
    packages = {package["name"]: package for package in lock["package"]}
    found: dict[str, Resource] = {}
    todo = [OURS]
    while todo:
        package = packages[todo.pop()]
        for needed in package.get("dependencies", ()):
            name = needed["name"]
            if (
                name in found
                or name in BUILT
                or name in OPTIONAL
                or "sys_platform == 'win32'" in needed.get("marker", "")
            ):
                continue
            if sum(one["name"] == name for one in lock["package"]) > 1:
                raise ValueError(f"there are several versions of {name} in the lock")
            found[name] = _source(packages[name])
            todo.append(name)
    return sorted(found.values())


def _source(package: Mapping[str, Any]) -> Resource:
    archive = package.get("sdist", {})
    kind, _, digest = archive.get("hash", "").partition(":")
    if not archive.get("url", "").startswith("https://") or kind != "sha256" or len(digest) != 64:
        raise ValueError(f"{package['name']} has no source archive with a SHA-256 in the lock")
    return Resource(package["name"], archive["url"], digest)


def formula(url: str, sha256: str, version: str, needed: Iterable[Resource]) -> str:
    """The formula as Ruby.

    Raises:
        ValueError: a value holds what would end a string of Ruby's.
    """
    needed = list(needed)
    for text in (url, sha256, version, *(part for one in needed for part in one)):
        if not text.isprintable() or not text.isascii() or set(text) & set('"#\\'):
            raise ValueError(f"{text!r} can't stand in a formula")
    blocks = "\n".join(
        f'  resource "{one.name}" do\n    url "{one.url}"\n    sha256 "{one.sha256}"\n  end\n' for one in needed
    )
    system = "\n".join(f'  depends_on "{name}"' for name in SYSTEM)
    homepage = url.partition("/archive/")[0] if "/archive/" in url else url.rpartition("/")[0]
    return f"""\
# Written by installers/homebrew/formula.py; change that, not this.
class Pipelock < Formula
  include Language::Python::Virtualenv

  desc "Firewall for AI agents: scans traffic, holds it for a person, records decisions"
  homepage "{homepage}"
  url "{url}"
  version "{version}"
  sha256 "{sha256}"
  license "Apache-2.0"

{system}
  depends_on "{PYTHON}"

{blocks}
  def install
    virtualenv_install_with_resources
    generate_completions_from_executable(bin/"pipelock", "completion", shells: [:bash, :zsh, :fish])
  end

  service do
    run [opt_bin/"pipelock", "run"]
    keep_alive crashed: true
    log_path File::NULL
    error_log_path var/"log/pipelock.log"
  end

  def caveats
    <<~TEXT
      Before `brew uninstall pipelock`, run `pipelock uninstall`: it takes back the service, the git hooks and the
      certificate authority, which would be in the way without the program.
    TEXT
  end

  test do
    assert_match "pipelock version #{{version}}", shell_output("#{{bin}}/pipelock version")
    system bin/"pipelock", "generate", "config", "--preset", "strict", "--output", testpath/"pipelock.yaml"
    system bin/"pipelock", "check", "--config", testpath/"pipelock.yaml"
  end
end
"""


def own_version() -> str:
    """The version that pyproject.toml says."""
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


if __name__ == "__main__":
    sys.exit(main())
