"""The admin API of the real daemon, asked by curl; a webhook on loopback that answers; the command line over both."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelock.notify.signature import HEADER, check, sign
from tests.e2e.conftest import BASE_CONFIG, PATIENCE, DaemonProcess, Origin, curl, free_port, status_of, wait_for

pytestmark = pytest.mark.e2e

TOKEN = "test-token-of-nobody"
SECRET = "test-secret-of-nobody"
CONFIG = """
egress_rules:
  - {{name: posting needs a person, action: ask, method: POST}}
approvals: {{unattended: hold, timeout_seconds: 120}}
kill_switch: {{api_listen: "127.0.0.1:{port}", api_token: {token}}}
notifications:
  webhook: {{url: "http://127.0.0.1:{hook}/hook", secret: {secret}, answers: true}}
"""


class Hook:
    """A webhook's server: remembers what was posted to it, and whether that was genuine."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                check(SECRET.encode(), self.headers.get(HEADER, ""), body, time.time())
                hook.heard.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def message(self, event: str) -> dict[str, Any]:
        return wait_for(
            lambda: next((one for one in self.heard if one["event"] == event), None), what=f"{event} message"
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class Trickle:
    """An origin whose answer never ends."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.serving = threading.Event()
        self.left = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            link, _ = self.socket.accept()
            with link:
                link.recv(65_536)
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n")
                self.serving.set()
                try:
                    while True:
                        link.sendall(b"all is well here, go on reading\n" * 100)
                        time.sleep(0.02)
                except OSError:
                    self.left.set()

    def close(self) -> None:
        self.socket.close()
        self.thread.join(5)


class House:
    """A daemon with an admin listener, and its surroundings."""

    def __init__(self, home: Path, compiled: Path) -> None:
        self.hook, self.trickle, self.port = Hook(), Trickle(), free_port()
        config = BASE_CONFIG + CONFIG.format(port=self.port, token=TOKEN, hook=self.hook.port, secret=SECRET)
        self.daemon = DaemonProcess(home, config, {"PIPELOCK_KILLSWITCH_API_TOKEN": ""}, compiled)
        self.daemon.config_path.chmod(0o600)
        self.daemon.start()

    def api(self, path: str, body: Any = None, *, token: str = TOKEN, signature: str = "") -> tuple[int, Any]:
        words = ["-H", f"Authorization: Bearer {token}"] if token else []
        words += ["-H", f"{HEADER}: {signature}"] if signature else []
        words += ["-d", body if isinstance(body, str) else json.dumps(body)] if body is not None else []
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "--max-time", "30", "-w", "\n%{http_code}", *words,
             f"http://127.0.0.1:{self.port}/api/v1/{path}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text) if text.startswith("{") else text.strip()

    def close(self) -> int:
        code = self.daemon.stop()
        self.hook.close()
        self.trickle.close()
        return code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("admin") / "home", compiled)
    yield made
    assert made.close() == 0


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Run `call` meanwhile; what is returned waits for its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(2 * PATIENCE)
        assert results, "it still runs"
        return results[0]

    return result


def test_the_switch_is_pulled_and_released(house: House, origin: Origin) -> None:
    assert house.api("killswitch", {"active": True}, token="wrong") == (401, "unauthorized")
    assert status_of(curl(house.daemon, origin.url)) == 200
    status, answer = house.api("killswitch", {"active": True})
    assert (status, answer["active"], answer["source"]) == (200, True, "api")
    assert status_of(curl(house.daemon, origin.url)) == 503
    assert house.api("killswitch/status")[1]["sources"]["api"] is True
    assert house.api("killswitch", {"active": False})[1]["active"] is False
    assert status_of(curl(house.daemon, origin.url)) == 200
    # Neither the main port nor the proxy itself leads there.
    main = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", f"{house.daemon.url}/api/v1/sessions",
         "-H", f"Authorization: Bearer {TOKEN}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert main.stdout == "404"
    through = curl(house.daemon, f"http://127.0.0.1:{house.port}/api/v1/sessions")
    assert status_of(through) == 403
    logged = [line for line in house.daemon.lines() if line["event"] == "session_admin"]
    assert [(line["action"], line["status_code"]) for line in logged][:2] == [("killswitch", 401), ("killswitch", 200)]


def test_a_download_is_ended_with_its_session(house: House) -> None:
    trickle = house.trickle
    url = f"http://127.0.0.1:{trickle.port}/endless"
    ended = in_background(lambda: curl(house.daemon, url, "-H", "X-Pipelock-Agent: downloader", "-o", "/dev/null"))
    assert trickle.serving.wait(PATIENCE)

    def session() -> dict[str, Any] | None:
        found = house.api("sessions")[1]["sessions"]
        return next((one for one in found if one["agent"] == "downloader"), None)

    key = wait_for(session, what="the session")["key"]
    listed = json.loads(house.daemon.cli("session", "list", "--json", check=True).stdout)
    assert key in {one["key"] for one in listed["sessions"]}
    url = f"http://127.0.0.1:{house.port}"
    code = house.daemon.cli("session", "terminate", "downloader", "--api-url", url, "--api-token", "wrong").returncode
    assert code == 2
    done = house.daemon.cli("session", "terminate", "downloader", "--config", str(house.daemon.config_path), check=True)
    assert "1 connection closed" in done.stdout
    assert ended().returncode != 0
    assert trickle.left.wait(PATIENCE)
    assert house.daemon.cli("session", "inspect", "nobody at all").returncode == 1


def test_a_webhook_is_told_and_its_answer_counts_once(house: House, origin: Origin) -> None:
    answered = in_background(lambda: curl(house.daemon, f"{origin.url}/upload", "-d", "hello=world"))
    held = house.hook.message("held")
    assert held["target"] == f"{origin.url}/upload"
    assert held["answer_url"] == f"http://127.0.0.1:{house.port}/api/v1/answers"

    def says(**changes: Any) -> tuple[int, Any]:
        said = {"id": held["id"], "binding": held["binding"], "nonce": secrets.token_hex(16), "word": "allow"}
        body = json.dumps(said | changes)
        return house.api("answers", body, token="", signature=sign(SECRET.encode(), body.encode(), int(time.time())))

    assert house.api("answers", "{}", token=TOKEN)[0] == 401
    assert says(lifetime="1h")[0] == 403
    assert says(binding="0" * 32)[0] == 409
    assert origin.seen == []
    assert says(by="Ann") == (200, {"count": 1})
    assert status_of(answered()) == 200
    closed = house.hook.message("closed")
    assert (closed["id"], closed["outcome"], closed["by"]) == (held["id"], "approved", "webhook (Ann)")
    assert says()[0] in (404, 409)


def test_what_waits_is_answered_with_the_token(house: House, origin: Origin) -> None:
    answered = in_background(lambda: curl(house.daemon, f"{origin.url}/other", "-d", "x=1"))

    def item() -> dict[str, Any] | None:
        return next(iter(house.api("pending")[1]["pending"]), None)

    waiting = wait_for(item, what="a held request")
    said = {"word": "deny", "note": "not today", "binding": waiting["binding"]}
    assert house.api(f"pending/{waiting['id']}/answer", said) == (200, {"count": 1})
    assert status_of(answered()) == 403
    assert origin.seen == []
