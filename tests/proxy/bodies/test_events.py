"""Streams of events: each is judged with what it continues, passes at once, and a refusal ends the stream properly."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pipelock.engine import Policy
from pipelock.model import Action, BlockReason, Decision, Fault, Finding, Kind, Severity, Span, Verdict
from pipelock.proxy.bodies._tails import RECENT
from pipelock.proxy.bodies.events import (
    HEAD_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_KEPT,
    MAX_WAITING,
    RESERVED,
    SINGLY,
    TOKEN_SECONDS,
    TURN,
    EventStream,
)
from pipelock.proxy.bodies.frames import frame
from pipelock.proxy.limits import Budget
from tests.factories import FAKE_KEY, FAKE_ORDER, a_finding, a_policy, a_response
from tests.proxy.bodies.streams import EngineDoor, Held, Sink


class EventSink(Sink):
    """A sink that streams of events can end."""

    def __init__(self) -> None:
        super().__init__()
        self.ending = b""

    def body_passed(self, data: bytes) -> None:
        if data:
            super().body_passed(data)
        else:
            self.events.append("head")

    def body_ended(self, ending: bytes, action: Action, decision: Decision) -> None:
        assert "judged" in self.events
        self.body_refused(action, decision)
        self.ending = ending


class ToldDoor(EngineDoor):
    """Says what it is told about bodies that hold a word; everything else is allowed."""

    def __init__(self, **words: Any) -> None:
        super().__init__()
        self.words = words

    def _decision(self, action: Action) -> Decision:
        for word, answer in self.words.items():
            at = action.body.find(word.encode())
            if at >= 0:
                found: Decision = answer(action, at)
                return found
        return Decision(action_id=action.id, verdict=Verdict.ALLOW, policy="p1")


class Flow:
    """An `EventStream` with everything around it."""

    def __init__(self, door: EngineDoor | None = None, *, policy: Policy | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.budget = Budget(options.pop("room", 1 << 30))
        self.door = door or EngineDoor(policy)
        self.sink = EventSink()
        given_door: Any = self.door
        headers = options.pop("headers", (("x-a", "b"),))
        action = a_response(content_type=options.pop("content_type", "text/event-stream"), headers=headers)
        self.stream = EventStream(given_door, self.clock, action, self.sink, budget=self.budget, **options)

    def feed(self, data: bytes, size: int = 0) -> Flow:
        for start in range(0, len(data), size or len(data) or 1):
            self.stream.feed(data[start : start + (size or len(data))])
            self.clock.advance(0)
        return self

    def finish(self) -> EventSink:
        self.stream.finish()
        for _ in range(100):
            self.clock.advance(0)
        return self.sink

    @property
    def asked(self) -> list[tuple[bytes, int]]:
        """Bodies of events that were judged, and how much of each was seen."""
        return [(action.body, action.seen) for action in self.door.judged if action.kind is Kind.EVENT]


def delta(text: str, **changes: Any) -> bytes:
    """A piece of an answer as a model's service sends it."""
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}], **changes}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def a_warning(action: Action, at: int) -> Decision:
    finding = Finding(scanner="s", rule="R", severity=Severity.LOW, message="m", place="body", span=Span(at, at + 4))
    return Decision(action_id=action.id, verdict=Verdict.WARN, findings=(finding,), policy="p1")


# -- what passes -------------------------------------------------------------------------------------------------------

STREAM = delta("Hello") + b": ping\n\n" + delta(" there") + b"event: end\ndata: [DONE]\n\n"


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("codings", ["", "gzip", "deflate", "identity"])
def test_a_clean_stream_passes_byte_for_byte(codings: str, size: int) -> None:
    flow = Flow(codings=codings)
    wire = {"gzip": gzip.compress, "deflate": zlib.compress}.get(codings, bytes)(STREAM)
    sink = flow.feed(wire, size).finish()
    assert sink.passed == STREAM
    assert sink.events == ["judged", "done"]
    assert flow.stream.is_decoded is (codings in {"gzip", "deflate"})
    assert flow.budget.used == 0


def test_the_head_is_judged_before_anything_comes_and_does_not_wait_for_long() -> None:
    flow = Flow()
    flow.clock.advance(0)
    flow.clock.advance(0)
    assert flow.sink.events == ["judged"]
    flow.clock.advance(HEAD_SECONDS)
    assert flow.sink.events == ["judged", "head"]
    (head,) = flow.door.judged
    assert (head.kind, head.body, head.partial, head.headers) == (Kind.RESPONSE, b"", True, (("x-a", "b"),))


def test_the_head_goes_with_what_comes_soon() -> None:
    flow = Flow().feed(plain("a"))
    flow.clock.pump([HEAD_SECONDS] * 3)
    assert flow.sink.events == ["judged"]
    assert flow.sink.pieces == [plain("a")]


@pytest.mark.parametrize("event", [delta("x"), b": ping\n\n", b"id: 1\n\n", b"data: a\r\n\r\n", b"\n"])
def test_an_event_is_held_back_by_nothing_but_its_judgement(event: bytes) -> None:
    flow = Flow().feed(event)
    assert flow.sink.passed == event


def test_what_is_judged_is_the_text_with_what_it_continues_and_what_is_new() -> None:
    flow = Flow().feed(delta("Hel", id="c1")).feed(delta("lo", id="c1")).feed(delta(".", id="c2"))
    first, second, third = flow.asked
    assert first[0].startswith(b"Hel\n")
    assert b"id: c1" in first[0]
    assert first[1] == 0
    assert second == (b"Hello", 0)
    assert third == (b"Hello.\nid: c2", 0)


def test_what_went_on_long_ago_is_no_news() -> None:
    flow = Flow().feed(plain("a " * 100)).feed(plain("b"))
    assert flow.asked[-1] == (b"a " * 100 + b"b", 200 - RECENT)


def test_a_call_among_agents_is_judged_as_what_it_is_too() -> None:
    message = {"jsonrpc": "2.0", "id": 1, "result": {"parts": [{"text": "hi"}]}}
    flow = Flow().feed(b"data: " + json.dumps(message).encode() + b"\n\n")
    kinds = [action.content_type for action in flow.door.judged if action.kind is Kind.EVENT]
    assert kinds == ["text/plain; charset=utf-8", "application/json"]
    assert json.loads(flow.asked[1][0]) == message


def test_the_rest_of_a_stream_is_an_event_to_some_clients() -> None:
    assert Flow().feed(b"data: a\n\ndata: b").finish().passed == b"data: a\n\ndata: b"
    assert FAKE_ORDER.encode() not in Flow().feed(b"data: a\n\ndata: " + FAKE_ORDER.encode()).finish().passed


def test_each_event_counts_its_bytes_once() -> None:
    flow = Flow().feed(STREAM)
    assert sum(action.size for action in flow.door.judged) == len(STREAM)


# -- what does not -----------------------------------------------------------------------------------------------------


def lines(text: str, **changes: Any) -> bytes:
    return json.dumps({"model": "m", "message": {"content": text}, "done": False}).encode() + b"\n"


def plain(text: str) -> bytes:
    return "".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n"


@settings(max_examples=40, deadline=None)
@given(
    secret=st.sampled_from([FAKE_KEY, FAKE_ORDER]),
    before=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=600),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    make=st.sampled_from([delta, lines, plain]),
    size=st.sampled_from([0, 1, 50]),
)
def test_what_is_spread_over_events_never_passes_in_full(
    secret: str, before: str, cuts: list[int], make: Any, size: int
) -> None:
    flow = Flow(content_type="application/x-ndjson" if make is lines else "text/event-stream")
    text = before + secret + " and so on"
    # One piece at a time, as a server sends them; those that come at once are judged together.
    start = number = 0
    sent = b""
    while start < len(text):
        piece = text[start : start + cuts[number % len(cuts)]]
        start, number = start + len(piece), number + 1
        sent += make(piece)
        flow.feed(make(piece), size)
    sink = flow.finish()
    assert sink.events[-1] == "refused"
    assert sent.startswith(sink.passed)
    assert secret not in text_of(sink.passed, make)
    assert text_of(sink.passed, make) in before + secret[:-1]
    assert sink.ending


def text_of(passed: bytes, make: Any) -> str:
    if make is lines:
        return "".join(json.loads(line)["message"]["content"] for line in passed.splitlines())
    data = [line.removeprefix(b"data: ") for line in passed.split(b"\n") if line]
    if make is plain:
        return b"".join(data).decode()
    return "".join(json.loads(line)["choices"][0]["delta"]["content"] for line in data)


def test_texts_that_are_under_way_at_once_are_kept_apart() -> None:
    def choice(number: int, text: str) -> bytes:
        return delta("", choices=[{"index": number, "delta": {"content": text}}])

    flow = Flow()
    half = len(FAKE_ORDER) // 2
    for number in (0, 1):
        flow.feed(choice(number, FAKE_ORDER[:half]))
    flow.feed(choice(0, "!"))
    assert flow.sink.events == ["judged"]
    flow.feed(choice(1, FAKE_ORDER[half:]))
    assert flow.sink.events == ["judged", "refused"]


@pytest.mark.parametrize(
    "event",
    [
        f": {FAKE_KEY}\n\n",
        f"id: {FAKE_KEY}\ndata: x\n\n",
        f"event: {FAKE_KEY}\ndata: x\n\n",
        f"{FAKE_KEY}: x\n\n",
        f'data: {{"{FAKE_KEY}": 1}}\n\n',
        f'data: {{"id": "{FAKE_KEY}"}}\n\n',
        f'data: {{"text": "{FAKE_KEY}", "text": "x"}}\n\n',
        f"data: {{broken {FAKE_KEY}\n\n",
        'data: {"text": "' + "".join(f"\\u{ord(char):04x}" for char in FAKE_KEY) + '"}\n\n',
    ],
)
def test_a_secret_is_found_wherever_it_stands(event: str) -> None:
    sink = Flow().feed(b"data: clean\n\n" + event.encode()).finish()
    assert sink.passed == b"data: clean\n\n"
    assert sink.events == ["judged", "refused"]


def test_frames() -> None:
    def packed(text: str) -> bytes:
        inner = base64.b64encode(json.dumps({"delta": {"text": text}}).encode()).decode()
        return frame({":event-type": "chunk"}, json.dumps({"bytes": inner}).encode())

    flow = Flow(content_type="application/vnd.amazon.eventstream")
    sent = [packed(FAKE_ORDER[start : start + 3]) for start in range(0, len(FAKE_ORDER), 3)]
    for one in sent:
        flow.feed(one, 11)
    assert flow.sink.events == ["judged", "refused"]
    assert flow.sink.passed == b"".join(sent[:-1])
    assert b"exception" in flow.sink.ending
    broken = Flow(content_type="application/vnd.amazon.eventstream").feed(sent[0]).feed(b"x" * 20)
    assert broken.sink.events == ["judged", "refused"]
    damaged = bytearray(sent[0])
    damaged[-6] ^= 1
    lenient = Flow(content_type="application/vnd.amazon.eventstream", lenient=True).feed(bytes(damaged) + sent[0])
    assert lenient.finish().passed == sent[0]
    cut = Flow(ToldDoor(evil=replacing(b"")), content_type="application/vnd.amazon.eventstream").feed(packed("evil"))
    assert cut.finish().pieces == []


class HexDoor(EngineDoor):
    """Finds keys of exactly 24 hexadecimal digits."""

    def __init__(self) -> None:
        injection: Any = self
        super().__init__(a_policy(injection=injection))

    def scan(
        self, data: bytes | str, place: str, content_type: str = "", *, value: bool = False
    ) -> tuple[Finding, ...]:
        words = data.split() if isinstance(data, bytes) else []  # headers are text, and clean
        exact = [word for word in words if len(word) == 24 and not word.strip(b"0123456789abcdef")]
        spans = [Span(data.index(word), data.index(word) + 24) for word in exact]
        return tuple(a_finding(place=place, span=span) for span in spans)


HASH = "0123456789abcdef" * 4


def test_the_beginning_of_a_longer_token_is_no_key() -> None:
    flow = Flow(HexDoor())
    for start in range(0, len(HASH), 4):
        flow.feed(plain(HASH[start : start + 4]))
    assert flow.finish().events == ["judged", "done"]
    assert text_of(flow.sink.passed, plain) == HASH
    assert [action.fault for action in flow.door.judged] == [None] * len(flow.door.judged)


def test_an_event_that_may_be_a_key_is_kept_for_the_next_one() -> None:
    flow = Flow(HexDoor()).feed(plain(HASH[:20])).feed(plain(HASH[20:24]))
    assert flow.sink.passed == plain(HASH[:20])
    flow.feed(plain(HASH[24]))
    assert flow.sink.passed == plain(HASH[:20]) + plain(HASH[20:24]) + plain(HASH[24])


@pytest.mark.parametrize("after", [" ", ".", "\n"])
def test_and_is_refused_with_it_if_it_is_one(after: str) -> None:
    flow = Flow(HexDoor()).feed(plain(HASH[:20])).feed(plain(HASH[20:24])).feed(plain(f"{after} and"))
    if after == ".":
        assert "refused" not in flow.sink.events  # it goes on after all, says this scanner
    else:
        assert flow.sink.events == ["judged", "refused"]
        assert flow.sink.passed == plain(HASH[:20])


@pytest.mark.parametrize("end", ["time", "the end", "a failure", "one that is too large", "other texts"])
def test_it_is_not_kept_for_long(end: str) -> None:
    flow = Flow(HexDoor(), max_event=200).feed(plain(HASH[:20])).feed(plain(HASH[20:24]))
    match end:
        case "time":
            flow.clock.advance(TOKEN_SECONDS)
        case "the end":
            flow.stream.finish()
        case "a failure":
            flow.stream.fail(Fault(BlockReason.TIMEOUT, "late"))
        case "one that is too large":
            flow.feed(b":" * 300)
        case _:
            for _ in range(MAX_KEPT):
                flow.feed(b"event: other\n" + plain("x"))
    assert flow.sink.events == ["judged", "refused"]
    assert flow.sink.refusal is not None
    assert flow.sink.refusal[1].findings
    assert flow.sink.passed == plain(HASH[:20])
    assert flow.clock.getDelayedCalls() == []


class QuoteDoor(EngineDoor):
    """Finds a word, unless it stands in quotation marks."""

    def __init__(self) -> None:
        injection: Any = self
        super().__init__(a_policy(injection=injection))

    def scan(
        self, data: bytes | str, place: str, content_type: str = "", *, value: bool = False
    ) -> tuple[Finding, ...]:
        data = data if isinstance(data, bytes) else b""  # headers are text, and clean
        at = data.find(b"evil")
        if at < 0 or any(mark.encode() in data[at:] for mark in ('"', "`", "\u201d", "\u00bb")):
            return ()
        return (a_finding(place=place, span=Span(at, at + 4)),)


@pytest.mark.parametrize("marks", ['""', "``", "\u201c\u201d", "\u00ab\u00bb"])
def test_a_quotation_is_waited_for(marks: str) -> None:
    flow = Flow(QuoteDoor())
    pieces = ["such as ", f"{marks[0]}an ", "ev", "il", " word", f"{marks[1]} in", " a text"]
    for piece in pieces:
        flow.feed(plain(piece))
        assert "refused" not in flow.sink.events
    assert flow.sink.passed == b"".join(map(plain, pieces))


@pytest.mark.parametrize(
    "pieces", [["an evil", " word"], ['"an', '" evil', " word"], ['"a\nevil'], ["\u201cx\u201d evil"]]
)
def test_what_is_not_quoted_does_not_wait(pieces: list[str]) -> None:
    flow = Flow(QuoteDoor())
    for piece in pieces:
        flow.feed(plain(piece))
    assert flow.sink.events[-1] == "refused"


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("see ftp://me:hun", True),
        ("ftp://me:hun7!$%", True),
        ("ftp://me:hun\u00e4", True),
        ("ftp://me:80", False),
        ("ftp://me:", False),
        ("ftp://me:hun@", False),
        ("ftp://me:hun and", False),
        ('ftp://me:hun"', False),
        ("http://host/a:b", False),
        ("http://host/a://b:c", True),
        ("http://a://b:c:d", True),
        ("a:b:c", False),
        ("://", False),
        ("", False),
    ],
)
def test_the_password_of_a_url_waits_for_the_host(text: str, waits: bool) -> None:
    flow = Flow().feed(plain(text))
    assert (flow.sink.passed == b"") is waits
    flow.feed(plain("@x "))
    assert flow.sink.passed == plain(text) + plain("@x ")


def test_many_events_at_once_are_judged_together() -> None:
    flow = Flow().feed(b"data: ab\n\n" * 1000)
    assert flow.sink.passed == b"data: ab\n\n" * 1000
    assert len(flow.door.judged) < SINGLY + 10
    few = Flow().feed(b"data: ab\n\n" * SINGLY)
    assert len(few.asked) == SINGLY


def sized(pieces: list[bytes]) -> bytes:
    return b"".join(pieces * (65_536 // len(b"".join(pieces)) + 1))


@pytest.mark.parametrize(
    "data",
    [
        sized([b":\n\n"]),
        sized([b"data:a\n\n"]),
        sized([b"data:a\r\r"]),
        sized([b"\n"]),
        sized([b"data:%04x\n\n" % number for number in range(5000)]),
        sized([b"id:%d\n\n" % number for number in range(5000)]),
        sized([b'data:{"index":%d,"t":"ab "}\n\n' % number for number in range(100)]),
        sized([b'data:{"%d":"ab "}\n\n' % number for number in range(100)]),
        sized([b'data:{"a":"x","a":"y"}\n\n']),
        sized([b'data:{"jsonrpc":"2.0"}\n\n']),
        b"data:{" + b",".join(b'"%d":"ab"' % number for number in range(4000)) + b"}\n\n",
        b"data:" + b'{"a":' * 8000 + b"1" + b"}" * 8000 + b"\n\n",
        b"data:" + b'{"index":0,"a":' * 400 + b'"x"' + b"}" * 400 + b"\n\n",
        b"data:" + b'["' * 20_000 + b"\n\n",
    ],
    ids=lambda data: repr(data[:24]),
)
def test_no_stream_is_worth_much_more_than_its_bytes(data: bytes) -> None:
    flow = Flow().feed(data)
    flow.clock.pump([0] * 50)
    assert flow.finish().passed == data
    assert sum(len(body) for body, _ in flow.asked) < 5 * len(data)
    assert len(flow.asked) < 3 * SINGLY + len(data) / 25


def test_after_a_refusal_nothing_is_judged_and_nothing_passes() -> None:
    flow = Flow().feed(plain(FAKE_ORDER) + plain("more"))
    count = len(flow.door.judged)
    flow.feed(plain("more")).finish()
    flow.stream.fail(Fault(BlockReason.TIMEOUT, "late"))
    flow.stream.cancel()
    assert len(flow.door.judged) == count
    assert flow.sink.passed == b""
    assert flow.budget.used == 0


def test_a_head_that_is_refused_is_no_stream() -> None:
    flow = Flow(headers=(("x-note", FAKE_ORDER),)).feed(b"data: x\n\n")
    assert flow.sink.events == ["refused"]
    assert flow.sink.ending == b""


# -- what can't be read ------------------------------------------------------------------------------------------------

UNREADABLE = [b"data: " + b"x" * 200 + b"\n\n", b"data: \xff\n\n"]


@pytest.mark.parametrize("event", UNREADABLE)
def test_an_event_that_can_not_be_read_ends_the_stream(event: bytes) -> None:
    sink = Flow(max_event=100).feed(b"data: a\n\n" + event + b"data: b\n\n").sink
    assert sink.passed == b"data: a\n\n"
    assert sink.refusal is not None
    assert sink.refusal[1].code in {BlockReason.RESPONSE_SIZE, BlockReason.PARSE_ERROR}
    assert b"event: error" in sink.ending


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("event", UNREADABLE)
def test_or_is_left_out_where_findings_are_warned_about(event: bytes, together: bool) -> None:
    flow = Flow(max_event=100, lenient=True)
    clean = b"data: a\n\n" * (3 * SINGLY if together else 1)
    sink = flow.feed(clean + event + clean).finish()
    assert sink.passed == clean + clean
    assert sink.events == ["judged", "done"]
    assert [action.fault is not None for action in flow.door.judged].count(True) == 1


@pytest.mark.parametrize("codings", ["compress", "gzip, gzip, gzip"])
def test_a_coding_nobody_knows_is_refused_before_it_begins(codings: str) -> None:
    sink = Flow(codings=codings).feed(STREAM).sink
    assert sink.events == ["refused"]
    assert sink.refusal is not None
    assert sink.refusal[1].code is BlockReason.COMPRESSED_RESPONSE


@pytest.mark.parametrize("wire", [b"no gzip at all", gzip.compress(STREAM)[:-9]])
def test_a_coding_that_breaks_ends_it(wire: bytes) -> None:
    sink = Flow(codings="gzip").feed(wire).finish()
    assert sink.events == ["judged", "refused"]
    assert STREAM.startswith(sink.passed)


def test_each_event_of_a_compressed_stream_comes_through_when_it_is_flushed() -> None:
    packer = zlib.compressobj(wbits=31)
    flow = Flow(codings="gzip")
    for number in range(3):
        flow.feed(packer.compress(plain(str(number))) + packer.flush(zlib.Z_SYNC_FLUSH))
        assert flow.sink.pieces[-1] == plain(str(number))


@pytest.mark.parametrize("event", [b"data: b\n\n", b": ping\n\n", *UNREADABLE])
def test_the_kill_switch_ends_it_with_whatever_comes_next(event: bytes) -> None:
    flow = Flow(max_event=100, lenient=True).feed(b"data: a\n\n")
    flow.door.engine.kill.set_api(True)
    sink = flow.feed(event).sink
    assert sink.passed == b"data: a\n\n"
    assert sink.refusal is not None
    assert sink.refusal[1].code is BlockReason.KILL_SWITCH_ACTIVE


def test_a_scanner_that_fails_is_the_doors_affair() -> None:
    flow = Flow(ToldDoor(evil=lambda action, at: Decision(action_id=action.id, verdict=Verdict.BLOCK)))
    flow.door.engine = SimpleNamespace()  # type: ignore[assignment]  # it has nothing to inspect with
    assert flow.feed(plain("evil0123456789")).sink.events == ["judged", "refused"]


def test_a_failure_lets_pass_what_was_whole() -> None:
    flow = Flow().feed(b"data: a\n\ndata: half")
    flow.stream.fail(Fault(BlockReason.PARSE_ERROR, "the upstream went away", 502))
    assert flow.sink.passed == b"data: a\n\n"
    assert b"the upstream went away" in flow.sink.ending


def test_without_memory_there_is_no_stream() -> None:
    flow = Flow(room=RESERVED - 1).feed(b"data: a\n\n")
    assert flow.sink.events == ["refused"]
    assert flow.budget.used == 0


# -- other verdicts ----------------------------------------------------------------------------------------------------


def test_what_was_warned_about_is_told_once() -> None:
    flow = Flow(ToldDoor(evil=a_warning))
    for piece in ["an ev", "il text", " goes", " on ev", "il"]:
        flow.feed(delta(piece))
    assert [body for body, _ in flow.asked[1:]] == [
        b"an evil text",
        b" text goes",
        b" text goes on ev",
        b" text goes on evil",
    ]
    assert flow.sink.passed.count(b"data: ") == 5


def test_what_has_no_known_place_is_told_once_too() -> None:
    def somewhere(action: Action, at: int) -> Decision:
        finding = Finding(scanner="s", rule="R", severity=Severity.LOW, message="m", place="body")
        return Decision(action_id=action.id, verdict=Verdict.WARN, findings=(finding,), policy="p1")

    flow = Flow(ToldDoor(evil=somewhere)).feed(plain("evil " + "x" * 200)).feed(plain("text"))
    assert [body for body, _ in flow.asked] == [b"evil " + b"x" * 200, b"x" * 64 + b"text"]


@pytest.mark.parametrize("other", [": evil\n", 'data: {"x": "an evil", "text": ', 'data: {"id": "an evil", "text": '])
def test_what_is_warned_about_elsewhere_makes_no_text_forgotten(other: str) -> None:
    flow = Flow(ToldDoor(evil=a_warning))
    for piece in ("half a ", "key"):
        event = other + json.dumps(piece) + "}" if other.startswith("data") else f'{other}data: {{"text": "{piece}"}}'
        flow.feed(event.encode() + b"\n\n")
    assert b"half a key" in flow.asked[-1][0]


def test_labels_are_judged_anew_under_a_new_policy() -> None:
    flow = Flow().feed(b"id: 1\n\n").feed(b"id: 1\n\n")
    assert [body for body, _ in flow.asked] == [b"id: 1", b""]
    flow.door.engine.replace_policy(a_policy(hash="p2"))
    flow.feed(b": one that is judged under it\n\n").feed(b"id: 1\n\n")
    assert flow.asked[-1][0] == b"id: 1"


@pytest.mark.parametrize(("sign", "judged"), [(b"", b"a\nfew\nwords\n"), (b": ", b" a\n few\n words\n")])
def test_what_clients_pass_over_is_read_as_one_text(sign: bytes, judged: bytes) -> None:
    flow = Flow()
    for word in (b"a", b"few", b"words"):
        flow.feed(sign + word + b"\n\n")
    assert flow.asked[-1][0].startswith(judged)


def test_a_word_that_came_before_is_not_left_out_of_what_is_passed_over() -> None:
    flow = Flow()
    for word in (b"words", b"a", b"few", b"words"):
        flow.feed(word + b"\n\n")
    assert b"a\nfew\nwords\n" in flow.asked[-1][0]


def test_a_sign_of_life_is_told_once() -> None:
    flow = Flow().feed(b": ping\n\n").feed(b": ping\n\n").feed(delta("Hello")).feed(b": ping\n\n")
    assert [b"ping" in body for body, _ in flow.asked] == [True, False, False, False]


def test_what_did_not_pass_is_no_sign_of_life() -> None:
    flow = Flow(ToldDoor(evil=replacing(b"")))
    flow.feed(b": evil\n\n: evil\n\n").feed(b": evil\n\n")
    assert flow.finish().passed == b""


def replacing(body: bytes) -> Any:
    return lambda action, at: Decision(
        action_id=action.id, verdict=Verdict.STRIP, policy="p1", body=action.body.replace(b"evil", body)
    )


@pytest.mark.parametrize(
    ("content_type", "event", "expected"),
    [
        ("text/event-stream", b"data: an evil\ndata: text\n\n", b"data: an [gone]\ndata: text\n\n"),
        (
            "text/event-stream",
            b'id: 7\ndata: {"text": "evil \\u00e4"}\n\n',
            'id: 7\ndata: {"text":"[gone] \u00e4"}\n\n'.encode(),
        ),
        ("text/event-stream", b'data: ["evil"]\n\n', b'data: ["[gone]"]\n\n'),
        ("application/x-ndjson", b'{"text": "evil", "n": 1}\n', b'{"text":"[gone]","n":1}\n'),
        ("application/x-ndjson", b"evil\n", b"[gone]\n"),
        # Two texts, a label, a doubled key: it can't be told what stands where, so the event goes.
        ("text/event-stream", b'data: {"text": "evil", "delta": "evil"}\n\n', b""),
        ("text/event-stream", b'data: {"id": "evil"}\n\n', b""),
        ("text/event-stream", b'data: {"text": "a", "text": "evil"}\n\n', b""),
    ],
)
def test_what_is_taken_out_is_taken_out_of_the_event(content_type: str, event: bytes, expected: bytes) -> None:
    flow = Flow(ToldDoor(evil=replacing(b"[gone]")), content_type=content_type)
    after = b"data: after\n\n" if "event" in content_type else b"{}\n"
    assert flow.feed(event).feed(after).finish().passed == expected + after


def test_an_ending_does_not_say_what_was_refused() -> None:
    call = json.dumps({"jsonrpc": "2.0", "id": FAKE_KEY, "result": {}}).encode()
    sink = Flow().feed(plain("a")).feed(b"data: " + call + b"\n\n").finish()
    assert sink.events == ["judged", "refused"]
    assert FAKE_KEY.encode() not in sink.passed + sink.ending


def test_what_reaches_back_into_what_has_passed_takes_the_event_with_it() -> None:
    flow = Flow(ToldDoor(evil=replacing(b"")))
    flow.feed(plain("an ev")).feed(plain("il text")).feed(plain("."))
    assert flow.sink.passed == plain("an ev") + plain(".")


def test_a_replacement_can_not_make_a_field() -> None:
    flow = Flow(ToldDoor(evil=replacing(b"\rid: 1\r\n")))
    assert flow.feed(plain("evil")).sink.passed == b"data: \ndata: id: 1\ndata: \ndata: \n\n"


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.REDIRECT, Verdict.STRIP])
def test_a_verdict_that_nothing_can_be_made_of_refuses(verdict: Verdict) -> None:
    door = ToldDoor(evil=lambda action, at: Decision(action_id=action.id, verdict=verdict))
    assert Flow(door).feed(plain("evil")).sink.events == ["judged", "refused"]


# -- waiting -----------------------------------------------------------------------------------------------------------


def slow(**options: Any) -> Flow:
    flow = Flow(EngineDoor(slow=True), **options)
    flow.clock.advance(0)
    flow.door.decide()
    return flow


def test_only_one_event_is_under_judgement() -> None:
    flow = slow().feed(plain("a") + plain("b"))
    assert flow.sink.passed == b""
    flow.door.decide()
    assert flow.sink.passed == plain("a")
    flow.door.decide()
    assert flow.sink.passed == plain("a") + plain("b")
    assert flow.door.most_open == 1


def test_a_client_that_waits_is_kept_alive() -> None:
    flow = slow().feed(plain("a"))
    flow.clock.pump([HEARTBEAT_SECONDS] * 3)
    assert flow.sink.passed == b": held\n\n" * 3
    flow.door.decide()
    flow.clock.pump([HEARTBEAT_SECONDS] * 3)
    assert flow.sink.passed == b": held\n\n" * 3 + plain("a")


def test_nobody_is_kept_alive_who_reads_lines_or_has_no_head() -> None:
    flow = slow(content_type="application/x-ndjson").feed(b"{}\n")
    flow.clock.pump([HEARTBEAT_SECONDS] * 3)
    assert flow.sink.passed == b""
    headless = Flow(EngineDoor(slow=True)).feed(plain("a"))
    headless.clock.pump([HEARTBEAT_SECONDS] * 3)
    assert headless.sink.events == []


def test_what_waits_is_bounded() -> None:
    flow = slow().feed(plain("a"))
    assert "hold" not in flow.sink.events
    while "hold" not in flow.sink.events:
        flow.feed(plain("x" * 1000))
    assert MAX_WAITING <= flow.stream._blocks.waiting < MAX_WAITING + 2000
    flow.door.slow = False
    flow.door.decide()
    flow.clock.advance(0)
    assert flow.sink.events == ["judged", "hold", "more"]


def test_a_receiver_that_is_full_is_waited_for() -> None:
    flow = Flow().feed(plain("a"))
    flow.stream.pause()
    flow.feed(plain("b"))
    assert flow.sink.passed == plain("a")
    flow.feed((b":" + b"x" * 1000 + b"\n") * (MAX_WAITING // 1000 + 1))
    assert flow.sink.events == ["judged", "hold"]
    flow.stream.resume()
    flow.clock.advance(0)
    assert flow.sink.passed.startswith(plain("a") + plain("b"))
    assert flow.sink.events[-1] == "more"


def test_a_receiver_may_be_full_in_the_midst_of_many_events() -> None:
    flow = Flow()
    flow.sink.on_passed = flow.stream.pause
    flow.feed(plain("a") + plain("b") + plain("c"))
    assert flow.sink.passed == plain("a")
    flow.stream.resume()
    assert flow.sink.passed == plain("a") + plain("b")


def test_others_have_their_turn() -> None:
    flow = Flow()
    flow.stream.feed(plain("x" * 1000) * 200)
    assert TURN / 2 <= len(flow.sink.passed) < TURN
    flow.stream.finish()
    flow.clock.pump([0] * 10)
    assert len(flow.sink.passed) == len(plain("x" * 1000)) * 200
    assert flow.sink.events[-1] == "done"


@pytest.mark.parametrize("waits", ["for a verdict", "for its turn", "for the receiver", "for nothing"])
def test_who_leaves_leaves_nothing_behind(waits: str) -> None:
    flow = slow() if waits == "for a verdict" else Flow()
    if waits == "for the receiver":
        flow.stream.pause()
    flow.stream.feed(plain("x" * 1000) * (200 if waits == "for its turn" else 1))
    tickets: list[Held] = list(flow.door.waiting)
    passed = flow.sink.passed
    flow.stream.cancel()
    flow.stream.cancel()
    assert all(ticket.is_abandoned for ticket in tickets)
    assert bool(tickets) is (waits == "for a verdict")
    flow.door.decide()
    flow.stream.resume()
    assert flow.sink.passed == passed
    assert flow.clock.getDelayedCalls() == []
    assert flow.budget.used == 0


def test_a_receiver_that_leaves_while_it_is_served() -> None:
    flow = Flow()
    flow.sink.on_passed = flow.stream.cancel
    flow.feed(plain("a") + plain("b")).finish()
    assert flow.sink.passed == plain("a")
    assert flow.sink.events == ["judged"]
