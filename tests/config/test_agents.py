"""Section `agents`: names, addresses and networks that must not be two agents', what is refused, what a reload weakens."""

from __future__ import annotations

import pytest

from pipelock.config import Config, ConfigError, loads
from pipelock.config.compare import carry_over, restart_only, weakenings
from pipelock.config.schema_agents import AgentBudget, AgentProfile


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.yaml")
    return [(problem.key, problem.message) for problem in caught.value.problems]


def agents(text: str) -> Config:
    return loads(f"agents: {text}\n", "f.yaml").config


def test_a_profile_holds_what_it_says() -> None:
    config = agents(
        "{claude: {listeners: ['127.0.0.1:9001'], source_cidrs: [10.0.0.0/8], programs: ['claude*'],"
        " budget: {max_requests_per_session: 5, window_minutes: 60}}}"
    )
    assert config.agents == {
        "claude": AgentProfile(
            listeners=("127.0.0.1:9001",),
            source_cidrs=("10.0.0.0/8",),
            programs=("claude*",),
            budget=AgentBudget(max_requests_per_session=5, window_minutes=60),
        )
    }


@pytest.mark.parametrize("name", ["a", "_default", "A-b_c.9", "x" * 64])
def test_names_that_may_be(name: str) -> None:
    assert name in agents(f"{{{name}: {{}}}}").agents


@pytest.mark.parametrize("name", ["''", "'a b'", "a@b", "a|b", "é", "x" * 65])
def test_names_that_may_not_be(name: str) -> None:
    assert "a profile's name is 1 to 64" in problems(f"agents: {{{name}: {{}}}}")[0][1]


def test_nobody_is_called_anonymous() -> None:
    assert "anonymous is the name of those" in problems("agents: {anonymous: {}}")[0][1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "strict"),
        ("enforce", "false"),
        ("api_allowlist", "[a.example.com]"),
        ("trusted_domains", "[]"),
        ("dlp", "{include_defaults: true}"),
        ("rate_limit", "{max_requests_per_minute: 1}"),
        ("session_profiling", "{domain_burst: 1}"),
        ("mcp_tool_policy", "{enabled: false}"),
        ("allowed_addresses", "[]"),
    ],
)
def test_what_a_profile_can_not_change_yet_is_refused_by_name_even_where_it_would_be_off(key: str, value: str) -> None:
    found = problems(f"agents: {{a: {{{key}: {value}}}}}")
    assert found == [(f"agents.a.{key}", "not supported yet by this version (0.1.0); remove it or leave it empty")]


@pytest.mark.parametrize("key", ["max_tool_calls_per_session", "fan_out_limit", "loop_detection_window", "dow_action"])
def test_budgets_of_tools_are_refused_by_name(key: str) -> None:
    assert problems(f"agents: {{a: {{budget: {{{key}: 1}}}}}}")[0][0] == f"agents.a.budget.{key}"


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("{_default: {programs: [x]}}", "agents._default.programs", "nothing leads to it"),
        ("{a: {listeners: ['127.0.0.1:8888']}}", "agents.a.listeners[0]", "fetch_proxy.listen"),
        ("{a: {listeners: ['0.0.0.0:8888']}}", "agents.a.listeners[0]", "fetch_proxy.listen"),
        (
            "{a: {listeners: ['127.0.0.1:9']}, b: {listeners: ['[::]:9']}}",
            "agents.b.listeners[0]",
            "agents.a.listeners[0]",
        ),
        ("{a: {source_cidrs: [10.0.0.0/8]}, b: {source_cidrs: [10.1.0.0/16]}}", "agents.b.source_cidrs[0]", "overlaps"),
        ("{a: {source_cidrs: [10.1.0.0/16]}, b: {source_cidrs: [10.0.0.0/8]}}", "agents.a.source_cidrs[0]", "overlaps"),
        ("{a: {source_cidrs: ['fd00::/8']}, b: {source_cidrs: ['fd00::/8']}}", "agents.b.source_cidrs[0]", "overlaps"),
        ("{a: {programs: [x]}, b: {programs: [x]}}", "agents.b.programs[0]", "a program of a already"),
        ("{a: {programs: ['*']}}", "agents.a.programs[0]", "every program"),
    ],
)
def test_what_could_be_two_agents_is_refused(text: str, key: str, why: str) -> None:
    ((found, message),) = problems(f"agents: {text}")
    assert found == key
    assert why in message


def test_what_is_apart_loads() -> None:
    config = agents(
        "{a: {listeners: ['127.0.0.1:9', '127.0.0.2:9'], source_cidrs: [10.0.0.0/16, 10.0.1.0/24, 10.2.0.0/16]},"
        " b: {listeners: ['127.0.0.3:9'], source_cidrs: [10.1.0.0/16, '::/8']}}"
    )
    assert set(config.agents) == {"a", "b"}


def test_a_listener_that_others_can_reach_is_warned_about() -> None:
    (warning,) = loads("agents: {a: {listeners: ['0.0.0.0:9']}}", "f.yaml").warnings
    assert "agents.a.listeners[0]: 0.0.0.0:9 can be reached from other machines" in warning


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{a: {budget: {max_requests_per_session: 5}}}", "{a: {budget: {max_requests_per_session: 4}}}", ()),
        (
            "{a: {budget: {max_requests_per_session: 5}}}",
            "{a: {budget: {max_requests_per_session: 6}}}",
            ("agents.a.budget.max_requests_per_session: 5 became 6",),
        ),
        (
            "{a: {budget: {max_bytes_per_session: 5}}}",
            "{}",
            ("agents.a: removed", "agents.a.budget.max_bytes_per_session: 5 became no limit"),
        ),
        ("{_default: {budget: {max_bytes_per_session: 5}}}", "{_default: {budget: {max_bytes_per_session: 5}}}", ()),
        (
            "{_default: {budget: {max_bytes_per_session: 5}}}",
            "{_default: {budget: {max_bytes_per_session: 5}}, b: {}}",
            ("agents.b.budget.max_bytes_per_session: 5 became no limit",),
        ),
        (
            "{a: {budget: {max_bytes_per_session: 5, window_minutes: 9}}}",
            "{a: {budget: {max_bytes_per_session: 5, window_minutes: 8}}}",
            ("agents.a.budget.window_minutes: 9 became 8",),
        ),
        (
            "{a: {budget: {max_bytes_per_session: 5}}}",
            "{a: {budget: {max_bytes_per_session: 5, window_minutes: 8}}}",
            ("agents.a.budget.window_minutes: never became 8",),
        ),
        ("{a: {programs: [x, y]}}", "{a: {programs: [y, z]}}", ("agents.a.programs: x removed",)),
        ("{}", "{a: {programs: [x]}}", ()),
    ],
)
def test_weakenings(old: str, new: str, said: tuple[str, ...]) -> None:
    assert weakenings(agents(old), agents(new)) == said


def test_switches_that_are_weakenings() -> None:
    less = loads("identity: {processes: false}\napprovals: {trust_ides: true}", "f.yaml").config
    assert weakenings(Config(), less) == ("identity.processes: switched off", "approvals.trust_ides: switched on")
    assert weakenings(less, Config()) == ()


def test_ports_stay_as_they_are_until_a_restart_and_keep_their_names() -> None:
    old = agents("{a: {listeners: ['127.0.0.1:9']}, b: {}}")
    new = agents("{b: {listeners: ['127.0.0.1:10'], programs: [x]}}")
    assert restart_only(old, new) == ("agents.*.listeners",)
    assert carry_over(old, new).agents == {
        "b": AgentProfile(programs=("x",)),
        "a": AgentProfile(listeners=("127.0.0.1:9",)),
    }
    assert restart_only(old, carry_over(old, new)) == ()
    assert restart_only(old, old) == ()
