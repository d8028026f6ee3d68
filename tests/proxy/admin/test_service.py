"""Who may ask, in which order that is checked, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from pipelock.admin.wire import AnswerDone
from pipelock.identity import Ends, Lookup, Root, RootKind
from pipelock.model import Process, SessionDetail
from pipelock.proxy.admin.desk import AdminCall, DeskError, SignedError
from tests.proxy.admin.desks import CALM, CLOSED, TOKEN, Api

READS = (
    "/api/v1/killswitch/status", "/api/v1/sessions", "/api/v1/sessions/k", "/api/v1/sessions/k/explain",
    "/api/v1/adaptive/status", "/api/v1/adaptive/whoami", "/api/v1/pending",
)  # fmt: skip
WRITES = (
    "/api/v1/killswitch", "/api/v1/sessions/k/airlock", "/api/v1/sessions/k/reset", "/api/v1/sessions/k/terminate",
    "/api/v1/sessions/k/task", "/api/v1/sessions/k/trust", "/api/v1/adaptive/flush", "/api/v1/pending/7/answer",
    "/api/v1/answers",
)  # fmt: skip
KEY = "/api/v1/sessions/claude%4042%7C127.0.0.1"


@pytest.mark.parametrize("path", READS)
def test_reading_is_by_get_alone(path: str) -> None:
    api = Api()
    for method in ("POST", "PUT", "HEAD", "OPTIONS"):
        assert api.asks(method, path)[0] == 405
        assert api.headers["allow"] == "get"


@pytest.mark.parametrize("path", WRITES)
def test_acting_is_by_post_alone(path: str) -> None:
    api = Api()
    assert api.asks("GET", path) == (405, "only POST allowed")
    assert api.headers["allow"] == "post"


@pytest.mark.parametrize("path", [path for path in (*READS, *WRITES) if path != "/api/v1/answers"])
def test_without_the_token_nothing_is_told(path: str) -> None:
    api = Api()
    method = "GET" if path in READS else "POST"
    for token in (None, "", "wrong", TOKEN + "x", TOKEN[:-1], "ü"):
        assert api.asks(method, path, token=token) == (401, "unauthorized")
        assert api.headers["www-authenticate"] == 'bearer realm="pipelock"'
    assert (api.desk.orders, api.desk.answers, api.desk.switched) == ([], [], [])


class Asked:
    """Says which process a client is, when it is told to."""

    def __init__(self) -> None:
        self.lookups: list[Lookup] = []

    def __call__(self, ends: Ends, then: Callable[[Root | None], None]) -> Lookup:
        self.lookups.append(Lookup(ends, then, 0.0))
        return self.lookups[-1]


@pytest.mark.parametrize("path", [*READS, *WRITES])
def test_an_agent_that_has_found_the_token_may_look_and_not_act(path: str) -> None:
    api, asked = Api(), Asked()
    api.context.identify = asked
    api.service.signed = None if path != "/api/v1/answers" else _NobodySigns()
    method = "GET" if path in READS else "POST"
    assert api.asks_later(method, path, {}) == b""  # nothing is read before it is known who it is
    asked.lookups[0].tell(Root(RootKind.AGENT, (Process(6, 6, "claude"),), "claude"))
    api.connection.dataReceived(api.held_back)
    status, said = api.heard()
    if method == "GET":
        assert status in (200, 404)
    else:
        assert (status, said) == (403, "you may watch but not decide: runs inside claude")
        assert (api.desk.orders, api.desk.answers, api.desk.switched) == ([], [], [])
        assert api.desk.calls[-1].status == 403


def test_an_agent_s_calls_do_not_use_up_the_operator_s() -> None:
    api, asked = Api(), Asked()
    api.context.identify = asked
    for _ in range(20):
        api.asks_later("POST", "/api/v1/killswitch", {"active": False})
        asked.lookups[-1].tell(Root(RootKind.AGENT, (Process(6, 6, "claude"),), "claude"))
        api.connection.dataReceived(api.held_back)
        assert api.heard()[0] == 403
    api.context.identify = None
    assert api.asks("POST", "/api/v1/killswitch", {"active": True})[0] == 200


@pytest.mark.parametrize("root", [None, Root(RootKind.OTHER, (Process(6, 6, "bash"),))])
def test_whoever_else_calls_acts_with_the_token(root: Root | None) -> None:
    api, asked = Api(), Asked()
    api.context.identify = asked
    api.asks_later("POST", "/api/v1/killswitch", {"active": True})
    asked.lookups[0].tell(root)
    api.connection.dataReceived(api.held_back)
    assert api.heard()[0] == 200


def test_a_caller_that_leaves_is_not_looked_for() -> None:
    api, asked = Api(), Asked()
    api.context.identify = asked
    api.reconnect()
    api.connection.connectionLost(Failure(ConnectionDone()))
    assert not asked.lookups[0].is_wanted


class _NobodySigns:
    def take(self, _signature: str, _body: bytes) -> tuple[str, AnswerDone]:
        raise AssertionError("an agent's answer was read")


def test_two_authorization_fields_or_another_scheme_are_no_token() -> None:
    api = Api()
    twice = f"Authorization: Bearer {TOKEN}\r\n"
    assert api.asks("GET", "/api/v1/sessions", headers=twice)[0] == 401
    assert api.asks("GET", "/api/v1/sessions", token=None, headers=f"Authorization: Basic {TOKEN}\r\n")[0] == 401


def test_where_no_token_is_set_the_api_says_that_it_is_not_there() -> None:
    api = Api()
    api.desk.the_token = ""
    assert api.asks("GET", "/api/v1/sessions", token="") == (503, "session API not configured")
    assert api.asks("GET", "/api/v1/adaptive/status") == (503, "session API not configured")
    assert api.asks("POST", "/api/v1/killswitch") == (503, "kill switch API not configured")
    assert api.asks("POST", "/api/v1/answers") == (503, "signed answers not configured")
    assert not api.service.serves("/api/v1/sessions")


def test_a_rotated_token_counts_from_the_next_call() -> None:
    api = Api()
    api.desk.the_token = "another"
    assert api.asks("GET", "/api/v1/sessions")[0] == 401
    assert api.asks("GET", "/api/v1/sessions", token="another")[0] == 200


def test_the_method_is_checked_before_the_token_and_the_token_before_the_rate() -> None:
    api = Api()
    api.desk.the_token = ""
    assert api.asks("GET", "/api/v1/killswitch", token=None)[0] == 405
    api.desk.the_token = TOKEN
    for _ in range(20):
        assert api.asks("POST", "/api/v1/killswitch", {"active": True}, token="wrong")[0] == 401
    assert api.asks("POST", "/api/v1/killswitch", {"active": True})[0] == 200


def test_ten_calls_a_minute_of_each_action() -> None:
    api = Api()
    for _ in range(10):
        assert api.asks("POST", f"{KEY}/reset")[0] == 200
    status, text = api.asks("POST", f"{KEY}/reset")
    assert (status, api.headers["retry-after"]) == (429, "60")
    assert "minute" in text
    assert api.asks("POST", f"{KEY}/terminate")[0] == 200  # another action has its own count
    api.clock.advance(60)
    assert api.asks("POST", f"{KEY}/reset")[0] == 200


def test_listing_and_the_switch_s_state_are_not_counted() -> None:
    api = Api()
    for path in ("/api/v1/sessions", "/api/v1/killswitch/status", "/api/v1/pending"):
        assert {api.asks("GET", path)[0] for _ in range(25)} == {200}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404), ("/api/v1/", 404), ("/api/v1/nothing", 404), ("/api/v1/killswitch/", 404),
        ("/api/v1/sessions/", 400), ("/api/v1/sessions/k/", 404), ("/api/v1/sessions/k/delete", 404),
        ("/api/v1/sessions/a%2Fb", 400), ("/api/v1/sessions/a%00", 400), ("/api/v1/sessions/a%", 400),
        ("/api/v1/sessions/a%zz", 400), ("/api/v1/sessions/%ff", 400), ("/api/v1/sessions/" + "k" * 401, 400),
        ("/api/v1/sessions/a/b/reset", 404), ("/api/v1/pending/7", 404), ("/api/v1/pending//answer", 400),
    ],
)  # fmt: skip
def test_what_leads_nowhere(path: str, status: int) -> None:
    assert Api().asks("GET", path)[0] == status


def test_every_call_is_written_down_refused_ones_too() -> None:
    api = Api()
    api.asks("GET", "/api/v1/sessions?tier=hard")
    api.asks("POST", f"{KEY}/terminate")
    api.asks("POST", f"{KEY}/terminate", token="wrong")
    api.asks("GET", "/api/v1/sessions/nobody")
    assert api.desk.calls == [
        AdminCall("list", "127.0.0.1", 200, "", "1 listed"),
        AdminCall("terminate", "127.0.0.1", 200, CLOSED.key, "connections ended: 2"),
        AdminCall("terminate", "127.0.0.1", 401, CLOSED.key, "unauthorized"),
        AdminCall("inspect", "127.0.0.1", 404, "nobody", "session not found"),
    ]


def test_who_has_no_token_cannot_fill_the_log() -> None:
    api = Api()
    for _ in range(500):
        api.asks("GET", "/api/v1/sessions", token="guess")
    assert len(api.desk.calls) == 10
    api.asks("GET", "/api/v1/sessions")
    assert api.desk.calls[-1] == AdminCall("list", "127.0.0.1", 200, "", "2 listed", 490)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("not_found", 404),
        ("stale", 409),
        ("forbidden", 403),
        ("bad_request", 400),
        ("unavailable", 503),
        ("failed", 500),
    ],
)
def test_what_the_daemon_could_not_do(code: str, status: int) -> None:
    api = Api()
    api.desk.fails = DeskError(code, "why")
    assert api.asks("POST", f"{KEY}/reset") == (status, "why")


def test_a_body_over_the_limit_and_what_is_no_request() -> None:
    api = Api()
    assert api.asks("POST", f"{KEY}/task", b"{" + b" " * 70_000 + b"}")[0] == 400
    api.reconnect()
    api.connection.dataReceived(b"nonsense\r\n\r\n")
    assert api.heard()[0] == 400
    assert {call.status for call in api.desk.calls} == {400}


class Signed:
    def __init__(self) -> None:
        self.given: list[tuple[str, bytes]] = []
        self.error: Exception | None = None

    def take(self, signature: str, body: bytes) -> tuple[str, AnswerDone]:
        self.given.append((signature, body))
        if self.error is not None:
            raise self.error
        return "7", AnswerDone(3)


def test_what_json_can_not_say_is_a_refusal_and_stands_in_the_record() -> None:
    api = Api()
    api.desk.details[CALM.key] = SessionDetail(CALM, why="\udcff")
    assert api.asks("GET", "/api/v1/sessions/helper%7C127.0.0.1")[0] == 500
    assert (api.desk.calls[-1].status, api.desk.calls[-1].result) == (500, "done, but could not be told")


def test_signed_answers_need_no_token_and_prove_themselves() -> None:
    api = Api()
    signed = api.service.signed = Signed()
    header = "X-Pipelock-Signature: t=1,v1=aa\r\n"
    assert api.asks("POST", "/api/v1/answers", b"{}", token=None, headers=header) == (200, {"count": 3})
    assert signed.given == [("t=1,v1=aa", b"{}")]
    assert api.desk.calls == [AdminCall("signed_answer", "127.0.0.1", 200, "7", "3 answered")]
    assert api.service.serves("/api/v1/answers")
    api.asks("POST", "/api/v1/answers", b"{}", token=None, headers=header * 2)
    assert signed.given[-1][0] == ""
    signed.error = SignedError(401, "not genuine")
    assert api.asks("POST", "/api/v1/answers", b"{}", token=None) == (401, "not genuine")
    signed.error = DeskError("stale", "too late")
    assert api.asks("POST", "/api/v1/answers", b"{}", token=None) == (409, "too late")
