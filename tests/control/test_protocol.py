"""The control protocol, as conversations: no sockets, the same bytes also one at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.control import frames
from pipelock.control.frames import MAX_FRAME, Failed, Gap, Hello, Ok, Push, QueryStatus, Refused, Reply, Welcome
from pipelock.control.protocol import (
    MAX_NUMBER,
    MAX_OPEN_REQUESTS,
    TRANSITIONS,
    ClientConnection,
    LocalProtocolError,
    RemoteProtocolError,
    Said,
    ServerConnection,
    State,
)
from pipelock.model import (
    Answer,
    AnswerWord,
    ContainmentFacts,
    Event,
    KillSwitchState,
    Notice,
    Order,
    OrderVerb,
)

WELCOME = Welcome(1, "9.9", "run-1", may_decide=True)

CLIENT_FRAMES = [
    (Hello(1, "1.0", "dashboard"), b'{"type":"hello","protocol":1,"version":"1.0","role":"dashboard"}'),
    (frames.Subscribe(1, "e", 5, 10), b'{"type":"subscribe","id":1,"epoch":"e","after":5,"backlog":10}'),
    (frames.Unsubscribe(2), b'{"type":"unsubscribe","id":2}'),
    (QueryStatus(3), b'{"type":"status","id":3}'),
    (frames.ListPending(4), b'{"type":"pending","id":4,"after":""}'),
    (frames.ListSessions(5), b'{"type":"sessions","id":5,"offset":0}'),
    (
        frames.AnswerPending(6, "17", Answer(AnswerWord.DENY, note="no"), "b"),
        b'{"type":"answer","id":6,"pending":"17","answer":{"word":"deny","note":"no"},"binding":"b"}',
    ),
    (frames.SwitchKill(7, active=True), b'{"type":"kill","id":7,"active":true}'),
    (frames.Reload(8), b'{"type":"reload","id":8}'),
]
SERVER_FRAMES = [
    (WELCOME, b'{"type":"welcome","protocol":1,"version":"9.9","epoch":"run-1","may_decide":true,"why":""}'),
    (Reply(1, Ok(2, "d")), b'{"type":"reply","id":1,"result":{"type":"ok","count":2,"detail":"d"}}'),
    (
        Reply(2, Failed("stale", "gone")),
        b'{"type":"reply","id":2,"result":{"type":"failed","code":"stale","message":"gone"}}',
    ),
    (
        Reply(3, frames.KillReply(KillSwitchState(active=True))),
        b'{"type":"reply","id":3,"result":{"type":"kill","state":{"active":true}}}',
    ),
    (
        Push(Event(1, 2.5, Notice("info", "x"))),
        b'{"type":"event","event":{"seq":1,"at":2.5,"payload":{"type":"notice","level":"info","text":"x"}}}',
    ),
    (Gap(1, 3), b'{"type":"gap","first":1,"last":3}'),
    (Refused("busy"), b'{"type":"refused","why":"busy","protocol":1}'),
]


def opened_pair() -> tuple[ClientConnection, ServerConnection]:
    client, server = ClientConnection(), ServerConnection()
    server.receive(client.send(Hello()))
    server.next_frame()
    client.receive(server.send(WELCOME))
    client.next_frame()
    return client, server


def drain(connection: ClientConnection | ServerConnection) -> list[object]:
    found = []
    while (frame := connection.next_frame()) is not None:
        found.append(frame)
    return found


def test_client_frames_on_the_wire() -> None:
    client, server = opened_pair()
    client, server = ClientConnection(), ServerConnection()
    for frame, line in CLIENT_FRAMES:
        assert client.send(frame) == line + b"\n"
        if isinstance(frame, Hello):
            client.receive(server_welcome(server, line))
            assert client.next_frame() == WELCOME
        else:
            server.receive(line + b"\n")
            assert server.next_frame() == frame


def server_welcome(server: ServerConnection, hello: bytes) -> bytes:
    server.receive(hello + b"\n")
    assert isinstance(server.next_frame(), Hello)
    return server.send(WELCOME)


def test_server_frames_on_the_wire() -> None:
    client, server = ClientConnection(), ServerConnection()
    server.receive(client.send(Hello()))
    server.next_frame()
    for frame, line in SERVER_FRAMES:
        if isinstance(frame, Reply):
            server.receive(client.send(QueryStatus(frame.id)))
            server.next_frame()
        assert server.send(frame) == line + b"\n"
        client.receive(line + b"\n")
        assert client.next_frame() == frame
    assert client.state is server.state is State.CLOSED


def test_the_same_bytes_one_at_a_time() -> None:
    wire = b"".join(line + b"\n" for _, line in SERVER_FRAMES)
    whole, pieces = ClientConnection(), ClientConnection()
    for client in (whole, pieces):
        client.send(Hello())
    for client in (whole, pieces):
        client.receive(SERVER_FRAMES[0][1] + b"\n")
        client.next_frame()
        for number in (1, 2, 3):
            client.send(QueryStatus(number))
    rest = wire[len(SERVER_FRAMES[0][1]) + 1 :]
    whole.receive(rest)
    expected = drain(whole)
    found = []
    for index in range(len(rest)):
        pieces.receive(rest[index : index + 1])
        found += drain(pieces)
    assert found == expected == [frame for frame, _ in SERVER_FRAMES[1:]]


def test_a_client_may_say_all_at_once() -> None:
    server = ServerConnection()
    server.receive(b'{"type":"hello"}\n{"type":"status","id":1}\n{"type":"status","id":2}\n')
    assert server.next_frame() == Hello()
    server.send(WELCOME)
    assert drain(server) == [QueryStatus(1), QueryStatus(2)]
    assert server.buffered == 0


def test_unknown_keys_are_left_alone_for_the_sake_of_later_versions() -> None:
    server = ServerConnection()
    server.receive(b'{"type":"hello","protocol":1,"colour":{"deep":[1,2]}}\n')
    assert server.next_frame() == Hello()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r", id="another protocol"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"{}", id="no type"),
        pytest.param(b'{"type":"welcome"}', id="a server's frame"),
        pytest.param(b'{"type":"nonsense"}', id="unknown type"),
        pytest.param(b'{"type":"hello","protocol":"1"}', id="a number as text"),
        pytest.param(b'{"type":"hello","role":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"type":"hello"}{"type":"hello"}', id="two on a line"),
        pytest.param(b'{"type":"hello","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="too deep"),
        pytest.param(b'{"type":"hello","protocol":1e400}', id="too large a number"),
        pytest.param(b'{"type":"hello","protocol":' + b"9" * 10_000 + b"}", id="too long a number"),
    ],
)
def test_what_is_no_frame_closes_the_connection(line: bytes) -> None:
    server = ServerConnection()
    server.receive(line + b"\n")
    with pytest.raises(RemoteProtocolError, match="not a frame"):
        server.next_frame()
    assert server.state is State.CLOSED
    assert server.next_frame() is None


def test_an_error_shows_no_raw_text_of_the_peer() -> None:
    server = ServerConnection()
    server.receive(b'{"type":"\\u001b[2J\\u202e"}\n')
    with pytest.raises(RemoteProtocolError) as caught:
        server.next_frame()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        (b'{"type":"status","id":1}', b"", "request may not be said while waiting"),
        (b'{"type":"hello"}', b'{"type":"hello"}', "hello may not be said while open"),
        (b'{"type":"hello"}', b'{"type":"status","id":0}', "an id is a number"),
        (b'{"type":"hello"}', b'{"type":"status","id":-1}', "an id is a number"),
        (b'{"type":"hello"}', b'{"type":"status","id":9007199254740992}', "an id is a number"),
    ],
)
def test_what_may_not_be_said_now_closes_the_connection(first: bytes, second: bytes, complaint: str) -> None:
    server = ServerConnection()
    server.receive(first + b"\n" + second + b"\n")
    if first == b'{"type":"hello"}':
        server.next_frame()
        server.send(WELCOME)
    with pytest.raises(RemoteProtocolError, match=complaint):
        server.next_frame()
    assert server.state is State.CLOSED


def test_a_request_number_is_open_once_and_may_be_used_again() -> None:
    client, server = opened_pair()
    server.receive(client.send(QueryStatus(7)))
    server.next_frame()
    with pytest.raises(LocalProtocolError, match="already open"):
        client.send(QueryStatus(7))
    client.receive(server.send(Reply(7, Ok())))
    client.next_frame()
    assert client.send(QueryStatus(7))
    server.receive(b'{"type":"status","id":8}\n{"type":"status","id":8}\n')
    server.next_frame()
    with pytest.raises(RemoteProtocolError, match="already open"):
        server.next_frame()


def test_open_requests_are_limited_on_both_ends() -> None:
    client, server = opened_pair()
    for number in range(1, MAX_OPEN_REQUESTS + 1):
        server.receive(client.send(QueryStatus(number)))
        server.next_frame()
    with pytest.raises(LocalProtocolError, match="256 requests"):
        client.send(QueryStatus(MAX_NUMBER))
    server.receive(b'{"type":"status","id":9999}\n')
    with pytest.raises(RemoteProtocolError, match="256 requests"):
        server.next_frame()


def test_each_request_is_answered_once() -> None:
    client, server = opened_pair()
    server.receive(client.send(QueryStatus(1)))
    server.next_frame()
    line = server.send(Reply(1, Ok()))
    with pytest.raises(LocalProtocolError, match="not open"):
        server.send(Reply(1, Ok()))
    client.receive(line + line)
    assert client.next_frame() == Reply(1, Ok())
    with pytest.raises(RemoteProtocolError, match="not open"):
        client.next_frame()


def test_the_client_waits_for_the_welcome() -> None:
    client = ClientConnection()
    with pytest.raises(LocalProtocolError, match="request may not be said while waiting"):
        client.send(QueryStatus(1))
    client.send(Hello())
    with pytest.raises(LocalProtocolError, match="request may not be said while greeted"):
        client.send(QueryStatus(1))
    assert client.state is State.GREETED


def test_a_local_fault_leaves_the_conversation_as_it_was() -> None:
    client, server = opened_pair()
    with pytest.raises(LocalProtocolError, match="bytes"):
        client.send(frames.AnswerPending(1, "1", Answer(AnswerWord.DENY, note="x" * MAX_FRAME)))
    with pytest.raises(LocalProtocolError, match="can't be written"):
        client.send(frames.AnswerPending(1, "1", Answer(AnswerWord.DENY, note="\ud800")))
    server.receive(client.send(QueryStatus(1)))
    assert server.next_frame() == QueryStatus(1)


def test_a_refusal_may_come_before_the_hello_and_at_any_time() -> None:
    for opening in (0, 1, 2):
        client, server = ClientConnection(), ServerConnection()
        if opening:
            server.receive(client.send(Hello()))
            server.next_frame()
        if opening == 2:
            client.receive(server.send(WELCOME))
            client.next_frame()
        client.receive(server.send(Refused("no")))
        assert client.next_frame() == Refused("no")
        assert client.state is server.state is State.CLOSED
        with pytest.raises(LocalProtocolError):
            server.send(Refused("no"))


def hello_of(size: int) -> bytes:
    empty = b'{"type":"hello","version":""}\n'
    return empty[:-3] + b"x" * (size - len(empty)) + empty[-3:]


def test_the_longest_frame_is_taken_and_one_byte_more_is_not() -> None:
    for chunk in (MAX_FRAME * 2, 65_536, 1000):
        server = ServerConnection()
        line = hello_of(MAX_FRAME)
        for start in range(0, len(line), chunk):
            server.receive(line[start : start + chunk])
        assert isinstance(server.next_frame(), Hello)
        server = ServerConnection()
        line = hello_of(MAX_FRAME + 1)
        for start in range(0, len(line), chunk):
            server.receive(line[start : start + chunk])
        with pytest.raises(RemoteProtocolError, match="longer than"):
            server.next_frame()


def test_an_endless_line_is_not_kept() -> None:
    server = ServerConnection()
    for _ in range(100):
        server.receive(b"x" * 65_536)
        assert server.buffered <= MAX_FRAME
    with pytest.raises(RemoteProtocolError, match="longer than"):
        server.next_frame()


def test_frames_before_an_endless_line_are_still_given() -> None:
    server = ServerConnection()
    server.receive(b'{"type":"hello"}\n' + b"x" * 1000)
    server.receive(b"x" * MAX_FRAME)
    assert server.next_frame() == Hello()
    server.send(WELCOME)
    with pytest.raises(RemoteProtocolError, match="longer than"):
        server.next_frame()


def test_an_overlong_line_between_others_in_one_read() -> None:
    server = ServerConnection()
    server.receive(b'{"type":"hello"}\n' + b"x" * (MAX_FRAME + 5) + b'\n{"type":"status","id":1}\n')
    assert server.next_frame() == Hello()
    server.send(WELCOME)
    with pytest.raises(RemoteProtocolError, match="longer than"):
        server.next_frame()


def test_the_end_between_frames_is_a_close_and_inside_one_a_fault() -> None:
    _, server = opened_pair()
    server.receive(b"")
    assert server.next_frame() is None
    assert server.state is State.CLOSED
    _, server = opened_pair()
    server.receive(b'{"type":"sta')
    server.receive(b"")
    with pytest.raises(RemoteProtocolError, match="middle of a frame"):
        server.next_frame()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=20))
def test_any_bytes_end_in_a_frame_a_wait_or_a_fault(chunks: list[bytes]) -> None:
    server = ServerConnection()
    for chunk in chunks:
        server.receive(chunk)
        try:
            drain(server)
        except RemoteProtocolError:
            assert server.state is State.CLOSED
    assert server.buffered <= sum(map(len, chunks))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.sampled_from(["hello", "subscribe", "status", "answer", "kill", "reload", "pending"]),
    st.dictionaries(
        st.sampled_from(["id", "protocol", "role", "epoch", "after", "backlog", "pending", "word", "active"]),
        json_values,
    ),
)
def test_any_json_in_place_of_the_fields(kind: str, fields: dict[str, object]) -> None:
    _, server = opened_pair()
    server.receive(json.dumps({"type": kind, **fields}).encode() + b"\n")
    complaint = ""
    try:
        frame = server.next_frame()
    except RemoteProtocolError as error:
        complaint = str(error)
    else:
        server.send(Reply(frame.id, Ok()))  # type: ignore[union-attr]
    assert complaint.isprintable()
    assert (server.state is State.CLOSED) is bool(complaint)


@settings(deadline=None)
@given(st.data())
def test_cutting_the_stream_anywhere_changes_nothing(data: st.DataObject) -> None:
    wire = b"".join(line + b"\n" for _, line in CLIENT_FRAMES[1:])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    _, server = opened_pair()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        if start < end:
            server.receive(wire[start:end])
            found += drain(server)
    assert found == [frame for frame, _ in CLIENT_FRAMES[1:]]


def test_every_kind_of_word_ends_somewhere() -> None:
    assert {said for _, said in TRANSITIONS} == set(Said)
    assert all(state is not State.CLOSED for state, _ in TRANSITIONS), "nothing is said after the end"


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "control-protocol.md").read_text(encoding="utf-8")
    edges = set()
    for line in text.splitlines():
        left, arrow, right = line.strip().partition(" --> ")
        if arrow and ": " in right:
            target, _, words = right.partition(": ")
            edges |= {(State(left), Said(word), State(target)) for word in words.split(", ")}
    assert edges == {(before, said, after) for (before, said), after in TRANSITIONS.items()}


def test_launchers_read_what_they_are_sent_and_nothing_else() -> None:
    results: list[tuple[frames.Result, bool]] = [
        (frames.ContainmentReply(ContainmentFacts(profiles=("coder",))), True),
        (frames.ContainReply("a@sandbox-1|127.0.0.1"), True),
        (Failed("no", "not now"), True),
        (Ok(), True),
        (frames.KillReply(KillSwitchState(active=True)), False),
    ]
    for result, is_known in results:
        client, server = ClientConnection(launches=True), ServerConnection()
        server.receive(client.send(Hello(1, "1", "command")))
        assert server.next_frame()
        client.receive(server.send(WELCOME))
        assert client.next_frame() == WELCOME
        server.receive(client.send(frames.AskContainment(1, "coder")))
        assert server.next_frame()
        client.receive(server.send(frames.Ordered(Order(OrderVerb.FREEZE))))
        assert isinstance(client.next_frame(), frames.Ordered)
        client.receive(server.send(Reply(1, result)))
        if is_known:
            said = client.next_frame()
            assert isinstance(said, Reply)
            assert (said.id, said.result) == (1, result)
        else:
            with pytest.raises(RemoteProtocolError):
                client.next_frame()
