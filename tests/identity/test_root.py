"""Roots: a table of families, and what an agent can not do about its own."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.identity.process import ProcessFacts, ProcessId
from pipelock.identity.programs import Known, ProgramKind, Programs, known_programs
from pipelock.identity.root import MAX_SHOWN_CHAIN, Family, RootKind, find_root
from tests.identity.trees import facts

INIT = facts(1, "/sbin/init")
SHELL = facts(50, "bash")
CURL = facts(90, "curl", "https://example.com/", session=50)
CLAUDE = facts(60, "claude", session=50)
CODE = facts(40, "/usr/share/code/code", session=40)
HELPER = facts(45, "/usr/share/code/code", "--type=utility", session=40)
FAMILY = Family(known_programs())
DAEMON = ProcessId(30, 30)


@pytest.mark.parametrize(
    ("chain", "kind", "root", "agent"),
    [
        pytest.param([CURL, SHELL, INIT], RootKind.OTHER, 50, "", id="a shell's command"),
        pytest.param([SHELL, INIT], RootKind.OTHER, 50, "", id="the shell itself"),
        pytest.param([facts(90, "curl"), SHELL, INIT], RootKind.OTHER, 90, "", id="a job with a session of its own"),
        pytest.param([facts(90, "x", session=1), INIT], RootKind.OTHER, 90, "", id="never the first process"),
        pytest.param([INIT], RootKind.OTHER, 1, "", id="but for itself"),
        pytest.param([CURL, CLAUDE, SHELL, INIT], RootKind.AGENT, 60, "claude", id="an agent's command"),
        pytest.param([CLAUDE, SHELL, INIT], RootKind.AGENT, 60, "claude", id="the agent itself"),
        pytest.param([facts(90, "curl"), CLAUDE, SHELL], RootKind.AGENT, 60, "claude", id="setsid leaves no agent"),
        pytest.param(
            [CURL, facts(80, "codex", session=50), CLAUDE, SHELL], RootKind.AGENT, 60, "claude", id="outermost agent"
        ),
        pytest.param(
            [facts(90, "codex", "x", exe="/usr/bin/curl"), CLAUDE, SHELL], RootKind.AGENT, 60, "claude", id="exec -a"
        ),
        pytest.param([CURL, SHELL, HELPER, CODE, INIT], RootKind.HOST, 40, "", id="a terminal in an editor"),
        pytest.param([CURL, CLAUDE, SHELL, CODE, INIT], RootKind.AGENT, 60, "claude", id="an agent in an editor"),
        pytest.param([CURL, facts(48, "code"), CLAUDE], RootKind.AGENT, 60, "claude", id="an editor in an agent"),
    ],
)
def test_roots(chain: list[ProcessFacts], kind: RootKind, root: int, agent: str) -> None:
    found = find_root(chain, FAMILY)
    assert found is not None
    assert (found.kind, found.processes[-1].pid, found.agent) == (kind, root, agent)
    assert found.processes[0].pid == chain[0].process.pid
    assert found.leader == (ProcessId(root, root) if agent else None)


def in_terminal(one: ProcessFacts, terminal: int) -> ProcessFacts:
    return msgspec.structs.replace(one, terminal=terminal)


@pytest.mark.parametrize(
    ("terminals", "root"),
    [
        pytest.param((0, 7, 7), 50, id="a session of its own, begun from a terminal"),
        pytest.param((0, 0, 7), 50, id="from a job that was begun from one"),
        pytest.param((0, 0, 0), 90, id="no terminal anywhere"),
        pytest.param((8, 7, 7), 90, id="another terminal, in a window or multiplexer"),
        pytest.param((-1, 7, 7), 90, id="it is not told"),
    ],
)
def test_a_session_without_a_terminal_is_that_of_the_terminal_it_comes_from(
    terminals: tuple[int, int, int], root: int
) -> None:
    chain = [facts(90, "curl"), facts(80, "python3", "mine.py", session=50), SHELL]
    found = find_root([*map(in_terminal, chain, terminals), INIT], FAMILY)
    assert found is not None
    assert found.processes[-1].pid == root


@pytest.mark.parametrize(
    ("chain", "pids", "agent"),
    [
        pytest.param([facts(60, "bash"), facts(30, "pipelock")], [60], "", id="itself"),
        pytest.param([CURL, facts(60, "bash"), facts(30, "pipelock"), SHELL], [90, 60], "", id="its child"),
        pytest.param([facts(90, "x"), facts(30, "pipelock")], [90, 60], "", id="an orphan that the daemon adopted"),
        pytest.param(
            [CURL, facts(70, "codex"), facts(60, "bash"), facts(30, "pipelock")], [90, 70, 60], "codex", id="with an agent"
        ),
    ],
)  # fmt: skip
def test_what_the_daemon_launched_is_a_root_whatever_it_is_called(
    chain: list[ProcessFacts], pids: list[int], agent: str
) -> None:
    found = find_root(chain, Family(known_programs(), DAEMON, facts(60, "bash")))
    assert found is not None
    assert found.kind is RootKind.LAUNCHED
    assert [process.pid for process in found.processes] == pids
    assert found.agent == agent


def test_who_is_above_the_daemon_does_not_matter() -> None:
    chain = [CURL, facts(31, "sh"), facts(30, "pipelock"), CLAUDE]
    found = find_root(chain, Family(known_programs(), DAEMON))
    assert found is not None
    assert found.agent == ""
    assert find_root([facts(30, "pipelock"), CLAUDE], Family(known_programs(), DAEMON)) is None
    assert find_root([], FAMILY) is None


def test_an_agent_that_becomes_something_else_stays_that_agent() -> None:
    chain = [CURL, facts(60, "bash", session=50), SHELL]
    family = Family(known_programs(), seen={ProcessId(60, 60): Known("claude", ProgramKind.AGENT)})
    found = find_root(chain, family)
    assert found is not None
    assert (found.agent, found.processes[-1].program) == ("claude", "claude")
    other = Family(known_programs(), seen={ProcessId(60, 59): Known("claude", ProgramKind.AGENT)})
    found = find_root(chain, other)
    assert found is not None
    assert found.agent == ""


def test_a_profile_s_program_is_its_agent() -> None:
    chain = [CURL, facts(60, "python3", "/srv/bot.py", session=50), SHELL]
    found = find_root(chain, Family(Programs({"mine": ("bot.py",)})))
    assert found is not None
    assert (found.kind, found.agent, found.profile) == (RootKind.AGENT, "bot.py", "mine")


def test_the_nearest_and_the_root_are_kept_of_a_long_chain() -> None:
    chain = [facts(100 + depth, "sh", session=5) for depth in range(50)] + [CLAUDE]
    found = find_root(chain, FAMILY)
    assert found is not None
    assert len(found.processes) == MAX_SHOWN_CHAIN
    assert [process.pid for process in found.processes] == [*range(100, 107), 60]


def test_command_lines_are_kept_masked() -> None:
    found = find_root([facts(90, "curl", "--token", "abc", session=50), SHELL], FAMILY, str.upper)
    assert found is not None
    assert [process.command for process in found.processes] == ["CURL --TOKEN ***", "BASH"]


NAMES = st.sampled_from(["bash", "curl", "codex", "code", "python3", "claude", "node"])


@given(st.lists(st.tuples(NAMES, st.integers(1, 3)), min_size=1, max_size=10), st.integers(0, 10))
def test_nothing_below_an_outermost_agent_is_in_another_session(below: list[tuple[str, int]], above: int) -> None:
    """Whatever an agent starts, however deep, under whatever names and in whatever process sessions."""
    chain = [facts(200 + index, name, session=1000 + group) for index, (name, group) in enumerate(below)]
    outer = [facts(10 + index, "bash") for index in range(above)]
    found = find_root([*chain, CLAUDE, *outer, INIT], FAMILY)
    assert found is not None
    assert found.processes[-1].pid == 60
