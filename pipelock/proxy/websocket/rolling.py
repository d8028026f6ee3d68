"""What the messages of one direction say together: a secret, or an instruction, cut over several of them.

Strings at the same place of consecutive messages are taken for one text, as services stream it; messages that are no
JSON are one text as they are. Each message is judged by itself, and once more its beginning with the ends of the texts
that it continues.
"""

from __future__ import annotations

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


class _Part(msgspec.Struct, gc=False):
    """A piece of one text, and what it continues."""

    place: str
    context: bytes
    piece: bytes


class Look(msgspec.Struct, gc=False):
    """A message and what it continues.

    Attributes:
        body: What is to be judged of it; empty where nothing went before.
        seen: How many bytes at the start of `body` are known.
    """

    body: bytes
    seen: int
    parts: tuple[_Part, ...]


class Rolling:
    """Remembers the ends of at most 64 texts, 4 KiB each."""

    def __init__(self) -> None:
        self._tails = Tails()

    def look(self, data: bytes, *, is_binary: bool) -> Look:
        """Read a message that has been judged by itself. Linear in its length."""
        texts: dict[str, list[bytes]] = {}
        if is_binary:
            texts[_BINARY] = [data]
        else:
            for place, piece in read_data(data.decode("utf-8", "replace")).texts:
                texts.setdefault(place, []).append(piece.encode("utf-8", "replace"))
        parts: list[_Part] = []
        for place, pieces in texts.items():
            whole = b"".join(pieces)
            context = self._tails.at(place).context(whole) if len(parts) < MAX_TEXTS else b""
            parts.append(_Part(place, context, whole))
        going_on = [part for part in parts if part.context]
        body = b"\n".join([part.context + part.piece[:MAX_LEAD] for part in going_on])
        return Look(body, len(going_on[0].context) if going_on else 0, tuple(parts))

    def passed(self, look: Look, *decisions: Decision) -> None:
        """It went on, though perhaps not without a word."""
        findings = [finding for one in decisions for finding in (*one.findings, *one.suppressed)]
        for part in look.parts:
            tail = self._tails.at(part.place)
            if not findings:
                tail.add(part.context, part.piece)
            elif len(look.parts) == 1 and all(finding.span is not None for finding in findings):
                # What was found and let through is not to be found again with every message that follows.
                at = max(finding.span.end for finding in findings if finding.span is not None)
                tail.replace(part.piece[at:])
            else:
                tail.replace(b"")
