"""From the blocks of a stream to what is judged, and back to what is forwarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pipelock.model import Decision, Finding
from pipelock.proxy.bodies._deltas import Family, Reading, read_data
from pipelock.proxy.bodies._tails import RECENT, Tails
from pipelock.proxy.bodies.sse import Event, StreamFormat, read

__all__ = ["Ask", "Reader", "Work"]

MAX_CONTEXTS = 8
"""Texts of one judgement that bring along what went before; a ninth in the same event is judged without."""
MAX_LABELS = 1024
"""Labels of a stream that are remembered as judged, of at most `_LABEL` characters."""
_LABEL = 256
_ALWAYS_KEPT = 64
_TOKEN = 8
"""Characters of a run that is taken for a token: no word."""
_TOKEN_CHARS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/+=."
_QUOTED = 240
"""Bytes of a quotation that is waited for: what is longer is none that rules would know."""
_MARKS = (b'"', b"`")
_PAIRS = (("\u201c".encode(), "\u201d".encode()), ("\u00ab".encode(), "\u00bb".encode()))
_NO_END = bytes(byte for byte in range(0x21, 0x100) if byte not in b"\"'/<>@?#`\\")
"""What stands in a password; what does not ends it."""
_FIELDS = frozenset({"event", "id", "retry"})
_ASIDE = "\0aside"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Ask:
    """One text to be judged; the first `seen` bytes of `body` have gone on before, and are no news."""

    body: bytes
    seen: int = 0
    content_type: str = _TEXT


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of one text in an `Ask`, behind its context."""

    place: str
    context: bytes
    piece: bytes


@dataclass(slots=True)
class Work:
    """Blocks that are judged together.

    Attributes:
        raw: Their bytes, which are forwarded.
        asks: What is judged, one after the other; the first is their text.
    """

    raw: bytes
    asks: tuple[Ask, ...]
    parts: tuple[_Part, ...] = ()
    labels: tuple[str, ...] = ()
    event: Event | None = None
    reading: Reading | None = None

    @property
    def is_open(self) -> bool:
        """Whether its first text breaks off where what follows may change what it means."""
        text = self._text
        return _token_at_end(text) or _open_quote(text) >= 0

    def may_change(self, findings: Sequence[Finding]) -> bool:
        """Whether what follows may take away all of `findings`, which its first ask has.

        What ends with the text may be the beginning of a longer token, such as a hash, that is nothing. And what stands
        in quotation marks may be an example that is written about, which shows when they are closed.
        """
        text = self._text
        spans = [finding.span for finding in findings if finding.span is not None]
        if len(spans) < len(findings):
            return False
        if _token_at_end(text) and all(span.end == len(text) for span in spans):
            return True
        quote = _open_quote(text)
        return quote >= 0 and all(quote <= span.start and span.end <= len(text) for span in spans)

    @property
    def is_in_password(self) -> bool:
        """Whether its first text breaks off inside what may be the password of a URL, which the host will show."""
        end = self._text[-_QUOTED:]
        start = end.rfind(b"://")
        secret = end[start:].partition(b":")[2].partition(b":")[2] if start >= 0 else b""
        # (Digits are a port.)
        return bool(secret) and not secret.isdigit() and not secret.strip(_NO_END) and b"/" not in end[start + 3 :]

    @property
    def _text(self) -> bytes:
        return self.parts[0].context + self.parts[0].piece if self.parts else b""


def _token_at_end(text: bytes) -> bool:
    end = text[-64:]
    token = end[len(end.rstrip(_TOKEN_CHARS)) :]
    return len(token) >= _TOKEN and not token.isalpha()


def _open_quote(text: bytes) -> int:
    """Where the quotation begins that is not closed yet, in the last line and bytes of `text`; -1 if there is none."""
    end = text[-_QUOTED:]
    end = end[end.rfind(b"\n") + 1 :]
    found = max(end.rfind(mark) if end.count(mark) % 2 else -1 for mark in _MARKS)
    for opening, closing in _PAIRS:
        at = end.rfind(opening)
        if at > end.rfind(closing):
            found = max(found, at)
    return found if found < 0 else len(text) - len(end) + found


class Reader:
    """Reads one stream. Remembers the ends of its texts, which labels were judged, and whose format it has."""

    def __init__(self, stream: StreamFormat) -> None:
        self.family = Family()
        self._stream = stream
        self._tails = Tails()
        self._labels: set[str] = set()
        self._is_first = True
        self._policy = ""

    def read(self, blocks: Sequence[bytes]) -> Work:
        """What is to be judged of `blocks`, which arrived together.

        Raises:
            ValueError: they are not UTF-8, or damaged frames.
        """
        firsts = [self._is_first, *[False] * (len(blocks) - 1)]
        events = [read(self._stream, block, is_first=is_first) for block, is_first in zip(blocks, firsts, strict=True)]
        readings = [read_data(event.data) for event in events]
        for reading in readings:
            self.family.see(reading.document)
        labels = self._news(events, readings)
        parts = self._parts(events, readings)
        lines = [part.context + part.piece for part in parts]
        if labels:
            lines.append("\n".join(labels).encode("utf-8", "replace"))
        text = Ask(b"\n".join(lines), max(0, len(parts[0].context) - RECENT) if parts else 0)
        whole = [
            Ask(event.data.encode("utf-8", "replace"), content_type=_JSON)
            for event, reading in zip(events, readings, strict=True)
            if reading.is_doubtful or (isinstance(reading.document, dict) and "jsonrpc" in reading.document)
        ]
        only = len(blocks) == 1
        return Work(
            b"".join(blocks),
            (text, *whole),
            parts,
            labels,
            events[0] if only else None,
            readings[0] if only else None,
        )

    def _news(self, events: Sequence[Event], readings: Sequence[Reading]) -> tuple[str, ...]:
        """The labels that were not judged in this stream before."""
        found: dict[str, None] = {}
        for event, reading in zip(events, readings, strict=True):
            for label in (*event.others, *reading.labels):
                if label not in self._labels:
                    found[label] = None
        return tuple(found)

    def _parts(self, events: Sequence[Event], readings: Sequence[Reading]) -> tuple[_Part, ...]:
        texts: dict[str, list[str]] = {}
        for event, reading in zip(events, readings, strict=True):
            # Clients that tell events apart by name don't join the texts of two kinds.
            for place, piece in reading.texts:
                texts.setdefault(event.kind + place, []).append(piece)
            if self._stream is StreamFormat.SSE:
                for line in event.others:
                    self._take_aside(line, texts)
        parts: list[_Part] = []
        for place, pieces in texts.items():
            text = "".join(pieces).encode("utf-8", "replace")
            context = self._tails.at(place).context(text) if len(parts) < MAX_CONTEXTS else b""
            parts.append(_Part(place, context, text))
        return tuple(parts)

    def _take_aside(self, line: str, texts: dict[str, list[str]]) -> None:
        """Take a line that clients pass over, a comment or no field at all: who sees the raw stream reads those too.

        What has passed last and comes once more, as signs of life do, adds nothing.
        """
        name, _, rest = line.partition(":")
        if name in _FIELDS:
            return
        piece = (line if name else rest) + "\n"
        if not self._tails.at(_ASIDE).context(b"").endswith(piece.encode("utf-8")):
            texts.setdefault(_ASIDE, []).append(piece)

    def passed(self, work: Work, decisions: Sequence[Decision]) -> None:
        """`work` goes on as it is; `decisions` are what was said of its asks."""
        self._is_first = False
        self.family.passed()
        if any(decision.policy != self._policy for decision in decisions):
            # Under another policy labels must be looked at again.
            self._policy = decisions[-1].policy
            self._labels.clear()
        if len(self._labels) + len(work.labels) > MAX_LABELS:
            self._labels.clear()
        self._labels.update(label for label in work.labels[:MAX_LABELS] if len(label) <= _LABEL)
        self._remember(work, decisions[0])

    def _remember(self, work: Work, decision: Decision) -> None:
        """Remember the texts of `work`, of which `decision` is what was said.

        What was found and let through is not to be found again with every event that follows. A text is forgotten up to
        the end of what was found in it, and no further: whoever writes the stream could otherwise have half a
        credential forgotten by a comment that is warned about. Where it is not known in which text it was, the last
        bytes of each are kept.
        """
        spans = [finding.span for finding in (*decision.findings, *decision.suppressed)]
        known = [span for span in spans if span is not None]
        start = 0
        for part in work.parts:
            tail, text = self._tails.at(part.place), part.context + part.piece
            inside = [span.end - start for span in known if start < span.end <= start + len(text)]
            if inside:
                tail.replace(text[max(inside) :])
            elif len(known) < len(spans):
                tail.replace(text[-_ALWAYS_KEPT:])
            else:
                tail.add(part.context, part.piece)
            start += len(text) + 1

    def rewritten(self, work: Work, body: bytes) -> bytes:
        """The event of `work` with the text that `body`, the replacement of its first ask, has for it.

        Empty, so that the event is dropped, where that text can't be put back in its place: several were judged
        together, or what is to go reaches back into what has gone on.
        """
        self._is_first = False
        self.family.dropped()
        event, reading = work.event, work.reading
        labels = "\n".join(work.labels).encode("utf-8", "replace")
        behind = b"\n" + labels if labels else b""
        before = work.parts[0].context if work.parts else b""
        if (
            self._stream is StreamFormat.FRAMES
            or event is None
            or reading is None
            or len(reading.texts) != 1
            or len(work.parts) != 1
            or reading.is_doubtful
        ):
            return b""
        if not body.startswith(before) or not body.endswith(behind) or len(body) < len(before) + len(behind):
            return b""
        piece = body[len(before) : len(body) - len(behind)]
        text = piece.decode("utf-8", "replace")
        self._tails.at(work.parts[0].place).add(work.parts[0].context, piece)
        return self._block(event, self._with_text(reading, text))

    @staticmethod
    def _with_text(reading: Reading, text: str) -> str:
        if not reading.slots:
            return text
        node, key = reading.slots[0]
        node[key] = text  # type: ignore[index]  # a key goes with a dict, a position with a list
        return msgspec.json.encode(reading.document).decode("utf-8")

    def _block(self, event: Event, data: str) -> bytes:
        if self._stream is StreamFormat.LINES:
            return data.encode("utf-8") + b"\n"
        # What is not LF ends a line as well, and a line of the text must not become a field.
        lines = [*event.others, *(f"data: {line}" for line in data.replace("\r", "\n").split("\n"))]
        return "\n".join(lines).encode("utf-8") + b"\n\n"
