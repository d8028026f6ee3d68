"""Text to trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_macos.reader import MAX_DEPTH, MAX_TEXT, Atom, Kind, SandboxTextError, read
from pipelock_macos.sbpl import quoted


def shown(node):
    return f"{node.kind[0]}:{node.value}" if isinstance(node, Atom) else [shown(part) for part in node]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", []),
        ("; nothing\n ;more", []),
        ("(version 1)", [["s:version", "s:1"]]),
        ("(a(b)c)d", [["s:a", ["s:b"], "s:c"], "s:d"]),
        ('(x "a ; b) \\" \\\\ c")', [["s:x", 't:a ; b) " \\ c']]),
        ('(regex #"^/dev/\\.x$")', [["s:regex", "p:^/dev/\\.x$"]]),
        ("(a ; said )\n b)", [["s:a", "s:b"]]),
        ("()", [[]]),
        ('a"b"c', ["s:a", "t:b", "s:c"]),
    ],
)
def test_trees(text, tree) -> None:
    assert [shown(node) for node in read(text)] == tree


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("(a", "not closed"),
        ("a\n)", "line 2: a bracket is closed"),
        ('"a', "does not end"),
        ('"a\nb"', "does not end"),
        ('"a\\n"', "escape"),
        ('"a\\', "escape"),
        ('#"a', "pattern does not end"),
        ('#"a\n"', "pattern does not end"),
        ("(" * (MAX_DEPTH + 1), "deeper"),
        ("(" * 100_000, "deeper"),
        (" " * (MAX_TEXT + 1), "allowed"),
    ],
)
def test_faults(text, complaint) -> None:
    with pytest.raises(SandboxTextError, match=complaint):
        read(text)


def test_lines_are_counted() -> None:
    nodes = read("a\n\n(b\n c)")
    assert nodes[0].line == 1
    assert [part.line for part in nodes[1]] == [3, 4]


@given(st.text())
def test_any_text_is_read_or_refused(text) -> None:
    try:
        read(text)
    except SandboxTextError:
        return


@given(st.text())
def test_what_is_quoted_is_one_string(text) -> None:
    try:
        written = quoted(text)
    except SandboxTextError:
        assert not text.isprintable()
        return
    assert read(f"(x {written} y)") == (
        (Atom(Kind.SYMBOL, "x", 1), Atom(Kind.TEXT, text, 1), Atom(Kind.SYMBOL, "y", 1)),
    )
