"""The checks against a stage that says what a test wants; `tests/e2e/test_checkups.py` has a real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipelock.cli import _traffic_checks as checks
from pipelock.cli._check_origin import GOOD, INJECTION
from pipelock.cli._check_results import Result, Status
from pipelock.cli._rehearsal import Answer, Reached
from pipelock.config import Config, loads
from pipelock.trust.instance import InstanceError

ON = loads(
    "forward_proxy: {enabled: true}\nwebsocket_proxy: {enabled: true}\nexplain_blocks: true\n"
    "request_body_scanning: {action: block}\nresponse_scanning: {action: block}\n",
    "on",
).config
FOUND = ({"verdict": "block", "reason": "a key", "findings": [{}]},)
NOTED = ({"verdict": "warn", "reason": "a key", "findings": [{}]},)
REFUSED = Answer(403, b'{"hint":"do this"}')


class Stage:
    """Gives the next of its outcomes for each request."""

    class Origin:
        port = 4711

    def __init__(self, *outcomes: Reached) -> None:
        self.outcomes = list(outcomes)
        self.origin = self.Origin()
        self.address = ("127.0.0.1", 8888)
        self.sent: list[str] = []

    def token(self) -> str:
        return "tok"

    def url(self, path: str, host: str = "good.test") -> str:
        return f"http://{host}:4711{path}"

    def request(self, target: str, token: str, body: bytes = b"") -> Reached:
        self.sent.append(target + body.decode())
        return self.outcomes.pop(0)

    def exchange(self, sent: bytes, token: str, then: bytes = b"", *, only_head: bool = False) -> Reached:
        self.sent.append((sent + then).decode("latin-1"))
        return self.outcomes.pop(0)


def came(status: int = 200, body: bytes = GOOD, *, arrived: bool = True, records: tuple[object, ...] = ()) -> Reached:
    return Reached(answer=Answer(status, body), arrived=arrived, records=records)  # type: ignore[arg-type]


def refused(records: tuple[object, ...] = FOUND, *, arrived: bool = False) -> Reached:
    return Reached(answer=REFUSED, arrived=arrived, records=records)  # type: ignore[arg-type]


GONE = Reached(answer=Answer(problem="no answer in time"), arrived=False, records=())
AUDIT = loads("mode: audit\nforward_proxy: {enabled: true}\nexplain_blocks: true\n", "audit").config
WARN = loads("forward_proxy: {enabled: true}\nwebsocket_proxy: {enabled: true}\n", "warn").config
WARN = msgspec.structs.replace(
    WARN, request_body_scanning=msgspec.structs.replace(WARN.request_body_scanning, action="warn")
)
OFF = loads("request_body_scanning: {enabled: false}\nresponse_scanning: {enabled: false}\n", "off").config
UNREAD = loads("websocket_proxy: {enabled: true, scan_text_frames: false}\n", "unread").config
WELL = came(200, b'{"status":"healthy"}')
PASS, FAIL, SKIP = Status.PASS, Status.FAIL, Status.SKIP


@pytest.mark.parametrize(
    ("check", "config", "outcomes", "status", "said"),
    [
        (checks.health, ON, [WELL], PASS, "answers"),
        (checks.health, ON, [came(503)], FAIL, "answered 503"),
        (checks.health, ON, [GONE], FAIL, "no answer in time"),
        (checks.rules, ON, [refused()], PASS, "a key"),
        (checks.rules, ON, [came()], FAIL, "was not found"),
        (checks.fetch_allowed, ON, [came()], PASS, ""),
        (checks.fetch_allowed, ON, [came(body=b"else")], FAIL, "answered 200"),
        (checks.fetch_allowed, ON, [refused()], FAIL, "refused: a key"),
        (checks.fetch_blocked, ON, [refused()], PASS, ""),
        (checks.fetch_blocked, ON, [came()], FAIL, "arrived"),
        (checks.fetch_blocked, ON, [refused(arrived=True)], FAIL, "arrived"),
        (checks.fetch_blocked, ON, [GONE], FAIL, "no answer"),
        (checks.fetch_blocked, AUDIT, [came(records=NOTED)], PASS, "recorded and let through"),
        (checks.fetch_blocked, AUDIT, [came()], FAIL, "arrived"),
        (checks.fetch_hint, ON, [refused()], PASS, ""),
        (checks.fetch_hint, ON, [came(403, b"{}", arrived=False)], FAIL, "has no hint"),
        (checks.fetch_hint, AUDIT, [came()], SKIP, "nothing is refused"),
        (checks.fetch_hint, Config(), [], SKIP, "explain_blocks"),
        (checks.forward_allowed, ON, [came(), came(200, b"")], PASS, "tunnel"),
        (checks.forward_allowed, ON, [came(), refused()], FAIL, "a tunnel"),
        (checks.forward_allowed, ON, [GONE], FAIL, "a harmless page"),
        (checks.forward_allowed, Config(), [], SKIP, "forward_proxy.enabled"),
        (checks.forward_blocked, ON, [refused(), refused()], PASS, "a tunnel"),
        (checks.forward_blocked, ON, [refused(), came(200)], FAIL, "tunnel to a refused host"),
        (checks.forward_blocked, ON, [refused(), GONE], FAIL, "no answer"),
        (checks.forward_blocked, ON, [came()], FAIL, "arrived"),
        (checks.forward_blocked, AUDIT, [came(records=NOTED)], PASS, "let through"),
        (checks.forward_blocked, Config(), [], SKIP, "nothing is forwarded"),
        (checks.fetch_dlp, ON, [refused()], PASS, "a key"),
        (checks.fetch_dlp, ON, [came()], FAIL, "not found"),
        (checks.fetch_dlp, ON, [came(records=FOUND)], FAIL, "it left all the same"),
        (checks.fetch_dlp, AUDIT, [came(records=NOTED)], PASS, "nothing is enforced"),
        (checks.scanning_dlp, ON, [refused()], PASS, "a key"),
        (checks.scanning_dlp, ON, [came(records=NOTED)], FAIL, "it left"),
        (checks.scanning_dlp, WARN, [came(records=NOTED)], PASS, "`warn`"),
        (checks.scanning_dlp, WARN, [came()], FAIL, "not found"),
        (checks.scanning_dlp, OFF, [], FAIL, "bodies leave unread"),
        (checks.scanning_dlp, Config(), [], SKIP, "no bodies"),
        (checks.scanning_injection, ON, [came(403, b"", records=FOUND)], PASS, "kept from the client"),
        (checks.scanning_injection, ON, [came(body=INJECTION, records=NOTED)], FAIL, "harmless"),
        (checks.scanning_injection, WARN, [came(body=INJECTION, records=NOTED)], PASS, "`warn`"),
        (checks.scanning_injection, WARN, [came(body=INJECTION)], FAIL, "harmless"),
        (checks.scanning_injection, Config(), [came(body=INJECTION, records=NOTED)], PASS, "delivered"),
        (checks.scanning_injection, ON, [GONE], FAIL, "no answer"),
        (checks.scanning_injection, OFF, [], FAIL, "not looked at"),
        (checks.scanning_websocket, ON, [came(101, b"", arrived=False, records=FOUND)], PASS, "a key"),
        (checks.scanning_websocket, ON, [came(101, b"")], FAIL, "not found"),
        (checks.scanning_websocket, ON, [refused()], FAIL, "a WebSocket to loopback"),
        (checks.scanning_websocket, UNREAD, [], FAIL, "unread"),
        (checks.scanning_websocket, Config(), [], SKIP, "websocket_proxy.enabled"),
    ],
)
def test_outcomes(
    check: Callable[[Stage, Config], Result], config: Config, outcomes: list[Reached], status: Status, said: str
) -> None:
    stage = Stage(*outcomes)
    result = check(stage, config)
    assert (result.status, said in result.detail) == (status, True), result
    assert stage.outcomes == []
    assert result.name == check.__name__


def test_a_made_up_key_is_another_one_each_time_and_looks_real() -> None:
    one, other = checks.a_secret(), checks.a_secret()
    assert one != other
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", one)


def test_what_is_sent_has_the_key_and_the_token() -> None:
    stage = Stage(refused())
    checks.scanning_dlp(stage, ON)  # type: ignore[arg-type]
    assert re.fullmatch(r"http://good\.test:4711/token=tok&key=AKIA[A-Z2-7]{16}", stage.sent[0])
    stage = Stage(refused())
    checks.fetch_dlp(stage, ON)  # type: ignore[arg-type]
    assert "tok" in stage.sent[0]
    assert "AKIA" in stage.sent[0]


def test_without_a_daemon_the_first_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> object:
        raise InstanceError("the port is taken")

    monkeypatch.setattr(checks, "rehearse", broken)
    results = checks.attempt(tmp_path, None, Config(), checks.DIAGNOSIS)
    assert [result.status for result in results] == [FAIL, *[SKIP] * 6]
    assert "the port is taken" in results[0].detail
    assert [result.name for result in results] == [name for name, _ in checks.DIAGNOSIS]
