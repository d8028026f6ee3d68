"""Escapes: a hostile program tries everything it can think of, as root and as an ordinary user, on the real kernel.

For each of the two a daemon is started, the attacker is launched once in a sandbox and once without. An attempt counts
as refused when the attacker got nothing by it, and nothing arrived or changed on the host either; the run without a
sandbox shows that it would have worked.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelock_linux.syscalls import NUMBERS
from tests.e2e.conftest import PATIENCE, PIPELOCK, copy_compiled, free_port, wait_for
from tests.e2e.escapes.attacker import ATTEMPTS
from tests.e2e.escapes.targets import Targets
from tests.e2e.unprivileged import Somebody, somebody

pytestmark = pytest.mark.e2e

HERE = Path(__file__).with_name("escapes")
PROCESSES = 64
CONFIG = f"""\
mode: balanced
fetch_proxy: {{monitoring: {{max_requests_per_minute: 0}}}}
forward_proxy: {{enabled: true}}
ssrf: {{ip_allowlist: [127.0.0.9/32]}}
logging: {{output: file, file: audit/audit.jsonl}}
sandbox: {{limits: {{processes: {PROCESSES}}}}}
"""
NEIGHBOUR = """\
import pathlib, signal, socket, sys
name, port = sys.argv[1], int(sys.argv[2])
pathlib.Path("/tmp", name).write_text(name)
one = socket.socket(socket.AF_UNIX); one.bind("\\0" + name); one.listen()
other = socket.socket(); other.bind(("127.0.0.1", port)); other.listen()
print("ready", flush=True)
signal.pause()
"""
ALL_CAPABILITIES = "CapEff:\t000001ff"


class Root(Somebody):
    """Whoever runs the tests, as it is."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.uid = os.getuid()

    def command(self, *words: str | Path) -> list[str]:
        return [*map(str, words)]

    def own(self, *paths: Path) -> None:
        """They are its own already."""


@dataclass
class Scene:
    """One place of crime: a home with secrets, a workspace, and what listens around it."""

    folder: Path
    person: Somebody
    facts: dict[str, Any]
    targets: Targets
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: str = ""
    left: int = -1
    signals: str = ""
    typed: int = 0
    before: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Everything that must not change: mode and content, by path."""
        home, work = self.folder / "home", self.folder / "work"
        roots = [home / "notes.txt", home / "file.txt", home / ".bashrc", home / ".ssh" / "id_ed25519"]
        roots += [home / ".cache" / "pip" / "page", work / ".git" / "config", work / "private" / "env"]
        roots += [*(work / ".git" / "hooks").iterdir(), *(work / ".git" / "modules").rglob("*")]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in roots if path.is_file()}


@dataclass
class Story:
    """What came of it for one user."""

    inside: Scene
    outside: Scene
    denials: tuple[dict[str, Any], ...] = ()
    record: str = ""
    was_alive: bool = False
    is_root: bool = False


def own_address() -> str:
    """An address of this machine that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link, contextlib.suppress(OSError):
        link.connect(("203.0.113.1", 9))
        return str(link.getsockname()[0])
    return "127.0.0.2"


def a_disk() -> tuple[int, int]:
    for path in sorted(Path("/dev").iterdir()):
        if path.is_block_device():
            number = path.stat().st_rdev
            return os.major(number), os.minor(number)
    return 8, 0


class Shared:
    """What processes share by other names than paths."""

    def __init__(self, secret: str) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.key = secrets.randbelow(1 << 30) + 1
        self.queue = f"pipelock-test-{self.key}"
        mask = os.umask(0)
        self._segment = self._libc.shmget(self.key, 64, 0o1666)
        self._mq = self._libc.mq_open(f"/{self.queue}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
        os.umask(mask)
        self.files = [Path(folder, f"pipelock-test-{self.key}") for folder in ("/tmp", "/dev/shm")]
        for path in self.files:
            path.write_text(secret)
            path.chmod(0o666)

    def close(self) -> None:
        self._libc.shmctl(self._segment, 0, None)
        self._libc.mq_unlink(f"/{self.queue}".encode())
        for path in self.files:
            path.unlink(missing_ok=True)


def scene(person: Somebody, name: str, shared: Shared, secret: str, common: dict[str, Any]) -> Scene:
    """Everything that an attacker could be after."""
    folder = person.folder(name)
    home, work = folder / "home", folder / "work"
    for path in (
        home / ".ssh", home / ".cache" / "pip", home / ".cache" / "pipelock", work / ".git" / "hooks",
        work / ".git" / "modules" / "part" / "hooks", work / ".git" / "objects", work / "private",
    ):  # fmt: skip
        path.mkdir(parents=True)
    for path, text in (
        (home / "notes.txt", secret), (home / "file.txt", "mine\n"), (home / ".bashrc", "# mine\n"),
        (home / ".ssh" / "id_ed25519", secret), (home / ".cache" / "pip" / "page", "cached\n"),
        (work / ".git" / "config", "[core]\n"), (work / ".git" / "HEAD", "ref: refs/heads/main\n"),
        (work / ".git" / "hooks" / "post-commit.sample", "# nothing\n"), (work / "private" / "env", secret),
        (work / ".git" / "modules" / "part" / "HEAD", "ref: refs/heads/main\n"),
        (work / ".git" / "modules" / "part" / "config", "[core]\n"),
    ):  # fmt: skip
        path.write_text(text)
    shutil.copy(HERE / "attacker.py", work)
    person.own(folder, *folder.rglob("*"))
    proof = f"proof-{secrets.token_hex(8)}"
    targets = Targets(proof)
    targets.internet("tcp", "127.0.0.1")
    targets.internet("tcp6", "::1")
    targets.internet("tcp_any", "0.0.0.0")  # what is to be reached by all addresses
    targets.internet("udp", "0.0.0.0", socket.SOCK_DGRAM)
    targets.internet("udp6", "::1", socket.SOCK_DGRAM)
    abstract = f"pipelock-test-{secrets.token_hex(4)}"
    sockets = {
        "docker": str(folder / "docker.sock"),
        "docker_inside": str(work / "docker.sock"),
        "abstract": f"\0{abstract}",
    }
    for label, place in sockets.items():
        targets.local(label, place)
    targets.local("abstract_datagrams", f"\0{abstract}-datagrams", socket.SOCK_DGRAM)
    targets.start()
    rootly = ""
    if os.getuid() == 0:
        rootly = str(work / "rootly")
        shutil.copy(shutil.which("id") or "/usr/bin/id", rootly)
        Path(rootly).chmod(0o4755)
    facts = {
        **common, **targets.ports,
        "outside": name == "outside", "home": str(home), "work": str(work), "home_secret": str(home / "notes.txt"),
        "home_file": str(home / "file.txt"), "key": str(home / ".ssh" / "id_ed25519"),
        "cached": str(home / ".cache" / "pip" / "page"), "masked": str(work / "private" / "env"),
        "docker": sockets["docker"], "docker_inside": sockets["docker_inside"], "abstract": abstract,
        "abstract_datagrams": f"{abstract}-datagrams", "secret": secret, "marker": f"marker{secrets.token_hex(6)}",
        "temporary": str(shared.files[0]), "shared": str(shared.files[1]), "shm_key": shared.key,
        "queue": shared.queue, "address": own_address(), "disk": a_disk(), "ordinary": "/etc/passwd",
        "victim_name": f"victim-{secrets.token_hex(4)}", "rootly": rootly, "processes": PROCESSES,
        "numbers": NUMBERS[platform.machine()],
    }  # fmt: skip
    made = Scene(folder, person, facts, targets)
    made.before = made.state()
    return made


def raise_curtain(
    place: Scene, environ: dict[str, str], command: list[str], flags: tuple[str, ...]
) -> tuple[subprocess.Popen[str], tuple[int, int]]:
    """Let the attacker loose; what runs, and the two ends of its terminal."""
    facts = place.folder / "facts.json"
    facts.write_text(json.dumps(place.facts))
    place.person.own(facts)
    master, slave = os.openpty()
    tty.setraw(slave)
    words = place.person.command(sys.executable, "-I", HERE / "stage.py", facts, str(slave), *command, *flags)
    words += [sys.executable, "-I", str(place.folder / "work" / "attacker.py")]
    started = subprocess.Popen(
        words, env=environ, cwd=place.folder / "work", pass_fds=(slave,), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return started, (master, slave)


def take_down(place: Scene, started: subprocess.Popen[str], terminal: int, lines: list[str]) -> None:
    """Read the rest, and what the victim and the terminal have noticed."""
    rest, place.said = started.communicate(timeout=2 * PATIENCE)
    place.left = started.returncode
    for line in (*lines, *rest.splitlines()):
        result = json.loads(line)
        place.results[result["name"]] = result
    place.typed = int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, b"\0" * 4), sys.byteorder)
    place.signals = (place.folder / "home" / "victim.signals").read_text()


def end_victim(place: Scene) -> None:
    """Whatever has become of the run."""
    with contextlib.suppress(OSError):
        pid = json.loads((place.folder / "home" / "victim").read_text())["victim"]
        if place.facts["victim_name"].encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def users(which: str) -> Iterator[Somebody]:
    if which == "user":
        with somebody() as person:
            yield person
        return
    if os.getuid():
        pytest.skip("only root can try as root")
    home = Path(tempfile.mkdtemp(prefix="pipelock-root-")).resolve()
    try:
        yield Root(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module", params=["root", "user"])
def story(request: pytest.FixtureRequest, compiled: Path) -> Iterator[Story]:
    with users(request.param) as person, contextlib.ExitStack() as closing:
        yield told(person, compiled, closing, is_root=request.param == "root")


class Stage:
    """What both runs have around them: a daemon, another sandbox, what processes share."""

    def __init__(self, person: Somebody, compiled: Path, closing: contextlib.ExitStack) -> None:
        self.person = person
        self.secret = f"secret{secrets.token_hex(12)}"
        self.shared = Shared(self.secret)
        closing.callback(self.shared.close)
        self.home = person.folder("pipelock")
        self.control = self.home / "run" / "control.sock"
        self.port, self.neighbour_port = free_port(), free_port()
        self.neighbour = f"neighbour-{secrets.token_hex(4)}"
        self.environ = person.environ({"PIPELOCK_HOME": str(self.home), "NO_COLOR": "1"})
        self._run_daemon(compiled, closing)
        self._run_neighbour(closing)

    def _run_daemon(self, compiled: Path, closing: contextlib.ExitStack) -> None:
        settings = self.home / "pipelock.yaml"
        settings.write_text(CONFIG)
        copy_compiled(compiled, self.home / "cache")
        self.person.own(*self.home.rglob("*"))
        with (self.home / "log").open("wb") as log:
            daemon = subprocess.Popen(
                self.person.command(PIPELOCK, "run", "-c", settings, "-l", f"127.0.0.1:{self.port}"),
                env=self.environ, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        closing.callback(daemon.wait, PATIENCE)
        closing.callback(daemon.terminate)
        wait_for(self.control.exists, 60, "the daemon's start")
        copy_compiled(self.home / "cache", compiled)

    def _run_neighbour(self, closing: contextlib.ExitStack) -> None:
        yard = self.person.folder("yard/work")
        self.person.own(yard.parent)
        words = ("--name", "neighbour", "--", sys.executable, "-I", "-c", NEIGHBOUR)
        beside = subprocess.Popen(
            self.person.command(PIPELOCK, "sandbox", "-q", *words, self.neighbour, str(self.neighbour_port)),
            env=self.environ | {"HOME": str(yard.parent)}, cwd=yard, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        closing.callback(beside.communicate)
        closing.callback(beside.kill)
        assert beside.stdout is not None
        assert beside.stdout.readline() == "ready\n"

    def scene(self, name: str, closing: contextlib.ExitStack) -> Scene:
        """A place for one run."""
        common = {
            "daemon_port": self.port, "proxy": f"http://127.0.0.1:{self.port}", "control": str(self.control),
            "daemon_home": str(self.home), "neighbour": self.neighbour, "neighbour_port": self.neighbour_port,
        }  # fmt: skip
        made = scene(self.person, name, self.shared, self.secret, common)
        closing.callback(made.targets.close)
        closing.callback(end_victim, made)
        return made

    def around(self, place: Scene) -> dict[str, str]:
        """The environment there, which an agent should not have."""
        return self.environ | {
            "HOME": str(place.folder / "home"), "API_KEY_OF_MINE": self.secret, "SSH_AUTH_SOCK": place.facts["docker"],
            "LD_LIBRARY_PATH": "/nowhere/pipelock-test", "BASH_ENV": "/nowhere/pipelock-test",
        }  # fmt: skip

    def denials(self) -> tuple[dict[str, Any], ...]:
        """What the daemon knows of refusals."""
        done = self.person.run(PIPELOCK, "sandbox", "list", "--json", env=self.environ)
        assert done.returncode == 0, done.stderr
        rows = [row["sandbox"] for row in json.loads(done.stdout) if row["session"].startswith("attacker@")]
        return tuple(noted["denial"] for row in rows for noted in row.get("denials", ()))


def told(person: Somebody, compiled: Path, closing: contextlib.ExitStack, *, is_root: bool) -> Story:
    """The attacker without a sandbox, and the attacker in one."""
    stage = Stage(person, compiled, closing)
    inside, outside = stage.scene("inside", closing), stage.scene("outside", closing)
    started, terminal = raise_curtain(outside, stage.around(outside), [], ())
    take_down(outside, started, terminal[1], [])
    close(*terminal)
    flags = ("sandbox", "--name", "attacker", "--mask", inside.facts["masked"], "--")
    started, terminal = raise_curtain(inside, stage.around(inside), [PIPELOCK], flags)
    assert started.stdout is not None
    lines: list[str] = []
    while len(lines) < len(ATTEMPTS) and (line := started.stdout.readline()):
        lines.append(line)
    story = Story(inside, outside, is_root=is_root, was_alive=started.poll() is None)
    # The launcher reports once a second.
    wait_for(lambda: any("SNAP" in one["what"] for one in stage.denials()), what="reports")
    story.denials = stage.denials()
    (inside.folder / "work" / "enough").touch()
    take_down(inside, started, terminal[1], lines)
    close(*terminal)
    story.record = (stage.home / "audit" / "audit.jsonl").read_text()
    return story


def close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def is_expected(story: Story, name: str) -> bool:
    """Whether the attempt has to succeed without a sandbox, on this machine."""
    works = ATTEMPTS[name].works
    if not story.is_root:
        return "user" in works
    if "user" not in works and ALL_CAPABILITIES not in Path("/proc/self/status").read_text():
        return False  # a container's root is a lesser one
    return "root" in works


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_way_out_is_closed(story: Story, name: str) -> None:
    outside, inside = story.outside.results[name], story.inside.results.get(name)
    if is_expected(story, name):
        assert outside["got"], f"nothing stopped it, and yet: {outside}"
    assert inside is not None, f"the attacker came to an end before: {story.inside.said[-2000:]}"
    if "inside" in ATTEMPTS[name].works:
        assert inside["got"], inside
        return
    if name == "many_processes" and inside["got"]:
        assert "bounds on processes" in story.inside.said  # where nothing can hold them, that is said
        return
    assert inside["got"] is None
    assert inside["errno"] or not inside["error"], f"the attempt is broken: {inside}"
    assert inside.get("signal") in {None, signal.SIGSYS}, f"it was ended: {inside}"
    wanted = ATTEMPTS[name].told
    if wanted:
        told = [denial["what"] for denial in story.denials if denial["why"]]
        # What was refused first may have been displaced there; then the record has it.
        assert any(wanted in what for what in told) or f'"{wanted}' in story.record, told


def test_nothing_arrived_from_inside(story: Story) -> None:
    assert set(story.inside.targets.seen) == {"tcp_any"}
    # That was what the proxy let through.
    assert story.inside.targets.seen.count("tcp_any") == 1
    everything = {*story.outside.targets.ports, "docker", "docker_inside", "abstract", "abstract_datagrams"}
    assert set(story.outside.targets.seen) == everything


def test_nothing_changed_on_the_host(story: Story) -> None:
    changed = {path for path, state in story.inside.state().items() if story.inside.before.get(path) != state}
    assert changed == set()
    assert story.inside.state().keys() == story.inside.before.keys()
    # What was given as input holds the marker once, by itself.
    assert (story.inside.folder / "facts.json").read_text().count(story.inside.facts["marker"]) == 1
    assert (story.outside.folder / "facts.json").read_text().count(story.outside.facts["marker"]) == 2
    assert story.outside.state() != story.outside.before
    left = [path for path in (story.inside.folder / "work").rglob("*") if path.lstat().st_mode & stat.S_ISUID]
    assert [str(path) for path in left] == [one for one in [story.inside.facts["rootly"]] if one]


def test_nobody_outside_was_disturbed(story: Story) -> None:
    assert story.inside.signals == ""
    assert set(story.outside.signals) == {"1", "2"}
    assert story.inside.typed == 0
    if Path("/proc/sys/dev/tty/legacy_tiocsti").exists():
        is_old = Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() == "1"
        assert story.outside.typed >= 2 or not is_old


def test_the_sandbox_held_to_the_end(story: Story) -> None:
    assert story.was_alive
    assert story.inside.left == 0, story.inside.said


def test_what_an_agent_calls_things_reaches_no_terminal_as_it_is(story: Story) -> None:
    assert "\\x1b]0;pwned" in story.inside.said
    for text in (story.inside.said, story.record):
        assert "\x1b" not in text
        assert "\x07" not in text


def test_the_door_says_what_it_refused(story: Story) -> None:
    lines = [json.loads(line) for line in story.record.splitlines()]
    refused = [line for line in lines if line.get("agent") == "attacker" and line["event"] == "blocked"]
    assert all(line["message"] for line in refused)
    targets = {line.get("target") for line in refused}
    for target in (
        f"127.0.0.1:{story.inside.facts['tcp']}",
        f"::1:{story.inside.facts['tcp6']}",
        "169.254.169.254:80",
        "203.0.113.7:80",
        f"{story.inside.facts['address']}:{story.inside.facts['tcp_any']}",
    ):
        assert target in targets
