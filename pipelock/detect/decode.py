r"""Encodings that hide a text inside a text, undone layer by layer.

A small pattern database (the gate) tells in one pass which encodings can be there; only those are tried. Each result
knows the way it came by, from the outside in. Formats: base64 and base32 (RFC 4648), percent (RFC 3986), character
references (HTML), `\u` and `\x` escapes (JSON and its relatives), ROT13.

Limits: eight layers; a layer is not looked into once the derived texts of one input exceed four times its size plus
64 KiB. Every decoder is linear in its input.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from pipelock.detect._escapes import entities, escapes, percent
from pipelock.detect._pattern import for_bytes
from pipelock.detect._runs import RUN, SHORTEST, hidden_runs, spaced_hex
from pipelock.detect.matcher import Matcher

__all__ = ["MAX_DEPTH", "Decoder", "Derived", "Gate"]

MAX_DEPTH = 8
"""Layers of encoding that are undone."""
MAX_APART = 64
"""Texts in runs of one input that are looked at one by one; further ones are put together, with a break between."""
_EXTRA = 65_536
_FACTOR = 4
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
    Gate.CONTROL: r"[\x00-\x08\x0e-\x1f\x7f]",
    Gate.RUN: rf"[A-Za-z0-9+/_-]{{{RUN}}}",
    Gate.PERCENT: r"%[0-9A-Fa-f]{2}",
    Gate.ENTITY: r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    Gate.ESCAPE: r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})",
    # One alternative for each delimiter: as a class the automaton is five times slower.
    Gate.SPACED_HEX: (
        r"[0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}:|[0-9a-f]-[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-"
        r"|[0-9a-f],[0-9a-f]{2},[0-9a-f]{2},[0-9a-f]{2},|[0-9a-f] [0-9a-f]{2} [0-9a-f]{2} [0-9a-f]{2} "
        r"|0x[0-9a-f]{2}[ ,]{1,2}0x"
    ),
    Gate.ROT13: r"vtaber|qvfertneq|vafgehpgvba|cerivbhf|flfgrz cebzcg|fx-nag|tuc_|nxvn",
    Gate.REVERSED: r"erongi|drager|snoitcurtsni|suoiverp|tpmorp metsys",
    Gate.WRAPPED: r"[A-Za-z0-9+/]{48}\r?\n[A-Za-z0-9+/]",
    Gate.TAGGED: r"[a-z](?:<[^<>]{1,80}>|\*\*|<!--)[a-z]",
}


class Derived(NamedTuple):
    """A text found inside another, and the encodings undone on the way."""

    data: bytes
    path: tuple[str, ...]


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

    def derive(self, data: bytes, gates: Collection[int]) -> list[Derived]:
        """Every text hidden in `data`, given what its gate reported; outer layers first, without repetition.

        Raises:
            MatcherError: the matcher failed.
        """
        results: list[Derived] = []
        seen = {data}
        budget = _FACTOR * len(data) + _EXTRA
        layer = [(Derived(data, ()), gates)]
        for _ in range(MAX_DEPTH):
            following: list[tuple[Derived, Collection[int]]] = []
            for text, found in layer:
                for name, decoded in _decoders(text.data, found):
                    if decoded in seen or len(decoded) < SHORTEST:
                        continue
                    budget -= len(decoded)
                    if budget < 0:
                        return results
                    seen.add(decoded)
                    derived = Derived(decoded, (*text.path, name))
                    results.append(derived)
                    inner = self.gates(decoded)
                    if name in _INVOLUTIONS:
                        inner = [gate for gate in inner if gate not in (Gate.ROT13, Gate.REVERSED)]
                    if inner:
                        following.append((derived, inner))
            if not following:
                break
            layer = following
        return results


def _decoders(data: bytes, gates: Collection[int]) -> Iterator[tuple[str, bytes]]:
    if Gate.PERCENT in gates:
        yield "url", percent(data)
    if Gate.ENTITY in gates:
        yield "html", entities(data)
    if Gate.ESCAPE in gates:
        yield "escape", escapes(data)
    if Gate.ROT13 in gates:
        yield "rot13", data.translate(_ROT13)
    if Gate.REVERSED in gates:
        yield "reversed", data[::-1]
    runs: list[tuple[str, bytes]] = []
    if Gate.SPACED_HEX in gates:
        runs.extend(spaced_hex(data))
    if Gate.RUN in gates:
        runs.extend(hidden_runs(data))
    if Gate.WRAPPED in gates:
        runs.extend(hidden_runs(data.replace(b"\r", b"").replace(b"\n", b"")))
    yield from runs if len(runs) <= MAX_APART else _gathered(runs)


def _gathered(runs: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The first texts apart, all further ones of an encoding as one: none is left out because others came first."""
    yield from runs[:MAX_APART]
    rest: dict[str, list[bytes]] = {}
    for name, text in runs[MAX_APART:]:
        rest.setdefault(name, []).append(text)
    for name, texts in rest.items():
        yield name, _BETWEEN.join(texts)
