"""The dashboard as lines: for screen readers, dumb terminals and pipes. The same powers, no cursor movement.

Each decision is a line; a prompt is a few. Commands are read a line at a time, `help` lists them. A prompt is named by
its number, so that an answer typed for one can't reach another; and it is bound to what was printed.
"""

from __future__ import annotations

from pipelock_tui.plain.conversation import MAX_COMMAND, Conversation
from pipelock_tui.plain.keyboard import Keyboard, converse

__all__ = ["MAX_COMMAND", "Conversation", "Keyboard", "converse"]
