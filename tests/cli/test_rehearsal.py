from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import msgspec

from pipelock.cli._check_origin import Origin
from pipelock.cli._rehearsal import BLOCKED, GOOD_HOST, Answer, Reached, Rehearsal, Terms, staged
from pipelock.config import loads

OWN = """
mode: strict
api_allowlist: [a.example]
metrics_listen: 127.0.0.1:9000
scan_api: {listen: "127.0.0.1:9001", auth: {bearer_tokens: [0123456789abcdef0123456789abcdef]}}
kill_switch: {enabled: true, api_listen: "127.0.0.1:9002", api_token: 0123456789abcdef0123456789abcdef}
agents: {claude: {listeners: ["127.0.0.1:9003"], source_cidrs: [10.0.0.0/8]}}
notifications: {desktop: {enabled: true}}
dns: {host_overrides: {b.example: [192.0.2.1]}}
egress_rules: [{name: nothing, action: block}]
egress_default: ask
approvals: {unattended: hold}
logging: {include_allowed: false}
"""


def test_nothing_of_it_reaches_the_world_or_another_daemon() -> None:
    own = loads(OWN, "own.yaml")
    config = staged(Terms("/t/audit.jsonl"), own).config
    assert (config.metrics_listen, config.scan_api.listen, config.kill_switch.api_listen) == ("", "", "")
    assert config.agents["claude"].listeners == ()
    assert config.agents["claude"].source_cidrs == own.config.agents["claude"].source_cidrs
    assert not config.notifications.desktop.enabled
    assert not config.kill_switch.enabled
    assert config.kill_switch.sentinel_file == "/t/audit.jsonl.kill"
    assert config.approvals.unattended == "deny"
    assert (config.logging.output, config.logging.file, config.logging.include_allowed) == (
        "file",
        "/t/audit.jsonl",
        True,
    )


def test_the_policy_is_kept_but_for_two_names() -> None:
    own = loads(OWN, "own.yaml").config
    config = staged(Terms("/t/audit.jsonl"), loads(OWN, "own.yaml")).config
    assert config.api_allowlist == ("a.example", GOOD_HOST)
    assert [rule.host for rule in config.egress_rules] == [GOOD_HOST, "*"]
    assert config.dns.host_overrides == {
        "b.example": ("192.0.2.1",),
        GOOD_HOST: ("127.0.0.1",),
        BLOCKED: ("127.0.0.1",),
    }
    assert config.fetch_proxy.monitoring.blocklist[-1] == BLOCKED
    same = {"mode", "enforce", "dlp", "response_scanning", "request_body_scanning", "forward_proxy", "egress_default"}
    assert all(getattr(config, name) == getattr(own, name) for name in same)


def test_a_closed_stage_leads_nowhere() -> None:
    own = loads(OWN, "own.yaml")
    assert "127.0.0.0/8" in staged(Terms("/t/a"), own).config.ssrf.ip_allowlist
    assert staged(Terms("/t/a", closed=True), own).config.ssrf == own.config.ssrf
    terms = Terms("/t/a", closed=True)
    assert msgspec.json.decode(msgspec.json.encode(terms), type=Terms) == terms


def serve(answers: list[bytes]) -> tuple[socket.socket, list[bytes], threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    asked: list[bytes] = []

    def answer() -> None:
        for text in answers:
            link, _ = listener.accept()
            with link:
                asked.append(link.recv(65_536))
                link.sendall(text)

    thread = threading.Thread(target=answer)
    thread.start()
    return listener, asked, thread


def test_requests_and_what_is_recorded_of_them(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    audit.write_text('{"verdict": "block", "findings": [1], "reason": "of before"}\n')
    listener, asked, thread = serve([b"HTTP/1.1 200 OK\r\n\r\nbody", b"nonsense", b"HTTP/1.1 403 No\r\n\r\n"])
    with Origin() as origin:
        stage = Rehearsal(listener.getsockname(), tmp_path, audit, origin)
        assert stage.token() != stage.token()
        token = stage.token()
        reached = stage.request(stage.url(f"/x?{token}"), token, b"text")
        assert (reached.answer, reached.arrived, reached.records) == (Answer(200, b"body"), False, ())
        assert asked[0].startswith(f"POST http://{GOOD_HOST}:{origin.port}/x?{token} HTTP/1.1\r\n".encode())
        assert f"\r\nHost: {GOOD_HOST}:{origin.port}\r\n".encode() in asked[0]
        assert asked[0].endswith(b"Content-Length: 4\r\n\r\ntext")
        assert stage.request("/health", token).answer.status == 0
        assert asked[1].startswith(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:")
        assert stage.exchange(b"x", token, only_head=True).answer.status == 403
        listener.close()
        thread.join(30)
        gone = stage.exchange(b"x", token)
        assert gone.answer.status == 0
        assert "refused" in gone.answer.problem


def test_a_record_counts_where_something_was_found() -> None:
    records = [
        {"verdict": "allow", "reason": "no"},
        {"verdict": "warn", "reason": "without findings"},
        json.loads('{"verdict": "warn", "reason": "a key", "findings": [{}]}'),
    ]
    reached = Reached(answer=Answer(), arrived=False, records=tuple(records))
    assert (reached.recorded("warn"), reached.recorded("block")) == ("a key", "")
