from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.a2a import MAX_DOCUMENTS, Sort, documents, is_message, recognise

JSON = "application/json"
SEND = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {}}).encode()


@pytest.mark.parametrize(("path", "content_type", "headers", "body", "sort"), [
    ("/", JSON, (), SEND, Sort.MESSAGE),
    ("/", "", (), b"\xef\xbb\xbf " + SEND, Sort.MESSAGE),
    ("/", JSON, (), b"[" + SEND + b"]", Sort.MESSAGE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "method": "x", "method": "message/send"}', Sort.MESSAGE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "method": "SendMessage", "n": ' + b"9" * 5000 + b"}", Sort.MESSAGE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "method": "message/send", "x": ' + b"[" * 5000, Sort.MESSAGE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "result": {"kind": "task"}}', Sort.MESSAGE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "result": {"artifactUpdate": {}}}', Sort.MESSAGE),
    ("/", "text/event-stream", (), b"event: x\r\ndata: " + SEND + b"\r\n\r\n", Sort.MESSAGE),
    ("/", "application/a2a+json; v=1", (), b"{}", Sort.MESSAGE),
    ("/", JSON, ("a2a-version",), b"{}", Sort.MESSAGE),
    ("/v1/message:send", JSON, (), b"{}", Sort.MESSAGE),
    ("/acme/V1/Message:Stream/", JSON, (), b"{}", Sort.MESSAGE),
    ("/v1/tasks/7:cancel", JSON, (), b"", Sort.MESSAGE),
    ("/.well-known/agent-card.json", "", (), b"", Sort.CARD),
    ("/tenant/.well-known/agent.json", "", (), b"", Sort.CARD),
    ("/v1/card", "", (), b"", Sort.CARD),
    ("/", JSON, (), rb'{"\u006asonrpc": "2.0", "method": "message\u002fsend"}', Sort.MESSAGE),
    ("/", JSON, (), rb'{"a": "\u006a"}', Sort.NONE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "method": "tools/call"}', Sort.NONE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "result": {"tools": []}}', Sort.NONE),
    ("/", JSON, (), b'{"jsonrpc": "2.0", "result": [1]}', Sort.NONE),
    ("/", JSON, (), b'{"method": "message/send"}', Sort.NONE),
    ("/", "text/plain", (), b'about "jsonrpc" and message/send', Sort.NONE),
    ("/tasks", JSON, (), b"[]", Sort.NONE),
])  # fmt: skip
def test_what_belongs_to_the_protocol(path, content_type, headers, body, sort):
    assert recognise(path, content_type, headers, body) is sort


def test_documents_of_a_stream_and_of_a_batch():
    stream = b'data: {"a": 1}\ndata:\n\n: comment\n\ndata: [2, 3]\n\ndata: {"b"'
    assert documents(stream, "text/event-stream") == ([{"a": "1"}, "2", "3"], False)
    assert documents(b"plain", "text/plain") == ([], True)


def test_both_values_of_a_key_that_is_there_twice_are_read():
    assert documents(b'{"a": "x", "a": "y", "b": "z"}', JSON) == ([{"a": ["x", "y"], "b": "z"}], True)


def test_more_than_the_limit_is_not_all():
    read, complete = documents(json.dumps([1] * (MAX_DOCUMENTS + 1)).encode(), JSON)
    assert (len(read), complete) == (MAX_DOCUMENTS, False)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=40) | st.sampled_from([SEND, b'{"jsonrpc": [], "method": {}, "result": "x"}']),
    st.sampled_from([JSON, "", "text/event-stream"]),
)
def test_no_body_makes_it_fail(body, content_type):
    recognise("/", content_type, (), b'"jsonrpc"' + body)
    for document in documents(body, content_type)[0]:
        is_message(document)
