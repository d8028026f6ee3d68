"""`sandbox` and `agents.*.sandbox`: what loads, what it comes to for a profile, what is refused, what weakens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config import Config, ConfigError, loads
from pipelock.config.compare import weakenings
from pipelock.config.rule_lines import parse_rule_line
from pipelock.config.rules import ValueRuleError
from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.config.schema_operations import EgressRule
from pipelock.model import CacheUse, ContainmentMode, ContainmentSettings


def config(text: str) -> Config:
    return loads(text, "f.yaml").config


def problem(text: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.yaml")
    (found,) = caught.value.problems
    return found.key, f"{found.message} {found.suggestion}"


def test_nothing_written_is_what_nothing_means() -> None:
    assert sandbox_settings(Config(), "") == ContainmentSettings()
    assert sandbox_settings(Config(), "nobody") == ContainmentSettings()


def test_a_profile_overrides_the_section_and_adds_to_its_lists() -> None:
    found = config("""
sandbox:
  strict: true
  workspace: /srv/w
  filesystem: {allow_read: [~/a, /b], allow_write: [/c], mask: [/m], unix_sockets: [/s]}
  preset: claude
  caches: private
  env: [A, B=c]
  allow: [host=a.example.com]
  ports: [6379]
  redirect: false
  host_ports: [5432]
  limits: {processes: 9, memory_mb: 2, open_files: 7, file_mb: 1}
  on_kill: freeze
  explain: true
agents:
  inherits: {sandbox: {}}
  other:
    sandbox:
      best_effort: true
      workspace: ""
      filesystem: {allow_read: [/d, /b], mask: [/n]}
      preset: none
      caches: shared
      env: [D]
      allow: []
      ports: [1]
      redirect: true
      host_ports: [2]
      limits: {memory_mb: 0, file_mb: 3}
      on_kill: refuse
      explain: false
""")
    base = ContainmentSettings(
        mode=ContainmentMode.STRICT, preset="claude", workspace="/srv/w", allow_read=("~/a", "/b"), allow_write=("/c",),
        mask=("/m",), unix_sockets=("/s",), caches=CacheUse.PRIVATE, env=("A", "B=c"), rules=("host=a.example.com",),
        ports=(6379,), redirect=False, host_ports=(5432,), processes=9, memory=2 << 20, files=7, file_size=1 << 20,
        freeze_on_kill=True, explain=True,
    )  # fmt: skip
    assert sandbox_settings(found, "") == sandbox_settings(found, "inherits") == base
    assert sandbox_settings(found, "other") == ContainmentSettings(
        mode=ContainmentMode.BEST_EFFORT, preset="none", allow_read=("~/a", "/b", "/d"), allow_write=("/c",),
        mask=("/m", "/n"), unix_sockets=("/s",), caches=CacheUse.SHARED, env=("A", "B=c", "D"), ports=(6379, 1),
        host_ports=(5432, 2), processes=9, files=7, file_size=3 << 20,
    )  # fmt: skip


def test_who_has_no_profile_has_that_of_everybody_else() -> None:
    found = config("{sandbox: {best_effort: true}, agents: {_default: {sandbox: {strict: true}}, a: {}}}")
    assert [sandbox_settings(found, name).mode.value for name in ("", "b", "a")] == ["strict", "strict", "best-effort"]


@pytest.mark.parametrize(
    ("section", "profile", "mode"),
    [
        ("{}", "{strict: true}", "strict"),
        ("{strict: true}", "{strict: false}", "normal"),
        ("{strict: true}", "{best_effort: true}", "best-effort"),
        ("{best_effort: true}", "{strict: true}", "strict"),
        ("{best_effort: true}", "{best_effort: false}", "normal"),
    ],
)
def test_the_mode_a_profile_says_is_its_own(section: str, profile: str, mode: str) -> None:
    found = config(f"{{sandbox: {section}, agents: {{a: {{sandbox: {profile}}}}}}}")
    assert sandbox_settings(found, "a").mode.value == mode


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("{strict: true, best_effort: true}", "best_effort", "choose one"),
        ("{strict: true, caches: shared}", "caches", "use copy"),
        ("{caches: some}", "caches", "copy, shared, private"),
        ("{filesystem: {allow_read: [a/b]}}", "filesystem.allow_read[0]", "write a path from / or from ~/ ~/a/b"),
        (
            "{filesystem: {allow_write: ['/a/*/b']}}",
            "filesystem.allow_write[0]",
            "wildcards are not read here; name the folder /a/",
        ),
        ("{filesystem: {mask: ['']}}", "filesystem.mask[0]", "must not be empty"),
        ('{filesystem: {mask: ["/a\\tb"]}}', "filesystem.mask[0]", "control characters"),
        ("{workspace: here}", "workspace", "write a path from /"),
        ("{env: ['1A']}", "env[0]", "NAME=VALUE"),
        ("{env: ['A B=c']}", "env[0]", "NAME=VALUE"),
        ("{env: ['=c']}", "env[0]", "NAME=VALUE"),
        ("{env: ['A*=c']}", "env[0]", "NAME=VALUE"),
        ("{allow: [hots=a.example.com]}", "allow[0]", "a rule has no condition 'hots'; perhaps host=a.example.com"),
        ("{ports: [0]}", "ports[0]", "1 to 65535"),
        ("{on_kill: stop}", "on_kill", "refuse, freeze"),
        ("{limits: {processes: -1}}", "limits.processes", "0 to"),
    ],
)
def test_what_is_refused(text: str, key: str, said: str) -> None:
    assert problem(f"sandbox: {text}")[0] == f"sandbox.{key}"
    assert said in problem(f"sandbox: {text}")[1]
    assert problem(f"agents: {{a: {{sandbox: {text}}}}}")[0] == f"agents.a.sandbox.{key}"


def test_ports_beyond_what_a_launch_hands_over_are_refused_for_the_profile_that_has_them() -> None:
    twelve = str(list(range(1, 13)))
    fits = f"sandbox: {{ports: {twelve}, host_ports: {twelve}}}"
    assert len(sandbox_settings(config(fits), "").ports) == 12
    key, said = problem(f"{fits}\nagents: {{a: {{sandbox: {{ports: [99]}}}}}}")
    assert (key, "more than 24" in said) == ("agents.a.sandbox.ports", True)


def test_warnings_name_what_is_probably_not_meant() -> None:
    found = loads("{sandbox: {enabled: true}, agents: {a: {sandbox: {best_effort: true}}}}", "f").warnings
    assert [line.partition(":")[0] for line in found] == ["sandbox.enabled", "agents.a.sandbox.best_effort"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{strict: true}", "{}", ("strict: switched off",)),
        ("{}", "{best_effort: true}", ("best_effort: switched on",)),
        ("{}", "{strict: true}", ()),
        ("{}", "{caches: shared}", ("caches: copy became shared",)),
        ("{}", "{caches: private}", ()),
        ("{}", "{filesystem: {allow_read: [/a]}}", ("filesystem.allow_read: /a added",)),
        ("{}", "{filesystem: {allow_write: [/a]}}", ("filesystem.allow_write: /a added",)),
        ("{}", "{filesystem: {unix_sockets: [/a]}}", ("filesystem.unix_sockets: /a added",)),
        ("{filesystem: {mask: [/a]}}", "{}", ("filesystem.mask: /a removed",)),
        ("{}", "{env: [A=secret]}", ("env: A added",)),
        ("{}", "{host_ports: [5432]}", ("host_ports: 5432 added",)),
        ("{allow: [a.example.com]}", "{}", ("allow: emptied, so that the other rules alone decide",)),
        ("{allow: [a.example.com]}", "{allow: [b.example.com]}", ("allow: b.example.com added",)),
        ("{}", "{allow: [a.example.com]}", ()),
        ("{}", "{preset: codex}", ("preset: by the program became codex",)),
        ("{workspace: /a}", "{workspace: /b}", ("workspace: /a became /b",)),
        ("{}", "{redirect: false}", ("redirect: switched off",)),
        ("{on_kill: freeze}", "{}", ("on_kill: freeze became refuse",)),
        ("{limits: {memory_mb: 5}}", "{limits: {memory_mb: 6}}", ("limits.memory_mb: 5 became 6",)),
        ("{limits: {open_files: 5}}", "{}", ("limits.open_files: 5 became no limit",)),
        ("{limits: {open_files: 5}}", "{limits: {open_files: 4}}", ()),
    ],
)
def test_what_agents_launched_later_may_do_more(old: str, new: str, said: tuple[str, ...]) -> None:
    told = weakenings(config(f"sandbox: {old}"), config(f"sandbox: {new}"))
    assert told == tuple(f"sandbox.{line}" for line in said)
    profiles = weakenings(config(f"agents: {{a: {{sandbox: {old}}}}}"), config(f"agents: {{a: {{sandbox: {new}}}}}"))
    assert profiles == tuple(f"agents.a.sandbox.{line}" for line in said)


def test_what_the_section_says_is_not_said_again_for_each_profile() -> None:
    old, new = "agents: {a: {}, b: {}}", "{agents: {a: {}, b: {}}, sandbox: {redirect: false}}"
    assert weakenings(config(old), config(new)) == ("sandbox.redirect: switched off",)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("host=*.github.com method=GET,head path=/api/* port=443", EgressRule(
            name="host=*.github.com method=GET,head path=/api/* port=443", action="allow", host="*.github.com",
            method=("GET", "HEAD"), path="/api/*", port=443)),
        ("  pypi.org ", EgressRule(name="host=pypi.org", action="allow", host="pypi.org")),
        ("method=GET", EgressRule(name="method=GET", action="allow", method=("GET",))),
        ("host=*", EgressRule(name="host=*", action="allow")),
        ("path=/x", EgressRule(name="path=/x", action="allow", path="/x")),
    ],
)  # fmt: skip
def test_a_rule_in_a_line(line: str, rule: EgressRule) -> None:
    assert parse_rule_line(line) == rule


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "needs a condition"),
        ("host=a.example.com GET", "'GET' is not a condition: write method=GET"),
        ("method=GET a.example.com", "write host=a.example.com"),
        ("method=GET /x", "write path=/x"),
        ("host=", "host has no value"),
        ("host=a.example.com host=b.example.com", "host is there twice"),
        ("host=https://a.example.com/x", "write the host name alone"),
        ("host=*.com", "whole top-level domain"),
        ("method=G@T", "not an HTTP method"),
        ("method=GET,", "not an HTTP method"),
        ("method=" + ",".join(f"M{n}" for n in range(33)), "at most 32 methods"),
        ("port=0", "a port is 1 to 65535"),
        ("port=٣", "a port is 1 to 65535"),
        ("path=x", "a path starts with /"),
        ("path=/" + "x" * 1024, "at most 1024"),
        ("host=a.example.com\x07", "printable"),
        ("x" * 2049, "at most 2048"),
    ],
)
def test_what_is_no_rule_says_which_word(line: str, said: str) -> None:
    with pytest.raises(ValueRuleError) as caught:
        parse_rule_line(line)
    assert said in str(caught.value)


@given(st.text(st.sampled_from("host=metdpar *.,/a1:é\\"), max_size=40))
def test_any_line_is_a_rule_or_a_reason(line: str) -> None:
    try:
        rule = parse_rule_line(line)
    except ValueRuleError as error:
        assert str(error)  # noqa: PT017 - either may be
    else:
        assert rule.action == "allow"
        assert parse_rule_line(rule.name) == rule
