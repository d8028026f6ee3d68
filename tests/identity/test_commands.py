"""Command lines: what they run, and what is kept of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.identity.commands import MAX_SHOWN_COMMAND, Command, masked_command, read_command


@pytest.mark.parametrize(
    ("executable", "words", "name", "names", "shown"),
    [
        ("/usr/bin/curl", ("curl", "x"), "curl", ("curl",), "curl"),
        ("/usr/bin/node", ("node", "/a/b/cli.js", "-p"), "node", ("node", "cli.js"), "cli.js"),
        ("/usr/bin/node", ("claude",), "claude", ("node", "claude"), "node"),
        ("/usr/bin/node", ("node", "--max-old-space-size=8", "-r", "pre", "x.js"), "node", ("node", "x.js"), "x.js"),
        ("/usr/bin/node", ("node", "-e", "x.js"), "node", ("node",), "node"),
        ("/usr/bin/python3.12", ("python3", "-u", "-m", "aider", "x"), "python3", ("python3.12", "python3", "aider"), "aider"),
        ("/usr/bin/python3.12", ("python3", "-X", "dev", "/b/tool", "x"), "tool", ("python3.12", "python3", "tool"), "tool"),
        ("/usr/bin/python3.12", ("python3", "-c", "aider"), "python3", ("python3.12", "python3"), "python3.12"),
        ("/usr/bin/python3.12", ("python3", "-m"), "python3", ("python3.12", "python3"), "python3.12"),
        ("/usr/bin/bash", ("-bash",), "bash", ("bash",), "bash"),
        ("/usr/bin/bash", ("bash", "/opt/run.sh"), "run.sh", ("bash", "run.sh"), "run.sh"),
        ("/usr/bin/java", ("java", "-jar", "/opt/x.jar"), "java", ("java", "x.jar"), "x.jar"),
        ("/opt/bun", ("bun", "run", "a.ts"), "bun", ("bun", "a.ts"), "a.ts"),
        ("/s/claude/versions/2.0.1", ("claude",), "claude", ("2.0.1", "claude"), "claude"),
        ("", ("curl", "x"), "curl", ("curl",), "curl"),
        ("", (), "kthread", ("kthread",), "kthread"),
        ("", (), "", (), "?"),
    ],
)  # fmt: skip
def test_what_is_run(executable: str, words: tuple[str, ...], name: str, names: tuple[str, ...], shown: str) -> None:
    command = read_command(executable, words, name)
    assert command.names == names
    assert command.shown == shown


def test_both_paths_are_kept() -> None:
    command = read_command("/usr/bin/node", ("node", "/lib/node_modules/@a/b/x.js"), "node")
    assert command.paths == ("/usr/bin/node", "/lib/node_modules/@a/b/x.js")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("curl", "-sS", "https://example.com/a?b=c"), "curl -sS https://example.com/a?b=c"),
        (("curl", "-u", "me:pass", "x"), "curl -u *** x"),
        (("tool", "--token", "abc", "--name", "x"), "tool --token *** --name x"),
        (("tool", "--api-key=abc"), "tool --api-key=***"),
        (("env", "MY_SECRET=abc", "PLAIN=abc"), "env MY_SECRET=*** PLAIN=abc"),
        (("curl", "-H", "Authorization: Bearer abc"), "curl -H Authorization: ***"),
        (("curl", "-H", "Cookie:a=b"), "curl -H Cookie: ***"),
        (("curl", "-H", "Authorization: Basic abcd=="), "curl -H Authorization: ***"),
        (("git", "clone", "https://me:pw@example.com/r"), "git clone https://***@example.com/r"),
        (("tool", "q7Zr9xKp2LmN4vBt"), "tool ***"),
        (("tool", "--model=sonnet-4-5"), "tool --model=sonnet-4-5"),
        (("tool", "--x=q7Zr9xKp2LmN4vBtXX"), "tool --x=***"),
        (("tool", "a:q7Zr9xKp2LmN4vBtXX"), "tool a:***"),
        (("tool", "say q7Zr9xKp2LmN4vBtXX twice"), "tool say *** twice"),
        (("tool", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"), "tool ***"),
        (("tool", "q7Zr9xKp2LmN4vBt/q7Zr9xKp2LmN4vBt+A="), "tool ***="),
        (("python3", "/srv/v2/app_2026_release.py"), "python3 /srv/v2/app_2026_release.py"),
        (("node", "./dist/server-2026-10-01.min.js"), "node ./dist/server-2026-10-01.min.js"),
        (("curl", "https://example.com/?a=1&token=abc&b=2"), "curl https://example.com/?a=1&token=***&b=2"),
        (("curl", "-d", "user=x&password=abc"), "curl -d user=x&password=***"),
        (("curl", "-d", '{"a": 1, "password": "a b", "c": 2}'), 'curl -d {"a": 1, "password": "***", "c": 2}'),
        (("psql", "host=h password=abc user=x"), "psql host=h password=*** user=x"),
        (("sh", "-c", "A=1 KEY='a b' run"), "sh -c A=1 KEY='***' run"),
        (("sh", "-c", 'curl -H "Authorization: Bearer abc" x'), 'sh -c curl -H "Authorization: ***" x'),
        (("sh", "-c", "curl http://a/ http://me:pw@b/"), "sh -c curl http://a/ http://***@b/"),
        ((), ""),
    ],
)
def test_no_secret_is_kept(words: tuple[str, ...], shown: str) -> None:
    assert masked_command(words) == shown


def test_the_caller_s_mask_has_the_last_word() -> None:
    assert masked_command(("say", "hello"), lambda line: line.replace("hello", "[name]")) == "say [name]"


def test_it_is_bounded() -> None:
    assert len(masked_command(("x" * 10_000,) * 100)) == MAX_SHOWN_COMMAND
    assert len(read_command("/x", ("a",) * 10_000, "x").words) == 64


@given(st.text(), st.lists(st.text(), max_size=6), st.text())
def test_anything_can_be_read_and_shown(executable: str, words: list[str], name: str) -> None:
    command = read_command(executable, words, name)
    assert isinstance(command, Command)
    assert command.shown
    assert len(masked_command(words)) <= MAX_SHOWN_COMMAND


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789", min_size=1, max_size=30))
def test_the_value_of_a_secret_s_option_is_never_kept(value: str) -> None:
    for words in (("t", "--password", f"<{value}>"), ("t", f"--password=<{value}>"), ("t", f"API_KEY=<{value}>")):
        assert f"<{value}>" not in masked_command(words)
