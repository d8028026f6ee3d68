"""Who is believed, and about what: one row for each piece of evidence and for each pair that disagrees."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config.schema_agents import AgentProfile
from pipelock.identity.resolve import NOBODY, Agents, Caller, ContainedCaller, contained_key, resolve
from pipelock.identity.root import Root, RootKind
from pipelock.model import Evidence, Process

CURL = Process(90, 900, "curl")
CLAUDE = Root(RootKind.AGENT, (CURL, Process(60, 600, "claude")), "claude")
BOT = Root(RootKind.AGENT, (Process(61, 600, "bot.py"),), "bot.py", "mine")
SHELL = Root(RootKind.OTHER, (CURL, Process(50, 500, "bash")))

PROFILES = {
    "mine": AgentProfile(programs=("bot.py",)),
    "farm": AgentProfile(source_cidrs=("10.0.0.0/8", "10.1.0.0/16", "fd00::/8")),
    "door": AgentProfile(listeners=("127.0.0.1:1",)),
    "named": AgentProfile(),
    "claude": AgentProfile(),
    "_default": AgentProfile(),
}
ALL = Agents(PROFILES)
WITH_DEFAULT = Agents(PROFILES, "house")
BOUND = Agents(PROFILES, "house", bind_default=True)


def caller(client: str = "127.0.0.1", profile: str = "", root: Root | None = None) -> Caller:
    return Caller(client, profile, root)


@pytest.mark.parametrize(
    ("who", "said", "agents", "agent", "evidence", "profile", "session"),
    [
        pytest.param(caller(), "", NOBODY, "anonymous", Evidence.NONE, "", "127.0.0.1", id="nobody"),
        pytest.param(caller(), "x", NOBODY, "x", Evidence.HEADER, "", "x|127.0.0.1", id="header"),
        pytest.param(caller("10.9.9.9"), "x", NOBODY, "x", Evidence.HEADER, "", "x|10.9.9.9", id="remote"),
        pytest.param(caller(), "named", ALL, "named", Evidence.HEADER, "named", "named|127.0.0.1", id="header, profile"),
        pytest.param(caller(), "door", ALL, "anonymous", Evidence.NONE, "", "127.0.0.1", id="a listener's name"),
        pytest.param(caller(), "farm", ALL, "anonymous", Evidence.NONE, "", "127.0.0.1", id="a network's name"),
        pytest.param(caller(), "mine", ALL, "anonymous", Evidence.NONE, "", "127.0.0.1", id="a program's name"),
        pytest.param(caller(), "_default", ALL, "anonymous", Evidence.NONE, "", "127.0.0.1", id="_default"),
        pytest.param(caller(), "", WITH_DEFAULT, "house", Evidence.DEFAULT, "", "house|127.0.0.1", id="default"),
        pytest.param(caller(), "x", WITH_DEFAULT, "x", Evidence.HEADER, "", "x|127.0.0.1", id="header over default"),
        pytest.param(caller(), "door", WITH_DEFAULT, "house", Evidence.DEFAULT, "", "house|127.0.0.1", id="not believed"),
        pytest.param(caller(), "x", BOUND, "house", Evidence.DEFAULT, "", "house|127.0.0.1", id="bound over header"),
        pytest.param(caller("10.1.2.3"), "x", BOUND, "farm", Evidence.CIDR, "farm", "farm|10.1.2.3", id="network"),
        pytest.param(caller("::ffff:10.1.2.3"), "", ALL, "farm", Evidence.CIDR, "farm", "farm|::ffff:10.1.2.3", id="mapped"),
        pytest.param(caller("fd12::1"), "", ALL, "farm", Evidence.CIDR, "farm", "farm|fd12::1", id="IPv6"),
        pytest.param(caller("fe12::1"), "", ALL, "anonymous", Evidence.NONE, "", "fe12::1", id="no network"),
        pytest.param(caller(root=SHELL), "", ALL, "anonymous", Evidence.PROCESS, "", "bash@50|127.0.0.1", id="process"),
        pytest.param(caller(root=SHELL), "x", ALL, "x", Evidence.HEADER, "", "bash@50|127.0.0.1", id="process, header"),
        pytest.param(caller(root=SHELL), "", BOUND, "house", Evidence.DEFAULT, "", "bash@50|127.0.0.1", id="process, default"),
        pytest.param(
            caller(root=CLAUDE), "x", BOUND, "claude", Evidence.PROCESS, "claude", "claude@60|127.0.0.1", id="agent"
        ),
        pytest.param(
            caller("10.0.0.1", root=CLAUDE), "", ALL, "claude", Evidence.PROCESS, "claude", "claude@60|127.0.0.1",
            id="agent over network, from another address of this machine",
        ),
        pytest.param(caller(root=BOT), "x", ALL, "mine", Evidence.PROCESS, "mine", "bot.py@61|127.0.0.1", id="programs"),
        pytest.param(
            caller(profile="door", root=CLAUDE), "x", BOUND, "door", Evidence.LISTENER, "door", "claude@60|127.0.0.1",
            id="listener over all",
        ),
        pytest.param(
            caller("10.0.0.1", "door"), "x", BOUND, "door", Evidence.LISTENER, "door", "door|10.0.0.1", id="listener"
        ),
    ],
)  # fmt: skip
def test_whose_it_is(
    who: Caller, said: str, agents: Agents, agent: str, evidence: Evidence, profile: str, session: str
) -> None:
    found = resolve(who, said, "", agents)
    assert (found.agent, found.evidence, found.profile, found.session) == (agent, evidence, profile, session)
    assert found.claimed == ("" if said in ("", agent) else said)
    assert found.processes == (who.root.processes if who.root is not None else ())


def test_who_has_cut_himself_loose_shares_what_is_held_against_such() -> None:
    assert SHELL is not None
    loose = msgspec.structs.replace(SHELL, adrift=True)
    assert resolve(caller(root=loose), "x", "", ALL).shared
    assert not resolve(caller(root=SHELL), "x", "", ALL).shared
    assert not resolve(caller(), "x", "", ALL).shared


def test_the_query_is_heard_last() -> None:
    assert resolve(caller(), "", "q", ALL).agent == "q"
    assert resolve(caller(), "h", "q", ALL).agent == "h"
    assert resolve(caller(), "", "q", WITH_DEFAULT).agent == "house"
    assert resolve(caller(), "door", "q", ALL).agent == "q"
    assert resolve(caller(), "", "door", ALL).agent == "anonymous"


def test_what_is_no_address_is_in_no_network() -> None:
    assert ALL.at("") == ""
    assert ALL.at("/run/x.sock") == ""


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from([NOBODY, ALL, BOUND]))
def test_nobody_can_say_a_process_s_session_or_a_proven_name(said: str, asked: str, agents: Agents) -> None:
    found = resolve(caller(), said, asked, agents)
    assert "@" not in found.session
    assert found.agent not in agents.proven
    of_process = resolve(caller(root=SHELL), said, asked, agents)
    assert of_process.session == "bash@50|127.0.0.1"


@given(st.ip_addresses(v=4))
def test_networks_are_looked_up_as_they_would_be_one_by_one(address: object) -> None:
    assert (ALL.at(str(address)) == "farm") is str(address).startswith("10.")


BOX = ContainedCaller("0123456789ab", "claude", "claude")


@pytest.mark.parametrize("header", ["", "door", "claude", "mine"])
@pytest.mark.parametrize("root", [None, CLAUDE, SHELL])
@pytest.mark.parametrize("client", ["127.0.0.1", "10.1.2.3", "fd12::1"])
def test_who_comes_to_a_sandboxs_listener_is_that_sandbox_whatever_it_says(
    header: str, root: Root | None, client: str
) -> None:
    identity = resolve(Caller(client, "door", root, BOX), header, "asked", BOUND)
    assert (identity.agent, identity.session) == ("claude", "claude@sandbox-0123456789ab|127.0.0.1")
    assert (identity.evidence, identity.profile) == (Evidence.LISTENER, "claude")
    assert identity.claimed == ({"": "asked", "claude": ""}.get(header, header))
    assert identity.processes == ()
    assert not identity.shared


def test_two_launches_are_two_sessions_and_an_unknown_profile_is_none() -> None:
    other = msgspec.structs.replace(BOX, id="ba9876543210", profile="gone")
    assert contained_key(BOX) != contained_key(other)
    assert resolve(Caller("::1", contained=other), "", "", ALL).profile == ""
