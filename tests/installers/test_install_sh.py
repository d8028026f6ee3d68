"""`installers/install.sh`, in an environment that has nothing but what a test puts there."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelock import __version__

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "installers" / "install.sh"
NAME = f"pipelock-{__version__}-py3-none-any.whl"
PACKAGES = ("pipelock", "tui/pipelock_tui", "linux/pipelock_linux", "macos/pipelock_macos")
TOOLS = (
    *("sh", "cut", "dirname", "env", "grep", "head", "ln", "mkdir", "mktemp", "readlink", "rm", "rmdir", "sed"),
    *("sha256sum", "shasum", "tr", "curl", "cat", "chmod"),
)
PROGRAM = '#!/bin/sh\necho "pipelock $*" >> "$HOME/asked"\n[ "$1" != "${FAILS:-none}" ]\n'


class Machine:
    """A user's home, and a PATH of links to a few tools."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            if found is not None:
                (self.bin / name).symlink_to(found)
        self.environ: dict[str, str] = {}

    def put(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def manager(self, name: str, folder: str) -> None:
        """A program that writes down what it is asked, says where programs go, and puts one there."""
        self.put(
            name,
            f'#!/bin/sh\necho "{name} $*" >> "$HOME/asked"\ncase "$*" in\n'
            f'    {folder}) echo "$HOME/.local/bin" ;;\n'
            f'    *install*) mkdir -p "$HOME/.local/bin"; cat "$PROGRAM" > "$HOME/.local/bin/pipelock"\n'
            f'        chmod +x "$HOME/.local/bin/pipelock" ;;\nesac\n',
        )
        self.environ["PROGRAM"] = str(self.bin / "program")
        self.put("program", PROGRAM)

    def run(self, *words: str, script: Path = SCRIPT) -> tuple[int, str, str]:
        environ = {"HOME": str(self.home), "PATH": str(self.bin), **self.environ}
        ended = subprocess.run(
            ["sh", str(script), *words], env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    def asked(self) -> list[str]:
        path = self.home / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """One that is never unpacked."""
    path = tmp_path / NAME
    path.write_bytes(b"a wheel")
    return path


SUM = hashlib.sha256(b"a wheel").hexdigest()


@pytest.mark.parametrize(
    ("name", "folder", "command", "removal"),
    [
        ("uv", '"tool dir --bin"', "uv tool install --force", "uv tool uninstall pipelock"),
        ("pipx", '"environment --value PIPX_BIN_DIR"', "pipx install --force", "pipx uninstall pipelock"),
    ],
)
def test_there_and_back_with_a_manager_of_tools(
    machine: Machine, wheel: Path, name: str, folder: str, command: str, removal: str
) -> None:
    machine.manager(name, folder)
    code, out, _ = machine.run("--from", str(wheel), "--sha256", SUM.upper(), "--dry-run", "--service")
    assert code == 0
    assert f"would run: {command} {wheel}\n" in out
    assert "service install --now" in out
    assert (machine.asked(), machine.files()) == ([], [])

    code, out, err = machine.run("--from", str(wheel), "--sha256", SUM, "--service")
    assert (code, err) == (0, "")
    first, *_, version, service = machine.asked()
    assert (first, version, service) == (f"{command} {wheel}", "pipelock version", "pipelock service install --now")
    assert f"installed with {name}: {machine.home}/.local/bin/pipelock" in out
    assert "is not on your PATH" in out
    assert machine.run("--from", str(wheel))[0] == 0  # again
    assert machine.files() == [".local/bin/pipelock", ".local/share/pipelock/install.txt", "asked"]
    machine.asked()

    machine.environ["FAILS"] = "uninstall"
    code, _, err = machine.run("--uninstall")
    assert (code, machine.asked()) == (1, ["pipelock uninstall"])
    assert "something is left to do" in err
    del machine.environ["FAILS"]
    assert removal in machine.run("--uninstall", "--dry-run")[1]
    assert machine.asked() == []
    assert machine.run("--uninstall", "--purge")[0] == 0
    assert machine.asked() == ["pipelock uninstall --purge", removal]
    assert not (machine.home / ".local/share/pipelock").exists()
    assert machine.run("--uninstall")[0] == 1


def test_an_index(machine: Machine) -> None:
    machine.manager("uv", '"tool dir --bin"')
    machine.manager("pipx", "environment*")
    index = "https://index.example/simple/"
    assert machine.run("--from", index, "--version", "1.2", "--with", "uv")[0] == 0
    assert machine.asked()[0] == f"uv tool install --force --default-index {index} pipelock==1.2"
    assert machine.run("--from", index, "--with", "pipx")[0] == 0
    assert machine.asked()[0] == f"pipx install --force --pip-args=--index-url {index} pipelock"


def test_the_checkout_is_the_default(machine: Machine, tmp_path: Path) -> None:
    machine.manager("uv", '"tool dir --bin"')
    assert machine.run()[0] == 0
    assert machine.asked()[0] == f"uv tool install --force {ROOT}"
    shutil.copy(SCRIPT, tmp_path / "install.sh")
    code, _, err = machine.run(script=tmp_path / "install.sh")
    assert (code, machine.asked()) == (2, [])
    assert "lies in no checkout" in err


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_download_is_what_was_asked_for_or_nothing(machine: Machine, wheel: Path) -> None:
    machine.manager("uv", '"tool dir --bin"')

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, directory=str(wheel.parent), **more)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{NAME}"
        assert machine.run("--from", url, "--sha256", SUM)[0] == 0
        assert machine.asked()[0].endswith(f"/{NAME}")
        code, _, err = machine.run("--from", url, "--sha256", "0" * 64)
        assert (code, machine.asked()) == (1, [])
        assert f"its SHA-256 is {SUM}" in err
        assert machine.run("--from", url + "x.whl", "--sha256", SUM)[0] == 1
        server.shutdown()
        thread.join()
    assert machine.asked() == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--nonsense",), 2, "there is no option"),
        (("--from",), 2, "needs a value"),
        (("--from", "https://a.example/x.whl"), 2, "--sha256 has to say"),
        (("--from", "https://a.example/x.tar.gz"), 2, "neither a wheel"),
        (("--from", "http://a.example/x.whl", "--sha256", SUM), 1, "only https"),
        (("--from", "http://a.example/simple/"), 1, "only https"),
        (("--from", "/nowhere/x.whl"), 1, "is not there"),
        (("--from", "/nowhere"), 2, "no folder with a pyproject.toml"),
        (("--from", "https://a.example/simple/", "--sha256", SUM), 2, "is for a wheel"),
        (("--version", "1.0"), 2, "is for an index"),
        (("--with", "npm"), 2, "takes uv, pipx or venv"),
        (("--with", "pipx"), 1, "there is no pipx"),
        (("--purge",), 2, "goes with --uninstall"),
        (("--uninstall", "--service"), 2, "alone"),
        (("--uninstall",), 1, "nothing is recorded"),
    ],
)
def test_mistakes_change_nothing(machine: Machine, words: tuple[str, ...], code: int, said: str) -> None:
    ended, _, err = machine.run(*words)
    assert (ended, said in err, machine.files()) == (code, True, []), err


def test_a_sum_that_differs(machine: Machine, wheel: Path) -> None:
    machine.manager("uv", "tool")
    code, _, err = machine.run("--from", str(wheel), "--sha256", "1" * 64)
    assert (code, machine.asked()) == (1, [])
    assert "not what was asked for" in err


def test_without_a_python_it_says_so(machine: Machine, wheel: Path) -> None:
    code, _, err = machine.run("--from", str(wheel))
    assert (code, machine.files()) == (1, [])
    assert "Python 3.11 or newer" in err
    machine.put("python3", "#!/bin/sh\nexit 1\n")  # one that is too old
    assert machine.run("--from", str(wheel))[0] == 1


def test_a_file_that_was_cut_off_does_nothing(machine: Machine, tmp_path: Path) -> None:
    text = SCRIPT.read_text()
    machine.manager("uv", "tool")
    for part in (0.3, 0.6, 0.9):
        (tmp_path / "cut.sh").write_text(text[: int(len(text) * part)])
        machine.run("--from", str(ROOT), script=tmp_path / "cut.sh")
    (tmp_path / "cut.sh").write_text(text[: text.index('main "$@"')])
    machine.run("--from", str(ROOT), script=tmp_path / "cut.sh")
    assert machine.asked() == []


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A wheel of this tree, made without a build program: what the index would have is not at hand in a test."""
    path = tmp_path / NAME
    folder = f"pipelock-{__version__}.dist-info"
    record: list[str] = []
    with zipfile.ZipFile(path, "w") as archive:

        def put(name: str, data: bytes) -> None:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
            archive.writestr(name, data)

        for package in PACKAGES:
            base = (ROOT / package).parent
            for file in sorted((ROOT / package).rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    put(str(file.relative_to(base)), file.read_bytes())
        put(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: pipelock\nVersion: {__version__}\n".encode())
        put(f"{folder}/WHEEL", b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        put(f"{folder}/entry_points.txt", b"[console_scripts]\npipelock = pipelock.cli.main:run\n")
        archive.writestr(f"{folder}/RECORD", "\n".join([*record, f"{folder}/RECORD,,"]) + "\n")
    return path


def test_an_environment_of_its_own_for_real(machine: Machine, built: Path, tmp_path: Path) -> None:
    """With a real Python and a real pip; what we depend on is lent by this test's own environment."""
    lent = tmp_path / "lent"
    lent.mkdir()
    for part in Path(sysconfig.get_path("purelib")).iterdir():
        if not part.name.lower().startswith(("pipelock", "_pipelock", "pip", "setuptools")) and part.suffix != ".pth":
            (lent / part.name).symlink_to(part)
    (machine.bin / "python3").symlink_to(os.path.realpath(sys.executable))
    machine.environ = {"PYTHONPATH": str(lent), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    program = machine.home / ".local/bin/pipelock"
    program.parent.mkdir(parents=True)
    program.write_text("another one\n")
    code, _, err = machine.run("--from", str(built))
    assert (code, program.read_text()) == (1, "another one\n")
    assert "is there already and not ours" in err
    program.unlink()

    code, out, err = machine.run("--from", str(built))
    assert code == 0, err
    assert f"pipelock version {__version__}" in out
    assert program.is_symlink()
    (machine.bin / "systemctl").write_text("#!/bin/sh\n")
    (machine.bin / "systemctl").chmod(0o755)
    environ = {"HOME": str(machine.home), "PATH": str(machine.bin), **machine.environ}
    subprocess.run([program, "service", "install"], env=environ, check=True, capture_output=True, timeout=60)
    unit = machine.home / ".config/systemd/user/pipelock.service"
    if sys.platform.startswith("linux"):
        # The link, which an upgrade keeps, and not the environment.
        assert f"ExecStart={program} run " in unit.read_text()

    code, out, err = machine.run("--uninstall", "--purge")
    assert code == 0, (out, err)
    assert machine.files() == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_no_complaint() -> None:
    ended = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")
