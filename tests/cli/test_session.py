"""Sessions on the command line: the same words by the control socket and by the admin API."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelock.cli.session import _asked
from pipelock.control import frames
from pipelock.control.client import ControlError
from pipelock.model import (
    Contained,
    Denial,
    NotedDenial,
    Sandboxed,
    SessionDetail,
    SessionVerb,
    Tier,
    Wall,
    WallName,
    WallState,
    sandbox_key,
)
from pipelock.proxy.admin.desk import DeskError, SessionOrder
from tests.proxy.admin.desks import CALM, CLOSED, NOW, TOKEN, Api, FakeDesk

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


class ApiConnection:
    """Stands in for `http.client.HTTPConnection`: the admin API over a transport in memory."""

    api: Api
    seen: list[tuple[str, int | None]]

    def __init__(self, host: str, port: int | None, timeout: float) -> None:
        self.seen.append((host, port))
        self.timeout = timeout

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        api = self.api
        api.reconnect()
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}{length}\r\n"
        api.connection.dataReceived(head.encode() + (body or b""))

    def getresponse(self) -> http.client.HTTPResponse:
        answer = http.client.HTTPResponse(self)  # type: ignore[arg-type]
        answer.begin()
        return answer

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.api.line.value())

    def close(self) -> None:
        """Nothing is open."""


class Ways:
    """One desk, reached by two ways."""

    def __init__(self, daemon: FakeDaemon, run: Run) -> None:
        self.desk = FakeDesk()
        self._go, self._daemon = run, daemon
        ApiConnection.api, ApiConnection.seen = Api(self.desk), []
        daemon.replies = {frames.InspectSession: self._inspect, frames.ActOnSession: self._act}

    def _inspect(self, asked: frames.InspectSession) -> frames.SessionReply:
        return frames.SessionReply(self.desk.inspect(asked.key))

    def _act(self, asked: frames.ActOnSession) -> frames.ActedReply:
        order = SessionOrder(
            key=asked.key, verb=asked.verb, tier=asked.tier, label=asked.label, reason=asked.reason,
            source_match=asked.source_match, action_match=asked.action_match, expires_at=asked.expires_at,
        )  # fmt: skip
        try:
            return frames.ActedReply(self.desk.act(order))
        except DeskError as error:
            raise ControlError(error.code, error.message) from error

    def run(self, *words: str) -> tuple[int, str, str]:
        """The outcome by whichever way `words` say."""
        self._daemon.known = self.desk.sessions()
        return self._go(*words)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """The outcome by the socket, having made sure that it is the same by the API."""
        self.desk.orders = []
        by_socket = self.run(*words)
        orders, self.desk.orders = self.desk.orders, []
        by_api = self.run(*words, "--api-url", "http://127.0.0.1:9099", "--api-token", TOKEN)
        assert by_api == by_socket
        assert [(o.verb, o.key, o.tier, o.label, o.reason) for o in self.desk.orders] == [
            (o.verb, o.key, o.tier, o.label, o.reason) for o in orders
        ]
        return by_socket


@pytest.fixture
def ways(daemon: FakeDaemon, run: Run, monkeypatch: pytest.MonkeyPatch) -> Ways:
    monkeypatch.setattr("http.client.HTTPConnection", ApiConnection)
    monkeypatch.setattr("time.time", lambda: NOW)
    monkeypatch.delenv("PIPELOCK_API_URL", raising=False)
    monkeypatch.delenv("PIPELOCK_KILLSWITCH_API_TOKEN", raising=False)
    return Ways(daemon, run)


def test_the_list(ways: Ways) -> None:
    code, out, err = ways("session", "list")
    heads, closed, calm = out.splitlines()
    assert (code, err) == (0, "")
    assert heads.split()[:6] == ["SESSION", "AGENT", "LEVEL", "SCORE", "AIRLOCK", "TAINT"]
    assert closed.split() == [
        "claude@42|127.0.0.1", "claude", "critical", "(all", "blocked)", "21.5", "hard", "external_hostile", "30", "4",
        "2", "s", "ago",
    ]  # fmt: skip
    assert calm.split()[:5] == ["helper|127.0.0.1", "helper", "normal", "0", "none"]


def test_the_list_by_tier_and_as_json(ways: Ways) -> None:
    answer = json.loads(ways("session", "list", "--tier", "hard", "--json")[1])
    assert (answer["count"], answer["sessions"][0]["key"]) == (1, CLOSED.key)
    assert ways("session", "list", "--tier", "drain") == (0, "No session is in that tier.\n", "")


def test_nobody_yet(daemon: FakeDaemon, run: Run) -> None:
    assert run("session", "list") == (0, "Nobody has sent anything yet.\n", "")


def test_one_in_full_with_nothing_left_to_draw(ways: Ways) -> None:
    out = ways("session", "inspect", CLOSED.key)[1]
    assert "  agent      claude at 127.0.0.1, claude (process 42)\n" in out
    assert "  level      critical, 21.5 of 40 points; everything is refused\n" in out
    assert "  airlock    hard for 1 min\n" in out
    assert "  budget     requests: 30 of 100\n" in out
    assert "    22:12:19 hard_block (+3) evil.example: a key left\n" in out
    assert json.loads(ways("session", "inspect", CLOSED.key, "--json")[1])["in_flight"] == 3


def test_why(ways: Ways) -> None:
    out = ways("session", "explain", "claude")[1]
    assert out.startswith("claude@42|127.0.0.1: airlock hard, level critical, 21.5 points\n")
    assert "  trigger    level critical (adaptive)\n" in out
    assert "  then       soft in 4 min, by itself\n" in out
    assert "  It leaked.\n  Release it.\n" in out
    assert "session not quarantined" in ways("session", "explain", "helper")[1]


@pytest.mark.parametrize("typed", [CLOSED.key, "claude", "claude@", "42", "cl"])
def test_a_session_is_named_by_what_is_unique_about_it(ways: Ways, typed: str) -> None:
    assert ways("session", "reset", typed)[0] == 0
    assert ways.desk.orders[0].key == CLOSED.key


def test_a_session_that_is_not_there(ways: Ways) -> None:
    code, _, err = ways("session", "inspect", "claud@42|127.0.0.1")
    assert code == 1
    assert err.startswith("pipelock: session not found: claud@42|127.0.0.1; known are claude@42|127.0.0.1")
    code, _, err = ways("session", "inspect", "127.0.0.1")
    assert code == 1


def test_a_name_that_several_have(ways: Ways) -> None:
    other = msgspec.structs.replace(CALM, key="clara|127.0.0.1", agent="clara")
    ways.desk.details[other.key] = SessionDetail(other)
    code, _, err = ways("session", "reset", "cl")
    assert (code, "could be claude@42|127.0.0.1, clara|127.0.0.1" in err, ways.desk.orders) == (2, True, [])
    code, _, err = ways("session", "reset", "")
    assert (code, "needs a session" in err) == (2, True)


def test_release_is_never_upward(ways: Ways) -> None:
    assert ways("session", "release", "claude") == (
        0, "claude@42|127.0.0.1 released from tier hard to none.\n", ""
    )  # fmt: skip
    assert ways.desk.orders[0].tier is Tier.NONE
    assert ways("session", "release", "claude", "--to", "soft", "--reason", "looked at it")[0] == 0
    assert (ways.desk.orders[-1].tier, ways.desk.orders[-1].reason) == (Tier.SOFT, "looked at it")
    ways.desk.orders = []
    code, _, err = ways("session", "release", "helper", "--to", "soft")
    assert (code, ways.desk.orders) == (2, [])
    assert "never closes a session in further" in err


def test_closing_one_in(ways: Ways) -> None:
    assert ways("session", "airlock", "helper", "--to", "drain")[1].startswith("helper|127.0.0.1 is in tier drain now")
    assert [(order.key, order.tier) for order in ways.desk.orders] == [(CALM.key, Tier.DRAIN)]
    assert ways("session", "airlock", "claude", "--to", "normal", "--json")[0] == 0
    assert ways.run("session", "airlock", "helper")[0] == 2


def test_terminate_and_reset(ways: Ways) -> None:
    code, out, _ = ways("session", "terminate", "claude", "--reason", "enough")
    assert (code, out) == (0, "claude@42|127.0.0.1 is ended, 2 connections closed. What it sends next begins afresh.\n")
    assert json.loads(ways("session", "terminate", "claude", "--json")[1])["terminated"] is True
    walled = msgspec.structs.replace(CALM, key=sandbox_key("worker", "0123456789ab", "127.0.0.1"))
    ways.desk.details[walled.key] = SessionDetail(session=walled)
    assert "Its agent is told to end, if it still runs." in ways("session", "terminate", walled.key)[1]
    assert "was at level high, 9.5 points" in ways("session", "reset", "claude")[1]


def test_a_task_and_trust_within_it(ways: Ways) -> None:
    assert "what it had read is forgotten" in ways("session", "task", "claude", "--label", "docs")[1]
    assert ways.desk.orders[0].label == "docs"
    code, out, _ = ways("session", "trust", "claude", "--source", "*.example", "--for", "30m")
    assert (code, "for 30 min" in out) == (0, True)
    order = ways.desk.orders[-1]
    assert (order.verb, order.source_match, order.expires_at) == (SessionVerb.TRUST, "*.example", NOW + 1800)


@pytest.mark.parametrize(
    "words",
    [
        ("trust", "claude"), ("trust", "claude", "--source", "x", "--for", "soon"),
        ("task", "claude", "--label", "x" * 501), ("terminate",), ("recover", "claude", "--no-prompt"),
        ("recover", "claude"), ("list", "--tier", "red"), ("release", "claude", "--to", "hard"), ("dance", "claude"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_asked_wrongly_changes_nothing(ways: Ways, words: tuple[str, ...]) -> None:
    assert ways.run("session", *words)[0] == 2
    assert ways.desk.orders == []


def test_what_the_daemon_refuses(ways: Ways) -> None:
    ways.desk.fails = DeskError("failed", "it could not be done")
    for more in ((), ("--api-url", "http://127.0.0.1:9099", "--api-token", TOKEN)):
        code, _, err = ways.run("session", "reset", "claude", *more)
        assert (code, "it could not be done" in err) == (1, True)


@pytest.mark.parametrize(
    ("choice", "verb"),
    [
        ("release-none", SessionVerb.AIRLOCK),
        ("release-soft", SessionVerb.AIRLOCK),
        ("terminate", SessionVerb.TERMINATE),
        ("leave", None),
    ],
)
def test_recovery_by_choice(ways: Ways, choice: str, verb: SessionVerb | None) -> None:
    assert ways("session", "recover", "claude", "--choice", choice, "--no-prompt")[0] == 0
    assert [order.verb for order in ways.desk.orders] == ([verb] if verb else [])


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("1", "release-none"), ("2", "release-soft"), ("3", "terminate"), ("4", "leave"), ("terminate", "terminate"),
        ("", "leave"), ("yes", "leave"), ("5", "leave"), ("٣", "leave"),
    ],
)  # fmt: skip
def test_recovery_asks_and_takes_only_a_clear_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, choice: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert _asked(lambda: said) == choice
    assert "terminate: end its connections" in capsys.readouterr().err


def test_the_end_of_input_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def ended() -> str:
        raise EOFError

    assert _asked(ended) == "leave"


def test_all_of_them(ways: Ways) -> None:
    out = ways("adaptive", "status")[1]
    assert out.splitlines()[:2] == ["2 sessions, the highest level is critical", "  levels     1 normal, 1 critical"]
    assert json.loads(ways("adaptive", "status", "--json")[1])["max_escalation_level_int"] == 3
    assert ways("adaptive", "flush") == (0, "2 sessions reset.\n", "")
    assert ways("adaptive", "whoami", "--agent", "helper")[1].startswith("helper|127.0.0.1\n")


def test_who_we_are_by_our_own_process(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.cli._admin._parents", lambda: {7, 42})
    assert ways.run("adaptive", "whoami")[1].startswith("claude@42|127.0.0.1\n")


def test_the_kill_switch_by_the_api(ways: Ways) -> None:
    more = ("--api-url", "http://127.0.0.1:9099", "--api-token", TOKEN)
    assert ways.run("kill", "on", *more)[1].startswith("kill switch ON, held by api")
    assert ways.run("kill", "off", *more)[0] == 0
    assert [on for on, _ in ways.desk.switched] == [True, False]


# -- where the API is, and its token -------------------------------------------------------------------------------------


def test_a_wrong_token_is_a_wrong_setting_and_no_answer_is_not(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    url = ("--api-url", "http://127.0.0.1:9099")
    code, _, err = ways.run("session", "list", *url, "--api-token", "wrong")
    assert (code, "is the token right?" in err) == (2, True)
    monkeypatch.setenv("PIPELOCK_KILLSWITCH_API_TOKEN", TOKEN)
    assert ways.run("session", "list", *url)[0] == 0
    for _ in range(11):
        code, _, err = ways.run("adaptive", "flush", *url)
    assert (code, "said 429" in err) == (1, True)

    def refuse(*_: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(ApiConnection, "request", refuse)
    code, _, err = ways.run("session", "list", *url)
    assert (code, err) == (1, "pipelock: the admin API at 127.0.0.1 does not answer: Connection refused\n")


def test_both_come_from_a_file_that_is_private(ways: Ways, tmp_path: Path) -> None:
    file = tmp_path / "pipelock.yaml"
    file.write_text(f"kill_switch: {{api_listen: '0.0.0.0:9098', api_token: {TOKEN}}}\n")
    file.chmod(0o644)
    code, _, err = ways.run("session", "list", "--config", str(file))
    assert (code, "chmod 600" in err) == (2, True)
    file.chmod(0o600)
    assert ways.run("session", "list", "--config", str(file))[0] == 0
    assert ApiConnection.seen[-1] == ("127.0.0.1", 9098)


def test_no_token_no_question(ways: Ways, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PIPELOCK_API_URL", "http://127.0.0.1:9099")
    code, _, err = ways.run("session", "list")
    assert (code, "needs a token" in err) == (2, True)
    assert ApiConnection.seen == []
    config = tmp_path / ".config" / "pipelock" / "pipelock.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"kill_switch: {{api_token: {TOKEN}}}\n")
    config.chmod(0o600)
    assert ways.run("session", "list")[0] == 0


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:9099", "http://", "http://x:y", "http://h/?a=1", "http://[::1"])
def test_what_is_no_address(ways: Ways, url: str) -> None:
    assert ways.run("session", "list", "--api-url", url, "--api-token", TOKEN)[0] == 2
    assert ApiConnection.seen == []


def test_a_token_that_travels_in_the_open_is_warned_about(ways: Ways) -> None:
    code, _, err = ways.run("session", "list", "--api-url", "http://far.example", "--api-token", TOKEN)
    assert (code, "unencrypted" in err) == (0, True)


def test_an_answer_that_is_something_else(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = lambda *_: io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")  # noqa: E731
    monkeypatch.setattr(ApiConnection, "makefile", answer)
    code, _, err = ways.run("session", "list", "--api-url", "http://127.0.0.1:9099", "--api-token", TOKEN)
    assert (code, "answered something else" in err) == (1, True)


def test_a_sandbox_is_listed_with_its_walls_and_shown_with_what_they_refused(ways: Ways) -> None:
    walls = (
        Wall(WallName.NETWORK, WallState.UP, "its own"),
        Wall(WallName.CGROUP, WallState.DOWN, "none", "systemd --user"),
    )
    box = Contained(id="0123456789ab", agent="helper", command="helper \x1b[31m", workspace="/w", walls=walls, pid=7)
    denial = Denial(WallName.FILES, "read /x", "not granted", "--allow-read /x", "cat", 2)
    sandbox = Sandboxed(
        contained=box, rules=("host=a.test",), config_rules=("*.test",), denied=2, denials=(NotedDenial(NOW, denial),)
    )
    session = msgspec.structs.replace(CALM, walls=WallState.DOWN)
    ways.desk.details[CALM.key] = SessionDetail(session, sandbox=sandbox)
    heads, *rows = ways("session", "list")[1].splitlines()
    assert heads.split()[-1] == "WALLS"
    assert sorted(row.split()[-1] for row in rows) == ["down", "none"]
    shown = ways("session", "inspect", CALM.key)[1]
    for words in (
        "  sandbox    0123456789ab, process 7; network by namespace\n",
        "  by config  reaches only *.test\n",
        "  by launch  reaches only host=a.test\n",
        "  wall       network up: its own\n",
        "  wall       cgroup down: none; systemd --user\n",
        "  what its walls refused, 2 times in all, newest last:\n",
        "cat: read /x (2 times) - files: not granted; --allow-read /x\n",
    ):
        assert words in shown
    assert "\x1b" not in shown
    answer = json.loads(ways("session", "inspect", CALM.key, "--json")[1])
    assert (answer["walls"], answer["sandbox"]["contained"]["id"]) == ("down", "0123456789ab")
    for changes, word in (
        ({"ended_at": 1.0}, "ended;"),
        ({"held": False}, "not served;"),
        ({"frozen": True}, "frozen;"),
    ):
        ways.desk.details[CALM.key] = SessionDetail(session, sandbox=msgspec.structs.replace(sandbox, **changes))
        assert word in ways("session", "inspect", CALM.key)[1]
