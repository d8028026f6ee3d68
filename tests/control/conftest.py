"""A daemon to talk to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.selectreactor import SelectReactor

from pipelock.control.testing import FakeBackend, LoopbackDaemon


@pytest.fixture
def backend() -> FakeBackend:
    """Behind a server of strings."""
    return FakeBackend()


@pytest.fixture(scope="session")
def reactor() -> Iterator[SelectReactor]:
    """A reactor of our own in a thread of its own; the tests are the clients."""
    reactor = SelectReactor()
    thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    yield reactor
    reactor.callFromThread(reactor.stop)
    thread.join(30)


@pytest.fixture
def daemon(reactor: SelectReactor, tmp_path: Path) -> Iterator[LoopbackDaemon]:
    """Listening on a real socket."""
    daemon = LoopbackDaemon(reactor, tmp_path / "run" / "control.sock")
    daemon.start()
    yield daemon
    daemon.stop()
