from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_tui.osc import MAX_TEXT, form_for, note

XTERM = {"TERM": "xterm-256color"}
VTE = {**XTERM, "VTE_VERSION": "7600"}


@pytest.mark.parametrize(
    ("environ", "form"),
    [
        ({}, ""), ({"TERM": "dumb"}, ""), ({"TERM": "linux"}, ""), (XTERM, "9"), (VTE, "777"),
        ({"TERM": "rxvt-unicode"}, "777"), ({"TERM": "foot"}, "777"), ({"TERM": "xterm-kitty"}, "9"),
    ],
)  # fmt: skip
def test_what_a_terminal_knows(environ: dict[str, str], form: str) -> None:
    assert form_for(environ) == form


def test_the_sequences() -> None:
    assert note("claude asks; a", XTERM) == "\x1b]9;Pipelock: claude asks, a\x1b\\"
    assert note("claude asks; a", VTE) == "\x1b]777;notify;Pipelock;claude asks, a\x1b\\"
    assert note("hi", {**XTERM, "TMUX": "/tmp/t,1,0"}) == "\x1bPtmux;\x1b\x1b]9;Pipelock: hi\x1b\x1b\\\x1b\\"
    assert note("hi", {}) == ""


@given(st.text(max_size=500), st.sampled_from([XTERM, VTE]))
def test_no_text_ends_the_sequence_or_adds_a_field(text: str, environ: dict[str, str]) -> None:
    shown = note(text, environ)
    plain = note("", environ)
    start = plain[: -len("\x1b\\")]
    assert shown.startswith(start)
    inside = shown[len(start) : -len("\x1b\\")]
    assert not {"\x1b", "\x07", "\x9c", ";", "\r", "\n"} & set(inside)
    assert len(inside) <= 10 * MAX_TEXT + 1
