"""Sessions seen from outside: suspicion, airlock, budgets, taint and the operator's hand, with real clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from pipelock.control import frames
from pipelock.control.client import ControlError
from pipelock.model import Answer as Answered
from pipelock.model import AnswerWord, Evidence, Level, SessionActed, SessionVerb, TaintLevel, Tier
from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, wait_for
from tests.e2e.origins import Answer, RecordingOrigin
from tests.e2e.shells import Shell

pytestmark = pytest.mark.e2e

KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
CONFIG = (
    BASE_CONFIG
    + """\
dns: {host_overrides: {page.example: ["127.0.0.1"], strange.example: ["127.0.0.1"]}}
websocket_proxy: {enabled: true}
session_profiling: {enabled: true, domain_burst: 100}
adaptive_enforcement: {enabled: true}
airlock: {enabled: true}
taint: {enabled: true}
agents: {metered: {source_cidrs: ["127.0.0.9/32"], budget: {max_requests_per_session: 3, window_minutes: 60}}}
approvals: {unattended: hold, timeout_seconds: 120}
egress_rules:
  - {name: a person looks, action: ask, path: /asked}
"""
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    running = DaemonProcess(tmp_path_factory.mktemp("sessions") / "home", CONFIG, compiled=compiled).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def origin() -> Iterator[RecordingOrigin]:
    server = RecordingOrigin()
    yield server
    server.close()


@pytest.fixture(scope="module")
def websocket() -> Iterator[bytes]:
    """The opening request for a WebSocket through the proxy to a server that says nothing."""

    def listen(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve(listen, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        at = f"127.0.0.1:{server.socket.getsockname()[1]}"
        yield (
            f"GET http://{at}/ HTTP/1.1\r\nhost: {at}\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        server.shutdown()
        thread.join(5)


@pytest.fixture
def new_shell(daemon: DaemonProcess, tmp_path: Path) -> Iterator[Callable[[], Shell]]:
    """Shells, each a session; they end with the test."""
    shells: list[Shell] = []

    def make() -> Shell:
        shells.append(Shell(daemon, tmp_path / f"shell-{len(shells)}"))
        return shells[-1]

    yield make
    for shell in shells:
        shell.__exit__(None, None, None)


@pytest.fixture
def shell(new_shell: Callable[[], Shell]) -> Shell:
    return new_shell()


def act(shell: Shell, verb: SessionVerb, **more: object) -> SessionActed:
    """Do something to the session of `shell` over the control socket."""
    key = shell.session().key
    with shell.daemon.client() as client:
        reply = client.ask(lambda number: frames.ActOnSession(id=number, key=key, verb=verb, **more), frames.ActedReply)  # type: ignore[arg-type]
    return reply.acted


def leak(shell: Shell, origin: RecordingOrigin, times: int = 1) -> None:
    """Have the session try to send a key away, which is refused."""
    for _ in range(times):
        assert shell.status(f"{origin.url}/?key={KEY}") == 403


def slow(origin: RecordingOrigin, path: str) -> threading.Event:
    """Answer `path` with a beginning, and with more only when the event is set."""
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"the beginning\n" * 20_000
        go_on.wait(30)
        yield b"the end\n"

    origin.answers[path] = lambda _seen: Answer(pieces(), "application/octet-stream")
    return go_on


# -- who is who --------------------------------------------------------------------------------------------------------


def test_two_processes_are_two_sessions_whatever_they_call_themselves(
    new_shell: Callable[[], Shell], origin: RecordingOrigin
) -> None:
    one, two = new_shell(), new_shell()
    assert one.status(f"{origin.url}/a") == 200
    first = one.session()
    assert (first.evidence, first.requests, first.processes[0].program) == (Evidence.PROCESS, 1, "curl")
    assert two.status(f"{origin.url}/a") == 200
    assert first.key != two.session().key
    # Another's name makes no other session, and what is done under it is not held against that other one.
    assert one.status(f"{origin.url}/a", "-H", f"X-Pipelock-Agent: {two.session().key}") == 200
    leak(one, origin)
    assert (one.session().requests, one.session().blocked) == (3, 1)
    assert (two.session().requests, two.session().score) == (1, 0.0)


def test_another_name_does_not_wash_a_score(shell: Shell, origin: RecordingOrigin) -> None:
    leak(shell, origin, 2)
    assert shell.session().level is Level.ELEVATED
    assert shell.status(f"{origin.url}/?key={KEY}", "-H", "X-Pipelock-Agent: somebody-new") == 403
    assert shell.session().score == pytest.approx(9.0)


# -- suspicion ---------------------------------------------------------------------------------------------------------


def test_refusals_add_up_until_nothing_passes_and_a_person_sets_it_back(
    shell: Shell, new_shell: Callable[[], Shell], origin: RecordingOrigin
) -> None:
    seen = []
    for _ in range(7):
        leak(shell, origin)
        seen.append(shell.session().level)
    assert seen == [Level.NORMAL, Level.ELEVATED, Level.ELEVATED, Level.HIGH, Level.HIGH, Level.HIGH, Level.CRITICAL]
    status, said = shell.curl(f"{origin.url}/a", "-i")
    assert status == 403
    assert "x-pipelock-block-reason: escalation_level" in said
    assert new_shell().status(f"{origin.url}/a") == 200
    told = shell.session()
    assert told.block_all
    with shell.daemon.client() as client:
        detail = client.ask(lambda number: frames.InspectSession(number, told.key), frames.SessionReply).detail
    assert "critical" in detail.why
    assert [note.kind for note in detail.notes].count("escalation") == 3
    acted = act(shell, SessionVerb.RESET, reason="a test")
    assert (acted.previous_level, acted.previous_tier) == (Level.CRITICAL, Tier.HARD)
    assert shell.status(f"{origin.url}/a", "-d", "x") == 200
    assert (shell.session().level, shell.session().tier) == (Level.NORMAL, Tier.NONE)
    events = [line["event"] for line in shell.daemon.lines() if line.get("session") == told.key]
    assert events.count("adaptive_escalation") == 3
    assert "airlock_enter" in events


def test_a_session_that_nobody_knows_can_not_be_acted_on(daemon: DaemonProcess) -> None:
    with daemon.client() as client, pytest.raises(ControlError) as caught:
        client.ask(
            lambda number: frames.ActOnSession(id=number, key="nobody@1|::1", verb=SessionVerb.RESET), frames.ActedReply
        )
    assert caught.value.code == "not_found"


# -- the airlock -------------------------------------------------------------------------------------------------------


def test_a_closed_in_session_may_read_and_not_write(shell: Shell, origin: RecordingOrigin, websocket: bytes) -> None:
    assert shell.status(f"{origin.url}/a", "-d", "x") == 200
    connect = f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1\r\nhost: 127.0.0.1:{origin.port}\r\n\r\n".encode()
    tunnel, messages = shell.start(connect), shell.start(websocket)
    tunnel.wait_for(b" 200 ")
    messages.wait_for(b" 101 ")
    acted = act(shell, SessionVerb.AIRLOCK, tier=Tier.HARD, reason="by hand")
    assert (acted.previous_tier, acted.new_tier) == (Tier.NONE, Tier.HARD)
    tunnel.wait_closed()
    messages.wait_closed()
    assert shell.status(f"{origin.url}/a") == 200
    status, said = shell.curl(f"{origin.url}/a", "-i", "-d", "x")
    assert status == 403
    assert "x-pipelock-block-reason: airlock_active" in said
    refused = shell.start(connect)
    refused.wait_for(b" 403 ")
    assert shell.status(f"{shell.daemon.url}/fetch?url={origin.url}/a", "-x", "") == 200
    act(shell, SessionVerb.AIRLOCK, tier=Tier.NONE)
    assert shell.status(f"{origin.url}/a", "-d", "x") == 200


# -- ending what is under way ------------------------------------------------------------------------------------------


def test_terminate_ends_a_download_a_tunnel_a_websocket_and_a_held_request(
    shell: Shell, new_shell: Callable[[], Shell], origin: RecordingOrigin, websocket: bytes
) -> None:
    go_on = slow(origin, "/slow")
    other = new_shell()
    at = f"127.0.0.1:{origin.port}"
    request = f"GET {origin.url}/slow HTTP/1.1\r\nhost: {at}\r\n\r\n".encode()
    download, bystander = shell.start(request), other.start(request)
    tunnel = shell.start(f"CONNECT {at} HTTP/1.1\r\nhost: {at}\r\n\r\n".encode())
    messages = shell.start(websocket)
    held = shell.start(f"GET {origin.url}/asked HTTP/1.1\r\nhost: {at}\r\n\r\n".encode())
    for one in (download, bystander):
        one.wait_for(b"the beginning")
    tunnel.wait_for(b" 200 ")
    messages.wait_for(b" 101 ")
    with shell.daemon.client() as client:
        wait_for(client.pending, what="the held request")
    assert shell.session().in_flight == 4
    acted = act(shell, SessionVerb.TERMINATE, reason="enough")
    assert acted.ended == 4
    for one in (download, tunnel, messages, held):
        one.wait_closed()
    assert b"the end" not in bytes(download)
    with shell.daemon.client() as client:
        assert client.pending() == ()
    assert shell.session().ended
    assert not bystander.is_closed
    go_on.set()
    bystander.wait_for(b"the end")
    # What comes now starts afresh.
    assert shell.status(f"{origin.url}/a") == 200
    assert not shell.session().ended
    assert "/asked" not in [seen.path for seen in origin.seen]


# -- budgets -----------------------------------------------------------------------------------------------------------


def test_a_budget_is_used_up_and_says_so(shell: Shell, origin: RecordingOrigin) -> None:
    near = ("--interface", "127.0.0.9")
    assert [shell.status(f"{origin.url}/a", *near) for _ in range(3)] == [200, 200, 200]
    status, said = shell.curl(f"{origin.url}/a", "-i", *near)
    assert status == 429
    assert "3 requests" in said
    assert shell.status(f"{origin.url}/a") == 200


# -- taint -------------------------------------------------------------------------------------------------------------


def test_what_was_read_holds_what_is_sent_until_a_new_task_begins(shell: Shell, origin: RecordingOrigin) -> None:
    page, strange = f"http://page.example:{origin.port}/a", f"http://strange.example:{origin.port}/in"
    assert shell.status(strange, "-d", "x") == 200
    assert shell.status(page) == 200
    session = shell.session()
    assert session.taint is TaintLevel.UNTRUSTED
    assert session.lamps.untrusted.what.startswith("http://")
    assert session.lamps.egress.what == "POST to strange.example"
    at = f"strange.example:{origin.port}"
    posting = f"POST {strange} HTTP/1.1\r\nhost: {at}\r\ncontent-length: 1\r\n\r\nx".encode()
    denied = shell.start(posting)
    with shell.daemon.client() as client:
        (pending,) = wait_for(client.pending, what="the held request")
        assert "has read content from outside" in pending.reason
        client.answer(pending.id, Answered(AnswerWord.DENY))
        denied.wait_for(b"x-pipelock-block-reason: request_policy_deny")
        stopped = shell.start(posting)
        wait_for(client.pending, what="the second held request")
        client.kill(True)
        try:
            stopped.wait_for(b"x-pipelock-block-reason: kill_switch_active")
        finally:
            client.kill(False)
    acted = act(shell, SessionVerb.TASK, label="another errand")
    assert acted.taint_cleared
    assert shell.session().task == "another errand"
    assert shell.status(strange, "-d", "x") == 200
    lines = shell.daemon.lines()
    (line,) = [line for line in lines if line["event"] == "taint_decision"]
    assert (line["session_taint_level"], line["action_class"], line["authority_kind"], line["decision"]) == (
        "external_untrusted",
        "publish",
        "user_broad",
        "ask",
    )
    assert line["source_url"] == page
    assert [line["event"] for line in lines].count("kill_switch_deny") == 1
