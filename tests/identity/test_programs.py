"""Known programs: each entry's own examples, and the operator's."""

from __future__ import annotations

import pytest

from pipelock.identity.commands import Command, read_command
from pipelock.identity.programs import Entry, Known, ProgramKind, Programs, entries, known_programs


def running(words: tuple[str, ...]) -> Command:
    """A process started with `words`, as the system shows it."""
    base = words[0].rpartition("/")[2]
    return read_command(words[0] if "/" in words[0] else f"/usr/bin/{words[0]}", words, base[:15])


@pytest.mark.parametrize(("kind", "entry"), entries(), ids=lambda it: it.name if isinstance(it, Entry) else str(it))
def test_each_entry_is_what_it_says_and_nothing_else(kind: ProgramKind, entry: Entry) -> None:
    assert entry.match
    assert entry.avoid
    for words in entry.match:
        assert known_programs().known(running(words)) == Known(entry.name, kind), words
    for words in entry.avoid:
        found = known_programs().known(running(words))
        assert found is None or found.name != entry.name, words


def test_names_are_unique_and_fit_a_session_key() -> None:
    names = [entry.name for _, entry in entries()]
    assert len(set(names)) == len(names)
    programs = [name.casefold() for _, entry in entries() for name in entry.programs]
    assert len(set(programs)) == len(programs)
    assert all(name.isascii() and "@" not in name and "|" not in name for name in names)


@pytest.mark.parametrize(
    "words",
    [("bash",), ("curl", "x"), ("python3", "app.py"), ("node", "server.js"), ("git", "push"), ("npm", "install")],
)
def test_ordinary_programs_are_unknown(words: tuple[str, ...]) -> None:
    assert known_programs().known(running(words)) is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("my-agent",), Known("my-agent", ProgramKind.AGENT, "mine")),
        (("python3", "/srv/my-agent-2.py"), Known("my-agent-2.py", ProgramKind.AGENT, "mine")),
        (("MY-AGENT",), Known("my-agent", ProgramKind.AGENT, "mine")),
        (("not-my-agent",), None),
        (("code",), Known("code", ProgramKind.AGENT, "editor")),
        (("claude",), Known("claude", ProgramKind.AGENT)),
    ],
)
def test_profiles_name_programs_of_their_own_and_come_first(words: tuple[str, ...], found: Known | None) -> None:
    assert Programs({"mine": ("my-agent*",), "editor": ("code",)}).known(running(words)) == found


def test_an_agent_is_one_also_where_an_application_s_name_is_in_its_path() -> None:
    exe = "/home/u/.vscode-server/extensions/x/claude"
    assert known_programs().known(read_command(exe, (exe,), "claude")) == Known("claude", ProgramKind.AGENT)


def test_a_process_that_calls_itself_otherwise_is_known_by_its_file() -> None:
    script = "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"
    assert known_programs().known(read_command("/usr/bin/node", ("make", script), "make")) is not None
