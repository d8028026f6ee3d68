"""Who may decide: a table over facts, and the facts of real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pipelock.control import peers
from pipelock.control.peers import (
    Company,
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
from pipelock.identity.commands import Command, read_command
from pipelock.identity.process import Relative
from pipelock.identity.programs import Known, ProgramKind, Programs

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
    # To launch agents takes nothing but to be outside of all walls; not even an agent is kept from being careful.
    outside = not any(word in why for word in ("namespace", "told", "unknown", "serves"))
    assert rights.may_contain is outside


CLAUDE = read_command("/usr/bin/node", ("node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"), "node")
CODE = read_command("/usr/share/code/code", ("/usr/share/code/code", "--type=utility"), "code")
BASH = read_command("/usr/bin/bash", ("bash",), "bash")
MINE = read_command("/usr/bin/python3", ("python3", "/srv/my_agent.py"), "python3")


@pytest.mark.parametrize(
    ("above", "company", "why"),
    [
        pytest.param(BASH, Company(), "", id="a shell"),
        pytest.param(CLAUDE, Company(), "runs inside claude (process 70), an agent", id="an agent"),
        pytest.param(CLAUDE, Company(trust_ides=True), "an agent", id="an agent is no IDE"),
        pytest.param(CODE, Company(), "runs inside code (process 70), as agents may", id="an IDE"),
        pytest.param(CODE, Company(trust_ides=True), "", id="a trusted IDE"),
        pytest.param(MINE, Company(), "", id="an agent of the operator's own that nobody named"),
        pytest.param(MINE, Company(Programs({"mine": ["my_*"]})), "an agent", id="one that a profile names"),
    ],
)
def test_who_runs_inside_an_agent_or_an_ide_watches(above: Command, company: Company, why: str) -> None:
    peer = facts(ancestors=(SELF, AGENT, INIT), commands=(BASH, above, BASH))
    rights = judge_peer(peer, DAEMON, (), company)
    assert rights.may_watch
    assert rights.may_decide is (why == "")
    assert why in rights.why


@pytest.mark.parametrize(
    ("commands", "company", "inside", "shared"),
    [
        pytest.param((BASH, BASH, BASH), Company(), "", False, id="a shell"),
        pytest.param((BASH, CLAUDE, BASH), Company(), "claude", True, id="an agent"),
        pytest.param((MINE, CLAUDE, BASH), Company(Programs({"mine": ["my_*"]})), "claude", True, id="the outermost"),
        pytest.param((BASH, MINE, BASH), Company(Programs({"mine": ["my_*"]})), "mine", True, id="a profile's"),
        pytest.param((BASH, CODE, BASH), Company(), "", False, id="an IDE is no agent"),
        pytest.param(
            (BASH, BASH, BASH),
            Company(seen={AGENT: Known("claude", ProgramKind.AGENT, "coder")}),
            "coder",
            True,
            id="one that has become something else",
        ),
    ],
)
def test_what_is_launched_inside_an_agent_is_its(
    commands: tuple[Command, ...], company: Company, inside: str, shared: bool
) -> None:
    peer = facts(ancestors=(SELF, AGENT, INIT), commands=commands)
    rights = judge_peer(peer, DAEMON, (), company)
    assert (rights.inside, rights.shared, rights.may_contain) == (inside, shared, True)
    # Whoever started the daemon is nobody's agent here.
    daemon = msgspec.structs.replace(DAEMON, ancestors=(AGENT, INIT))
    assert (
        judge_peer(facts(ancestors=(SELF, AGENT, INIT), commands=(BASH, *commands[1:])), daemon, (), company).inside
        == ""
    )
    loose = judge_peer(facts(adrift=True), DAEMON)
    assert (loose.inside, loose.shared) == ("", True)


def test_who_started_the_daemon_decides_whatever_it_is_but_an_ide_holds_others_too() -> None:
    daemon = msgspec.structs.replace(DAEMON, ancestors=(AGENT, INIT))
    peer = facts(ancestors=(SELF, AGENT, INIT), commands=(BASH, CLAUDE, BASH))
    assert judge_peer(peer, daemon, {AGENT}).may_decide
    assert not judge_peer(msgspec.structs.replace(peer, commands=(BASH, CODE, BASH)), daemon).may_decide


def test_a_known_program_is_recognised_in_whoever_asks(tmp_path: Path) -> None:
    link = tmp_path / "codex"
    link.symlink_to(sys.executable)
    with subprocess.Popen([str(link), "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = read_peer_facts(Credentials(child.pid, os.getuid()))
        child.communicate(b"\n")
    assert "codex" in found.commands[0].names
    elsewhere = msgspec.structs.replace(read_daemon_facts(), process=DAEMON.process, ancestors=())
    assert "runs inside codex" in judge_peer(found, elsewhere).why


def test_an_unseen_pid_is_a_problem() -> None:
    found = read_peer_facts(Credentials(0, 1000))
    assert "PID namespace" in found.problem
    assert not judge_peer(found, DAEMON).may_decide


def test_reading_is_tried_again_when_an_ancestor_ends_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def flaky(pid: int, proc: Path) -> tuple[Relative, ...]:
        calls.append(pid)
        if len(calls) < 3:
            raise UnreadableProcessError("it is gone")
        return (Relative(ProcessId(pid, 1), 0, 0),)

    monkeypatch.setattr(peers, "relatives", flaky)
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
