"""How a stream ends that is refused in its midst: whole events, in the reader's format, that tell no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelock.model import BlockReason, Decision, Verdict
from pipelock.proxy.bodies._deltas import Family
from pipelock.proxy.bodies.endings import HEARTBEAT, ending, message_of
from pipelock.proxy.bodies.frames import read_payload
from pipelock.proxy.bodies.sse import StreamFormat, read_event, read_line
from tests.factories import a_finding

SSE, LINES = StreamFormat.SSE, StreamFormat.LINES


def a_block(**changes: Any) -> Decision:
    """A refusal for what was found."""
    parts: dict[str, Any] = {
        "action_id": "r-1",
        "verdict": Verdict.BLOCK,
        "reason": "AWS Access ID found in body",
        "layer": "body_dlp",
        "code": BlockReason.DLP_MATCH,
        "status": 403,
        "findings": (a_finding(excerpt="the words around it"),),
    }
    return Decision(**{**parts, **changes})


def documents(data: bytes, stream: StreamFormat = SSE) -> list[Any]:
    """The JSON of the events of `data`, with the event's name first where it has one."""
    told: list[Any] = []
    for block in data.split(b"\n\n") if stream is SSE else data.splitlines(keepends=True):
        if not block:
            continue
        event = read_event(block + b"\n\n") if stream is SSE else read_line(block)
        told += [*event.others, event.data if event.data == "[DONE]" else json.loads(event.data)]
    return told


@pytest.mark.parametrize(
    ("family", "name", "last"),
    [
        ("openai", None, "[DONE]"),
        ("responses", "event: error", None),
        ("anthropic", "event: error", None),
        ("", "event: error", None),
    ],
)
def test_events_for_clients_of_models(family: str, name: str | None, last: str | None) -> None:
    told = documents(ending(SSE, Family(family), a_block()))
    if name:
        assert told.pop(0) == name
    if last:
        assert told.pop() == last
    (document,) = told
    error = document["error"]
    assert error["message"] == message_of(a_block())
    assert (error["type"], error["code"], error["layer"]) == ("permission_error", "dlp_match", "body_dlp")
    assert (error["request_id"], error["blocked"], error["retry"]) == ("r-1", True, "none")
    if family != "openai":
        assert document["type"] == "error"


def test_the_sequence_goes_on() -> None:
    assert documents(ending(SSE, Family("responses", sequence=6), a_block()))[-1]["sequence_number"] == 7


def test_a_call_gets_an_error_for_its_answer() -> None:
    family = Family("jsonrpc", call=3)
    name, message = documents(ending(SSE, family, a_block()))
    assert name == "event: message"
    assert (message["jsonrpc"], message["id"]) == ("2.0", 3)
    assert message["error"]["data"]["block_reason"] == "dlp_match"
    assert documents(ending(LINES, family, a_block()), LINES) == [message]


def test_lines() -> None:
    (line,) = documents(ending(LINES, Family("ollama"), a_block()), LINES)
    assert line["error"] == message_of(a_block())
    assert line["done"] is True


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [(BlockReason.PROMPT_INJECTION, "permission_error", 403), (BlockReason.KILL_SWITCH_ACTIVE, "api_error", 503)],
)
def test_whether_to_try_again(code: BlockReason, kind: str, status: int) -> None:
    decision = a_block(code=code)
    assert documents(ending(SSE, Family(), decision))[1]["error"]["type"] == kind
    assert documents(ending(SSE, Family("gemini"), decision))[0]["error"]["code"] == status


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {},
            "Blocked by Pipelock: the stream holds what looks like a credential (dlp_match, layer body_dlp, request r-1).",
        ),
        ({"note": "not today"}, "Note from the operator: not today."),
        ({"findings": (), "reason": "the kill switch is on"}, "Blocked by Pipelock: the kill switch is on ("),
        ({"code": BlockReason.CROSS_REQUEST_DENY}, "the stream was refused by policy"),
        ({"code": None, "findings": (), "reason": "it broke"}, "Ended by Pipelock: it broke (parse_error"),
        ({"code": BlockReason.TIMEOUT, "findings": (), "reason": "late", "layer": ""}, "late (timeout, request r-1)."),
        ({"findings": (), "reason": "\x1b[31mred\u202e"}, "Blocked by Pipelock: \\x1b[31mred"),
    ],
)
def test_what_is_said(changes: dict[str, Any], says: str) -> None:
    said = message_of(a_block(**changes))
    assert says in said
    assert said.isascii()


@pytest.mark.parametrize("family", ["openai", "responses", "anthropic", "gemini", "jsonrpc", "ollama", ""])
@pytest.mark.parametrize("stream", [SSE, LINES])
def test_neither_the_rule_nor_the_text_is_told_and_nothing_breaks_out(stream: StreamFormat, family: str) -> None:
    decision = a_block(layer="x\n\nevent: evil", note="a\n\ndata: evil\r\rdata: b", action_id="i\n\n")
    said = ending(stream, Family(family), decision)
    assert b"AWS" not in said
    assert b"words around" not in said
    assert b"\r" not in said
    assert said.endswith(b"\n\n" if stream is SSE else b"\n")
    assert len(documents(said, stream)) <= 2


def test_frames_end_with_an_exception() -> None:
    text, headers = read_payload(ending(StreamFormat.FRAMES, Family("anthropic"), a_block()))
    assert ":message-type: exception" in headers
    assert ":exception-type: validationException" in headers
    assert json.loads(text)["message"] == message_of(a_block())
    _, headers = read_payload(ending(StreamFormat.FRAMES, Family(), a_block(code=BlockReason.TIMEOUT)))
    assert ":exception-type: serviceUnavailableException" in headers


def test_a_heartbeat_says_nothing() -> None:
    assert not read_event(HEARTBEAT).has_data
