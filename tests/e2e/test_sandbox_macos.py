"""macOS' launcher with a real daemon. What stands in for sandbox-exec runs the command without a sandbox, so this
shows the way to the daemon and back, and nothing of the system's walls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BASE_CONFIG, PATIENCE, DaemonProcess, wait_for
from tests.e2e.origins import RecordingOrigin

pytestmark = pytest.mark.e2e

HOST = "origin.test"
STAND_IN = """#!/bin/sh
shift 2; [ "$4" = probe ] && { echo done; exit; }
exec "$@"
"""
RUN = """
import sys
from pipelock.cli import _sandbox_macos, parser, sandbox
from pipelock_macos.launcher import Programs
arguments = parser.parse(sys.argv[2:])
programs = Programs(sandbox=sys.argv[1], log="/nonexistent/log", ps="/usr/bin/ps")
sys.exit(_sandbox_macos.run(arguments, sandbox.facts_for(arguments), programs))
"""


@pytest.fixture
def daemon(tmp_path: Path, compiled: Path) -> Iterator[DaemonProcess]:
    text = f"{BASE_CONFIG}dns: {{host_overrides: {{{HOST}: ['127.0.0.1']}}}}\n"
    daemon = DaemonProcess(tmp_path / "home", text, compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


def test_an_agent_reaches_the_daemon_and_outlives_it(daemon: DaemonProcess, tmp_path: Path) -> None:
    stand_in, work, person = tmp_path / "sandbox-exec", tmp_path / "work", tmp_path / "person"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    work.mkdir()
    person.mkdir()
    origin = RecordingOrigin()
    curl = f"curl -sS -m 20 -o /dev/null -w '%{{http_code}}\\n' http://{HOST}:{origin.port}/$path 2>/dev/null"
    command = f"while read path; do {curl}; done; exit 3"
    words = (sys.executable, "-c", RUN, str(stand_in), "sandbox", "--preset", "claude", "--", "sh", "-c", command)
    with subprocess.Popen(
        words, env={**daemon.environ, "HOME": str(person)}, cwd=work, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as agent:  # fmt: skip
        assert agent.stdin is not None
        assert agent.stdout is not None

        def ask(path: str) -> str:
            agent.stdin.write(f"{path}\n")
            return agent.stdout.readline().strip()

        assert ask("one") == "200"
        (listed,) = json.loads(daemon.cli("sandbox", "list", "--json", check=True).stdout)
        contained = listed["sandbox"]["contained"]
        assert listed["session"].startswith("sh@sandbox-")
        assert (contained["rung"], contained["workspace"]) == ("system", str(work))
        daemon.stop()
        assert ask("two") == "000"
        daemon.start()
        wait_for(lambda: ask("three") == "200", what="the daemon serves the agent again")
        agent.stdin.close()
        assert agent.wait(PATIENCE) == 3
        assert agent.stderr is not None
        assert "walls stand" in agent.stderr.read()
    assert {seen.path for seen in origin.seen} == {"/one", "/three"}
    origin.close()
