"""Keys that stand bare among bytes which were written in hexadecimal or base64.

No rule knows a key without a prefix, and no name tells it where there is none. But whoever pads a key with other bytes
and encodes them all leaves a stretch of forty random letters and digits in the middle of what is no text, and nothing
that programs, pictures or archives hold reads so: their strings are names, paths and sentences, digests end in `=` or
are hexadecimal (among 3.5 GB of libraries, programs and caches are four exceptions). Of random keys one in thirty is
missed, one in fifteen where it has neither `/` nor `+`, one in ten where it holds an English word.

The decoder keeps what is readable in such runs; only that is looked at here, so no other text pays. Linear.
"""

from __future__ import annotations

from binascii import a2b_base64, unhexlify
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice

from pipelock.detect._runs import HEX_DIGITS, long_runs
from pipelock.detect._stretches import TEXT, Kind
from pipelock.detect.decode import Derived
from pipelock.detect.entropy import words_share
from pipelock.detect.views import SEPARATOR, View
from pipelock.detect.watch import Found
from pipelock.model import Severity

__all__ = ["MAX_TOLD", "RULE", "BuriedKeys"]

RULE = "Key in Encoded Data"
MAX_TOLD = 4
"""Most findings of one scan."""

_ENCODINGS = ("hex", "base64", "codes")
_LENGTH = range(40, 48)
"""Characters of a key, 40 to 44, with up to three bytes of what stands beside it that are letters by chance."""
_STRAY = 6
"""Bytes beside it, on both sides together, that are printable by chance."""
_MOST_SIGNS = 6
_TURNS = 13
"""How often a key goes from one kind of character to another at least: random ones do 24 times, those of manuals, which
spell something, less often."""
_WORDS = 0.45
_WORDS_WITHOUT_SIGN = 0.36
"""Most of a key that may read as words, which what compilers make of names does; two random keys of a hundred do."""
_MOST_WORDS = 0.7
"""Most of one that a list of English words may cover. Keys of manuals spell something; the strings of three gigabytes
of programs that pass all other tests hold no words at all, or nothing else."""
_FEWEST = 3
_DIFFERENT = 18
_ALPHABET = bytes(code for code in range(128) if chr(code).isalnum()) + b"+/"
_KINDS = bytes(
    ord("l" if 97 <= code < 123 else "u" if 65 <= code < 91 else "d" if 48 <= code < 58 else "s")
    if code in _ALPHABET
    else 32
    for code in range(256)
)
_MANGLED = b"_Z"
_LOWER = bytes(code if code == ord("l") else 32 for code in range(256))
_CHANGES = (b"lu", b"ul", b"ld", b"dl", b"ud", b"du")
_HEX = Kind(HEX_DIGITS)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BREAKS = bytes.maketrans(b"/+-_", b"    ")
_CONTROLS = bytes([*range(1, 9), *range(14, 27), *range(28, 32), 0])
_GAPS = b" \t\r\n,:;._|"
_IN_HEX = range(2 * _LENGTH.start, 2 * (_LENGTH.stop + _STRAY))
_IN_BASE64 = range(4 * _LENGTH.start // 3, 4 * (_LENGTH.stop + _STRAY) // 3 + 3)


class BuriedKeys:
    """Looks for such keys. Pure, and safe to share between threads."""

    def find(self, views: Sequence[View], host: str = "") -> list[Found]:
        """The first keys, at most `MAX_TOLD`, wherever they are bound. Linear in the size of the views."""
        refused: set[bytes] = set()
        found = (
            Found(RULE, "a key among encoded bytes", view, start, end, Severity.HIGH)
            for view in views
            if view.path and view.derived is not None
            for start, end in _keys(view.data, view.path[-1], view.derived, refused)
        )
        return list(islice(found, MAX_TOLD))


def _keys(data: bytes, encoding: str, derived: Derived, refused: set[bytes]) -> Iterator[tuple[int, int]]:
    """Where keys stand in what was decoded, but for stretches that were refused already."""
    if encoding == "escape":
        # Programs show bytes so. A text with a few escapes is one still, also if its letters are all beyond ASCII.
        if len(data) - len(data.translate(None, _CONTROLS)) >= _FEWEST:
            yield from _keys_in(data, TEXT.spans(data, _LENGTH.start), None, refused)
    elif encoding in _ENCODINGS:
        yield from _keys_in(data, _kept(data), derived, refused)


def _kept(data: bytes) -> Iterator[tuple[int, int]]:
    """The stretches of text that the decoder kept, with a break between."""
    at = 0
    for stretch in data.split(SEPARATOR):
        yield at, at + len(stretch)
        at += len(stretch) + len(SEPARATOR)


def _keys_in(
    data: bytes, spans: Iterable[tuple[int, int]], derived: Derived | None, refused: set[bytes]
) -> Iterator[tuple[int, int]]:
    alone: set[bytes] | None = None
    for start, end in spans:
        if not _LENGTH.start <= end - start < _LENGTH.stop + _STRAY:
            continue
        stretch = data[start:end]
        key = None if stretch in refused else _key_in(stretch)
        if key is None:
            refused.add(stretch)
            continue
        if alone is None:
            alone = set() if derived is None else _alone(derived)
        # Words cost most to tell, so they are asked about last.
        if not _is_one_of(alone, stretch) and words_share(stretch[slice(*key)].decode("ascii")) <= _MOST_WORDS:
            yield start + key[0], start + key[1]


def _key_in(stretch: bytes) -> tuple[int, int] | None:
    """Where in a stretch of text a key stands that is nearly all of it."""
    kinds = stretch.translate(_KINDS)
    longest = max(kinds.split(b" "), key=len)
    if len(longest) not in _LENGTH or len(stretch) - len(longest) > _STRAY:
        return None
    at = kinds.find(longest)
    end = at + len(longest)
    if stretch[end : end + 1] == b"=" or _MANGLED in stretch:
        # Digests in base64 are padded at these lengths; what C++ makes of names is as wild as keys are.
        return None
    return (at, end) if _is_random(stretch[at:end], longest) else None


def _is_random(value: bytes, kinds: bytes) -> bool:
    """Whether characters of all kinds take turns as chance has them do; paths and names in capitals have words."""
    bare = kinds.replace(b"s", b"")
    signs = len(kinds) - len(bare)
    if signs > _MOST_SIGNS or min(bare.count(b"l"), bare.count(b"u")) < _FEWEST:
        return False
    if bare.count(b"d") < (2 if signs else _FEWEST):
        return False
    if sum(map(bare.count, _CHANGES)) < _TURNS or len(set(value)) < _DIFFERENT:
        return False
    wordlike = sum([len(run) for run in bare.translate(_LOWER).split() if len(run) >= _FEWEST])
    return wordlike <= (_WORDS if signs else _WORDS_WITHOUT_SIGN) * len(kinds)


def _alone(derived: Derived) -> set[bytes]:
    """What runs decode to that hold nothing else: an identifier that was encoded twice is no key."""
    source = derived.parent.data if derived.parent is not None else b""
    if derived.run:
        source = derived.run + b" " + derived.run.replace(b"0x", b"").translate(None, _GAPS)
    elif derived.undo is not None:
        source = derived.undo(source)
    runs = long_runs(source)
    pieces = b" ".join(runs).translate(_BREAKS).split()
    digits = _HEX.runs(b" ".join(runs), 2 * _LENGTH.start)
    found = {a2b_base64(_padded(run)) for run in (*runs, *pieces) if len(run) in _IN_BASE64}
    return found | {unhexlify(run[: len(run) & ~1]) for run in digits if len(run) in _IN_HEX}


def _is_one_of(alone: Container[bytes], stretch: bytes) -> bool:
    """Whether it is, but for what the letters before or after the run decode to."""
    if stretch in alone:
        return True
    return any(stretch[more:] in alone or stretch[:-more] in alone for more in range(1, _STRAY + 1))


def _padded(run: bytes) -> bytes:
    # One character of four is none: it stands for no byte.
    return (run[:-1] if len(run) % 4 == 1 else run + b"=" * (-len(run) % 4)).translate(_URL_SAFE)
