r"""Encodings that hide a text inside a text, undone layer by layer.

A small pattern database (the gate) tells in one pass which encodings can be there; only those are tried. Each result
knows the way it came by, from the outside in. Formats: base64 and base32 (RFC 4648), percent (RFC 3986), character
references (HTML), backslash escapes (JSON and its relatives), control sequences (ECMA-48), ROT13.

Limits: eight layers; the derived texts of one input hold at most eight times its size plus 256 KiB, those that were
reversed or shifted (ROT13) half of that on their own. Whoever asks is told when a limit was met. Every decoder is
linear in its input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from pipelock.detect._escapes import entities, escapes, percent
from pipelock.detect._glued import glued_texts, unwrapped
from pipelock.detect._pattern import for_bytes
from pipelock.detect._runs import RUN, SHORTEST, hidden_runs, spaced_hex
from pipelock.detect._terminal import has_sequences, without_sequences
from pipelock.detect.matcher import Matcher

__all__ = ["MAX_DEPTH", "Decoder", "Derivation", "Derived", "Gate"]

MAX_DEPTH = 8
"""Layers of encoding that are undone."""
MAX_APART = 64
"""Texts in runs of one input that are looked at one by one; further ones are put together, with a break between."""
_EXTRA = 262_144
_FACTOR = 8
_INVOLUTIONS = frozenset({"rot13", "reversed"})
_BETWEEN = b"\n\x00\n"
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


class Gate(IntEnum):
    """What the gate can report."""

    CONTROL = 0
    RUN = 1
    PERCENT = 2
    ENTITY = 3
    ESCAPE = 4
    SPACED_HEX = 5
    ROT13 = 6
    REVERSED = 7
    WRAPPED = 8
    TAGGED = 9


_GATE_PATTERNS = {
    Gate.CONTROL: r"[\x00-\x08\x0e-\x1f\x7f]|(?-i:\xc2\x9b)",
    Gate.RUN: rf"[A-Za-z0-9+/_-]{{{RUN}}}",
    Gate.PERCENT: r"%[0-9A-Fa-f]{2}",
    Gate.ENTITY: r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    Gate.ESCAPE: r"\\(?:[\\nrtbfvae\"'/`\n]|u[0-9A-Fa-f{]|x[0-9A-Fa-f]{2}|[0-7]{2}|0)",
    # One alternative for each delimiter: as a class the automaton is five times slower.
    Gate.SPACED_HEX: (
        r"[0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}:|[0-9a-f]-[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-"
        r"|[0-9a-f],[0-9a-f]{2},[0-9a-f]{2},[0-9a-f]{2},|[0-9a-f] [0-9a-f]{2} [0-9a-f]{2} [0-9a-f]{2} "
        r"|0x[0-9a-f]{2}[ ,]{1,2}0x"
    ),
    Gate.ROT13: r"vtaber|qvfertneq|vafgehpgvba|cerivbhf|flfgrz cebzcg|fx-nag|tuc_|nxvn",
    Gate.REVERSED: r"erongi|drager|snoitcurtsni|suoiverp|tpmorp metsys",
    Gate.WRAPPED: r"[A-Za-z0-9+/]{16}[\\\"']{0,2}[ \t+,]{0,3}\r?\n[ \t>\"']{0,40}[A-Za-z0-9+/]",
    Gate.TAGGED: r"[a-z](?:<[^<>]{1,80}>|\*\*|<!--)[a-z]",
}


class Derived(NamedTuple):
    """A text found inside another, and the encodings undone on the way."""

    data: bytes
    path: tuple[str, ...]


class Derivation(NamedTuple):
    """What was found hidden in a text.

    Attributes:
        texts: Outer layers first, none twice.
        complete: No limit was met: there is nothing else. Where it is false the text has not been judged.
    """

    texts: list[Derived]
    complete: bool


class Decoder:
    """The gate and the decoders behind it. Pure and safe to share between threads.

    Args:
        cache: Directory for the gate's compiled database, or `None`.
        native: Use Hyperscan where it is there.
    """

    def __init__(self, *, cache: Path | None = None, native: bool = True) -> None:
        self._gate = Matcher([for_bytes(_GATE_PATTERNS[gate]) for gate in Gate], cache=cache, native=native)

    def gates(self, data: bytes) -> list[int]:
        """Which encodings may occur in `data`, as members of `Gate`.

        Raises:
            MatcherError: the matcher failed.
        """
        return self._gate.propose(data)

    def is_plain(self, data: bytes) -> bool:
        """Whether `derive` would find nothing in `data`, nor in any part of it between line ends.

        Raises:
            MatcherError: the matcher failed.
        """
        gates = self.gates(data)
        return not gates or (gates == [Gate.RUN] and next(_run_texts(data), None) is None)

    def derive(self, data: bytes, gates: Collection[int]) -> Derivation:
        """Every text hidden in `data`, given what its gate reported.

        Raises:
            MatcherError: the matcher failed.
        """
        results: list[Derived] = []
        seen = {data}
        budgets = {False: _FACTOR * len(data) + _EXTRA, True: (_FACTOR * len(data) + _EXTRA) // 2}
        layer = [(Derived(data, ()), gates)]
        depth = 0
        while layer:
            following: list[tuple[Derived, Collection[int]]] = []
            for text, found in layer:
                for names, decoded, final in _decoders(text, found):
                    if decoded in seen or len(decoded) < SHORTEST:
                        continue
                    path = (*text.path, *names)
                    turned = not _INVOLUTIONS.isdisjoint(path)
                    budgets[turned] -= len(decoded)
                    if budgets[turned] < 0 or depth >= MAX_DEPTH:
                        return Derivation(results, complete=False)
                    seen.add(decoded)
                    derived = Derived(decoded, path)
                    results.append(derived)
                    inner = [] if final else self.gates(decoded)
                    if turned:
                        inner = [gate for gate in inner if gate not in (Gate.ROT13, Gate.REVERSED)]
                    if inner:
                        following.append((derived, inner))
            layer = following
            depth += 1
        return Derivation(results, complete=True)


_Step = tuple[tuple[str, ...], bytes, bool]
"""Names of what was undone, the result, and whether another text that is also given holds all that is hidden in it."""


def _decoders(text: Derived, gates: Collection[int]) -> Iterator[_Step]:
    """The selective decoders first: what they find costs little, however large the text."""
    data = text.data
    runs: list[tuple[str, bytes]] = []
    if Gate.SPACED_HEX in gates:
        runs.extend(spaced_hex(data))
    if Gate.RUN in gates:
        runs.extend(_run_texts(data))
    if Gate.WRAPPED in gates:
        runs.extend(_run_texts(unwrapped(data)))
    for name, decoded in runs if len(runs) <= MAX_APART else _gathered(runs):
        yield (name,), decoded, False
    yield from _spellings(text, gates)
    if Gate.ROT13 in gates:
        yield ("rot13",), data.translate(_ROT13), False
    if Gate.REVERSED in gates:
        yield ("reversed",), data[::-1], False


def _run_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What runs hide from their start, and from anywhere else."""
    whole = set()
    for name, text in hidden_runs(data):
        whole.add(text)
        yield name, text
    for name, text in glued_texts(data):
        if text not in whole:
            yield name, text


def _spellings(text: Derived, gates: Collection[int]) -> Iterator[_Step]:
    """The text with its characters spelled plainly.

    Where several notations are met all are undone at once, so that a text in which they are mixed does not fork into
    every order of undoing them. At the outermost layer each is undone alone as well, and not followed any further.
    """
    data = text.data
    chosen = [(name, undo) for gate, name, undo in _WHOLE if gate in gates]
    sequences = Gate.CONTROL in gates and has_sequences(data)
    if sequences:
        yield ("terminal",), without_sequences(data, b" "), True
        chosen.append(("terminal", without_sequences))
    if len(chosen) > 1 and not text.path:
        for name, undo in chosen:
            yield (name,), undo(data), True
    names: list[str] = []
    for name, undo in chosen:
        undone = undo(data)
        if undone != data:
            names.append(name)
            data = undone
    if names:
        yield tuple(names), data, False


_WHOLE: tuple[tuple[Gate, str, Callable[[bytes], bytes]], ...] = (
    (Gate.PERCENT, "url", percent),
    (Gate.ENTITY, "html", entities),
    (Gate.ESCAPE, "escape", escapes),
)


def _gathered(runs: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The first texts apart, all further ones of an encoding as one: none is left out because others came first."""
    yield from runs[:MAX_APART]
    rest: dict[str, list[bytes]] = {}
    for name, text in runs[MAX_APART:]:
        rest.setdefault(name, []).append(text)
    for name, texts in rest.items():
        yield name, _BETWEEN.join(texts)
