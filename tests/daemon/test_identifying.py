"""Who talks, put together with a real thread; ports of agents; who may release a kill switch by signal."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock

from pipelock.config import Config, loads
from pipelock.daemon.identifying import Identifying
from pipelock.daemon.listeners import BindError, bind_agents
from pipelock.identity import Ends, Root, RootKind, ends_of
from pipelock.identity.process import ProcessId, process_id
from pipelock.model import Process
from tests.proxy.house import House


class Reactor(Clock):
    """Calls from threads come when they are asked for; listening is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: list[Any] = []
        self.called = threading.Event()
        self.listening: list[tuple[str, int]] = []
        self.taken = 0

    def callFromThread(self, call: Any, *args: Any) -> None:
        self.from_threads.append((call, args))
        self.called.set()

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if port == self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        self.listening.append((interface, port))
        self.factory = factory
        return self

    def getHost(self) -> Any:
        return type("Address", (), {"host": self.listening[-1][0], "port": self.listening[-1][1]})


def test_a_client_of_this_machine_is_found_by_the_thread(request: pytest.FixtureRequest) -> None:
    reactor = Reactor()
    one = Identifying(reactor, Config())  # type: ignore[arg-type]
    one.start()
    request.addfinalizer(one.stop)
    found: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; link = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); input()"
        words = [sys.executable, "-c", code, str(server.getsockname()[1])]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
            near, peer = server.accept()
            ends = ends_of(*peer, *near.getsockname())
            assert isinstance(ends, Ends)
            assert one.identify is not None
            one.identify(ends, found.append)
            assert reactor.called.wait(30)
            child.communicate(b"\n")
        near.close()
    for call, args in reactor.from_threads:
        call(*args)
    # This process counts as the daemon: the child is what lies below it.
    assert [process.pid for process in found[0].processes] == [child.pid]


def test_config_switches_it_off_and_names_programs() -> None:
    one = Identifying(Reactor(), loads("identity: {processes: false}", "f").config)  # type: ignore[arg-type]
    assert one.identify is None
    config = loads("agents: {mine: {programs: [bot]}}\napprovals: {trust_ides: true}", "f").config
    one.configure(config)
    assert one.identify is not None
    assert one.company().trust_ides
    assert one.agents() == frozenset()


def test_the_agent_that_started_the_daemon_is_named(tmp_path: Path) -> None:
    link = tmp_path / "goose"
    link.symlink_to(sys.executable)
    code = (
        "import subprocess, sys\n"
        "code = 'from pipelock.daemon.identifying import Identifying; from pipelock.config import Config; '\\\n"
        "       'from twisted.internet.task import Clock; print(Identifying(Clock(), Config()).agent_above())'\n"
        "sys.exit(subprocess.run([sys.argv[1], '-c', code]).returncode)"
    )
    done = subprocess.run(
        [str(link), "-c", code, sys.executable], capture_output=True, text=True, check=True, cwd=Path.cwd(), timeout=60
    )
    assert done.stdout.split() == ["goose"]


def test_who_calls_the_admin_api_from_an_agent_only_looks() -> None:
    one = Identifying(Reactor(), Config())  # type: ignore[arg-type]
    shell = Root(RootKind.OTHER, (Process(5, 5, "bash"),))
    agent = Root(RootKind.AGENT, (Process(5, 5, "goose"),), "goose", leader=ProcessId(5, 5))
    assert (one.objection(None), one.objection(shell)) == ("", "")
    assert one.objection(agent) == "runs inside goose, an agent"
    assert one.objection(Root(RootKind.LAUNCHED, (Process(5, 5, "x"),))) == "launched by the daemon, as agents are"
    parent = process_id(os.getppid())
    assert one.objection(msgspec.structs.replace(agent, leader=parent)) == ""  # it started the daemon


def test_ports_of_agents_are_bound_and_named_when_they_are_taken() -> None:
    reactor, house = Reactor(), House()
    config = loads("agents: {a: {listeners: ['127.0.0.1:901', '[::1]:902']}, b: {}}", "f").config
    ports = bind_agents(reactor, config.agents, house.context)  # type: ignore[arg-type]
    assert reactor.listening == [("127.0.0.1", 901), ("::1", 902)]
    assert len(ports) == 2
    assert "localhost:902" in reactor.factory.local_names
    reactor.taken = 902
    with pytest.raises(BindError, match=r"agents\.a\.listeners\[1\]: cannot listen on \[::1\]:902"):
        bind_agents(reactor, config.agents, house.context)  # type: ignore[arg-type]
