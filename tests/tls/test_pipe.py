from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from pipelock.tls.authority import Authority
from pipelock.tls.certificates import make_authority
from pipelock.tls.pipe import BrokenTlsError, TlsPipe
from tests.tls.peers import DAY

OURS = Authority(make_authority("Pipelock", "test", datetime.now(UTC), 9 * DAY))


def pair() -> tuple[TlsPipe, TlsPipe]:
    """A client that checks nothing and a server, shaken hands."""
    accepting = SSL.Connection(OURS.context_for("a.example"), None)
    accepting.set_accept_state()
    connecting = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    connecting.set_connect_state()
    client, server = TlsPipe(connecting), TlsPipe(accepting)
    for _ in range(2):
        client.handshake()
        carry(client, server)
        server.handshake()
        carry(server, client)
    assert client.read() == (b"", False)
    return client, server


def carry(one: TlsPipe, other: TlsPipe) -> None:
    data = one.outgoing()
    if data:
        other.feed(data)


@given(st.lists(st.binary(max_size=40_000), max_size=5), st.integers(1, 5000))
@settings(max_examples=15, deadline=None)
def test_what_goes_in_comes_out_however_it_is_cut(pieces, size):
    client, server = pair()
    for piece in pieces:
        if piece:
            client.write(piece)
    wire = client.outgoing()
    heard = b""
    for start in range(0, len(wire), size):
        server.feed(wire[start : start + size])
        data, ended = server.read()
        heard += data
        assert not ended
    assert heard == b"".join(pieces)


def test_a_goodbye_comes_after_the_last_words():
    client, server = pair()
    client.write(b"bye")
    client.close()
    carry(client, server)
    assert server.read() == (b"bye", True)
    server.write(b"you too")
    carry(server, client)
    assert client.read() == (b"you too", False)


def test_nothing_goes_out_twice():
    client, _ = pair()
    client.write(b"x")
    assert client.outgoing()
    assert client.outgoing() == b""


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_garbage_is_an_error_or_waited_for(garbage):
    server = SSL.Connection(OURS.context_for("a.example"), None)
    server.set_accept_state()
    pipe = TlsPipe(server)
    pipe.feed(garbage)
    reasons: tuple[str, ...] = ("nothing yet",)
    try:
        assert not pipe.handshake()
    except BrokenTlsError as error:
        reasons = error.reasons
    assert reasons


def test_a_flipped_bit_is_an_error():
    client, server = pair()
    client.write(b"x" * 100)
    wire = bytearray(client.outgoing())
    wire[50] ^= 1
    server.feed(bytes(wire))
    with pytest.raises(BrokenTlsError, match="mac"):
        server.read()
