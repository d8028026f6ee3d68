"""Secrets that were cut up: pieces of a URL put together again in the ways that senders use.

Joining everything in wire order finds a plain split. Junk between the pieces is what defeats that, so pieces that
look like parts of a token (not words, not small numbers) are also joined without the rest, in the order of their
keys, by equal length, leaving one out, and as ordered choices of two to four. How much is made is bounded, and none
of it for a URL whose values are words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, combinations

from pipelock.detect.entropy import is_identifier, words_share

__all__ = ["MIN_SECRET", "between_noise", "is_cut_up", "is_fragment", "rejoined", "without_noise"]

MIN_SECRET = 16
"""No secret we know is shorter, in characters; shorter joins are not made."""

_NOISE = "./ +,;|\t\r\n"
_LONGEST_PIECE = 256
_MOST_PIECES = 64
_MOST_CHOSEN = 20
_BUDGET = 131_072
_LONGEST_PREFIX = 8
_MANY = 6
_LONGEST_WORD = 24
_MOSTLY = 0.6
_SHORTEST_DIGEST = 32
_HEX = frozenset("0123456789abcdef")
_VOWELS = frozenset("aeiou")


def without_noise(text: str) -> str:
    """`text` without the marks that are put between the characters of a secret: `. / + , ; |` and white space."""
    for mark in _NOISE:
        if mark in text:
            text = text.replace(mark, "")
    return text


@lru_cache(maxsize=8192)
def is_fragment(piece: str) -> bool:
    """Whether `piece` could be cut from a token: mixed, upper-case or unpronounceable, or with an edge like `sk-`."""
    size = len(piece)
    if size < 2 or size > _LONGEST_PIECE or not piece.isascii():
        return False
    if piece.isalpha() and (piece.islower() or piece.istitle()):
        return 3 <= size <= 5 and _VOWELS.isdisjoint(piece.lower())
    if piece.isdigit():
        return size >= 4
    capitals = size <= _LONGEST_WORD and piece.isalnum() and piece.isupper()
    edge = piece[-1] in "-_" or piece[0] in "-_"
    if capitals or edge:
        return True
    # A digest or a UUID is a whole, not a part.
    whole = is_identifier(piece) or (size >= _SHORTEST_DIGEST and _HEX.issuperset(piece))
    return not whole and words_share(piece) < _MOSTLY


def is_cut_up(pieces: Sequence[str]) -> bool:
    """Whether `pieces` could be a cut-up token: one could be a part of one, or many have one or two characters."""
    return any(is_fragment(_judged(piece)) for piece in pieces) or sum(len(piece) <= 2 for piece in pieces) >= _MANY


def between_noise(text: str) -> list[str]:
    """What stands between the marks that `without_noise` removes."""
    for mark in _NOISE[1:]:
        if mark in text:
            text = text.replace(mark, ".")
    return [piece for piece in text.split(".") if piece]


def rejoined(pieces: Sequence[str], keys: Sequence[str] = ()) -> Iterator[str]:
    """Ways to put `pieces` (in wire order, with their `keys` if they have any) together, 128 Ki characters in all.

    The first is the plain join; joins shorter than `MIN_SECRET` are left out. Noise is removed from all. Pieces that
    are not `is_cut_up` are not joined at all: no credential is made of words.
    """
    plain = without_noise("".join(pieces))
    if len(pieces) < 2 or len(plain) < MIN_SECRET or not is_cut_up(pieces):
        return
    yield plain
    own = [index for index, piece in enumerate(pieces) if is_fragment(_judged(piece))][:_MOST_PIECES]
    # A prefix may be a word ("npm", "glpat"): the piece before a fragment is tried with it, but not only with it.
    before = {index - 1 for index in own if index and len(pieces[index - 1]) <= _LONGEST_PREFIX}
    both = sorted(before.union(own))
    if len(both) < 2 or sum(len(pieces[index]) for index in both) < MIN_SECRET:
        return
    cleaned = [without_noise(piece) for piece in pieces]
    if len(own) < 2:
        yield "".join(cleaned[index] for index in both)
        return
    spent = len(plain)
    seen = {plain}
    choices = (own,) if len(both) == len(own) else (own, both)
    for joined in chain.from_iterable(_joins(cleaned, keys, chosen) for chosen in choices):
        if len(joined) < MIN_SECRET or joined in seen:
            continue
        spent += len(joined)
        if spent > _BUDGET:
            return
        seen.add(joined)
        yield joined


def _joins(pieces: Sequence[str], keys: Sequence[str], chosen: Sequence[int]) -> Iterator[str]:
    parts = [pieces[index] for index in chosen]
    yield "".join(parts)
    yield from _runs(pieces, chosen)
    if keys:
        yield "".join(pieces[index] for index in sorted(chosen, key=lambda index: _natural(keys[index])))
    yield "".join(reversed(parts))
    sizes = {len(part) for part in parts}
    if len(sizes) > 1:
        for size in sorted(sizes, reverse=True)[:8]:
            same = [part for part in parts if len(part) == size]
            if len(same) > 1:
                yield "".join(same)
                last = next((part for part in reversed(parts) if len(part) < size), "")
                yield "".join((*same, last))
    for left_out in range(len(parts) if len(parts) <= _MOST_CHOSEN else 0):
        yield "".join(part for index, part in enumerate(parts) if index != left_out)
    for count in (2, 3, 4):
        for some in combinations(parts[:_MOST_CHOSEN], count):
            yield "".join(some)


def _judged(piece: str) -> str:
    """Noise inside a short piece hides what it is; inside a long one (a file name) it shows the words."""
    return without_noise(piece) if len(piece) <= _LONGEST_WORD else piece


def _runs(pieces: Sequence[str], chosen: Sequence[int]) -> Iterator[str]:
    """Joins of neighbours among the chosen, and each of those without its first piece."""
    start = 0
    for end in range(1, len(chosen) + 1):
        if end == len(chosen) or chosen[end] != chosen[end - 1] + 1:
            run = [pieces[index] for index in chosen[start:end]]
            if len(run) > 1:
                yield "".join(run)
                yield "".join(run[1:])
                yield "".join(run[:-1])
            start = end


def _natural(key: str) -> tuple[str, int, str]:
    """Sorts p2 before p10."""
    bare = key.rstrip("0123456789")
    digits = key[len(bare) :][:18]
    return bare, int(digits) if digits.isascii() and digits else 0, key
