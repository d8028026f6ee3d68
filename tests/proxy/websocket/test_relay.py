"""The relay, as conversations: two peers made of wsproto, an outlet that keeps what it is told, no sockets."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason

from pipelock.proxy.websocket.close import Close
from pipelock.proxy.websocket.compression import Deflate
from pipelock.proxy.websocket.endpoint import FRAMES_AT_ONCE
from pipelock.proxy.websocket.endpoint import Message as Judged
from pipelock.proxy.websocket.lane import MAX_QUEUED, MAX_TOGETHER, MAX_WAITING, Side, Violation
from pipelock.proxy.websocket.relay import FEWEST_TOGETHER, IDLE_PAUSE, MESSAGES_AT_ONCE, PINGS_AT_ONCE, Relay

CLIENT, UPSTREAM = Side.CLIENT, Side.UPSTREAM
LIMIT = 4096
STOP = Close(1008, "stopped")


def deflated() -> list[PerMessageDeflate]:
    extension = PerMessageDeflate()
    extension.finalize("permessage-deflate")
    return [extension]


class Peer:
    """A client or a server at the other end; it answers nothing by itself."""

    def __init__(self, *, is_client: bool, compressed: bool = False) -> None:
        kind = ConnectionType.CLIENT if is_client else ConnectionType.SERVER
        self.connection = Connection(kind, deflated() if compressed else [])
        self.heard: list[Event] = []

    def takes(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self.heard.extend(self.connection.events())

    def says(self, *events: Event) -> bytes:
        return b"".join(bytes(self.connection.send(event)) for event in events)

    def text(self) -> str:
        return "".join(event.data for event in self.heard if isinstance(event, TextMessage))

    def closed(self) -> tuple[int, str] | None:
        found = [event for event in self.heard if isinstance(event, CloseConnection)]
        return (int(found[-1].code), found[-1].reason or "") if found else None


class Table:
    """The relay with both peers around it. Questions are answered at once unless `slow`."""

    def __init__(self, *, compressed: bool = False, slow: bool = False, **options: bool) -> None:
        deflate = Deflate() if compressed else None
        self.peers = {
            CLIENT: Peer(is_client=True, compressed=compressed),
            UPSTREAM: Peer(is_client=False, compressed=compressed),
        }
        self.relay = Relay(self, max_message=LIMIT, client=deflate, upstream=deflate, **options)
        self.slow = slow
        self.asked: list[tuple[Side, Judged]] = []
        self.told: list[tuple[str, Side]] = []
        self.wire = {CLIENT: b"", UPSTREAM: b""}
        self.violations: list[Close] = []
        self.pauses: list[float] = []
        self.waiting: list[Side] = []
        self.together = True
        self.groups: list[int] = []
        self.verdict: Callable[[Judged], bytes | Close | None] = lambda _message: None

    # The relay's outlet.

    def send(self, side: Side, data: bytes) -> None:
        self.wire[side] += data
        self.peers[side].takes(data)

    def judge(self, side: Side, message: Judged) -> None:
        self.asked.append((side, message))
        if not self.slow:
            self.answer(side, message)

    def judges_together(self, side: Side) -> bool:
        return self.together

    def judge_together(self, side: Side, messages: tuple[Judged, ...]) -> None:
        self.groups.append(len(messages))
        self.asked += [(side, message) for message in messages]
        if not self.slow:
            self.relay.passed(side)

    def answer(self, side: Side, message: Judged) -> None:
        verdict = self.verdict(message)
        if isinstance(verdict, Close):
            self.relay.end(verdict, Close(1001))
        else:
            self.relay.passed(side, verdict)

    def violated(self, side: Side, violation: Violation) -> None:
        self.violations.append(violation.close)
        self.relay.end(violation.close, violation.close)

    def hold(self, side: Side) -> None:
        self.told.append(("hold", side))

    def more(self, side: Side) -> None:
        self.told.append(("more", side))

    def later(self, side: Side, seconds: float) -> None:
        self.pauses.append(seconds)
        self.waiting.append(side)

    def finished(self, side: Side) -> None:
        self.told.append(("finished", side))

    # What a test does.

    def receive(self, side: Side, data: bytes) -> None:
        self.relay.receive(side, data)
        self.take_turns()

    def take_turns(self) -> None:
        while self.waiting:
            self.relay.go_on(self.waiting.pop())

    def says(self, side: Side, *events: Event) -> None:
        self.receive(side, self.peers[side].says(*events))

    def __getitem__(self, side: Side) -> Peer:
        return self.peers[side]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """A frame with whatever in it (RFC 6455 §5.2)."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    length = len(payload)
    mask = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask | length])
    elif length < 65_536:
        head += bytes([mask | 126]) + struct.pack(">H", length)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    key = b"\x01\x02\x03\x04"
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def squeezed(data: bytes) -> bytes:
    """Data as permessage-deflate has it on the wire."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("side", [CLIENT, UPSTREAM])
def test_messages_pass_in_order_judged_one_by_one(side: Side, compressed: bool) -> None:
    table = Table(compressed=compressed)
    table.says(side, TextMessage("one"), TextMessage("two ü"), TextMessage(""))
    assert [message.data for _, message in table.asked] == [b"one", "two ü".encode(), b""]
    assert [event.data for event in table[side.other].heard if isinstance(event, Message)] == ["one", "two ü", ""]
    assert not table[side].heard


@pytest.mark.parametrize("compressed", [False, True])
def test_fragments_are_judged_and_sent_as_one_message(compressed: bool) -> None:
    table = Table(compressed=compressed)
    pieces = [TextMessage("se", message_finished=False), TextMessage("cr", message_finished=False), TextMessage("et")]
    data = b"".join(table[CLIENT].says(piece) for piece in pieces)
    for index in range(len(data)):
        table.receive(CLIENT, data[index : index + 1])
    assert [message.data for _, message in table.asked] == [b"secret"]
    (passed,) = table[UPSTREAM].heard
    assert isinstance(passed, TextMessage)
    assert passed.data == "secret"
    assert passed.message_finished


def test_what_was_compressed_goes_on_compressed_and_nothing_else_does() -> None:
    table = Table(compressed=True)
    table.says(CLIENT, TextMessage("a" * 500))
    assert len(table.wire[UPSTREAM]) < 50
    table.receive(CLIENT, frame(1, b"b" * 500))
    assert len(table.wire[UPSTREAM]) > 500
    assert table[UPSTREAM].text() == "a" * 500 + "b" * 500


def test_a_ping_between_compressed_fragments_does_not_disturb_them() -> None:
    table = Table(compressed=True)
    data = squeezed(b"hello hello hello hello")
    table.receive(CLIENT, frame(1, data[:5], fin=False, rsv=4) + frame(9, b"?") + frame(0, data[5:]))
    assert table[UPSTREAM].text() == "hello hello hello hello"
    assert Pong(b"?") in table[CLIENT].heard


def test_refused_content_never_passes_and_ends_both_sides() -> None:
    table = Table()
    table.verdict = lambda message: STOP if b"secret" in message.data else None
    table.says(CLIENT, TextMessage("fine"), TextMessage("a secret"), TextMessage("more"))
    assert table[UPSTREAM].text() == "fine"
    assert table[CLIENT].closed() == (1008, "stopped")
    assert table[UPSTREAM].closed() == (1001, "")
    assert len(table.asked) == 2
    assert ("finished", CLIENT) not in table.told
    table.says(CLIENT, CloseConnection(1008))
    table.says(UPSTREAM, CloseConnection(1001))
    assert table.told[-2:] == [("finished", CLIENT), ("finished", UPSTREAM)]
    assert len(table.asked) == 2


def test_replaced_text_is_sent_as_one_message() -> None:
    table = Table()
    table.verdict = lambda message: message.data.replace(b"secret", b"<...>")
    table.says(CLIENT, TextMessage("a sec", message_finished=False), TextMessage("ret"))
    assert table[UPSTREAM].text() == "a <...>"


def test_a_held_message_keeps_its_order_and_stalls_no_ping() -> None:
    table = Table(slow=True)
    table.says(CLIENT, TextMessage("one"), Ping(b"alive?"), TextMessage("two"))
    assert table[CLIENT].heard == [Pong(b"alive?")]
    assert table[UPSTREAM].heard == [Ping(b"")]
    assert [message.data for _, message in table.asked] == [b"one"]
    table.says(UPSTREAM, Pong(b""), TextMessage("meanwhile"))
    assert len(table[CLIENT].heard) == 1, "the pong ends here"
    table.relay.passed(UPSTREAM)
    assert table[CLIENT].text() == "meanwhile"
    table.relay.passed(CLIENT)
    table.relay.passed(CLIENT)
    assert table[UPSTREAM].text() == "onetwo"


def test_what_a_ping_or_pong_holds_stays_on_its_side() -> None:
    table = Table()
    table.says(CLIENT, Ping(b"sixteen byte key"), Pong(b"unasked for"))
    assert table[UPSTREAM].heard == [Ping(b""), Pong(b"")]
    assert table[CLIENT].heard == [Pong(b"sixteen byte key")]


def test_only_the_last_ping_is_answered_to_who_does_not_read() -> None:
    table = Table()
    table.relay.blocked(CLIENT)
    table.says(CLIENT, Ping(b"1"), Ping(b"2"))
    assert not table.wire[CLIENT]
    table.relay.ready(CLIENT)
    assert table[CLIENT].heard == [Pong(b"2")]


@pytest.mark.parametrize("first", [CLIENT, UPSTREAM])
@pytest.mark.parametrize(
    "close", [CloseConnection(1000, "bye"), CloseConnection(4321), CloseConnection(CloseReason.NO_STATUS_RCVD)]
)
def test_a_close_is_told_to_the_other_side_and_its_answer_comes_back(first: Side, close: CloseConnection) -> None:
    table = Table()
    table.says(first, close)
    assert table[first.other].closed() == (close.code, close.reason or "")
    assert table[first].closed() is None
    assert table.relay.is_closing
    # What was on its way still arrives.
    table.says(first.other, CloseConnection(1000, "well"))
    assert table[first].closed() == (1000, "well")
    assert sorted(table.told, key=lambda one: one[1].value) == [("finished", CLIENT), ("finished", UPSTREAM)]


def test_the_last_messages_reach_who_has_closed() -> None:
    table = Table()
    table.says(CLIENT, TextMessage("question"), CloseConnection(1000))
    table.receive(UPSTREAM, frame(1, b"answer", masked=False))
    assert table[CLIENT].text() == "answer"


def test_a_close_waits_for_the_messages_before_it() -> None:
    table = Table(slow=True)
    table.says(CLIENT, TextMessage("held"), CloseConnection(1000))
    assert table[UPSTREAM].closed() is None
    table.relay.passed(CLIENT)
    assert table[UPSTREAM].text() == "held"
    assert table[UPSTREAM].closed() == (1000, "")


def test_the_reason_of_a_close_is_judged_and_may_be_replaced_or_refused() -> None:
    table = Table()
    table.verdict = lambda message: b"x" * 200 if b"private" in message.data else STOP
    table.says(UPSTREAM, CloseConnection(1000, "something private"))
    assert table[CLIENT].closed() == (1000, "x" * 123)
    table = Table()
    table.verdict = lambda _message: STOP
    table.says(UPSTREAM, CloseConnection(1000, "obey me"))
    assert table[CLIENT].closed() == (1008, "stopped")
    assert ("finished", UPSTREAM) in table.told


def test_both_may_close_at_once() -> None:
    table = Table(slow=True)
    table.says(CLIENT, CloseConnection(1000, "mine"))
    table.says(UPSTREAM, CloseConnection(1001, "theirs"))
    table.relay.passed(CLIENT)
    table.relay.passed(UPSTREAM)
    assert table[UPSTREAM].closed() == (1000, "mine")
    assert table[CLIENT].closed() == (1001, "theirs")
    assert {side for word, side in table.told if word == "finished"} == {CLIENT, UPSTREAM}


@pytest.mark.parametrize("side", [CLIENT, UPSTREAM])
def test_a_lost_connection_is_told_after_what_it_had_said(side: Side) -> None:
    table = Table(slow=True)
    table.says(side, TextMessage("last words"))
    table.relay.lost(side)
    assert table[side.other].closed() is None
    table.relay.passed(side)
    assert table[side.other].text() == "last words"
    assert table[side.other].closed() == (1001, f"{side.name.lower()} disconnected")
    table.says(side.other, CloseConnection(1001))
    assert table.told == [("finished", side), ("finished", side.other)]
    table.relay.lost(side.other)
    table.relay.lost(side)
    assert len(table.told) == 2


BROKEN = [
    ("control frame too large", 1002, frame(9, b"x" * 126)),
    ("unexpected continuation frame", 1002, frame(0, b"x")),
    ("new data frame during fragmentation", 1002, frame(1, b"x", fin=False) + frame(1, b"y")),
    ("fragmented control frame", 1002, frame(9, b"x", fin=False)),
    ("reserved bit set", 1002, frame(1, b"x", rsv=4)),
    ("reserved bit set", 1002, frame(1, b"x", rsv=2)),
    ("reserved opcode", 1002, frame(3, b"x")),
    ("reserved opcode", 1002, frame(11)),
    ("invalid close frame", 1002, frame(8, b"x")),
    ("invalid close frame", 1002, frame(8, struct.pack(">H", 999))),
    ("invalid close frame", 1002, frame(8, struct.pack(">H", 1005))),
    ("invalid close frame", 1002, frame(8, struct.pack(">H", 2999))),
    ("protocol error", 1002, b"\x81\xfe\x00\x01"),
    ("unmasked frame from a client", 1002, frame(1, b"x", masked=False)),
    ("invalid UTF-8", 1007, frame(1, b"\xff")),
    ("invalid UTF-8", 1007, frame(1, b"\xc3")),
    ("invalid UTF-8", 1007, frame(8, struct.pack(">H", 1000) + b"\xff")),
    ("message too large", 1009, frame(1, b"x" * (LIMIT + 1))[:8]),
    ("message too large", 1009, frame(1, b"x" * LIMIT, fin=False) + frame(0, b"y")[:6]),
    ("binary frames not allowed", 1008, frame(2, b"x")),
]


@pytest.mark.parametrize(("words", "code", "data"), BROKEN)
def test_a_broken_rule_ends_both_sides_after_what_came_before(words: str, code: int, data: bytes) -> None:
    table = Table()
    table.receive(CLIENT, frame(1, b"before") + data + frame(1, b"after"))
    assert table[UPSTREAM].text() == "before"
    assert table.violations == [Close(code, words)]
    assert table[CLIENT].closed() == (code, words)
    assert table[UPSTREAM].closed() == (code, words)


def test_a_server_may_not_mask() -> None:
    table = Table()
    table.receive(UPSTREAM, frame(1, b"x"))
    assert table.violations == [Close(1002, "masked frame from a server")]
    assert ("finished", UPSTREAM) in table.told
    assert ("finished", CLIENT) not in table.told


def test_bad_utf8_is_not_waited_out() -> None:
    table = Table()
    table.receive(CLIENT, frame(1, b"\xff" + b"x" * 1000)[:20])
    assert table.violations == [Close(1007, "invalid UTF-8")]


def test_a_compressed_message_may_not_grow_beyond_the_limit() -> None:
    table = Table(compressed=True)
    table.receive(CLIENT, frame(1, squeezed(b"a" * LIMIT), rsv=4))
    assert len(table[UPSTREAM].text()) == LIMIT
    table.receive(CLIENT, frame(1, squeezed(b"a" * 10_000_000)[:500], rsv=4))
    assert table.violations == [Close(1009, "message too large")]


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ("invalid compressed data", b"\xff\xff\xff"),
        ("invalid compressed data", b"\xf3\x48\xcd\xc9\xc9\x07\x00more"),
        ("invalid UTF-8", squeezed(b"\xff\xfe")),
    ],
)
def test_what_cannot_be_read_is_refused(words: str, payload: bytes) -> None:
    table = Table(compressed=True)
    table.receive(CLIENT, frame(1, payload, rsv=4))
    assert table.violations == [Close(1007, words)]


def test_compression_that_was_not_agreed_on_is_refused() -> None:
    table = Table()
    table.receive(CLIENT, frame(1, squeezed(b"hello"), rsv=4))
    assert table.violations == [Close(1002, "reserved bit set")]


def test_a_message_may_end_its_deflate_stream() -> None:
    # RFC 7692 §7.2.3.4; the next message begins a new stream.
    table = Table(compressed=True)
    hello = bytes.fromhex("f348cdc9c90700")
    table.receive(CLIENT, frame(1, hello, rsv=4) + frame(1, hello, rsv=4) + frame(1, squeezed(b"!"), rsv=4))
    assert table[UPSTREAM].text() == "HelloHello!"


def test_binary_messages_pass_where_they_are_allowed() -> None:
    table = Table(allow_binary=True)
    table.says(UPSTREAM, BytesMessage(b"\x00\xff", message_finished=False), BytesMessage(b"\x01"))
    ((_, judged),) = table.asked
    assert judged.is_binary
    assert [bytes(event.data) for event in table[CLIENT].heard if isinstance(event, BytesMessage)] == [b"\x00\xff\x01"]
    assert (table.relay.texts, table.relay.binaries) == (0, 1)


def test_who_sends_more_than_is_judged_is_read_no_more_for_a_while() -> None:
    table = Table(slow=True)
    count = MAX_QUEUED // LIMIT + 20
    sent = b"".join(table[CLIENT].says(TextMessage("x" * LIMIT)) for _ in range(count))
    table.receive(CLIENT, sent)
    assert table.told == [("hold", CLIENT)]
    for _ in range(count):
        table.relay.passed(CLIENT)
    assert len(table[UPSTREAM].text()) == count * LIMIT
    assert table.told == [("hold", CLIENT), ("more", CLIENT)]


def test_few_bytes_that_stand_for_many_are_not_all_inflated_at_once() -> None:
    table = Table(slow=True, compressed=True)
    small = frame(1, squeezed(b"a" * LIMIT), rsv=4)
    table.receive(CLIENT, small * 1000)
    waiting = table.relay._lanes[CLIENT]
    assert waiting.size <= MAX_QUEUED + LIMIT
    assert len(waiting.queue) <= MAX_WAITING


def test_who_does_not_read_keeps_the_other_from_being_read() -> None:
    table = Table()
    table.relay.blocked(CLIENT)
    assert table.told == [("hold", UPSTREAM)]
    table.relay.ready(CLIENT)
    assert table.told == [("hold", UPSTREAM), ("more", UPSTREAM)]


def test_a_flood_of_tiny_frames_is_read_in_turns_with_pauses() -> None:
    table = Table()
    flood = frame(1, b"", fin=False, masked=False) + frame(0, b"", fin=False, masked=False) * (2 * FRAMES_AT_ONCE)
    table.receive(UPSTREAM, flood + frame(0, b"end", masked=False))
    assert table[CLIENT].text() == "end"
    assert table.pauses == [IDLE_PAUSE, IDLE_PAUSE]
    assert table.told == [("hold", UPSTREAM), ("more", UPSTREAM)]


def test_many_fragments_of_some_size_are_read_in_turns_without_pauses() -> None:
    table = Table()
    flood = frame(1, b"", fin=False, masked=False)
    flood += frame(0, b"x" * 16, fin=False, masked=False) * (LIMIT // 16) + frame(0, b"", fin=False, masked=False) * 300
    table.receive(UPSTREAM, flood + frame(0, b"", masked=False))
    assert len(table[CLIENT].text()) == LIMIT
    assert table.pauses == [IDLE_PAUSE if LIMIT < FRAMES_AT_ONCE * 16 else 0.0]


@pytest.mark.parametrize(("text", "pause"), [("x", IDLE_PAUSE), ("ten bytes.", 0.0)])
def test_many_messages_are_judged_in_turns_and_together(text: str, pause: float) -> None:
    table = Table()
    table.receive(UPSTREAM, frame(1, text.encode(), masked=False) * (2 * MESSAGES_AT_ONCE + 3))
    assert table[CLIENT].text() == text * (2 * MESSAGES_AT_ONCE + 3)
    assert [message.text for _, message in table.asked] == [text] * (2 * MESSAGES_AT_ONCE + 3)
    assert table.pauses == [pause] * 2
    assert table.groups == [MESSAGES_AT_ONCE] * 2


def test_only_short_plain_texts_are_judged_together() -> None:
    table = Table(allow_binary=True)
    short, others = frame(1, b"plain"), [frame(1, b" {}"), frame(2, b"data"), frame(1, b"x" * (MAX_TOGETHER + 1))]
    table.receive(CLIENT, short * 20 + b"".join(others) + short * 20)
    assert table.groups == [20, 20]
    assert len(table[UPSTREAM].heard) == 43
    table.together = False
    table.receive(CLIENT, short * 20)
    assert table.groups == [20, 20]
    assert len(table[UPSTREAM].heard) == 63


def test_few_messages_are_judged_one_by_one() -> None:
    table = Table()
    table.receive(CLIENT, frame(1, b"plain") * (FEWEST_TOGETHER - 1))
    assert not table.groups
    assert len(table[UPSTREAM].heard) == FEWEST_TOGETHER - 1


def test_a_flood_of_pings_is_answered_with_pauses() -> None:
    table = Table()
    table.receive(UPSTREAM, frame(9, b"", masked=False) * (2 * PINGS_AT_ONCE))
    assert table[UPSTREAM].heard == [Pong(b"")] * (2 * PINGS_AT_ONCE)
    assert table.pauses == [IDLE_PAUSE] * 2


def test_ending_reads_on_for_the_answer_of_a_side_that_was_held() -> None:
    table = Table(slow=True)
    table.together = False
    table.receive(CLIENT, b"".join(table[CLIENT].says(TextMessage("x" * 100)) for _ in range(MAX_WAITING + 2)))
    assert table.told == [("hold", CLIENT)]
    table.relay.end(STOP, STOP)
    assert table.told == [("hold", CLIENT), ("more", CLIENT)]
    table.says(CLIENT, CloseConnection(1008))
    assert table.told[-1] == ("finished", CLIENT)
    table.relay.passed(CLIENT)
    assert not table[UPSTREAM].text()


def test_ending_waits_for_nobody_who_closed_already() -> None:
    table = Table(slow=True)
    table.says(CLIENT, TextMessage("held"), CloseConnection(1000))
    table.relay.end(STOP, STOP)
    assert ("finished", CLIENT) in table.told


MESSAGES = st.lists(
    st.tuples(st.sampled_from([CLIENT, UPSTREAM]), st.text(max_size=40), st.integers(1, 5), st.booleans()), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(messages=MESSAGES, compressed=st.booleans(), cuts=st.randoms(use_true_random=False))
def test_whatever_the_cuts_the_same_messages_arrive(
    messages: list[tuple[Side, str, int, bool]], compressed: bool, cuts: object
) -> None:
    table = Table(compressed=compressed)
    sent: dict[Side, bytes] = {CLIENT: b"", UPSTREAM: b""}
    for side, text, parts, pings in messages:
        peer = table[side]
        step = max(1, len(text) // parts)
        pieces = [text[i : i + step] for i in range(0, len(text), step)] or [""]
        for index, piece in enumerate(pieces):
            sent[side] += peer.says(TextMessage(piece, message_finished=index == len(pieces) - 1))
            if pings and not compressed:
                sent[side] += peer.says(Ping(b"p"))
    while any(sent.values()):
        side = cuts.choice([one for one, data in sent.items() if data])  # type: ignore[attr-defined]
        size = cuts.randint(1, 30)  # type: ignore[attr-defined]
        table.receive(side, sent[side][:size])
        sent[side] = sent[side][size:]
    for side in Side:
        whole = "".join(text for origin, text, _, _ in messages if origin is side)
        assert table[side.other].text() == whole
        assert [message.text for origin, message in table.asked if origin is side] == [
            text for origin, text, _, _ in messages if origin is side
        ]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), side=st.sampled_from([CLIENT, UPSTREAM]), compressed=st.booleans())
def test_garbage_ends_in_order_or_in_waiting(data: bytes, side: Side, compressed: bool) -> None:
    table = Table(compressed=compressed, allow_binary=True)
    table.receive(side, data)
    if table.violations:
        assert table[side].closed() == table[side.other].closed()


def test_masks_differ() -> None:
    table = Table()
    table.says(CLIENT, TextMessage("same"), TextMessage("same"))
    half = len(table.wire[UPSTREAM]) // 2
    assert table.wire[UPSTREAM][:half] != table.wire[UPSTREAM][half:]
