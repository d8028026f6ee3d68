"""Who is who, with real processes: agents, what they start, what they claim, ports of their own, and what they may do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelock.identity.process import describe, relatives
from pipelock.identity.programs import known_programs
from pipelock.model import Session
from tests.e2e.conftest import BASE_CONFIG, PATIENCE, DaemonProcess, free_port, wait_for
from tests.e2e.origins import RecordingOrigin

ABOVE = [known_programs().known(describe(relative).command) for relative in relatives(os.getpid(), whole=False)]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(any(ABOVE), reason="an agent or an editor runs these tests: all is its session"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="programs are told apart by /proc"),
]

ASK = """
import os, subprocess, sys, urllib.request
proxy, url, name, depth = sys.argv[1:5]
if int(depth):
    words = [sys.executable, "-c", os.environ["ASK"], proxy, url, name, str(int(depth) - 1)]
    sys.exit(subprocess.run(words, start_new_session=True, check=False).returncode)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
request = urllib.request.Request(url, headers={"X-Pipelock-Agent": name} if name else {})
print(opener.open(request, timeout=30).status)
"""


class Place:
    """A daemon, an origin, and programs by the names of agents."""

    def __init__(self, daemon: DaemonProcess, origin: RecordingOrigin, folder: Path, door: int) -> None:
        self.daemon = daemon
        self.door = door
        self._origin = origin
        self._folder = folder

    def asks(self, program: str, *, says: str = "", depth: int = 0, port: int = 0) -> None:
        """Have a process called `program`, or its `depth`-th child, send a request."""
        link = self._folder / program
        if not link.exists():
            link.symlink_to(sys.executable)
        proxy = f"http://127.0.0.1:{port or self.daemon.port}"
        words = [str(link), "-c", ASK, proxy, f"{self._origin.url}/x", says, str(depth)]
        done = subprocess.run(
            words,
            env={**self.daemon.environ, "ASK": ASK},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def session(self, fits: Callable[[Session], bool]) -> Session:
        """The latest session that fits."""
        with self.daemon.client() as client:
            found: Session = wait_for(lambda: next(filter(fits, client.sessions()), None), what="the session")
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Place]:
    folder, door = tmp_path_factory.mktemp("programs"), free_port()
    config = BASE_CONFIG + (
        f"agents:\n  doorman: {{listeners: ['127.0.0.1:{door}']}}\n"
        "  robot: {programs: ['robot-*']}\n  farm: {source_cidrs: ['10.0.0.0/8']}\n"
    )
    daemon = DaemonProcess(tmp_path_factory.mktemp("home"), config, compiled=compiled).start()
    origin = RecordingOrigin()
    yield Place(daemon, origin, folder, door)
    daemon.stop()
    origin.close()


def test_a_known_agent_is_known_by_its_process_whatever_it_says(place: Place) -> None:
    place.asks("codex", says="somebody-else")
    found = place.session(lambda session: session.agent == "codex")
    assert found.key.startswith("codex@")
    assert found.key.endswith("|127.0.0.1")
    assert (found.evidence, found.processes[-1].program) == ("process", "codex")


def test_what_an_agent_starts_is_its_own_in_sessions_of_the_system_s_too(place: Place) -> None:
    place.asks("gemini", depth=2)
    found = place.session(lambda session: session.agent == "gemini")
    assert len(found.processes) == 3
    assert found.key == f"gemini@{found.processes[-1].pid}|127.0.0.1"


def test_programs_and_listeners_of_profiles(place: Place) -> None:
    place.asks("robot-7")
    assert place.session(lambda session: session.agent == "robot").profile == "robot"
    place.asks("plain", says="robot", port=place.door)
    found = place.session(lambda session: session.agent == "doorman")
    assert (found.evidence, found.profile) == ("listener", "doorman")


def test_proven_names_are_not_to_be_had_by_saying_them_and_others_are(place: Place) -> None:
    for name, agent in (("farm", "anonymous"), ("walker", "walker")):
        place.asks("plain", says=name)
        with place.daemon.client() as client:
            latest = client.sessions()[0]
        assert latest.agent == agent
        assert "@" in latest.key


def test_an_agent_may_watch_and_not_decide(place: Place, tmp_path: Path) -> None:
    link = tmp_path / "opencode"
    link.symlink_to(sys.executable)
    code = "import sys; from pipelock.cli.main import main; sys.exit(main(sys.argv[1:]))"
    run = [str(link), "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"]
    env = place.daemon.environ
    watched = subprocess.run(
        [*run, "status"], env=env, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert watched.returncode == 0, watched.stderr
    tried = subprocess.run(
        [*run, "kill", "on"], env=env, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert tried.returncode != 0
    assert "runs inside opencode" in tried.stderr
