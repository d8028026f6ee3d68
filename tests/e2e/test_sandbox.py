"""Launched agents, end to end: `pipelock sandbox` on a real daemon, with real programs inside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock_linux import landlock
from tests.e2e.conftest import BASE_CONFIG, PATIENCE, PIPELOCK, DaemonProcess, Trust, copy_compiled, wait_for
from tests.e2e.launches import Launches, ask, running
from tests.e2e.origins import RecordingOrigin
from tests.e2e.terminals import Terminal
from tests.e2e.unprivileged import Somebody, somebody
from tests.e2e.weaker import without
from tests.tls.peers import Wish, files, signed

pytestmark = pytest.mark.e2e

HOST = "origin.test"
CURL = 'curl -sS -m 20 -o /dev/null -w "%{http_code} "'


def config(trust: Trust) -> str:
    return (
        f"{BASE_CONFIG}tls_interception: {{enabled: true, upstream_ca: ['{trust.authority}']}}\n"
        f"dns: {{host_overrides: {{{HOST}: ['127.0.0.1']}}}}\n"
    )


@pytest.fixture(scope="module")
def secure(trust: Trust, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingOrigin]:
    """An origin with TLS."""
    shown = files(tmp_path_factory.mktemp("origin"), signed(Wish(HOST, names=(HOST,)), trust.root), trust.root)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown)
    origin = RecordingOrigin(context)
    yield origin
    origin.close()


@pytest.fixture(scope="module")
def daemon(trust: Trust, tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    daemon = DaemonProcess(tmp_path_factory.mktemp("daemon") / "home", config(trust), compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def launches(tmp_path: Path, daemon: DaemonProcess) -> Launches:
    return Launches(tmp_path, daemon)


def test_every_road_leads_to_the_daemon(daemon: DaemonProcess, launches: Launches, secure: RecordingOrigin) -> None:
    secure.forget()
    done = launches.run(
        "sh", "-c",
        f"{CURL} https://{HOST}:{secure.port}/by-variables; "
        f"{CURL} --noproxy '*' https://{HOST}:{secure.port}/by-the-kernel; "
        # A name that leads nowhere, an address of nobody: neither gets out, both are answered.
        f"{CURL} --noproxy '*' http://203.0.113.9/; "
        "cat /proc/net/route | wc -l; "
        'python3 -c "import socket; print(socket.gethostbyname(\'secret-text.example\'))"',
    )  # fmt: skip
    codes = done.stdout.split()
    assert codes[:2] == ["200", "200"], done.stderr
    assert codes[2] != "200"
    assert codes[-1].startswith("198.18.") or codes[-1].startswith("198.19."), done.stdout
    assert [seen.path for seen in secure.seen] == ["/by-variables", "/by-the-kernel"]
    mine = [line for line in daemon.lines() if "sandbox" in json.dumps(line.get("session", line))]
    assert mine
    assert "walls stand" in done.stderr


def test_exit_codes_signals_input_and_environment_are_the_commands_own(launches: Launches) -> None:
    launches.environ |= {"SECRET_OF_MINE": "x" * 20, "MY_FLAG": "here"}
    closed = launches.run(
        "sh", "-c", "ls /proc/self/fd | wc -l; exit 4", outer=("sh", "-c", 'exec "$@" <&- 2>&-', "sh")
    )
    # Those three, and the one of ls itself.
    assert (closed.returncode, closed.stdout) == (4, "4\n")
    script = launches.workspace / "notes.txt"
    script.write_text("no program\n")
    done = launches.run(
        "sh", "-c", "cat; echo ${SECRET_OF_MINE:-none} $MY_FLAG; exit 7", flags=("-q", "--env", "MY_FLAG"), given="in "
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "in none here\n", "")
    assert launches.run("sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM
    missing = launches.run("no-such-program")
    assert (missing.returncode, missing.stdout) == (127, "")
    assert "no-such-program" in missing.stderr
    refused = launches.run(str(script))
    assert refused.returncode == 126
    assert "may not be run" in refused.stderr
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    refused = launches.run(str(script))
    assert refused.returncode == 127
    assert "/no/such/interpreter" in refused.stderr


def test_signals_are_passed_on_and_nothing_outlives_the_launcher(launches: Launches) -> None:
    agent = launches.start("sh", "-c", "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    assert agent.stdout is not None
    assert agent.stdout.readline() == "ready\n"
    agent.terminate()
    assert agent.communicate(timeout=PATIENCE)[0] == "got it\n"
    assert agent.returncode == 9

    # Deaf to SIGTERM, with children in sessions of their own; the launcher is killed.
    marker = f"27{os.getpid()}"
    agent = launches.start(
        "sh", "-c", f"trap '' TERM; setsid sleep {marker} & setsid sleep {marker} & echo ready; wait"
    )
    assert agent.stdout is not None
    assert agent.stdout.readline() == "ready\n"
    wait_for(lambda: len(sleepers(marker)) == 2, what="the children")
    agent.kill()
    agent.communicate(timeout=PATIENCE)
    wait_for(lambda: not sleepers(marker), what="the end of everything")


def sleepers(marker: str) -> list[str]:
    return running("sleep", marker)


def test_an_agent_outlives_its_daemon_without_a_network_and_is_ended_by_the_next(
    trust: Trust, tmp_path: Path, make_daemon: Callable[..., DaemonProcess], secure: RecordingOrigin
) -> None:
    daemon = make_daemon(config(trust))
    launches = Launches(tmp_path / "agent", daemon)
    loop = f"while read -r path; do {CURL} --noproxy '*' https://{HOST}:{secure.port}/$path; echo; done"
    agent = launches.start("sh", "-c", loop, flags=("--name", "patient"))
    assert ask(agent, "first") == "200"
    listed = daemon.cli("sandbox", "list", "--json", check=True)
    (row,) = json.loads(listed.stdout)
    assert row["session"].startswith("patient@sandbox-")
    assert row["sandbox"]["contained"]["rung"] == "namespace"

    daemon.stop()
    assert ask(agent, "second") == "000"
    daemon.start()

    def is_back() -> bool:
        return ask(agent, "third") == "200"

    wait_for(is_back, what="the network")
    (row,) = json.loads(daemon.cli("sandbox", "list", "--json", check=True).stdout)
    done = daemon.cli("session", "terminate", row["session"])
    assert done.returncode == 0, done.stderr
    assert agent.wait(PATIENCE) == 128 + signal.SIGTERM  # before its input ends, which would end it too
    _, said = agent.communicate(timeout=PATIENCE)
    assert "the daemon is gone" in said
    assert "the daemon is back" in said
    assert "ends the agent" in said


def test_without_a_daemon_nothing_starts(tmp_path: Path, launches: Launches) -> None:
    launches.environ["PIPELOCK_HOME"] = str(tmp_path / "nowhere")
    done = launches.run("touch", "x")
    assert done.returncode == 1
    assert "pipelock run" in done.stderr
    assert not (launches.workspace / "x").exists()


@pytest.mark.skipif(landlock.abi() < landlock.PORTS_ABI, reason="this kernel's Landlock knows no ports")
def test_on_lesser_machines_the_next_rung_holds_or_nothing_starts(launches: Launches, secure: RecordingOrigin) -> None:
    mine = launches.home / "mine"
    mine.write_text("private\n")
    try_all = (
        f"{CURL} https://{HOST}:{secure.port}/; {CURL} --noproxy '*' https://127.0.0.1:{secure.port}/; "
        f"cat {mine}; echo x > $TMPDIR/x && cat $TMPDIR/x; touch made"
    )
    done = launches.run("sh", "-c", try_all, outer=tuple(without("unshare")))
    assert done.stdout.split() == ["200", "000", "x"], done.stderr
    assert (launches.workspace / "made").exists()
    assert "network stands in part" in done.stderr
    for flags, calls in ((("--strict",), "unshare"), ((), "unshare,landlock_create_ruleset")):
        refused = launches.run("touch", "never", flags=flags, outer=tuple(without(calls)))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "was not started, network" in refused.stderr
    assert not (launches.workspace / "never").exists()
    loud = launches.run("true", flags=("--best-effort",), outer=tuple(without("unshare,landlock_create_ruleset")))
    assert loud.returncode == 0
    assert "network does not stand" in loud.stderr


@pytest.mark.parametrize("calls", ["landlock_create_ruleset", "unshare"])
def test_signals_for_the_group_stay_inside_and_end_no_agent_that_ignores_them(launches: Launches, calls: str) -> None:
    if calls == "unshare" and landlock.abi() < landlock.SCOPES_ABI:
        pytest.skip("this kernel's Landlock does not hold signals")
    agent = launches.command("sh", "-c", "trap '' TERM; kill -TERM 0; echo sent", flags=("-q",))
    # Whatever was started with the launcher is in its group: the shell, and what it runs beside.
    script = 'sleep 600 & "$@"; kill -0 $! && echo lives; kill $!'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *without(calls), *agent],
        env=launches.environ, cwd=launches.workspace, capture_output=True, text=True, check=False, timeout=60,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert done.stdout == "sent\nlives\n", done.stderr


@pytest.fixture
def person() -> Iterator[Somebody]:
    with somebody() as user:
        yield user


def test_an_ordinary_user_gets_the_same_walls(
    trust: Trust, compiled: Path, person: Somebody, secure: RecordingOrigin
) -> None:
    home, workspace = person.folder("pipelock"), person.folder("work")
    authority = home / "origin-ca.pem"
    shutil.copy(trust.authority, authority)
    settings = home / "pipelock.yaml"
    settings.write_text(config(trust).replace(str(trust.authority), str(authority)))
    copy_compiled(compiled, home / "cache")
    person.own(*home.rglob("*"))
    environ = person.environ({"PIPELOCK_HOME": str(home), "PWD": str(workspace), "NO_COLOR": "1"})
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen(
            person.command(PIPELOCK, "run", "-c", settings, "-l", "127.0.0.1:0"),
            env=environ, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for((home / "run" / "control.sock").exists, what="the daemon's start")
            done = person.run(
                PIPELOCK, "sandbox", "--strict", "--", "sh", "-c",
                f"id -u; {CURL} https://{HOST}:{secure.port}/; {CURL} --noproxy '*' https://{HOST}:{secure.port}/; "
                "touch made; grep CapBnd /proc/self/status; cat /proc/1/environ || echo hidden",
                env=environ, cwd=workspace,
            )  # fmt: skip
        finally:
            daemon.terminate()
            daemon.wait(PATIENCE)
    assert done.stdout.split() == [str(person.uid), "200", "200", "CapBnd:", "0" * 16, "hidden"], done.stderr
    assert (workspace / "made").stat().st_uid == person.uid


def test_a_terminal_is_the_agents_and_is_given_back(launches: Launches) -> None:
    """Raw keys, Ctrl-C, Ctrl-Z and fg, the window's size, and what is left when an agent dies in raw mode."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs bash")
    sandbox = f"{PIPELOCK} sandbox -q --"
    environ = {**launches.environ, "PS1": "$ "}
    terminal = Terminal([shell, "--norc", "--noprofile", "-i"], environ, (100, 30))
    try:
        terminal.type(f"cd {launches.workspace}; {sandbox} stty size\n")
        terminal.shows("30 100")
        marker = f"600.{os.getpid()}"
        terminal.type(f"clear; {sandbox} sleep {marker}; echo code=$?\n")
        wait_for(lambda: sleepers(marker), what="the agent")
        terminal.press("C-c")
        terminal.shows("code=130")
        terminal.type(f"clear; {sandbox} cat\n")
        wait_for(lambda: running("cat"), what="the agent")
        terminal.type("hello\n")
        terminal.shows("hello\nhello")
        terminal.press("C-z")
        terminal.shows("Stopped")
        terminal.type("clear; fg\n")
        terminal.shows("sandbox -q -- cat")
        terminal.type("again\n")
        terminal.shows("again\nagain")
        terminal.press("C-d")
        # A program that stops itself, as editors do on Ctrl-Z, gives the shell back, too.
        terminal.type(f"clear; {sandbox} sh -c 'kill -STOP $$; echo went on'\n")
        terminal.shows("Stopped")
        terminal.type("fg\n")
        terminal.shows("went on")
        # A shell of its own with jobs, which is put aside as a whole.
        terminal.type(f"clear; {sandbox} {shell} --norc --noprofile -i\n")
        terminal.type("sleep 601\n")
        wait_for(lambda: sleepers("601"), what="the shell's child")
        terminal.press("C-z")
        terminal.type("jobs | wc -l | sed s/^/jobs=/; suspend -f\n")
        terminal.shows("jobs=1", f"Stopped                 {PIPELOCK}")
        terminal.type("clear; echo out''side; fg\n")
        terminal.shows("outside")
        terminal.type("echo in''side; exit\n")
        terminal.shows("inside")
        terminal.type("exit\n")  # there were stopped jobs
        # Raw mode needs requests to the terminal; an agent that is killed in it leaves it so.
        terminal.type(
            f"clear; {sandbox} sh -c 'stty raw -echo; echo raw=$(stty -a | grep -c -e -icanon); kill -9 $$'\n"
        )
        terminal.shows("raw=1")
        terminal.type("stty -a | grep -o -w -e -echo -e echo; echo code=$?\n")
        terminal.shows("code=0")
        assert "-echo\n" not in terminal.screen()
    finally:
        terminal.close()
