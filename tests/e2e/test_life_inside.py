"""Life goes on inside: what developers run all day does in a sandbox what it does outside, with TLS looked into."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import BASE_CONFIG, PATIENCE, PIPELOCK, DaemonProcess, Trust, copy_compiled, wait_for
from tests.e2e.launches import Launches, ask
from tests.e2e.registries import Registries
from tests.e2e.ssh_server import SecureShell, why_no_ssh
from tests.e2e.tasks import AGAIN, TASKS, Task, lay_out
from tests.e2e.terminals import Terminal
from tests.e2e.unprivileged import somebody

pytestmark = pytest.mark.e2e

HOST = "registry.test"
UV = str(Path(sys.executable).with_name("uv"))
LONG = 110
"""Seconds for a launch with many programs, on a machine that does much else besides."""
AUTHOR = {f"GIT_{role}_{what}": "d@d.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def config(authority: Path, ssh_port: int = 0) -> str:
    text = f"{BASE_CONFIG}tls_interception: {{enabled: true, upstream_ca: ['{authority}']}}\n"
    text += f"dns: {{host_overrides: {{{HOST}: ['127.0.0.1']}}}}\n"
    if ssh_port:
        text = text.replace(
            "forward_proxy: {enabled: true}", f"forward_proxy: {{enabled: true, raw_tcp: ['{HOST}:{ssh_port}']}}"
        )
    return text


@pytest.fixture(scope="module")
def registries(trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    if shutil.which("git") is None:
        pytest.skip("needs git, which is what its own repository is served with")
    both = Registries(tmp_path_factory.mktemp("registries"), trust.root, HOST)
    yield both
    both.close()


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureShell | None]:
    if why_no_ssh():
        yield None
        return
    one = SecureShell(tmp_path_factory.mktemp("ssh"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def daemon(
    trust: Trust, tmp_path_factory: pytest.TempPathFactory, compiled: Path, ssh: SecureShell | None
) -> Iterator[DaemonProcess]:
    text = config(trust.authority, ssh.port if ssh is not None else 0)
    daemon = DaemonProcess(tmp_path_factory.mktemp("daemon") / "home", text, compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


@dataclass(frozen=True)
class Lived:
    """What one launch left.

    Attributes:
        workspace: Where the tasks left their folders.
        home: Of whoever launched it.
        said: By the launcher, on standard error.
        missing: Of each task that was left out, the programs that it lacks.
    """

    workspace: Path
    home: Path
    said: str
    missing: Mapping[str, list[str]]

    def check(self, name: str, says: str, run: str = "run") -> None:
        """Check that a task did what it should; skip where its programs are not installed."""
        if name in self.missing:
            pytest.skip(f"missing: {', '.join(self.missing[name])}")
        folder = self.workspace / name
        out, err, code = ((folder / f"{run}.{what}").read_text() for what in ("out", "err", "code"))
        assert code == "0\n", f"{out}\n{err}\n{self.said}"
        assert says in out, err


def check_launch(done: subprocess.CompletedProcess[str]) -> None:
    """Check that it came to its end; skip where namespaces are refused, without which nothing inside can serve."""
    if "network stands in part" in done.stderr:
        pytest.skip("this machine refuses namespaces")
    assert done.returncode == 0, done.stderr


def missing_of(tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """For each task that can't be done here, what isn't installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = {name: [one for one in task.needs if not shutil.which(one, path=path)] for name, task in tasks.items()}
    return {name: programs for name, programs in found.items() if programs}


def environ_of(registries: Registries, ssh: SecureShell | None) -> dict[str, str]:
    """What the tasks want to know; to be named with `--env`."""
    more = {"PY": sys.executable, "UV": UV, "REGISTRY": registries.url, "REPOSITORY": registries.repository}
    return more | ({"SSH": ssh.url(HOST)} if ssh is not None else {})


def toolchain_flags() -> tuple[str, ...]:
    """Cargo lies in the home of who runs the tests, which is not that of who launches."""
    cargo = shutil.which("cargo")
    return ("--allow-read", str(Path(cargo).parent)) if cargo and not cargo.startswith("/usr/") else ()


def env_flags(variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in variables.items() for word in ("--env", f"{name}={value}"))


# -- as whoever runs the tests ------------------------------------------------------------------------------------------

CACHED = (".cargo/registry", ".cache/uv")
"""Caches that the host has, and that agents get copies of."""


@pytest.fixture(scope="module")
def launches(daemon: DaemonProcess, tmp_path_factory: pytest.TempPathFactory) -> Launches:
    """Someone with caches and with toolchains, but without a ~/.npm."""
    made = Launches(tmp_path_factory.mktemp("life"), daemon)
    for folder in CACHED:
        (made.home / folder).mkdir(parents=True)
        (made.home / folder / "mine").write_text("the host's")
    rustup = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    made.environ |= {**AUTHOR, "USER": "dev", "CARGO_HOME": str(made.home / ".cargo")}
    made.environ |= {"RUSTUP_HOME": str(rustup)} if rustup.is_dir() else {}
    return made


@pytest.fixture(scope="module")
def lived(launches: Launches, registries: Registries, ssh: SecureShell | None) -> Lived:
    missing = missing_of(TASKS)
    variables = environ_of(registries, ssh)
    if ssh is None:
        missing["git-over-ssh"] = [why_no_ssh()]
    else:
        keys = launches.workspace / "keys"
        keys.mkdir()
        for name in ("client", "known"):
            shutil.copy(ssh.folder / name, keys)
        variables["KEYS"] = str(keys)
    tasks = {name: task for name, task in TASKS.items() if name not in missing}
    subprocess.run(["git", "init", "-q", str(launches.workspace)], check=True)
    subprocess.run(
        ["git", "commit", "-q", "--allow-empty", "-m", "first"],
        env=launches.environ,
        cwd=launches.workspace,
        check=True,
    )
    flags = (*env_flags(variables), *toolchain_flags())
    command = launches.command(*lay_out(launches.workspace, tasks, registries.url), flags=flags)
    done = subprocess.run(
        command, env=launches.environ, cwd=launches.workspace, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=LONG,
    )  # fmt: skip
    check_launch(done)
    return Lived(launches.workspace, launches.home, done.stderr, missing)


@pytest.mark.parametrize("name", TASKS)
def test_programs_do_their_work(name: str, lived: Lived) -> None:
    lived.check(name, TASKS[name].says)


def test_nothing_that_programs_wanted_was_refused(lived: Lived) -> None:
    """But for Chromium's look at devices that come and go, which it does without."""
    refused = [line for line in lived.said.splitlines() if "refused" in line and "AF_NETLINK" not in line]
    assert refused == []


def test_a_push_over_ssh_is_recorded_with_its_remote(lived: Lived, daemon: DaemonProcess, ssh: SecureShell) -> None:
    lived.check("git-over-ssh", "")
    told = [line["remote"] for line in daemon.lines() if "remote" in line]
    assert told == [f"git {what} {ssh.url(HOST)}"[:300] for what in ("fetch", "push")]


# What the first launch kept in caches is there for the next one.


def held(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def lived_again(lived: Lived, launches: Launches, registries: Registries) -> Lived:
    tasks = {name: task for name, task in AGAIN.items() if name not in lived.missing}
    variables = environ_of(registries, None)
    command = launches.command(
        *lay_out(launches.workspace, tasks, registries.url, "again"), flags=(*env_flags(variables), *toolchain_flags())
    )
    done = subprocess.run(
        command, env=launches.environ, cwd=launches.workspace, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=LONG,
    )  # fmt: skip
    check_launch(done)
    return Lived(lived.workspace, lived.home, done.stderr, lived.missing)


@pytest.mark.parametrize("name", AGAIN)
def test_the_next_launch_finds_what_this_one_kept(name: str, lived_again: Lived) -> None:
    lived_again.check(name, AGAIN[name].says, "again")


def test_the_hosts_caches_and_home_are_as_they_were(lived_again: Lived) -> None:
    for folder in CACHED:
        assert held(lived_again.home / folder) == {"mine": b"the host's"}
    kept = ".cache/pipelock/caches"
    others = [path for path in held(lived_again.home) if not path.startswith((*CACHED, kept))]
    assert others == []


# -- as an ordinary user ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lived_by_nobody(trust: Trust, compiled: Path, registries: Registries) -> Iterator[Lived]:
    """With a daemon of its own."""
    if os.getuid() != 0:
        pytest.skip("whoever runs these tests is an ordinary user already")
    tasks = {name: task for name, task in TASKS.items() if task.everybody}
    missing = missing_of(tasks)
    tasks = {name: task for name, task in tasks.items() if name not in missing}
    with somebody() as person:
        home, workspace = person.folder("pipelock"), person.folder("work")
        authority = home / "origin-ca.pem"
        shutil.copy(trust.authority, authority)
        (home / "pipelock.yaml").write_text(config(authority))
        copy_compiled(compiled, home / "cache")
        command = lay_out(workspace, tasks, registries.url)
        person.own(*home.rglob("*"), *workspace.rglob("*"))
        environ = person.environ({"PIPELOCK_HOME": str(home), "PWD": str(workspace), "NO_COLOR": "1", **AUTHOR})
        with (home / "log").open("wb") as log:
            daemon = subprocess.Popen(
                person.command(PIPELOCK, "run", "-c", home / "pipelock.yaml", "-l", "127.0.0.1:0"),
                env=environ, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                wait_for((home / "run" / "control.sock").exists, what="the daemon's start")
                flags = env_flags(environ_of(registries, None))
                done = person.run(PIPELOCK, "sandbox", *flags, "--", *command, env=environ, cwd=workspace, timeout=LONG)
            finally:
                daemon.terminate()
                daemon.wait(PATIENCE)
        check_launch(done)
        yield Lived(workspace, person.home, done.stderr, missing)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.everybody])
def test_programs_do_their_work_for_an_ordinary_user(name: str, lived_by_nobody: Lived) -> None:
    lived_by_nobody.check(name, TASKS[name].says)


# -- who it is ----------------------------------------------------------------------------------------------------------


def test_two_at_once_are_two_sessions_and_neither_is_who_it_says(
    daemon: DaemonProcess, registries: Registries, tmp_path: Path
) -> None:
    ask_for = "curl -sS -o /dev/null -w '%{http_code}\\n' -H 'X-Pipelock-Agent: boss'"
    loop = f"while read -r path; do {ask_for} {registries.url}/$path?agent=boss; done"
    agents = {}
    before = len(daemon.lines())
    for name in ("one", "two"):
        agents[name] = Launches(tmp_path / name, daemon).start("sh", "-c", loop, flags=("-q", "--name", name))
    for name, agent in agents.items():
        assert ask(agent, f"of-{name}") == "200"
    rows = json.loads(daemon.cli("sandbox", "list", "--json", check=True).stdout)
    keys = {row["session"].partition("@")[0]: row["session"] for row in rows}
    assert set(agents) <= set(keys)
    assert keys["one"].partition("@")[2] != keys["two"].partition("@")[2]
    for agent in agents.values():
        agent.communicate(timeout=PATIENCE)
        assert agent.returncode == 0
    asked = {}
    for line in daemon.lines()[before:]:
        for name in agents:
            if f"/of-{name}" in str(line.get("url", line.get("target", ""))):
                asked[name] = line["agent"]
    assert asked == {"one": "one", "two": "two"}
    assert not any("boss@" in json.dumps(line) for line in daemon.lines()[before:])


# -- on a terminal ------------------------------------------------------------------------------------------------------

APPLICATION = """
from textual.app import App
from textual.widgets import Input, Static


class Small(App):
    def compose(self):
        yield Input()
        yield Static(id="said", markup=False)

    def on_resize(self, event):
        self.query_one("#said").update(f"size {event.size.width}x{event.size.height}")

    def on_input_submitted(self, event):
        self.query_one("#said").update(f"heard {event.value.upper()}")


Small().run()
"""


def test_programs_with_a_screen_of_their_own(daemon: DaemonProcess, tmp_path: Path) -> None:
    """Raw keys, the alternate screen, another size, Ctrl-Z and fg: in a Textual program, and in vim."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    launches = Launches(tmp_path, daemon)
    (launches.workspace / "small.py").write_text(APPLICATION)
    terminal = Terminal([bash, "--norc", "--noprofile", "-i"], {**launches.environ, "PS1": "$ "}, (100, 30))
    try:
        sandbox = f"{PIPELOCK} sandbox -q --"
        terminal.type(f"cd {launches.workspace}; {sandbox} {sys.executable} small.py; echo code=$?\n")
        terminal.shows("size 100x30")
        terminal.type("typed")
        terminal.press("Enter")
        terminal.shows("heard TYPED")
        terminal.resize(90, 20)
        terminal.shows("size 90x20")
        terminal.press("C-q")
        terminal.shows("code=0")
        if shutil.which("vim") is None:
            return
        terminal.type(f"clear; {sandbox} vim -u NONE -N text\n")
        terminal.shows("~", "text")
        terminal.type("iwritten inside")
        terminal.press("Escape", "C-z")
        terminal.shows("Stopped")
        terminal.type("clear; fg; echo code=$?\n")
        terminal.shows("written inside")
        terminal.type(":wq")
        terminal.press("Enter")
        terminal.shows("code=0")
        assert (launches.workspace / "text").read_text() == "written inside\n"
    finally:
        terminal.close()


def test_a_tmux_inside_is_another_than_the_one_outside(daemon: DaemonProcess, tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("missing: tmux")
    launches = Launches(tmp_path, daemon)
    launches.environ["TMUX"] = f"{tmp_path}/default,1,0"
    start = "tmux -f /dev/null new-session -d 'echo inside > made; sleep 600'"
    done = launches.run("sh", "-c", f"{start} && until test -s made; do sleep 0.05; done; cat made")
    check_launch(done)
    assert done.stdout == "inside\n"
