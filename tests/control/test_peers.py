"""Who may decide: a table over facts, and the facts of real processes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest

from pipelock.control import peers
from pipelock.control.peers import (
    Credentials,
    DaemonFacts,
    Peer,
    PeerFacts,
    ProcessId,
    UnreadableProcessError,
    judge_peer,
    read_daemon_facts,
    read_peer_facts,
)

DAEMON = DaemonFacts(ProcessId(100, 1000), 1000, "net:[1]", "user:[1]")
INIT, SHELL, SELF = ProcessId(1, 0), ProcessId(50, 500), ProcessId(200, 2000)
OPERATOR = PeerFacts(200, 1000, "net:[1]", "user:[1]", (SELF, SHELL, INIT))
AGENT = ProcessId(70, 700)


def facts(**changes: object) -> PeerFacts:
    return msgspec.structs.replace(OPERATOR, **changes)


@pytest.mark.parametrize(
    ("peer", "watched", "may_watch", "why"),
    [
        pytest.param(OPERATOR, set(), True, "", id="the operator"),
        pytest.param(facts(uid=1001), set(), False, "serves uid 1000, not 1001", id="another user"),
        pytest.param(facts(uid=0), set(), False, "serves uid 1000, not 0", id="root is another user too"),
        pytest.param(facts(net_ns="net:[2]"), set(), True, "another network namespace", id="network namespace"),
        pytest.param(facts(user_ns="user:[2]"), set(), True, "another user namespace", id="user namespace"),
        pytest.param(facts(net_ns=""), set(), True, "another network namespace", id="no namespace told"),
        pytest.param(facts(ancestors=(SELF, AGENT, INIT)), {AGENT}, True, "agent process 70", id="child of an agent"),
        pytest.param(
            facts(ancestors=(SELF, SHELL, AGENT, INIT)), {AGENT}, True, "agent process 70", id="grandchild of an agent"
        ),
        pytest.param(OPERATOR, {SELF}, True, "agent process 200", id="an agent itself"),
        pytest.param(OPERATOR, [(200, 2000)], True, "agent process 200", id="an agent as a plain pair in a list"),
        pytest.param(OPERATOR, {AGENT}, True, "", id="an agent elsewhere"),
        pytest.param(OPERATOR, {(50, 499)}, True, "", id="an agent whose number the shell has now"),
        pytest.param(
            facts(ancestors=(SELF, DAEMON.process, INIT)),
            set(),
            True,
            "launched by the daemon",
            id="child of the daemon",
        ),
        pytest.param(
            facts(ancestors=(SELF, SHELL, DAEMON.process, INIT)),
            set(),
            True,
            "launched by",
            id="grandchild of the daemon",
        ),
        pytest.param(
            facts(ancestors=(SELF, ProcessId(100, 999), INIT)), set(), True, "", id="a former holder of our number"
        ),
        pytest.param(
            PeerFacts(100, 1000, "net:[1]", "user:[1]", (DAEMON.process, INIT)), set(), True, "", id="the daemon itself"
        ),
        pytest.param(facts(problem="it is gone"), set(), True, "can't be told who asks: it is gone", id="unreadable"),
        pytest.param(facts(ancestors=()), set(), True, "ancestors are unknown", id="no ancestors"),
        pytest.param(
            facts(ancestors=(SHELL, INIT)), set(), True, "ancestors are unknown", id="someone else's ancestors"
        ),
    ],
)
def test_rights(peer: PeerFacts, watched: set[tuple[int, int]], may_watch: bool, why: str) -> None:
    rights = judge_peer(peer, DAEMON, watched)
    assert rights.may_watch is may_watch
    assert rights.may_decide is (why == "")
    assert why in rights.why
    assert bool(rights.why) is bool(why)


def test_an_unseen_pid_is_a_problem() -> None:
    found = read_peer_facts(Credentials(0, 1000))
    assert "PID namespace" in found.problem
    assert not judge_peer(found, DAEMON).may_decide


def test_reading_is_tried_again_when_an_ancestor_ends_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def flaky(pid: int, proc: Path) -> tuple[ProcessId, ...]:
        calls.append(pid)
        if len(calls) < 3:
            raise UnreadableProcessError("it is gone")
        return (ProcessId(pid, 1),)

    monkeypatch.setattr(peers, "lineage", flaky)
    assert read_peer_facts(Credentials(os.getpid(), 5)).ancestors == (ProcessId(os.getpid(), 1),)
    calls.clear()
    monkeypatch.setattr(peers, "_ATTEMPTS", 2)
    assert read_peer_facts(Credentials(os.getpid(), 5)) == PeerFacts(os.getpid(), 5, problem="it is gone")


def test_a_peer_on_a_real_socket_is_this_process() -> None:
    near, far = socket.socketpair()
    with near, far:
        peer = Peer(near)
        found = peer.facts()
        peer.close()
        peer.close()
    daemon = read_daemon_facts()
    assert found.problem == ""
    assert found.ancestors[0] == daemon.process
    assert (found.net_ns, found.user_ns, found.uid) == (daemon.net_ns, daemon.user_ns, daemon.uid)
    assert judge_peer(found, daemon).may_decide


def test_a_peer_that_has_ended_is_nobody_whatever_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()
    with near, far:
        peer = Peer(near)
        monkeypatch.setattr(peer._handle, "is_gone", lambda: True)
        assert peer.facts() == PeerFacts(os.getpid(), os.getuid(), problem="the process that connected has ended")
        peer.close()
