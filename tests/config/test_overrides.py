"""What the command line says instead of the file."""

from __future__ import annotations

import pytest

from pipelock.config import Config, ConfigError, loads
from pipelock.config.overrides import Overrides, ReverseFlags, overridden
from pipelock.config.problems import Problem
from pipelock.config.schema_proxy import ReverseProxy

UPSTREAM = "http://app.example:3000"
FILE = f"reverse_proxy: {{listen: '127.0.0.1:1', upstream: '{UPSTREAM}'}}"


@pytest.mark.parametrize(
    ("text", "flags", "wanted"),
    [
        ("", ReverseFlags(), (False, "", "")),
        (FILE, ReverseFlags(), (False, UPSTREAM, "127.0.0.1:1")),
        ("", ReverseFlags(upstream=UPSTREAM), (True, UPSTREAM, "127.0.0.1:8890")),
        ("", ReverseFlags(upstream=UPSTREAM, listen="127.0.0.1:0"), (True, UPSTREAM, "127.0.0.1:0")),
        (FILE, ReverseFlags(enabled=True), (True, UPSTREAM, "127.0.0.1:1")),
        (FILE, ReverseFlags(upstream="http://b.example"), (True, "http://b.example", "127.0.0.1:1")),
        (FILE, ReverseFlags(listen=":2"), (False, UPSTREAM, ":2")),
    ],
)
def test_the_reverse_proxy(text: str, flags: ReverseFlags, wanted: tuple[bool, str, str]) -> None:
    section = loads(text, "x", reverse=flags).config.reverse_proxy
    assert (section.enabled, section.upstream, section.listen) == wanted


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (ReverseFlags(enabled=True), "reverse_proxy.upstream: required"),
        (ReverseFlags(upstream="app.example"), 'did you mean "http://app.example"'),
        (ReverseFlags(upstream=UPSTREAM, listen="app"), "command line: reverse-listen: write host:port"),
        (ReverseFlags(upstream=UPSTREAM, listen="127.0.0.1:8888"), "port of fetch_proxy.listen"),
    ],
)
def test_what_the_command_line_says_is_checked_like_the_file(flags: ReverseFlags, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loads("", "x", reverse=flags)


def test_nothing_said_changes_nothing() -> None:
    problems: list[Problem] = []
    assert overridden(Config(), Overrides(), problems) == Config()
    assert problems == []


def test_an_address_that_is_none_is_told_and_not_taken() -> None:
    problems: list[Problem] = []
    config = overridden(Config(), Overrides(listen="x", reverse=ReverseFlags(listen="y")), problems)
    assert config == Config()
    assert config.reverse_proxy == ReverseProxy()
    assert [problem.key for problem in problems] == ["listen", "reverse-listen"]
