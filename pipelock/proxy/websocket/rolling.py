"""What the messages of one direction say together: a secret, or an instruction, cut over several of them.

Strings at the same place of consecutive messages are taken for one text, as services stream it; messages that are no
JSON are one text as they are. Messages that hold a single text each are one text too, wherever it stands in them. Each
message is judged by itself, and once more its beginning with the ends of the texts that it continues.
"""

from __future__ import annotations

import sys

import msgspec

from pipelock.model import Decision
from pipelock.proxy.bodies._deltas import read_data
from pipelock.proxy.bodies._tails import Tails

__all__ = ["MAX_LEAD", "Look", "Rolling"]

MAX_LEAD = 2048
"""Bytes of a text's beginning that are judged with what went before: its own content was judged without."""
MAX_TEXTS = 8
"""Texts of one message, likewise."""

_BINARY = "\x00binary"
_SINGLE = "\x00single"


class _Part(msgspec.Struct, gc=False):
    """A piece of one text, and what it continues."""

    place: str
    context: bytes
    piece: bytes


class Look(msgspec.Struct, gc=False):
    """A message and what it continues.

    Attributes:
        body: The beginnings of its texts behind what they continue; empty where nothing went before.
        seen: How many bytes at the start of `body` are known.
        context: Where the message is one text from its first byte to its last: what that continues. `None` where it
            is not.
    """

    body: bytes
    seen: int
    context: bytes | None
    parts: tuple[_Part, ...]


class Rolling:
    """Remembers the ends of at most 64 texts, 4 KiB each.

    Args:
        speaks: What is looked for is sentences and not keys: messages of several words each begin a line, as whoever
            reads them sees them. (Words that a line's end cuts in two are read by those who look for sentences.)
    """

    def __init__(self, *, speaks: bool = False) -> None:
        self._tails = Tails()
        self._speaks = speaks

    def look(self, data: bytes) -> Look:
        """Read a message; binary data that is UTF-8 counts as text. Linear in its length."""
        texts: dict[str, list[bytes]] = {}
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            texts[_BINARY] = [data]
        else:
            for place, piece in read_data(text).texts:
                texts.setdefault(place, []).append(piece.encode("utf-8", "replace"))
        parts: list[_Part] = []
        for place, pieces in texts.items():
            whole = b"".join(pieces)
            context = self._continued(place, whole) if len(parts) < MAX_TEXTS else b""
            parts.append(_Part(place, context, whole))
        is_single = len(parts) == 1
        if is_single:
            parts.append(_Part(_SINGLE, self._continued(_SINGLE, parts[0].piece), parts[0].piece))
        going_on = tuple(dict.fromkeys((part.context, part.piece[:MAX_LEAD]) for part in parts if part.context))
        first = going_on[0][0] if going_on else b""
        is_one = is_single and len(going_on) < 2 and len(parts[0].piece) == len(data)
        body = b"\n".join([context + piece for context, piece in going_on])
        return Look(body, len(first), first if is_one else None, tuple(parts))

    def _continued(self, place: str, piece: bytes) -> bytes:
        """What `piece` continues."""
        context = self._tails.at(place).context(piece)
        is_sentence = self._speaks and b" " in piece and context[-1:].isalnum() and piece[:1].isalnum()
        return context + b"\n" if is_sentence else context

    def passed(self, look: Look, first: Decision | None, second: Decision | None = None) -> None:
        """It went on, though perhaps not without a word: `first` about it alone, `second` with what it continues."""
        ends = [0, *_ends(first, 0), *_ends(second, look.seen)]
        for part in look.parts:
            tail = self._tails.at(part.place)
            if len(ends) == 1:
                tail.add(part.context, part.piece)
            else:
                # What was found and let through is not to be found again with every message that follows.
                tail.replace(part.piece[max(ends) :] if look.context is not None else b"")


def _ends(decision: Decision | None, before: int) -> list[int]:
    """Where in a message that is one text the findings end; `before` bytes were judged in front of it."""
    if decision is None:
        return []
    findings = (*decision.findings, *decision.suppressed)
    return [finding.span.end - before if finding.span is not None else sys.maxsize for finding in findings]
