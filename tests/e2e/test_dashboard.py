"""The dashboard on a real terminal: what its keys do to the daemon, and to what clients get and servers receive."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelock.control.client import ControlError
from pipelock.model import Answer as Answered
from pipelock.model import AnswerWord, Tier
from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, curl, status_of, wait_for
from tests.e2e.origins import Answer, RecordingOrigin
from tests.e2e.shells import Shell
from tests.e2e.terminals import Background, Terminal, open_dashboard

pytestmark = pytest.mark.e2e

TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0."
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
CONFIG = (
    BASE_CONFIG.replace("body_scanning: {action: block}", "body_scanning: {action: warn}").replace(
        "max_requests_per_minute: 0", 'max_requests_per_minute: 0, query_entropy_exclusions: ["127.0.0.1"]'
    )
    + """\
approvals: {timeout_seconds: 60}
egress_rules:
  - {name: posting needs a person, action: ask, method: POST, path: "/ask/**"}
"""
)


class Desk:
    """A daemon, an origin, and one dashboard that is on the screen."""

    def __init__(self, daemon: DaemonProcess, origin: RecordingOrigin) -> None:
        self.daemon = daemon
        self.origin = origin
        self.opened: list[Terminal] = []

    @property
    def terminal(self) -> Terminal:
        """The dashboard; the one that was opened last."""
        return self.opened[-1] if self.opened else self.open()

    def open(self) -> Terminal:
        """Another dashboard."""
        self.opened.append(open_dashboard(self.daemon, EDITOR="sed -i s/draft/final/"))
        return self.opened[-1]

    def close(self) -> None:
        """Close the dashboard that was opened last."""
        self.opened.pop().close()

    def begin_anew(self) -> None:
        """Forget what a test that failed left behind: dashboards with windows open, prompts, the kill switch."""
        while self.opened:
            self.close()
        with self.daemon.client() as control:
            for item in control.pending():
                with contextlib.suppress(ControlError):
                    control.answer(item.id, Answered(AnswerWord.DENY))
            control.kill(False)

    def view(self, number: int, *texts: str) -> Terminal:
        """Go to a view."""
        self.terminal.press(str(number))
        self.terminal.shows(*texts)
        return self.terminal

    def post(self, path: str, body: str) -> tuple[int, str]:
        """Status and body of the answer to a POST that is not expected to wait."""
        done = curl(self.daemon, f"{self.origin.url}/ask{path}", "-d", body, timeout=60)
        return status_of(done), done.stdout

    def ask(self, path: str, body: str) -> Background:
        """A POST that waits; returns once the dashboard shows it."""
        terminal = self.terminal
        with self.daemon.client() as control:
            before = {item.id for item in control.pending()}
            held = Background(self.daemon, f"{self.origin.url}/ask{path}", "-d", body)
            (new,) = wait_for(lambda: {item.id for item in control.pending()} - before, what=f"{path} to be held")
        terminal.shows(f"? #{new} POST", path)
        return held

    def received(self, path: str) -> list[str]:
        """The bodies that reached the origin at `path`."""
        return [seen.body.decode() for seen in self.origin.seen if seen.path == f"/ask{path}"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Desk]:
    daemon = DaemonProcess(tmp_path_factory.mktemp("dashboard") / "home", CONFIG, compiled=compiled)
    origin = RecordingOrigin()
    made = Desk(daemon, origin)
    try:
        daemon.start()
        yield made
    finally:
        while made.opened:
            made.close()
        daemon.stop()
        origin.close()


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest, desk: Desk) -> Iterator[None]:
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        desk.begin_anew()


# -- hold, answer, effect ----------------------------------------------------------------------------------------------


def test_once_is_once(desk: Desk) -> None:
    held = desk.ask("/once", "one")
    assert held.waits
    desk.terminal.decide("a")
    assert status_of(held.wait()) == 200
    again = desk.ask("/once", "one")
    desk.terminal.decide("d")
    assert status_of(again.wait()) == 403
    assert desk.received("/once") == ["one"]


def test_for_the_session_and_a_note_that_the_agent_reads(desk: Desk) -> None:
    held = desk.ask("/session", "same")
    desk.terminal.decide("s")
    assert status_of(held.wait()) == 200
    assert desk.post("/session", "same")[0] == 200
    other = desk.ask("/session", "other")
    desk.terminal.decide("n")
    desk.terminal.shows("the agent gets to read this note")
    desk.terminal.type("ask me on Monday")
    desk.terminal.press("Enter")
    refused = other.wait()
    assert status_of(refused) == 403
    assert "ask me on Monday" in refused.stdout
    assert desk.received("/session") == ["same", "same"]


def test_for_a_time_on_a_wider_scope_and_taken_back(desk: Desk) -> None:
    held = desk.ask("/timed", "one")
    desk.terminal.press("v")
    desk.terminal.shows("[exactly this]")
    desk.terminal.press("Right")
    desk.terminal.shows("[this URL]")
    desk.terminal.decide("t")
    desk.terminal.shows("for how long", "for 1 hour")
    desk.terminal.decide("2")
    assert status_of(held.wait()) == 200
    desk.terminal.shows("allowed for 1 hour (this URL)")
    assert desk.post("/timed", "two")[0] == 200
    desk.terminal.press("u")
    desk.terminal.shows("taken back")
    again = desk.ask("/timed", "three")
    desk.terminal.decide("d")
    assert status_of(again.wait()) == 403
    assert desk.received("/timed") == ["one", "two"]


def test_all_that_wait_at_once(desk: Desk) -> None:
    held = [desk.ask(f"/all/{number}", "x") for number in range(3)]
    desk.terminal.press("A")
    desk.terminal.shows("allow all 3 once")
    desk.terminal.decide("y")
    assert [status_of(each.wait()) for each in held] == [200] * 3


def test_for_good_and_denied_from_now_on(desk: Desk) -> None:
    held = desk.ask("/good", "one")
    desk.view(2, "[exactly this]").press("Right")
    desk.terminal.shows("[this URL]")
    desk.terminal.decide("F")
    assert status_of(held.wait()) == 200
    assert "/ask/good" in (desk.daemon.home / "approvals.yaml").read_text()
    assert desk.post("/good", "two")[0] == 200
    never = desk.ask("/never", "x")
    desk.terminal.decide("D")
    desk.terminal.shows("for how long", "restart")
    desk.terminal.decide("1")
    assert status_of(never.wait()) == 403
    status, said = desk.post("/never", "x")
    assert (status, "denied this before" in said) == (403, True)
    assert desk.received("/good") == ["one", "two"]
    assert desk.received("/never") == []


def test_sent_without_what_was_found_and_sent_as_changed(desk: Desk) -> None:
    held = desk.ask("/redact", f"key={TOKEN}&note=hello")
    desk.terminal.decide("r")
    assert status_of(held.wait()) == 200
    held = desk.ask("/edit", "a draft of it")
    desk.terminal.decide("e")
    assert status_of(held.wait()) == 200
    assert desk.received("/edit") == ["a final of it"]
    (sent,) = desk.received("/redact")
    assert TOKEN.rpartition(".")[2] not in sent
    assert sent.endswith("&note=hello")
    desk.terminal.shows("sent as changed")


# -- stopping and forgiving --------------------------------------------------------------------------------------------


def test_the_kill_switch(desk: Desk) -> None:
    url = f"{desk.origin.url}/get"
    held = desk.ask("/killed", "x")
    desk.terminal.press("K")
    desk.terminal.shows("turn the kill switch on?")
    desk.terminal.decide("y")
    assert status_of(held.wait()) == 503
    assert status_of(curl(desk.daemon, url)) == 503
    desk.terminal.shows("held by: api")
    desk.terminal.press("K")
    desk.terminal.shows("release the kill switch?")
    desk.terminal.decide("y")
    wait_for(lambda: status_of(curl(desk.daemon, url)) == 200, what="its release")
    assert desk.received("/killed") == []


def choose_session(desk: Desk, shell: Shell) -> Terminal:
    """Put the cursor of the view of sessions on `shell`, which is at the top: nobody has sent anything since."""
    name = shell.session().key.partition("|")[0]
    terminal = desk.view(4, "SESSIONS", name)
    terminal.press("g")
    rows = lambda: [row for row in terminal.screen().splitlines() if row.startswith("▶")]  # noqa: E731
    wait_for(lambda: any(name in row for row in rows()), what="the cursor on the session")
    return terminal


def test_a_session_is_closed_in_released_and_ended_in_the_middle_of_a_download(desk: Desk, tmp_path: Path) -> None:
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"the beginning\n" * 20_000
        go_on.wait(30)
        yield b"the end\n"

    desk.origin.answers["/slow"] = lambda _seen: Answer(pieces(), "application/octet-stream")
    url = f"{desk.origin.url}/post"
    with Shell(desk.daemon, tmp_path / "shell") as shell:
        assert shell.status(url, "-d", "x") == 200
        terminal = choose_session(desk, shell)
        for key, title, tier, status in (
            ("h", "it may only read", Tier.HARD, 403),
            ("R", "and observe", Tier.SOFT, 200),
            ("R", "treated like any other", Tier.NONE, 200),
        ):
            terminal.press(key)
            terminal.shows(title)
            terminal.decide("y")
            wait_for(lambda tier=tier: shell.session().tier is tier, what=tier.value)
            assert shell.status(url, "-d", "x") == status
        request = f"GET {desk.origin.url}/slow HTTP/1.1\r\nhost: 127.0.0.1:{desk.origin.port}\r\n\r\n"
        download = shell.start(request.encode())
        download.wait_for(b"the beginning")
        terminal.shows("open connections: 1")
        terminal.press("x")
        terminal.shows("it had 1 connection")
        terminal.decide("y")
        download.wait_closed()
        terminal.shows("1 connection closed")
        go_on.set()
    assert b"the end" not in bytes(download)


# -- a false alarm -----------------------------------------------------------------------------------------------------


def test_a_refusal_is_fixed_in_one_key(desk: Desk) -> None:
    url = f"{desk.origin.url}/v1/items?token={TOKEN}"
    terminal = desk.view(3, "following")
    assert status_of(curl(desk.daemon, url)) == 403
    terminal.shows("JWT Token")
    terminal.press("f")
    terminal.shows("keep this from happening again", "would be: ✓ allow", "127.0.0.1")
    terminal.decide("y")
    terminal.shows("configuration reloaded")
    assert status_of(curl(desk.daemon, url)) == 200, "the very next request"
    assert status_of(curl(desk.daemon, f"{desk.origin.url}/other?token={TOKEN}")) == 403


# -- coming and going --------------------------------------------------------------------------------------------------


def test_of_two_dashboards_the_first_answer_wins_and_the_other_says_who(desk: Desk) -> None:
    first = desk.terminal
    second = desk.open()
    try:
        held = desk.ask("/shared", "x")
        first.shows("/shared")
        first.decide("a")
        assert status_of(held.wait()) == 200
        second.shows("allowed by", f"pid {first.pid}")
        second.decide("d")
        second.shows("can't be answered: allowed by")
        assert desk.received("/shared") == ["x"]
    finally:
        desk.close()


def test_a_dashboard_that_dies_leaves_what_waits_to_the_next_one(desk: Desk) -> None:
    held = desk.ask("/crash", "x")
    os.kill(desk.terminal.pid, signal.SIGKILL)
    with desk.daemon.client() as control:
        wait_for(lambda: control.status().dashboards == 0, what="the dashboard's end")
        assert [item.action.url for item in control.pending()] == [f"{desk.origin.url}/ask/crash"]
    assert held.waits
    desk.close()
    desk.open().shows("/crash")
    desk.terminal.decide("a")
    assert status_of(held.wait()) == 200


def test_the_daemon_is_killed_and_comes_back_under_an_open_dashboard(desk: Desk) -> None:
    terminal = desk.view(3, "following")
    assert status_of(curl(desk.daemon, f"{desk.origin.url}/before")) == 200
    wait_for(lambda: terminal.screen().count("/before") == 2, what="the request and its answer")
    held = desk.ask("/lost", "x")
    desk.daemon.kill_hard()
    terminal.shows("disconnected", "/before")
    assert status_of(held.wait()) != 200
    desk.daemon.start(listen=f"127.0.0.1:{desk.daemon.port}")
    with desk.daemon.client() as control:
        wait_for(lambda: control.status().dashboards == 1, what="the dashboard's return")
    terminal.shows("● connected", "gone, the daemon was restarted")
    after = desk.ask("/after", "x")
    terminal.decide("a")
    assert status_of(after.wait()) == 200
    assert terminal.shows("allowed once").count("/before") == 2
    assert desk.received("/lost") == []
