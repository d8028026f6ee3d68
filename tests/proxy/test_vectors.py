"""Every vector ends in the requests it names or in its refusal, in one piece and byte by byte."""

from __future__ import annotations

import pytest

from pipelock.proxy.http1 import BodyData, MessageComplete, RemoteProtocolError, RequestHead, RequestReader
from tests.proxy.vectors import VECTORS, Vector

Read = tuple[tuple[str, str, bytes], ...]


def converse(data: bytes, step: int) -> tuple[int, str, Read]:
    """Feed `data` in pieces of `step` and answer every request at once. Returns refusal status, message, requests."""
    reader = RequestReader()
    done: list[tuple[str, str, bytes]] = []
    current: RequestHead | None = None
    body = b""
    open_for_more = True
    try:
        for at in range(0, len(data), step):
            events = reader.feed(data[at : at + step])
            while events:
                is_complete = False
                for event in events:
                    if isinstance(event, RequestHead):
                        current, body = event, b""
                    elif isinstance(event, BodyData):
                        assert event.data
                        body += event.data
                    else:
                        assert isinstance(event, MessageComplete)
                        assert current is not None
                        done.append((current.method, current.target, body))
                        is_complete = True
                assert current is not None
                open_for_more = current.keep_alive and current.method != "CONNECT"
                events = reader.next_request() if is_complete and open_for_more else []
        reader.feed_eof()
    except RemoteProtocolError as error:
        return error.status, error.message, tuple(done)
    return 0, "", tuple(done)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
@pytest.mark.parametrize("step", [1_000_000, 1, 7], ids=["whole", "bytewise", "by sevens"])
def test_vector(vector: Vector, step: int) -> None:
    if step == 1 and len(vector.data) > 60_000:
        step = 13
    status, message, requests = converse(vector.data, step)
    assert (status, requests) == (vector.status, vector.requests), message


def test_there_are_enough_and_names_are_unique() -> None:
    assert len(VECTORS) >= 60
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)


def test_a_refusal_never_repeats_what_the_peer_sent() -> None:
    for vector in VECTORS:
        if vector.status:
            _, message, _ = converse(vector.data, 1_000_000)
            assert message.isascii()
            assert "example" not in message
