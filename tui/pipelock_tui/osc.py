"""Notes that the terminal itself shows: control sequences OSC 9 and OSC 777, through tmux where we are inside it. Pure.

What is shown came from an agent, so nothing in it may end the sequence or begin another one: it is escaped, cut, and
stands behind words of ours (Windows Terminal takes `9;4;…` for a command).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipelock.model import escape

__all__ = ["MAX_TEXT", "Form", "form_for", "note"]

Form = Literal["", "9", "777"]

MAX_TEXT = 160
"""Characters of a note, before escaping."""
_TITLE = "Pipelock"
_ST = "\x1b\\"
_OSC = "\x1b]"
_MUTE = frozenset({"", "dumb", "linux", "cons25", "vt100", "vt220"})


def form_for(environ: Mapping[str, str]) -> Form:
    """The sequence that the terminal of this environment knows; empty where it may draw it instead."""
    term = environ.get("TERM", "")
    if term in _MUTE:
        return ""
    speaks_777 = term.startswith(("rxvt", "foot")) or "VTE_VERSION" in environ
    return "777" if speaks_777 else "9"


def note(text: str, environ: Mapping[str, str]) -> str:
    """What to write to the terminal to have it show `text`; empty where it can't. At most 3 KiB."""
    form = form_for(environ)
    if not form:
        return ""
    safe = escape(text, MAX_TEXT)
    # A semicolon would begin another field.
    body = safe.replace(";", ",")
    sequence = f"{_OSC}777;notify;{_TITLE};{body}{_ST}" if form == "777" else f"{_OSC}9;{_TITLE}: {body}{_ST}"
    return _through_tmux(sequence) if environ.get("TMUX") else sequence


def _through_tmux(sequence: str) -> str:
    """Handed through to the terminal outside; needs tmux's `allow-passthrough on`, and is swallowed without it."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}{_ST}"
