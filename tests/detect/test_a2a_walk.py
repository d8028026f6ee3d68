from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.a2a_walk import MAX_DEPTH, MAX_NODES, Item, decoded_text, walk

MESSAGE = {
    "params": {
        "message": {
            "contextId": "c-1",
            "parts": [
                {"kind": "text", "text": "hello"},
                {"kind": "file", "file": {"bytes": "aGk=", "uri": "https://files.example/x"}},
                {"kind": "data", "data": {"note": "ftp://a.example", "n": "7"}},
            ],
        },
        "webhookUrl": "https://hook.example",
    }
}


def test_every_text_has_its_place():
    seen = walk([MESSAGE])
    assert Item("a2a:params.message.parts[0].text", "hello") in seen.texts
    assert Item("a2a:params.message.parts[2].data", "note") in seen.texts
    assert Item("a2a:params.message.parts[2].data.n", "7") in seen.texts
    assert [item.text for item in seen.urls] == ["https://files.example/x", "https://a.example", "https://hook.example"]
    assert seen.raw == [Item("a2a:params.message.parts[1].file.bytes", "aGk=")]
    assert (seen.contexts, seen.said, seen.exceeded) == (["c-1"], ["hello"], False)


@pytest.mark.parametrize(("key", "value", "is_url"), [
    ("url", "https://a.example", True), ("iconUrl", "grpc://a.example", True), ("note", "javascript:alert(1)", True),
    ("note", " HTTP://a.example", True), ("note", "see https://a.example", False), ("url", "a.example:443", False),
])  # fmt: skip
def test_a_url_is_known_by_its_name_or_its_look(key, value, is_url):
    assert bool(walk([{key: value}]).urls) is is_url


def nested(levels: int) -> object:
    return {"a": nested(levels - 1)} if levels else "x"


@pytest.mark.parametrize(("document", "exceeded"), [
    (nested(MAX_DEPTH), False),
    (nested(MAX_DEPTH + 1), True),
    (["x"] * (MAX_NODES - 1), False),
    (["x"] * MAX_NODES, True),
    ({str(n): "x" for n in range(MAX_NODES)}, True),
])  # fmt: skip
def test_the_limits(document, exceeded):
    assert walk([document]).exceeded is exceeded


def test_a_wide_document_costs_little():
    began = time.process_time()
    walk([{f"k{n}": ["x"] for n in range(100_000)}])
    assert time.process_time() - began < 5.0


@pytest.mark.parametrize(("data", "text"), [
    (base64.b64encode(b"some text").decode(), "some text"),
    (base64.urlsafe_b64encode("\u00ff\u00fe?>".encode()).decode().rstrip("="), "\u00ff\u00fe?>"),
    (base64.b64encode("text".encode("utf-16")).decode(), "text"),
    (base64.b64encode(b"\x89PNG\0\0").decode(), ""),
    (base64.b64encode(b"\xff\xfe\xfd").decode(), ""),
    ("not base64!", ""),
    ("\u00e9", ""),
])  # fmt: skip
def test_a_file_that_is_text_is_read(data, text):
    assert decoded_text(data) == text


TREES = st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4), max_leaves=20)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_no_document_makes_it_fail_and_no_text_is_lost(tree):
    def texts(node) -> list[str]:
        if isinstance(node, dict):
            return [*node, *(text for value in node.values() for text in texts(value))]
        if isinstance(node, list):
            return [text for value in node for text in texts(value)]
        return [node] if isinstance(node, str) else []

    seen = walk([tree])
    expected = [text for text in texts(tree) if text or isinstance(tree, dict)]
    assert {item.text for item in [*seen.texts, *seen.raw]} >= {text for text in expected if text}
