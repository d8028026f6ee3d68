from __future__ import annotations

import os
import socket

import pytest

from pipelock.model import HandedKind, HandedSocket, Wall, WallName, WallState
from pipelock_linux.channel import Channel, ChannelError, Ended, Go, Listening, Signal, Standing, pair


def test_messages_keep_their_shape_and_bring_descriptors() -> None:
    outer, inner = pair()
    read, write = os.pipe()
    sockets = (HandedSocket(HandedKind.PROXY, 8888), HandedSocket(HandedKind.DNS, 53, 6))
    inner.send(Listening(sockets), (read, write))
    inner.send(Standing((Wall(WallName.FILES, WallState.UP, "view\n"),)))
    outer.send(Signal(15))
    first = outer.receive()
    assert first is not None
    assert first.message == Listening(sockets)
    os.write(first.descriptors[1], b"x")
    assert os.read(read, 1) == b"x"
    assert not any(os.get_inheritable(descriptor) for descriptor in first.descriptors)
    assert outer.receive(1) == (Standing((Wall(WallName.FILES, WallState.UP, "view\n"),)), ())
    assert inner.receive() == (Signal(15), ())
    with pytest.raises(TimeoutError):
        outer.receive(0.001)
    inner.close()
    assert outer.receive() is None
    with pytest.raises(OSError, match="pipe"):
        outer.send(Go())
    outer.close()
    for descriptor in (read, write, *first.descriptors):
        os.close(descriptor)


@pytest.mark.parametrize("said", [b"{}", b"\xff", b'{"type":"ended"}', b'{"type":"ended","status":"1"}', b"[" * 9000])
def test_what_is_no_message_is_an_error_and_leaves_no_descriptor(said: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours)
    read, write = os.pipe()
    socket.send_fds(theirs, [said], [write])
    os.close(write)
    with pytest.raises(ChannelError):
        channel.receive(1)
    # The pipe's last writer is gone: what came with the message was closed.
    assert os.read(read, 1) == b""
    theirs.send(b'{"type":"ended","status":256}')
    assert channel.receive(1) == (Ended(256), ())
    os.close(read)
    channel.close()
    theirs.close()
