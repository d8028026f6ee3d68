"""What of an event's JSON is text that goes on, what stands for itself, and what can't be told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.bodies._deltas import MAX_NODES, Family, read_data

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}],
}


def test_a_piece_of_a_chat() -> None:
    reading = read_data(json.dumps(CHAT))
    assert reading.texts == [(".choices#index0.delta.content", "Hel")]
    assert "id: chatcmpl-1" in reading.labels
    assert "role: assistant" in reading.labels
    assert not reading.is_doubtful


def test_texts_under_way_at_once_have_places_of_their_own() -> None:
    def place(**numbers: int) -> str:
        return read_data(json.dumps({"type": "content_block_delta", **numbers, "delta": {"text": "x"}})).texts[0][0]

    assert len({place(index=0), place(index=1), place(output_index=0), place(output_index=0, content_index=1)}) == 4
    two = read_data('{"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]}')
    assert [piece for _, piece in two.texts] == ["a", "b"]
    assert two.texts[0][0] != two.texts[1][0]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ("plain", [("", "plain")]),
        ("", []),
        ('"quoted \\u0041"', [("", "quoted A")]),
        ("[DONE]", [("", "[DONE]")]),
        ("17", [("", "17")]),
        ('["a", ["b"], {"x": "c"}]', [("", "a"), ("", "b"), (".x", "c")]),
        (
            '{"a": {"b": "1"}, "c": "2", "d": [{"e": "3"}, "4"]}',
            [(".c", "2"), (".a.b", "1"), (".d", "4"), (".d.e", "3")],
        ),
        (' {"text": "x"}', [(".text", "x")]),
        ('{"text": "\\ud83d"}', [(".text", "\ud83d")]),
        ('{"text": ""}', []),
    ],
)
def test_what_is_text(data: str, texts: list[tuple[str, str]]) -> None:
    assert read_data(data).texts == texts


@pytest.mark.parametrize(
    ("data", "is_doubtful"),
    [
        ('{"a": "x"}', False),
        ('{"a": "x", "a": "y"}', True),
        ('{"a": "x", "\\u0061": "y"}', True),
        ('{"a": "x \\"y\\" \\u0022"}', False),
        ('{"a": "x", "a": "\\u0022\\u0022\\u0022\\u0022"}', True),
        ('{"a": {"b": 1}, "a": {"b": 2}}', True),
        ('{"a": broken', True),
        ("[broken", True),
        ("[DONE]", True),
        ("plain", False),
        ("[" * 60_000, True),
        ("[" + "[]," * MAX_NODES + "[]]", True),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, True),
    ],
)
def test_what_was_not_read_completely_is_said_to_be(data: str, is_doubtful: bool) -> None:
    assert read_data(data).is_doubtful is is_doubtful


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.booleans())
def test_every_string_is_read(document: dict[str, object], escaped: bool) -> None:
    def strings(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        if isinstance(node, dict):
            return [text for key, value in node.items() for text in (key, *strings(value))]
        return [text for item in node for text in strings(item)] if isinstance(node, list) else []

    reading = read_data(json.dumps(document, ensure_ascii=escaped))
    # An escaped backslash before what would be an escaped quotation mark is taken for one: doubted, and no more.
    assert not reading.is_doubtful or "\\u0022" in json.dumps(document)
    read = {piece for _, piece in reading.texts} | {
        part for label in reading.labels for part in (label, label.partition(": ")[2])
    }
    assert {text for text in strings(document) if text} <= read


@pytest.mark.parametrize(
    ("events", "name"),
    [
        ([CHAT], "openai"),
        ([{"type": "response.created", "sequence_number": 0}], "responses"),
        ([{"type": "message_start"}], "anthropic"),
        ([{"type": "ping"}, CHAT], "anthropic"),
        ([{"candidates": []}], "gemini"),
        ([{"model": "m", "done": False}], "ollama"),
        ([{"jsonrpc": "2.0", "id": 3, "result": {}}], "jsonrpc"),
        ([CHAT, {"jsonrpc": "2.0", "id": 3, "result": {}}], "jsonrpc"),
        ([{"type": 3}, ["choices"], "choices", None], ""),
    ],
)
def test_whose_format_it_is(events: list[object], name: str) -> None:
    family = Family()
    for event in events:
        family.see(event)  # type: ignore[arg-type]
    assert family.name == name


def test_what_an_ending_must_know_is_remembered() -> None:
    family = Family()
    for number in (0, 7, 3):
        family.see({"type": "response.output_text.delta", "sequence_number": number})
    assert family.sequence == 7
    family = Family()
    family.see({"jsonrpc": "2.0", "id": 9, "method": "ping"})
    assert family.call is None
    family.see({"jsonrpc": "2.0", "id": 3, "result": {}})
    assert family.call == 3


def test_what_a_stream_may_be_refused_for_is_not_said_again() -> None:
    family = Family()
    family.see({"jsonrpc": "2.0", "id": "a secret", "result": {}})
    family.see({"jsonrpc": "2.0", "id": 4111_1111_1111_1111, "result": {}})
    assert family.call is None
    family.dropped()
    family.passed()
    assert family.call is None
    family.see({"jsonrpc": "2.0", "id": "a", "result": {}})
    family.passed()
    assert family.call == "a"
