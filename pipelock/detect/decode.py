r"""Encodings that hide a text inside a text, undone layer by layer.

A small pattern database (the gate) tells in one pass which encodings can be there; only those are tried. Each result
knows the way it came by, from the outside in, and what it was made of, so that a match in it leads back. Formats:
base64, base32 and hexadecimal (RFC 4648), percent (RFC 3986), quoted-printable (RFC 2045), character references (HTML),
backslash escapes (JSON and its relatives), control sequences (ECMA-48), base85, base58, uuencode, numbers in a row,
compressed data, ROT13.

Limits: eight layers; the derived texts of one input hold at most eight times its size plus 256 KiB, those that were
reversed or shifted (ROT13) half of that on their own, those that were compressed four times the size of their input
plus 256 KiB. Whoever asks is told when a limit was met. Every decoder is linear in its input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from pipelock.detect._bases import base58_runs, base85_runs, uuencoded
from pipelock.detect._escapes import entities, escapes, percent, printable
from pipelock.detect._gates import Gate, Gates
from pipelock.detect._glued import glued_texts, unwrapped
from pipelock.detect._groups import LOOSE, char_codes, hex_groups, spelled_out
from pipelock.detect._packed import is_packed, packed_parts
from pipelock.detect._runs import SHORTEST, Run, hidden_runs, long_runs
from pipelock.detect._stretches import is_noise, strings
from pipelock.detect._terminal import has_sequences, without_sequences

__all__ = ["MAX_DEPTH", "Decoder", "Derivation", "Derived", "Gate", "Undo", "reversed_"]

MAX_DEPTH = 8
"""Layers of encoding that are undone."""
MAX_APART = 64
"""Texts in runs of one input that are looked at one by one; further ones are put together, with a break between."""
_EXTRA = 262_144
_TURNED = 4_096
"""Bytes of a text inside another in which runs are read backwards and shifted back as well."""
_FACTOR = 8
_PACKED_FACTOR = 4
_INVOLUTIONS = frozenset({"rot13", "reversed"})
_BETWEEN = b"\n\x00\n"
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


Undo = Callable[[bytes], bytes]


class Derived(NamedTuple):
    """A text found inside another, and the encodings undone on the way.

    Attributes:
        data: The text.
        path: The encodings.
        parent: What it was found in; `None` for the text that was asked about.
        run: What was decoded, as it stands in the parent (after `undo`, if both are given); empty for all of it.
        undo: What was done to all of the parent; `None` where only a run was decoded.
        memo: What was found out about the way back, by whoever asked.
    """

    data: bytes
    path: tuple[str, ...]
    parent: Derived | None = None
    run: bytes = b""
    undo: Undo | None = None
    memo: dict[str, Any] = {}  # noqa: RUF012 - a default of a tuple; every text that is found gets one of its own

    @property
    def is_loose(self) -> bool:
        """Whether ordinary numbers or letters may read so by chance."""
        return not LOOSE.isdisjoint(self.path)


class Derivation(NamedTuple):
    """What was found hidden in a text.

    Attributes:
        texts: Outer layers first, none twice.
        complete: No limit was met: there is nothing else. Where it is false the text has not been judged.
        cut: Compressed data holds more than was read.
    """

    texts: list[Derived]
    complete: bool
    cut: bool = False


class Decoder:
    """The gate and the decoders behind it. Pure and safe to share between threads.

    Args:
        cache: Directory for the gate's compiled database, or `None`.
        native: Use Hyperscan where it is there.
        spelled: Look for texts of which one character stands at a time.
    """

    def __init__(self, *, cache: Path | None = None, native: bool = True, spelled: bool = False) -> None:
        self._gates = Gates(cache=cache, native=native, spelled=spelled)

    def gates(self, data: bytes) -> list[int]:
        """Which encodings may occur in `data`, as members of `Gate`.

        Raises:
            MatcherError: the matcher failed.
        """
        return self._gates.of(data)

    def has_runs(self, data: bytes) -> bool:
        """Whether `data` has an unbroken run that may be encoded: all that joined values can hide.

        Raises:
            MatcherError: the matcher failed.
        """
        return self._gates.has_runs(data)

    def is_plain(self, data: bytes) -> bool:
        """Whether `derive` would find nothing in `data`, nor in any part of it between line ends.

        Raises:
            MatcherError: the matcher failed.
        """
        gates = self.gates(data)
        return not gates or (_SELECTIVE.issuperset(gates) and next(_runs(data, gates, _EXTRA), None) is None)

    def derive(self, data: bytes, gates: Collection[int]) -> Derivation:
        """Every text hidden in `data`, given what its gate reported.

        Raises:
            MatcherError: the matcher failed.
        """
        budget = _Budget(len(data))
        results: list[Derived] = []
        seen = {data}
        layer = [(Derived(data, ()), gates)]
        depth = 0
        while layer:
            following: list[tuple[Derived, Collection[int]]] = []
            for text, found in layer:
                for step in _decoders(text, found, budget):
                    if step.data in seen or len(step.data) < SHORTEST:
                        continue
                    path = (*text.path, *step.names)
                    paid = budget.pays(step.data, path)
                    if not paid and not _INVOLUTIONS.isdisjoint(path):
                        # Any text can be turned, and a turned one has nothing to hide in all likelihood: it is no
                        # reason to refuse ordinary program text.
                        continue
                    if depth >= MAX_DEPTH or not paid:
                        return Derivation(results, complete=False, cut=budget.cut)
                    seen.add(step.data)
                    derived = Derived(step.data, path, text, step.run, step.undo, {})
                    results.append(derived)
                    inner = [] if step.final else self.gates(step.data)
                    if not _INVOLUTIONS.isdisjoint(path):
                        inner = [gate for gate in inner if gate not in (Gate.ROT13, Gate.REVERSED)]
                    if inner:
                        following.append((derived, inner))
            layer = following
            depth += 1
        return Derivation(results, complete=True, cut=budget.cut)


class _Budget:
    """What the derived texts of one input may hold, in bytes.

    Attributes:
        packed: What may still be unpacked.
        cut: Compressed data held more than that.
    """

    def __init__(self, size: int) -> None:
        self._left = _FACTOR * size + _EXTRA
        self._turned = self._left // 2
        self.packed = _PACKED_FACTOR * size + _EXTRA
        self.cut = False

    def pays(self, text: bytes, path: tuple[str, ...]) -> bool:
        """Take the size of a text off its budget, and tell whether that was enough."""
        if _INVOLUTIONS.isdisjoint(path):
            self._left -= len(text)
            return self._left >= 0
        self._turned -= len(text)
        return self._turned >= 0

    def unpacked(self, size: int, *, cut: bool) -> None:
        """Note what was unpacked. What is unpacked is paid for here alone."""
        self.packed = max(self.packed - size, 0)
        self._left += size
        self.cut = self.cut or cut


class _Step(NamedTuple):
    """One decoding: names, result, what was decoded (`Derived`), and whether another step's result holds it all."""

    names: tuple[str, ...]
    data: bytes
    run: bytes = b""
    undo: Undo | None = None
    final: bool = False


_SELECTIVE = frozenset(
    {Gate.RUN, Gate.HEX_GROUPS, Gate.CODES, Gate.SPELLED, Gate.BASE85, Gate.BASE58, Gate.UU}
)  # fmt: skip
"""Gates behind which single runs are decoded."""


def _decoders(text: Derived, gates: Collection[int], budget: _Budget) -> Iterator[_Step]:
    """The selective decoders first: what they find costs little, however large the text. Of noise the strings count."""
    data = text.data
    turns = not text.path or (len(data) <= _TURNED and _INVOLUTIONS.isdisjoint(text.path))
    yield from _run_steps(data, gates, budget, turns=turns)
    if Gate.CONTROL in gates and is_packed(data):
        for at, packed in packed_parts(data, budget.packed):
            budget.unpacked(len(packed.data), cut=packed.cut)
            yield _Step((packed.name,), packed.data, data[at:])
    if is_noise(data):
        # To respell all of it would give more noise.
        yield _Step(("strings",), strings(data), undo=strings)
        return
    yield from _spellings(data, gates, outermost=not text.path)
    if Gate.ROT13 in gates:
        yield _Step(("rot13",), rot13(data), undo=rot13)
    if Gate.REVERSED in gates:
        yield _Step(("reversed",), reversed_(data), undo=reversed_)


def _run_steps(data: bytes, gates: Collection[int], budget: _Budget, *, turns: bool) -> Iterator[_Step]:
    runs: list[tuple[Run, Undo | None]] = [(one, None) for one in _runs(data, gates, budget.packed)]
    if Gate.WRAPPED in gates:
        runs += [(one, unwrapped) for one in _letter_runs(unwrapped(data), budget.packed)]
    for one, _ in runs:
        if one.inner:
            budget.unpacked(len(one.text), cut=one.cut)
    if Gate.RUN in gates and turns:
        for name, turn, one in _turned_runs(data, budget.packed):
            if one.inner:
                budget.unpacked(len(one.text), cut=one.cut)
            names = (name, one.name, one.inner) if one.inner else (name, one.name)
            yield _Step(names, one.text, turn(one.run))
    for one, undo in runs if len(runs) <= MAX_APART else _gathered(runs):
        yield _Step((one.name, one.inner) if one.inner else (one.name,), one.text, one.run, undo)


def rot13(data: bytes) -> bytes:
    """`data` with its letters shifted by half the alphabet."""
    return data.translate(_ROT13)


def reversed_(data: bytes) -> bytes:
    """`data` from its end to its start."""
    return data[::-1]


def _runs(data: bytes, gates: Collection[int], limit: int) -> Iterator[Run]:
    """What single runs hide, by the gates that ask for it; of compressed data `limit` bytes."""
    if Gate.RUN in gates:
        yield from _letter_runs(data, limit)
    for gate, decoder in _RUN_DECODERS:
        if gate in gates:
            yield from decoder(data)


_RUN_DECODERS: tuple[tuple[Gate, Callable[[bytes], Iterator[Run]]], ...] = (
    (Gate.HEX_GROUPS, hex_groups),
    (Gate.CODES, char_codes),
    (Gate.SPELLED, spelled_out),
    (Gate.BASE85, base85_runs),
    (Gate.BASE58, base58_runs),
    (Gate.UU, uuencoded),
)


def _letter_runs(data: bytes, limit: int) -> Iterator[Run]:
    """What runs hide from their start, and from anywhere else."""
    whole = set()
    for one in hidden_runs(data, limit):
        whole.add(one.text)
        yield one
    for name, text in glued_texts(data):
        if text not in whole:
            yield Run(name, text)


def _turned_runs(data: bytes, limit: int) -> Iterator[tuple[str, Undo, Run]]:
    """What the first 64 runs hide when they are read from their end, or shifted back; nothing tells such runs apart.

    Of compressed data `limit` bytes are read each way.
    """
    runs = b" ".join(long_runs(data)[:MAX_APART])
    for name, turn in (("reversed", reversed_), ("rot13", rot13)):
        yield from ((name, turn, one) for one in hidden_runs(turn(runs), limit, blind=0))


def _spellings(data: bytes, gates: Collection[int], *, outermost: bool) -> Iterator[_Step]:
    """The text with its characters spelled plainly.

    Where several notations are met all are undone at once, so that a text in which they are mixed does not fork into
    every order of undoing them. At the outermost layer each is undone alone as well, and not followed any further.
    """
    chosen = [(name, undo) for gate, name, undo in _WHOLE if gate in gates]
    if Gate.CONTROL in gates and has_sequences(data):
        yield _Step(("terminal",), _spaced_sequences(data), undo=_spaced_sequences, final=True)
        chosen.append(("terminal", without_sequences))
    if len(chosen) > 1 and outermost:
        for name, undo in chosen:
            yield _Step((name,), undo(data), undo=undo, final=True)
    plain = data
    steps: list[tuple[str, Undo]] = []
    for name, undo in chosen:
        undone = undo(plain)
        if undone != plain:
            steps.append((name, undo))
            plain = undone
    if steps:
        yield _Step(tuple(name for name, _ in steps), plain, undo=_all_of([undo for _, undo in steps]))


def _spaced_sequences(data: bytes) -> bytes:
    return without_sequences(data, b" ")


def _all_of(steps: Sequence[Undo]) -> Undo:
    return lambda data: reduce(lambda text, undo: undo(text), steps, data)


# Soft line breaks stand anywhere, in the middle of another encoding too, so they go first.
_WHOLE: tuple[tuple[Gate, str, Undo], ...] = (
    (Gate.PRINTABLE, "quoted-printable", printable),
    (Gate.PERCENT, "url", percent),
    (Gate.ENTITY, "html", entities),
    (Gate.ESCAPE, "escape", escapes),
)


def _gathered(runs: Sequence[tuple[Run, Undo | None]]) -> Iterator[tuple[Run, Undo | None]]:
    """The first texts apart, all further ones of an encoding as one: none is left out because others came first."""
    yield from runs[:MAX_APART]
    rest: dict[tuple[str, str], list[bytes]] = {}
    for one, _ in runs[MAX_APART:]:
        rest.setdefault((one.name, one.inner), []).append(one.text)
    for (name, inner), texts in rest.items():
        yield Run(name, _BETWEEN.join(texts), inner=inner), None
