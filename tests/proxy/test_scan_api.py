"""The scan API over a transport in memory, with a real door and engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelock.door.scan_stats import ScanStats
from pipelock.model import Kind, Verdict
from pipelock.proxy.api import ApiConnection, ApiContext, ApiFactory, ApiLimits
from pipelock.proxy.scan_api import ScanService, ScanSettings
from tests.factories import FAKE_KEY, FAKE_ORDER
from tests.proxy.house import House, Line

TOKEN = "s3same"


class Api:
    """One client of one listener."""

    def __init__(self, house: House | None = None, limits: ApiLimits | None = None, **settings: Any) -> None:
        self.house = house or House()
        self.service = ScanService(
            self.house.door,
            self.house.clock,
            ScanSettings(**{"tokens": (TOKEN, "other"), "per_minute": 0, **settings}),
            self.house.context.new_id,
        )
        self.context = ApiContext(self.service, self.house.clock, limits or ApiLimits())
        self.line = Line()
        self.connection = ApiConnection(self.context, "127.0.0.1")
        self.connection.makeConnection(self.line)

    @property
    def stats(self) -> ScanStats:
        return self.house.door.stats.scans

    def metric(self, name: str, **labels: str) -> float:
        return self.house.door.stats.registry.get_sample_value(f"pipelock_scan_api_{name}", labels) or 0.0

    def sends(self, data: bytes) -> None:
        self.connection.dataReceived(data)

    def asks(self, question: Any, *, token: str = TOKEN, method: str = "POST", path: str = "/api/v1/scan") -> Any:
        self.line.clear()
        body = question if isinstance(question, bytes) else json.dumps(question).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        self.sends(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return self.heard()

    def heard(self) -> Any:
        head, _, body = self.line.value().partition(b"\r\n\r\n")
        if not head:
            return None
        lines = head.decode().split("\r\n")
        answer = json.loads(body)
        answer["http"] = int(lines[0].split()[1])
        answer["headers"] = dict(line.lower().split(": ", 1) for line in lines[1:])
        return answer

    def code(self, *args: Any, **kwargs: Any) -> tuple[int, str]:
        answer = self.asks(*args, **kwargs)
        return answer["http"], answer["errors"][0]["code"]


def dlp(text: str) -> dict[str, Any]:
    return {"kind": "dlp", "input": {"text": text}}


def test_verdicts_for_texts() -> None:
    api = Api()
    assert api.asks(dlp("nothing here"))["decision"] == "allow"
    answer = api.asks(dlp(f"x {FAKE_KEY}"))
    assert (answer["http"], answer["decision"]) == (200, "deny")
    assert answer["findings"][0]["scanner"] == "dlp"
    assert FAKE_KEY not in api.line.value().decode()
    answer = api.asks({"kind": "prompt_injection", "input": {"content": FAKE_ORDER}})
    assert (answer["decision"], answer["findings"][0]["scanner"]) == ("deny", "prompt_injection")
    assert api.asks({"kind": "prompt_injection", "input": {"content": FAKE_KEY}})["decision"] == "allow"
    assert api.metric("requests_total", kind="dlp", decision="deny", status_code="200") == 1
    assert api.metric("findings_total", kind="dlp", scanner="body_dlp", severity="critical") <= 1


@pytest.mark.parametrize("arguments", [{"a": [FAKE_KEY]}, {FAKE_KEY: 1}, {"a": {"b": {"c": f"x{FAKE_KEY}"}}}])
def test_a_tool_calls_keys_and_values_are_searched(arguments: dict[str, Any]) -> None:
    api = Api()
    question = {"kind": "tool_call", "input": {"tool_name": "post", "arguments": arguments}}
    assert api.asks(question)["decision"] == "deny"
    assert api.asks({"kind": "tool_call", "input": {"tool_name": FAKE_KEY}})["decision"] == "deny"


def test_a_url_is_looked_up_and_not_counted_against_its_host() -> None:
    api = Api()
    question = {"kind": "url", "input": {"url": "http://example.com/"}}
    assert [api.asks(question)["decision"] for _ in range(200)] == ["allow"] * 200
    assert api.asks({"kind": "url", "input": {"url": "http://127.0.0.1/"}})["decision"] == "deny"
    assert api.asks({"kind": "url", "input": {"url": f"http://example.com/?k={FAKE_KEY}"}})["decision"] == "deny"
    assert len(api.house.engine.sessions) == 0


def test_each_answer_is_one_record_without_the_text() -> None:
    api = Api()
    api.asks(dlp(f"x {FAKE_KEY}"))
    (record,) = api.house.records
    assert (record.action.kind, record.decision.verdict) == (Kind.SCAN, Verdict.BLOCK)
    assert FAKE_KEY not in repr(record)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"path": "/health"}, (404, "not_found")),
        ({"method": "GET"}, (405, "method_not_allowed")),
        ({"method": "GET", "token": "wrong"}, (405, "method_not_allowed")),
        ({"token": "wrong"}, (401, "unauthorized")),
        ({"token": ""}, (401, "unauthorized")),
        ({"question": b"{"}, (400, "invalid_json")),
        ({"question": {"kind": "x"}}, (400, "invalid_kind")),
        ({"question": dlp("")}, (400, "invalid_input")),
        ({"question": b" " * 2000}, (400, "body_too_large")),
    ],
)
def test_refusals_come_in_the_documented_order(changes: dict[str, Any], expected: tuple[int, str]) -> None:
    api = Api(limits=ApiLimits(body=1000), max_body=1000)
    assert api.code(**{"question": dlp("x"), **changes}) == expected
    assert (
        api.metric("errors_total", kind="", error_code=expected[1])
        + api.metric("errors_total", kind="dlp", error_code=expected[1])
        == 1
    )
    assert "decision" not in api.heard()


def test_a_chunked_body_is_measured_as_it_comes() -> None:
    api = Api(limits=ApiLimits(body=10))
    head = f"POST /api/v1/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    api.sends(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n")
    assert api.heard() is None
    api.sends(b"8\r\n12345678\r\n")
    assert api.heard()["errors"][0]["code"] == "body_too_large"


def test_a_token_has_its_own_rate() -> None:
    api = Api(per_minute=60, burst=2)
    assert [api.asks(dlp("x"))["http"] for _ in range(2)] == [200, 200]
    limited = api.asks(dlp("x"))
    assert (limited["http"], limited["headers"]["retry-after"]) == (429, "1")
    assert limited["errors"][0]["retryable"]
    assert Api(api.house).asks(dlp("x"))["http"] == 200  # a service of its own: buckets are not shared by accident
    api = Api(api.house, per_minute=60, burst=1)
    assert api.asks(dlp("x"))["http"] == 200
    api.connection.makeConnection(api.line)
    assert api.asks(dlp("x"), token="other")["http"] == 200


def test_permits_come_back_with_time() -> None:
    api = Api(per_minute=60, burst=1)
    assert api.asks(dlp("x"))["http"] == 200
    api.house.clock.advance(1.0)
    assert api.asks(dlp("x"))["http"] == 200


def test_the_kill_switch_stops_it_and_is_recorded() -> None:
    api = Api()
    api.house.kill.set_api(True)
    assert api.code(dlp("x")) == (503, "kill_switch_active")
    assert [record.decision.verdict for record in api.house.records] == [Verdict.BLOCK]


def test_a_scan_that_is_late_is_an_error_and_never_an_allow() -> None:
    house = House()
    house.slow_names = True
    api = Api(house, scan_seconds=2.0)
    assert api.asks({"kind": "url", "input": {"url": "http://example.com/"}}) is None
    assert api.stats.in_flight == 1
    house.clock.advance(2.0)
    assert api.heard()["errors"][0] == {
        "code": "scan_deadline_exceeded",
        "message": "no verdict within 2 s",
        "retryable": True,
    }
    assert api.stats.in_flight == 0
    length = len(api.line.value())
    house.go_on()
    assert len(api.line.value()) == length


def test_a_client_that_leaves_is_forgotten() -> None:
    house = House()
    house.slow_names = True
    api = Api(house)
    api.asks({"kind": "url", "input": {"url": "http://example.com/"}})
    api.connection.connectionLost()
    assert api.stats.in_flight == 0
    assert not api.context.connections
    house.go_on()
    assert not api.line.value()


def test_questions_on_one_connection_are_answered_in_order() -> None:
    api = Api()
    body = json.dumps(dlp("x")).encode()
    head = (
        f"POST /api/v1/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    api.sends((head.encode() + body) * 50)
    assert api.line.value().count(b"HTTP/1.1 200 OK") == 50
    assert not api.line.is_closing


def test_what_does_not_arrive_in_time_is_told_so() -> None:
    api = Api(limits=ApiLimits(read_seconds=2.0))
    api.sends(b"POST /api/v1/scan HTTP/1.1\r\n")
    api.house.clock.advance(2.0)
    api.context.sweep()
    assert api.heard()["errors"][0]["code"] == "read_error"
    assert api.line.half_closed


def test_a_client_that_takes_nothing_is_dropped() -> None:
    api = Api()
    api.line.takes = 10
    api.asks(dlp("x"))
    api.house.clock.advance(2.0)
    api.context.sweep()
    assert api.line.is_closing


def test_an_idle_client_makes_room_for_a_new_one_and_a_busy_one_does_not() -> None:
    house = House()
    house.slow_names = True
    api = Api(house, limits=ApiLimits(connections=1))
    factory = ApiFactory(api.context)
    assert factory.buildProtocol(None) is not None
    assert api.line.is_closing
    api = Api(house, limits=ApiLimits(connections=1))
    api.asks({"kind": "url", "input": {"url": "http://example.com/"}})
    assert ApiFactory(api.context).buildProtocol(None) is None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /api", id="half a head"),
        pytest.param(b"POST /api/v1/scan HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", id="refused, body to come"),
        pytest.param(
            f"POST /api/v1/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n".encode(),
            id="half a request",
        ),
    ],
)
def test_who_begins_and_does_not_end_makes_room_too(sent: bytes) -> None:
    api = Api(limits=ApiLimits(connections=1))
    api.sends(sent)
    assert ApiFactory(api.context).buildProtocol(None) is not None
    assert api.line.is_closing


def test_a_malformed_request_is_answered_and_closed() -> None:
    api = Api()
    api.sends(b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert api.heard()["errors"][0]["code"] == "read_error"
    assert api.line.half_closed


def test_two_authorization_fields_are_none() -> None:
    api = Api()
    head = (
        f"POST /api/v1/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n"
    )
    api.sends(head.encode() + b"Content-Length: 0\r\n\r\n")
    assert api.heard()["http"] == 401


@pytest.mark.parametrize("kind", ["dlp", "prompt_injection", "url"])
def test_a_secret_in_the_askers_name_is_found_and_not_written_down(kind: str) -> None:
    api = Api()
    given = {"dlp": {"text": "x"}, "prompt_injection": {"content": "x"}, "url": {"url": "http://example.com/"}}[kind]
    answer = api.asks({"kind": kind, "input": given, "context": {"agent_name": FAKE_KEY}})
    assert answer["decision"] == "deny"
    (record,) = api.house.records
    assert FAKE_KEY not in repr(record)
