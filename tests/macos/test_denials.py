"""Lines of the system's log, written by hand after its form; no macOS was at hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Denial, WallName
from pipelock_macos.denials import MAX_LINE, LogLines, Refusal, command, denial, refusal

TAG = "pipelock:0123456789ab"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            f"Sandbox: node(4711) deny(1) file-read-data /Users/u/.ssh/id\n{TAG}",
            ("node", "file-read-data", "/Users/u/.ssh/id", 1),
        ),
        (f"Sandbox: a b(1) deny(1) mach-lookup com.apple.x\n{TAG}", ("a b", "mach-lookup", "com.apple.x", 1)),
        (
            f"12 duplicate reports for Sandbox: x(9) deny(1) file-write-create /a b\n{TAG}\n",
            ("x", "file-write-create", "/a b", 12),
        ),
        (f"1 duplicate report for Sandbox: x(9) deny(1) lsopen\n{TAG}", ("x", "lsopen", "", 1)),
        (f"99999999 duplicate reports for Sandbox: x(9) deny(1) lsopen\n{TAG}", ("x", "lsopen", "", 1)),
        (f"Sandbox: x(1) deny(1) (2) deny(1) file-read-data /a\n{TAG}", ("x", "(2)", "deny(1) file-read-data /a", 1)),
        (f"Sandbox: x(1) deny(1) file-read-data /a\nb\n{TAG}", ("x", "file-read-data", "/a\nb", 1)),
        ("Sandbox: node(4711) deny(1) file-read-data /x", None),
        (f"Sandbox: node(4711) deny(1) file-read-data /x\n{TAG} and more", None),
        (f"Sandbox: node(4711) allow file-read-data /x\n{TAG}", None),
        (f"Sandbox: node deny(1)\n{TAG}", None),
        (f"Sandbox: (1) deny(1) file-read-data /x\n{TAG}", None),
        (f"something else\n{TAG}", None),
        (TAG, None),
        ("", None),
    ],
)
def test_messages(message, told) -> None:
    assert refusal(message, TAG) == (told and Refusal(*told))


@given(st.text())
def test_any_message_is_told_or_not(text) -> None:
    refusal(f"{text}{TAG}", TAG)
    refusal(f"Sandbox: {text}(1) deny(1) {text}\n{TAG}", TAG)


def nothing(path, writes):
    return None


@pytest.mark.parametrize(
    ("operation", "subject", "wall", "what"),
    [
        ("file-read-data", "/x", "files", "read /x"),
        ("file-write-create", "/x", "files", "write /x"),
        ("process-exec", "/x", "files", "run /x"),
        ("network-outbound", "*:443", "network", "connect to *:443"),
        ("network-bind", "*:80", "network", "listen on *:80"),
        ("mach-lookup", "com.apple.x", "ipc", "ask service com.apple.x"),
        ("signal", "1", "processes", "signal 1"),
        ("file-ioctl", "/dev/x", "devices", "control /dev/x"),
        ("lsopen", "", "ipc", "open"),
        ("system-swap", "", "syscalls", "system-swap"),
    ],
)
def test_what_is_told(operation, subject, wall, what) -> None:
    told = denial(Refusal("p", operation, subject, 3), nothing)
    assert (told.wall, told.what, told.program, told.count) == (wall, what, "p", 3)
    assert told.why


def test_what_every_program_tries_is_not_told() -> None:
    assert denial(Refusal("p", "file-read-metadata", "/x"), nothing) is None


def test_the_profile_explains_files() -> None:
    asked = []

    def explain(path, writes):
        asked.append((path, writes))
        return Denial(WallName.FILES, "w", "y", "--allow-write /x")

    told = denial(Refusal("p", "file-write-data", "/x", 2), explain)
    assert (told.fix, told.program, told.count) == ("--allow-write /x", "p", 2)
    denial(Refusal("p", "file-read-data", "/y"), explain)
    denial(Refusal("p", "network-outbound", "/z"), explain)
    assert asked == [("/x", True), ("/y", False)]


def test_long_texts_are_cut() -> None:
    told = denial(Refusal("p" * 999, "file-read-data", "/" + "x" * 999), nothing)
    assert len(told.what) == len(told.program) == 300


LINES = [json.dumps({"eventMessage": text, "processID": 0}) for text in ("one", "two\nlines", "ü")]


@given(st.integers(1, 40))
def test_lines_may_come_in_pieces(size) -> None:
    data = "\n".join(
        ["Filtering the log data using x", *LINES, "{", '{"eventMessage": 5}', '{"other": 1}', ""]
    ).encode()
    lines, found = LogLines(), []
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
    assert found == ["one", "two\nlines", "ü", ""]


def test_a_line_without_end_is_left_out() -> None:
    lines = LogLines()
    assert list(lines.feed(b"x" * (MAX_LINE + 1))) == []
    assert list(lines.feed(b"y" * MAX_LINE)) == []
    assert list(lines.feed(f"\n{LINES[0]}\n".encode())) == ["one"]


def test_the_command_asks_for_this_agent_s_lines() -> None:
    assert command(TAG)[0] == "/usr/bin/log"
    assert command(TAG)[-1] == f'sender == "Sandbox" AND eventMessage CONTAINS "{TAG}"'
