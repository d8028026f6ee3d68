"""The admin API on the port that agents use."""

from __future__ import annotations

import pytest

from pipelock.proxy.admin.service import AdminService
from tests.proxy.admin.desks import NOW, TOKEN, FakeDesk
from tests.proxy.house import House

AUTH = f"Authorization: Bearer {TOKEN}\r\n"


class Shared:
    """A main listener with an admin API."""

    def __init__(self, **settings: bool) -> None:
        self.house = House(**settings)
        self.desk = FakeDesk()
        self.house.context.admin = AdminService(self.desk, self.house.clock, lambda: NOW)

    def asks(self, method: str, path: str, body: str = "", *, auth: str = AUTH, host: str = "localhost:8888") -> bytes:
        caller = self.house.caller()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        caller.drips(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{auth}{length}\r\n{body}".encode())
        return caller.heard

    def status(self, *args: str, **more: str) -> int:
        return int(self.asks(*args, **more).split(b" ")[1])


def test_it_answers_there_with_the_token() -> None:
    shared = Shared()
    assert b'"count":2' in shared.asks("GET", "/api/v1/sessions")
    assert shared.status("GET", "/api/v1/sessions", auth="") == 401
    assert shared.status("POST", "/api/v1/killswitch", '{"active":true}') == 200
    assert shared.desk.switched == [(True, "admin API, 127.0.0.1")]
    assert b'"status"' not in shared.asks("GET", "/health")


def test_without_a_token_the_port_knows_nothing_of_it() -> None:
    shared = Shared()
    shared.desk.the_token = ""
    assert shared.status("GET", "/api/v1/sessions") == 404
    shared.house.context.admin = None
    assert shared.status("GET", "/api/v1/sessions") == 404


def test_a_name_that_leads_here_by_dns_is_not_served() -> None:
    shared = Shared()
    assert shared.status("GET", "/api/v1/sessions", host="evil.example") == 421
    assert shared.desk.calls == []


@pytest.mark.parametrize(
    ("exempt", "path", "status"),
    [
        (True, "/api/v1/sessions", 200),
        (True, "/api/v1/killswitch/status", 200),
        (True, "/api/v1/adaptive/status", 503),
        (False, "/api/v1/sessions", 503),
        (False, "/api/v1/killswitch/status", 503),
    ],
)
def test_while_everything_is_stopped(exempt: bool, path: str, status: int) -> None:
    shared = Shared(api_exempt=exempt)
    shared.house.kill.set_api(active=True)
    answer = shared.asks("GET", path)
    assert int(answer.split(b" ")[1]) == status
    assert (b"kill_switch_active" in answer) is (status == 503)


def test_a_body_that_is_too_large_ends_the_connection() -> None:
    shared = Shared()
    caller = shared.house.caller()
    head = f"POST /api/v1/killswitch HTTP/1.1\r\nHost: localhost:8888\r\n{AUTH}Transfer-Encoding: chunked\r\n\r\n"
    caller.says(head.encode() + b"11170\r\n" + b" " * 70_000 + b"\r\n")
    assert caller.heard.startswith(b"HTTP/1.1 400")
    assert caller.line.half_closed or caller.line.disconnecting


def test_a_client_that_waits_is_told_to_send_its_body() -> None:
    shared = Shared()
    caller = shared.house.caller()
    head = f"POST /api/v1/killswitch HTTP/1.1\r\nHost: localhost:8888\r\n{AUTH}Expect: 100-continue\r\n"
    caller.says(f"{head}Content-Length: 15\r\n\r\n".encode())
    assert caller.heard == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.says(b'{"active":true}')
    assert shared.desk.switched == [(True, "admin API, 127.0.0.1")]
