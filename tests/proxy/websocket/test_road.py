"""WebSockets through the proxy, without sockets: from the opening request to the end of both connections."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import pytest
from wsproto.events import CloseConnection, Ping, Pong

from pipelock.detect.url_layers import UrlSettings
from pipelock.model import Answer, AnswerWord, BlockReason, Direction, Finding, Kind, Severity, Transport, Verdict
from pipelock.proxy.tls_client import UpstreamTlsError
from pipelock.proxy.websocket.session import CLOSE_SECONDS
from pipelock.proxy.websocket.settings import WebSocketSettings
from tests.factories import FAKE_KEY, FAKE_ORDER, FakeSecrets, a_policy
from tests.proxy.house import Caller, House
from tests.proxy.lines import Dialled
from tests.proxy.websocket.test_relay import Peer, TextMessage, frame, squeezed

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
BY_PATH = "/ws?url=ws://example.com/chat"
BY_URL = "http://example.com/chat"


def house(policy: Any = None, **settings: Any) -> House:
    return House(policy, websocket=WebSocketSettings(enabled=True, **settings))


def opening(target: str = BY_PATH, extra: str = "") -> bytes:
    host = "localhost:8888" if target.startswith("/") else "example.com"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}{extra}\r\n".encode()


def switch(request: bytes, extra: str = "") -> bytes:
    """The answer that fits `request`."""
    key = request.partition(b"sec-websocket-key: ")[2].partition(b"\r\n")[0]
    magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key + magic, usedforsecurity=False).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{extra}\r\n"
    ).encode()


class Talk:
    """A client and an upstream whose WebSocket is open."""

    def __init__(self, at: House, target: str = BY_PATH, *, compressed: bool = False) -> None:
        self.house = at
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if compressed else ""
        self.client: Caller = at.caller()
        self.client.says(opening(target, extension))
        self.upstream: Dialled = at.dials[-1].answer()
        self.request = self.upstream.heard
        self.upstream.line.clear()
        self.upstream.says(switch(self.request, extension))
        self.answer, _, rest = self.client.heard.partition(b"\r\n\r\n")
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer
        self.client.line.clear()
        self.near = Peer(is_client=True, compressed=compressed)
        self.far = Peer(is_client=False, compressed=compressed)
        if rest:
            self.near.takes(rest)

    def client_says(self, *events: Any) -> None:
        self.client.says(self.near.says(*events))
        self.hear()

    def upstream_says(self, *events: Any) -> None:
        self.upstream.says(self.far.says(*events))
        self.hear()

    def hear(self) -> None:
        for peer, line in ((self.near, self.client.line), (self.far, self.upstream.line)):
            data = line.value()
            line.clear()
            if data:
                peer.takes(data)

    def ends(self) -> None:
        """Both hang up; nothing is left of it."""
        self.client.leaves()
        if not self.upstream.line.is_lost:
            self.upstream.hangs_up()
        assert [closed.websocket for closed in self.house.closed] == [True]
        assert self.house.door.stats.websockets == 0
        self.house.assert_nothing_is_left()


@pytest.mark.parametrize("target", [BY_PATH, BY_URL, "ws://example.com/chat"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_websocket_opens_talks_and_closes(target: str, compressed: bool) -> None:
    at = house()
    talk = Talk(at, target, compressed=compressed)
    assert talk.request.startswith(b"GET /chat HTTP/1.1\r\nhost: example.com\r\n")
    assert KEY.encode() not in talk.request
    assert ACCEPT.encode() in talk.answer
    assert (b"permessage-deflate" in talk.answer) is compressed
    talk.client_says(TextMessage("hello"))
    talk.upstream_says(TextMessage("hello yourself"))
    assert (talk.far.text(), talk.near.text()) == ("hello", "hello yourself")
    talk.client_says(CloseConnection(1000, "bye"))
    talk.upstream_says(CloseConnection(1000))
    assert talk.near.closed() == (1000, "")
    assert talk.client.line.half_closed
    assert talk.upstream.line.half_closed
    opened, switched = [record.action for record in at.records]
    assert (opened.kind, opened.transport, opened.url) == (Kind.REQUEST, Transport.WEBSOCKET, "http://example.com/chat")
    assert (switched.kind, switched.status) == (Kind.RESPONSE, 101)
    talk.ends()
    closed = at.closed[0]
    assert (closed.target, closed.texts, closed.binaries) == ("example.com:80", 2, 0)
    assert at.door.stats.websockets_opened == 1


def test_what_came_behind_the_handshakes_is_not_lost() -> None:
    at = house()
    client = at.caller()
    client.says(opening() + frame(1, b"early"))
    upstream = at.dials[-1].answer()
    assert b"early" not in upstream.heard
    answer = switch(upstream.heard)
    upstream.line.clear()
    upstream.says(answer + frame(1, b"bird", masked=False))
    far = Peer(is_client=False)
    far.takes(upstream.heard)
    assert far.text() == "early"
    assert client.heard.endswith(frame(1, b"bird", masked=False))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/ws", b"400"),
        ("/ws?url=", b"400"),
        ("/ws?url=http://example.com/", b"400"),
        ("/ws?url=ws://", b"400"),
        ("/ws?url=ws://bad.example/", b"403"),
    ],
)
def test_bad_targets_are_refused_before_anything_is_dialled(target: str, status: bytes) -> None:
    at = house(a_policy(UrlSettings(blocklist=("bad.example",)))) if b"403" in status else house()
    client = at.caller()
    client.says(opening(target))
    assert client.heard.startswith(b"HTTP/1.1 " + status)
    assert not at.dials


def test_it_must_be_switched_on() -> None:
    at = House()
    client = at.caller()
    client.says(opening())
    assert client.heard.startswith(b"HTTP/1.1 404 ")
    assert b"WebSocket proxy not enabled" in client.heard


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (b"426", opening().replace(b"Version: 13", b"Version: 12")),
        (b"426", opening().replace(b"Upgrade: websocket\r\n", b"")),
        (b"400", opening().replace(KEY.encode(), b"short")),
    ],
)
def test_a_flawed_opening_is_refused_and_recorded(status: bytes, request_: bytes) -> None:
    at = house()
    client = at.caller()
    client.says(request_)
    assert client.heard.startswith(b"HTTP/1.1 " + status)
    assert [record.decision.code for record in at.records] == [BlockReason.BAD_REQUEST]
    assert (b"sec-websocket-version: 13" in client.heard) is (status == b"426")


def test_there_may_be_so_many_and_no_more() -> None:
    at = house(max_connections=1)
    first = Talk(at)
    client = at.caller()
    client.says(opening())
    assert client.heard.startswith(b"HTTP/1.1 503 ")
    client.leaves()
    first.ends()
    client = at.caller()
    client.says(opening())
    assert not client.heard


def test_many_that_open_at_once_are_counted_when_they_are_open() -> None:
    at = house(max_connections=1)
    clients = [at.caller() for _ in range(2)]
    for client in clients:
        client.says(opening())
    for dialled in at.dials[:]:
        dialled.answer()
        dialled.says(switch(dialled.heard))
    assert [client.heard[9:12] for client in clients] == [b"101", b"503"]
    assert at.dials[1].line.is_closing


@pytest.mark.parametrize(
    ("policy", "held", "gone"),
    [
        ("rewrite", [b"origin: http://example.com\r\n"], [b"http://localhost", b"cookie"]),
        ("forward", [b"origin: http://localhost:3000\r\n"], [b"cookie"]),
        ("strip", [], [b"origin", b"cookie"]),
    ],
)
def test_fields_go_on_as_config_says(policy: Any, held: list[bytes], gone: list[bytes]) -> None:
    at = house(origin_policy=policy)
    client = at.caller()
    client.says(
        opening(
            extra="Origin: http://localhost:3000\r\nCookie: a=b\r\nUser-Agent: robot\r\nAuthorization: Basic eDp5\r\n"
            "X-Other: x\r\nSec-WebSocket-Protocol: chat\r\n"
        )
    )
    request = at.dials[-1].answer().heard.lower()
    for line in (
        *held,
        b"user-agent: robot\r\n",
        b"authorization: basic edp5\r\n",
        b"sec-websocket-protocol: chat\r\n",
    ):
        assert line in request
    for text in (*gone, b"x-other", b"pipelock"):
        assert text not in request


def test_cookies_go_on_where_they_may() -> None:
    at = house(forward_cookies=True)
    client = at.caller()
    client.says(opening(extra="Cookie: a=b\r\n"))
    assert b"cookie: a=b\r\n" in at.dials[-1].answer().heard


def test_a_secret_in_the_opening_request_is_refused() -> None:
    at = house()
    client = at.caller()
    client.says(opening(extra=f"Authorization: {FAKE_KEY}\r\n"))
    assert client.heard.startswith(b"HTTP/1.1 403 ")
    assert not at.dials


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlogin", b"401"),
        (f"HTTP/1.1 200 OK\r\nContent-Length: {len(FAKE_ORDER)}\r\n\r\n{FAKE_ORDER}".encode(), b"403"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, b"403"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", b"403"),
        (b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n\r\n", b"502"),
        (b"nonsense\r\n\r\n", b"502"),
    ],
)
def test_an_answer_that_opens_nothing_is_judged_like_any_other(answer: bytes, heard: bytes) -> None:
    at = house()
    client = at.caller()
    client.says(opening())
    upstream = at.dials[-1].answer()
    upstream.says(answer)
    assert client.heard[9:12] == heard, client.heard
    client.leaves()
    upstream.hangs_up()
    at.pool.close_idle()
    at.assert_nothing_is_left()


def test_orders_in_the_fields_of_a_101_are_refused() -> None:
    at = house()
    client = at.caller()
    client.says(opening())
    upstream = at.dials[-1].answer()
    upstream.says(switch(upstream.heard, f"X-Note: {FAKE_ORDER}\r\n"))
    assert client.heard.startswith(b"HTTP/1.1 403 ")
    assert upstream.line.is_closing


def test_an_upstream_that_is_not_who_it_should_be_is_refused_and_recorded() -> None:
    at = house()
    client = at.caller()
    client.says(opening("/ws?url=wss://example.com/chat"))
    at.dials[0].fails(UpstreamTlsError("example.com can't be trusted: its certificate is for evil.example"))
    assert client.heard.startswith(b"HTTP/1.1 502 ")
    assert b"evil.example" in client.heard
    assert [record.decision.code for record in at.records][-1] is BlockReason.AUTHORITY_MISMATCH
    assert not at.errors
    client.leaves()
    at.assert_nothing_is_left()


def test_an_upstream_that_says_nothing_is_given_up() -> None:
    at = house()
    client = at.caller()
    client.says(opening())
    at.dials[-1].answer()
    at.wait(31)
    assert client.heard.startswith(b"HTTP/1.1 504 ")


def test_nobody_waits_for_the_upstream_of_a_client_that_left() -> None:
    at = house()
    client = at.caller()
    client.says(opening())
    upstream = at.dials[-1].answer()
    client.leaves()
    assert upstream.line.is_closing
    upstream.hangs_up()
    at.assert_nothing_is_left()


# -- messages ----------------------------------------------------------------------------------------------------------


def refused(talk: Talk, direction: Direction) -> dict[str, str]:
    """What the client is told of a refusal, after a look at the record of it."""
    (record,) = [one for one in talk.house.records if one.decision.verdict is Verdict.BLOCK]
    assert (record.action.kind, record.action.direction) == (Kind.MESSAGE, direction)
    closed = talk.near.closed()
    assert closed is not None
    assert closed[0] == 1008
    assert len(closed[1].encode()) <= 123
    told: dict[str, str] = msgspec.json.decode(closed[1])
    assert told["block_reason"] == record.decision.code
    return told


@pytest.mark.parametrize("compressed", [False, True])
def test_a_secret_never_leaves(compressed: bool) -> None:
    talk = Talk(house(), compressed=compressed)
    talk.client_says(TextMessage("fine"), TextMessage(f'{{"key": "{FAKE_KEY}"}}'))
    assert talk.far.text() == "fine"
    assert refused(talk, Direction.OUTBOUND)["block_reason"] == "dlp_match"
    assert talk.far.closed() == (1001, "")
    talk.ends()


@pytest.mark.parametrize("wrap", ["{}", '{{"delta": "{}"}}'])
def test_a_secret_cut_over_messages_is_never_whole_at_the_other_end(wrap: str) -> None:
    talk = Talk(house())
    for at in range(0, len(FAKE_KEY), 3):
        if talk.near.closed() is None:
            talk.client_says(TextMessage(wrap.format(FAKE_KEY[at : at + 3])))
    refused(talk, Direction.OUTBOUND)
    arrived = "".join(part for part in talk.far.text().replace('{"delta": "', "").replace('"}', ""))
    assert FAKE_KEY.startswith(arrived)
    assert arrived != FAKE_KEY
    talk.ends()


@pytest.mark.parametrize(
    ("first", "second"), [('{"part1": "%s"}', '{"part2": "%s"}'), ('["%s"]', "%s"), ("%s", '{"rest": {"of": "%s"}}')]
)
def test_a_secret_cut_over_messages_of_several_forms_is_found(first: str, second: str) -> None:
    talk = Talk(house())
    talk.client_says(TextMessage(first % FAKE_KEY[:12]), TextMessage(second % FAKE_KEY[12:]))
    assert talk.far.text() == first % FAKE_KEY[:12]
    refused(talk, Direction.OUTBOUND)


class Careful(FakeSecrets):
    """Finds the key only where no other word runs into it."""

    def scan(self, data: bytes | str, place: str, *, host: str = "", content_type: str = "") -> tuple[Finding, ...]:
        text = data.decode("latin-1") if isinstance(data, bytes) else data
        parts = text.split(FAKE_KEY)
        alone = [before for before in parts[:-1] if not before[-1:].isalnum()]
        return super().scan(data, place, host=host, content_type=content_type) if alone else ()


@pytest.mark.parametrize("before", ["hello", "hello ", '{"a": "b"}', ""])
@pytest.mark.parametrize("many", [0, 30])
def test_what_went_before_does_not_hide_where_a_secret_begins(before: str, many: int) -> None:
    talk = Talk(house(a_policy(secrets=Careful())))
    talk.client_says(TextMessage(before))
    talk.client_says(*[TextMessage("word")] * many, TextMessage(FAKE_KEY))
    assert FAKE_KEY not in talk.far.text()
    refused(talk, Direction.OUTBOUND)


@pytest.mark.parametrize("cut", [False, True])
def test_orders_never_arrive(cut: bool) -> None:
    talk = Talk(house())
    for piece in (FAKE_ORDER[:7], FAKE_ORDER[7:]) if cut else (FAKE_ORDER,):
        talk.upstream_says(TextMessage(piece))
    assert refused(talk, Direction.INBOUND)["block_reason"] == "prompt_injection"
    assert FAKE_ORDER not in talk.near.text()
    assert talk.far.closed() == (1008, "")
    talk.ends()


def test_orders_in_the_reason_of_a_close_never_arrive() -> None:
    talk = Talk(house())
    talk.upstream_says(CloseConnection(1000, FAKE_ORDER))
    assert refused(talk, Direction.INBOUND)["block_reason"] == "prompt_injection"


def test_directions_are_texts_of_their_own() -> None:
    talk = Talk(house())
    talk.client_says(TextMessage(FAKE_KEY[:10]))
    talk.upstream_says(TextMessage(FAKE_KEY[10:]))
    assert talk.near.text() == FAKE_KEY[10:]


def test_binary_data_is_refused_unless_it_may_pass_and_then_it_is_read() -> None:
    talk = Talk(house())
    talk.client.says(frame(2, b"\x00\x01"))
    talk.hear()
    assert talk.near.closed() == (1008, "binary frames not allowed")
    assert [one.decision.code for one in talk.house.records][2:] == [BlockReason.NOT_ENABLED]
    talk = Talk(house(allow_binary=True))
    talk.client.says(frame(2, b"\x00\x01") + frame(2, f"\x00{FAKE_KEY}".encode()))
    talk.hear()
    assert len(talk.far.heard) == 2
    refused(talk, Direction.OUTBOUND)


def test_too_large_a_message_is_refused_by_its_header_and_recorded() -> None:
    talk = Talk(house(max_message=1000))
    talk.upstream.says(frame(1, b"x" * 2000, masked=False)[:4])
    talk.hear()
    assert talk.near.closed() == talk.far.closed() == (1009, "message too large")
    assert talk.house.records[-1].decision.code is BlockReason.RESPONSE_SIZE
    assert talk.house.records[-1].action.direction is Direction.INBOUND
    talk.ends()


def test_a_bomb_is_refused() -> None:
    talk = Talk(house(max_message=1000), compressed=True)
    talk.client.says(frame(1, squeezed(b"a" * 100_000), rsv=4))
    talk.hear()
    assert talk.near.closed() == (1009, "message too large")


def test_a_large_message_is_judged_in_a_thread_and_the_next_one_waits() -> None:
    talk = Talk(house())
    talk.house.slow_threads = True
    talk.client_says(TextMessage("x " * 40_000), TextMessage("next"), Ping(b"?"))
    assert not talk.far.text()
    assert talk.near.heard == [Pong(b"?")]
    talk.house.go_on()
    talk.hear()
    assert talk.far.text() == "x " * 40_000 + "next"


def burst(talk: Talk, texts: list[str]) -> None:
    talk.upstream.says(b"".join(talk.far.says(TextMessage(text)) for text in texts))
    talk.hear()


def test_many_short_messages_are_judged_together_and_as_strictly() -> None:
    talk = Talk(house())
    burst(talk, [f"number {at}, " for at in range(30)])
    assert talk.near.text() == "".join(f"number {at}, " for at in range(30))
    burst(talk, ["padding"] * 20 + [FAKE_ORDER] + ["padding"] * 20)
    refused(talk, Direction.INBOUND)
    for texts in (["padding"] * 20 + [FAKE_ORDER[:7], FAKE_ORDER[7:]], [FAKE_ORDER[7:]] + ["padding"] * 20):
        talk = Talk(house())
        talk.upstream_says(TextMessage(FAKE_ORDER[:7]))
        burst(talk, texts)
        refused(talk, Direction.INBOUND)


def test_many_short_messages_are_judged_one_by_one_where_they_may_be_changed() -> None:
    talk = Talk(house(a_policy(response_action=Verdict.STRIP)))
    burst(talk, [*["padding"] * 20, f"so {FAKE_ORDER}", *["padding"] * 20])
    assert talk.near.text() == "padding" * 20 + "so [removed by pipelock: Fake Order]" + "padding" * 20


def test_messages_take_their_part_of_the_memory_and_give_it_back() -> None:
    talk = Talk(house())
    talk.house.slow_threads = True
    budget = talk.house.context.budget
    large = talk.near.says(TextMessage("x " * 100_000))
    talk.client.says(large[:150_000])
    assert 100_000 < budget.used < 150_000
    talk.client.says(large[150_000:])
    assert 190_000 < budget.used < 200_000
    talk.house.go_on()
    assert budget.used == 0
    budget.limit = 100_000
    talk.upstream.says(talk.far.says(TextMessage("y " * 100_000)))
    talk.hear()
    assert talk.near.closed() == (1013, "too many messages are in memory")
    assert talk.house.records[-1].decision.code is BlockReason.PATTERN_UNAVAILABLE
    talk.ends()


# -- ends --------------------------------------------------------------------------------------------------------------


def test_the_kill_switch_ends_it_at_once() -> None:
    talk = Talk(house())
    talk.house.kill.set_api(True)
    for tunnel in list(talk.house.context.tunnels):
        tunnel.check_kill_switch()
    talk.hear()
    assert talk.near.closed() == (1008, "kill switch active")
    assert talk.far.closed() == (1001, "")
    assert talk.house.records[-1].decision.code is BlockReason.KILL_SWITCH_ACTIVE
    talk.ends()


def test_the_kill_switch_is_asked_about_every_message() -> None:
    talk = Talk(house())
    talk.house.kill.set_api(True)
    talk.client_says(TextMessage("x"))
    assert talk.near.closed() == (1008, "kill switch active")
    assert not talk.far.text()


def test_a_daemon_that_stops_says_so() -> None:
    talk = Talk(house())
    (session,) = talk.house.context.tunnels
    session.drain()  # type: ignore[attr-defined]  # not every tunnel can
    talk.hear()
    assert talk.near.closed() == talk.far.closed() == (1001, "the proxy stops")
    talk.ends()


@pytest.mark.parametrize(("settings", "word"), [({"idle_seconds": 20.0}, "silent"), ({"max_seconds": 30.0}, "open")])
def test_what_is_silent_or_open_for_too_long_is_closed(settings: dict[str, float], word: str) -> None:
    talk = Talk(house(**settings))
    talk.house.wait(15)
    talk.client_says(Ping(b""))
    talk.house.wait(16)
    if word == "silent":
        assert talk.near.closed() is None
        talk.house.wait(5)
    talk.hear()
    assert talk.near.closed() == talk.far.closed() == (1001, "connection timeout")
    talk.house.wait(CLOSE_SECONDS)
    assert talk.client.line.is_closing
    assert talk.upstream.line.is_closing
    assert talk.house.closed[0].reason.startswith(word)
    talk.client.leaves()
    talk.upstream.hangs_up()
    talk.house.assert_nothing_is_left()


def test_an_upstream_that_is_gone_is_told_to_the_client() -> None:
    talk = Talk(house())
    talk.upstream.hangs_up()
    talk.hear()
    assert talk.near.closed() == (1001, "upstream disconnected")
    talk.ends()


def test_a_client_that_is_gone_is_told_to_the_upstream() -> None:
    talk = Talk(house())
    talk.client.leaves()
    talk.hear()
    assert talk.far.closed() == (1001, "client disconnected")
    talk.ends()


def test_who_never_answers_a_close_is_cut_off() -> None:
    talk = Talk(house())
    talk.client_says(CloseConnection(1000))
    assert talk.near.closed() is None
    talk.house.wait(CLOSE_SECONDS)
    assert talk.client.line.is_closing
    assert talk.upstream.line.is_closing
    talk.ends()


def test_who_does_not_read_slows_the_other_down_and_is_cut_off_in_the_end() -> None:
    talk = Talk(house())
    session = talk.upstream.protocol._taken._session
    session.upstream_blocked()
    assert not talk.client.line.is_read
    session.upstream_ready()
    assert talk.client.line.is_read
    session.upstream_blocked()
    talk.house.wait(61)
    assert talk.upstream.line.is_closing
    talk.client.leaves()
    talk.upstream.hangs_up()
    assert "not taken" in talk.house.closed[0].reason


# -- asking a person ---------------------------------------------------------------------------------------------------


def held_talk() -> Talk:
    talk = Talk(house(a_policy(response_action=Verdict.ASK)))
    talk.upstream_says(TextMessage(FAKE_ORDER), TextMessage("after"), Ping(b"up?"))
    assert len(talk.house.approvals.waiting()) == 1
    return talk


def test_a_message_is_held_and_pings_are_not() -> None:
    talk = held_talk()
    assert talk.far.heard == [Pong(b"up?")]
    assert not talk.near.text()
    talk.client_says(TextMessage("meanwhile"))
    assert talk.far.text() == "meanwhile"
    (pending,) = talk.house.approvals.waiting()
    talk.house.door.answer(pending.id, Answer(AnswerWord.ALLOW))
    talk.hear()
    assert talk.near.text() == FAKE_ORDER + "after"
    talk.ends()


def test_a_held_message_that_is_denied_ends_it() -> None:
    talk = held_talk()
    (pending,) = talk.house.approvals.waiting()
    talk.house.door.answer(pending.id, Answer(AnswerWord.DENY))
    talk.hear()
    refused(talk, Direction.INBOUND)
    talk.ends()


def test_nobody_is_asked_for_a_client_that_has_left() -> None:
    talk = Talk(house(a_policy(secrets=FakeSecrets(Severity.HIGH), body_action=Verdict.ASK)))
    talk.client_says(TextMessage(FAKE_KEY))
    assert talk.house.approvals.waiting()
    talk.client.leaves()
    assert not talk.house.approvals.waiting()
    talk.hear()
    assert not talk.far.text()
    talk.ends()


# -- what passes with a word, or without a part ------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["{}", '{{"delta": "{}"}}'])
def test_what_is_warned_about_passes_and_is_told_once(wrap: str) -> None:
    talk = Talk(house(a_policy(response_action=Verdict.WARN)))
    for piece in ("well", FAKE_ORDER[:7], FAKE_ORDER[7:], " and", " so", " on"):
        talk.upstream_says(TextMessage(wrap.format(piece)))
    assert talk.near.text().replace('{"delta": "', "").replace('"}', "") == f"well{FAKE_ORDER} and so on"
    assert [one.decision.verdict for one in talk.house.records][2:] == [Verdict.WARN]
    talk.ends()


@pytest.mark.parametrize("before", [(), ("well, ",), ('{"x": "y"}',)])
def test_what_is_stripped_is_taken_out(before: tuple[str, ...]) -> None:
    talk = Talk(house(a_policy(response_action=Verdict.STRIP)))
    for piece in (*before, f"so {FAKE_ORDER} it is", "."):
        talk.upstream_says(TextMessage(piece))
    assert FAKE_ORDER not in talk.near.text()
    assert talk.near.text().startswith("".join(before) + "so ")
    assert talk.near.text().endswith(" it is.")
    assert [one.decision.verdict for one in talk.house.records][2:] == [Verdict.STRIP]
    talk.ends()


@pytest.mark.parametrize("wrap", ["{}", '{{"delta": "{}"}}'])
def test_what_began_in_a_message_that_is_gone_cannot_be_stripped_and_is_refused(wrap: str) -> None:
    talk = Talk(house(a_policy(response_action=Verdict.STRIP)))
    for piece in (FAKE_ORDER[:7], FAKE_ORDER[7:]):
        talk.upstream_says(TextMessage(wrap.format(piece)))
    refused(talk, Direction.INBOUND)
    assert talk.near.text() == wrap.format(FAKE_ORDER[:7])


def test_where_several_texts_go_on_the_message_that_completes_one_is_dropped() -> None:
    talk = Talk(house(a_policy(response_action=Verdict.STRIP)))
    for first, second in (("quite ", FAKE_ORDER[:7]), ("harm", FAKE_ORDER[7:]), ("less", " after")):
        talk.upstream_says(TextMessage(f'{{"a": "{first}", "b": "{second}"}}'))
    assert [second.strip() for second in talk.near.text().split('"b": "')[1:]] == [
        f'{FAKE_ORDER[:7]}"}}{{"a": "less",',
        'after"}',
    ]
    assert talk.near.closed() is None


def test_nobody_reads_messages_where_that_is_switched_off() -> None:
    talk = Talk(house(a_policy(scan_messages=False)))
    talk.client_says(TextMessage(FAKE_KEY))
    talk.upstream_says(TextMessage(FAKE_ORDER))
    assert (talk.far.text(), talk.near.text()) == (FAKE_KEY, FAKE_ORDER)
    talk.house.kill.set_api(True)
    talk.client_says(TextMessage("x"))
    assert talk.near.closed() == (1008, "kill switch active")
