"""The admin API of a daemon on a reactor in memory: which listener it is on, which token holds, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from pipelock.config import loads
from pipelock.config.validate_admin import TOKEN_VARIABLE
from pipelock.daemon.app import Daemon, DaemonPlace
from pipelock.daemon.secret_files import SecretFileError
from pipelock.model import KillSwitchChanged
from tests.factories import a_policy
from tests.proxy.lines import Line

TOKEN = "operator-token-of-nobody"
OWN = f"kill_switch: {{api_listen: '127.0.0.1:9099', api_token: {TOKEN}}}\n"
SHARED = f"kill_switch: {{api_token: {TOKEN}}}\n"


class Home:
    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        self.text = text
        self.environ: dict[str, str] = {}
        self.reactor: Any = MemoryReactorClock()
        place = DaemonPlace(home=tmp_path, read=lambda: loads(self.text, "test"), environ=self.environ)
        # Compiling the real rules takes seconds and has tests of its own.
        monkeypatch.setattr("pipelock.daemon.reloading.compile_policy", lambda *_, **__: a_policy(hash="p2"))
        self.daemon = Daemon(self.reactor, place, loads(text, "test"), a_policy())
        monkeypatch.setattr(self.daemon, "_in", lambda _pool, call, then: then(call()))
        self.daemon.start()

    def asks(self, port: int, method: str, path: str, body: str = "", token: str = TOKEN) -> tuple[int, str]:
        factory = next(server[1] for server in self.reactor.tcpServers if server[0] == port)
        connection = factory.buildProtocol(None)
        line = Line()
        connection.makeConnection(line)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n"
        connection.dataReceived(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        head, _, text = line.value().decode().partition("\r\n\r\n")
        return int(head.split()[1]), text


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Home]]:
    homes: list[Home] = []

    def make(text: str) -> Home:
        homes.append(Home(tmp_path, monkeypatch, text))
        return homes[-1]

    yield make
    for home in homes:
        home.daemon.stop()


def test_with_a_listener_of_its_own_the_main_port_has_no_admin_api(start: Callable[[str], Home]) -> None:
    home = start(OWN)
    assert home.asks(9099, "GET", "/api/v1/sessions") == (200, '{"sessions":[],"count":0}')
    assert home.asks(8888, "GET", "/api/v1/sessions")[0] == 404
    assert home.daemon.status().admin.startswith("127.0.0.1:")
    # An agent can't have the proxy carry its request there.
    assert 9099 in {server[0] for server in home.reactor.tcpServers}
    assert len(home.daemon.engine.own_ports) >= 1


def test_without_one_it_is_on_the_main_port_where_a_token_is_set(start: Callable[[str], Home]) -> None:
    home = start(SHARED)
    assert home.asks(8888, "GET", "/api/v1/sessions")[0] == 200
    home.text = "mode: balanced\n"
    home.daemon.request_reload()
    assert home.asks(8888, "GET", "/api/v1/sessions")[0] == 404


def test_the_environment_s_token_wins_and_a_reload_rotates_the_file_s(start: Callable[[str], Home]) -> None:
    home = start(OWN)
    home.environ[TOKEN_VARIABLE] = "from-the-environment"
    assert home.asks(9099, "GET", "/api/v1/sessions")[0] == 401
    assert home.asks(9099, "GET", "/api/v1/sessions", token="from-the-environment")[0] == 200
    home.environ[TOKEN_VARIABLE] = ""
    home.text = OWN.replace(TOKEN, "a-newer-token-of-nobody")
    home.daemon.request_reload()
    assert home.asks(9099, "GET", "/api/v1/sessions")[0] == 401
    assert home.asks(9099, "GET", "/api/v1/sessions", token="a-newer-token-of-nobody")[0] == 200


def test_the_kill_switch_is_moved_published_and_written_down(start: Callable[[str], Home]) -> None:
    home = start(OWN)
    seen: list[Any] = []
    home.daemon.bus.subscribe(lambda event: seen.append(event.payload))
    assert json.loads(home.asks(9099, "POST", "/api/v1/killswitch", '{"active":true}')[1])["active"] is True
    assert home.daemon.kill.state.sources["api"] is True
    assert [one.by for one in seen if isinstance(one, KillSwitchChanged)] == ["api (admin API, )"]
    lines = [json.loads(line) for line in home.daemon.recorder.log.path.read_text().splitlines()]
    assert [(line["event"], line["action"], line["status_code"]) for line in lines] == [
        ("session_admin", "killswitch", 200)
    ]


def test_a_full_disk_does_not_keep_the_kill_switch_from_working(
    start: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = start(OWN)

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(home.daemon.recorder, "write_admin", fail)
    assert home.asks(9099, "POST", "/api/v1/killswitch", '{"active":true}')[0] == 200
    assert home.daemon.kill.active


def test_what_the_daemon_does_not_know_is_not_found(start: Callable[[str], Home]) -> None:
    home = start(OWN)
    for path in ("/api/v1/sessions/nobody/reset", "/api/v1/sessions/nobody/terminate"):
        assert home.asks(9099, "POST", path)[0] == 404
    assert home.asks(9099, "GET", "/api/v1/sessions/nobody")[0] == 404
    assert home.asks(9099, "POST", "/api/v1/pending/7/answer", '{"word":"deny"}')[0] in (404, 409)


def test_signed_answers_are_taken_only_where_config_says_so(start: Callable[[str], Home]) -> None:
    hook = "notifications: {webhook: {url: 'http://127.0.0.1:9/x', secret: ssssssssssssssss, answers: %s}}\n"
    home = start(OWN + hook % "true")
    assert home.asks(9099, "POST", "/api/v1/answers", "{}")[0] == 401
    home.text = OWN + hook % "false"
    home.daemon.request_reload()
    assert home.asks(9099, "POST", "/api/v1/answers", "{}")[0] == 503


def test_a_secret_that_others_can_read_is_refused(start: Callable[[str], Home], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 16)
    secret.chmod(0o644)
    with pytest.raises(SecretFileError, match=r"notifications\.webhook\.secret_file.*chmod 600"):
        start(f"notifications: {{webhook: {{url: 'http://127.0.0.1:9/x', secret_file: '{secret}'}}}}\n")
    secret.chmod(0o600)
    start(f"notifications: {{webhook: {{url: 'http://127.0.0.1:9/x', secret_file: '{secret}'}}}}\n")
