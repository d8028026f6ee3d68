"""Where outside suites live, and how they get there: each in a virtual environment of its own in the user's cache.

Nothing outside that folder is written. What is installed is pinned here, so that two runs test the same thing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

__all__ = ["AUTOBAHN", "SUITES", "cache", "install_autobahn", "install_sslyze", "install_suite", "sources"]

AUTOBAHN = "0.8.2"
_PYTHON_2 = "2.7.18"
# The last releases of each that run on Python 2.7 and that the suite works with.
_AUTOBAHN_PINS = (
    f"autobahntestsuite=={AUTOBAHN}",
    "autobahn==0.10.9",
    "cffi==1.15.1",
    "cryptography==3.3.2",
    "Jinja2==2.11.3",
    "klein==20.6.0",
    "MarkupSafe==1.1.1",
    "pyOpenSSL==21.0.0",
    "service-identity==21.1.0",
    "Twisted==20.3.0",
    "txaio==2.1.0",
    "ujson==2.0.3",
    "Werkzeug==1.0.1",
    "wsaccel==0.6.6",
    "zope.interface==5.5.2",
)
SUITES = {
    "requests": (
        "requests==2.34.2",
        (
            "PySocks==1.7.1",
            "httpbin==0.10.4",
            "pytest==9.2.0",
            "pytest-httpbin==2.1.0",
            "pytest-mock==3.17.0",
            "trustme==1.2.1",
        ),
        "",
    ),
    "httpx": (
        "httpx==0.28.1",
        (
            "chardet==5.2.0",
            "cryptography==44.0.1",
            "pytest==8.3.4",
            "trio==0.27.0",
            "trustme==1.1.0",
            "uvicorn==0.32.1",
        ),
        "[brotli,cli,http2,socks,zstd]",
    ),
}
"""For each library whose own tests are run: its release, what its tests need, its extras."""
_SSLYZE = ("sslyze==6.3.1",)
_WEBSOCKETS = ("websockets==17.4",)


def cache() -> Path:
    """The folder of it all; XDG_CACHE_HOME moves it."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pipelock-conformance"


def install_autobahn() -> Path:
    """The Autobahn test suite's `wstest`.

    Raises:
        RuntimeError: there is no Python 2.7 and pyenv can't build one.
        subprocess.CalledProcessError: something can't be installed.
    """
    venv = cache() / f"autobahn-{AUTOBAHN}"
    if not _is_ready(venv):
        python = _python_2()
        boot = cache() / "virtualenv-boot"
        # The last virtualenv that runs on Python 2.7; the interpreter itself stays as it is.
        _run(python, "-m", "pip", "install", "-qq", "--upgrade", "--target", boot, "virtualenv==20.15.1")
        shutil.rmtree(venv, ignore_errors=True)
        _run(python, "-m", "virtualenv", "-q", venv, environ={"PYTHONPATH": str(boot)})
        _install(venv, _AUTOBAHN_PINS)
    return venv / "bin" / "wstest"


def install_websockets() -> Path:
    """The interpreter of an environment with `websockets`, whose peers talk to the fuzzers."""
    return _modern("websockets", _WEBSOCKETS) / "bin" / "python"


def install_sslyze() -> Path:
    """The program `sslyze`."""
    return _modern("sslyze", _SSLYZE) / "bin" / "sslyze"


def install_suite(name: str) -> Path:
    """The interpreter of an environment with the library `name` and what its tests need."""
    release, needs, extras = SUITES[name]
    return _modern(name, (f"{sources(name)}{extras}", *needs), stamp=release) / "bin" / "python"


def sources(name: str) -> Path:
    """The unpacked source distribution of the library `name`, tests included."""
    release = SUITES[name][0]
    folder = cache() / "sources" / release.replace("==", "-")
    if not folder.is_dir():
        downloads = cache() / "downloads"
        _run(sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-binary", name, "-d", downloads, release)
        with tarfile.open(downloads / f"{folder.name}.tar.gz") as archive:
            archive.extractall(folder.parent, filter="data")
    return folder


def _modern(name: str, requirements: tuple[str, ...], stamp: str = "") -> Path:
    venv = cache() / f"{name}-{(stamp or requirements[0]).rpartition('==')[2]}"
    if not _is_ready(venv):
        shutil.rmtree(venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", venv)
        _install(venv, requirements)
    return venv


def _install(venv: Path, requirements: tuple[str, ...]) -> None:
    _run(venv / "bin" / "python", "-m", "pip", "install", "-qq", *requirements)
    (venv / ".ready").touch()


def _is_ready(venv: Path) -> bool:
    return (venv / ".ready").exists()


def _python_2() -> Path:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    python = root / "versions" / _PYTHON_2 / "bin" / "python"
    if python.exists():
        return python
    pyenv = shutil.which("pyenv") or shutil.which("pyenv", path=str(root / "bin"))
    if pyenv is None:
        raise RuntimeError(
            "the Autobahn suite needs Python 2.7; install pyenv, it builds one: https://github.com/pyenv"
        )
    _run(pyenv, "install", "--skip-existing", _PYTHON_2)
    return python


def _run(*command: str | Path, environ: dict[str, str] | None = None) -> None:
    print("+", *command[:6], "…" if len(command) > 6 else "", flush=True)
    # What pip says about the age of Python 2.7 is known.
    quiet = {"PYTHONWARNINGS": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([str(part) for part in command], env=os.environ | quiet | (environ or {}), check=True)
