"""What the name of a value says about the value: an identifier is split into words, and the words are looked up.

The lists are data (`data/names.txt`, `data/vendors.txt`). The last word that names a secret decides; what stands after
it may turn it into something *about* a secret (`token_type`, `passwordPolicy`), what stands before it into something
else (`page_token`, `primary_key`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pipelock.detect._data import words_of

__all__ = ["LONGEST_NAME", "Name", "read_name"]

LONGEST_NAME = 80
"""Bytes of an identifier that are read; a longer one is cut at its start."""


class Name(NamedTuple):
    """What is known of a name.

    Attributes:
        level: 0 for no secret, 1 and 2 where the value must be beyond doubt, 3 for the plain name of a secret.
        vendor: The service that is named, in lower case, or nothing.
        loud: The word for the secret is in capitals, as in `API_TOKEN` and `vendorKEY`.
        password: It names something that people choose.
        handle: A UUID of this name is no secret.
    """

    level: int
    vendor: str = ""
    loud: bool = False
    password: bool = False
    handle: bool = False


_NOTHING = Name(0)
_ENDINGS = (b"token", b"secret", b"apikey", b"secretkey", b"accesskey")


@lru_cache(maxsize=4096)
def read_name(identifier: bytes) -> Name:
    """Judge an identifier: ASCII letters and digits with `_`, `-`, `.`, `:` or spaces between them."""
    words = _split(identifier[-LONGEST_NAME:])
    spoken = [word.lower() for word in words]
    known = _words()
    for index in range(len(spoken) - 1, -1, -1):
        word = spoken[index]
        chosen = word in known.password or word.endswith((b"password", b"passwd"))
        if chosen or word in known.secret or word.endswith(_ENDINGS):
            level = 3
        elif word in known.weak:
            level = _weak_level(spoken, index)
        else:
            continue
        level = _in_context(level, spoken, index)
        if not level:
            return _NOTHING
        vendor = _vendor(spoken)
        if vendor and level < 3:
            level += 1
        handle = word == b"token" and index > 0 and spoken[index - 1] in known.handle
        return Name(level, vendor, words[index].isupper(), chosen, handle)
    vendor = _vendor(spoken)
    return Name(1, vendor) if vendor else _NOTHING


def _weak_level(words: list[bytes], index: int) -> int:
    if words[index] in (b"key", b"keys") and _is_qualified(words, index):
        return 3
    return 2 if words[index] == b"authorization" else 1


def _is_qualified(words: list[bytes], index: int) -> bool:
    return index > 0 and (words[index - 1] in _words().qualifier or words[index - 1] in _words().secret)


def _in_context(level: int, words: list[bytes], index: int) -> int:
    """`level` of the word at `index`, after a look at its neighbours."""
    word = words[index]
    known = _words()
    if index and words[index - 1] in known.notkey and word not in known.password:
        return 0
    rest = [word for word in words[index + 1 :] if not word.isdigit()]
    if not known.after.isdisjoint(rest):
        return 0
    if not known.neutral.issuperset(rest):
        level -= 1
    if level == 1 and index and word in (b"key", b"keys"):
        return 2
    return level


def _vendor(words: list[bytes]) -> str:
    """The service named by one word, or by two or three words in a row written together."""
    known = _words().vendor
    for word in words:
        if word in known:
            return word.decode()
    for size in (2, 3):
        for start in range(min(len(words), 12) - size + 1):
            name = b"".join(words[start : start + size])
            if name in known:
                return name.decode()
    return ""


class _Words(NamedTuple):
    secret: frozenset[bytes]
    qualifier: frozenset[bytes]
    weak: frozenset[bytes]
    notkey: frozenset[bytes]
    after: frozenset[bytes]
    neutral: frozenset[bytes]
    handle: frozenset[bytes]
    password: frozenset[bytes]
    vendor: frozenset[bytes]


@lru_cache(maxsize=1)
def _words() -> _Words:
    return _Words(*[words_of(name) for name in _Words._fields])


def _split(identifier: bytes) -> list[bytes]:
    """Words of an identifier: at signs, and where lower case turns into upper (`apiKey`, `vendorKEY`, `APIKey`)."""
    words = []
    for part in identifier.translate(_SIGNS).split():
        if part.islower() or part.isupper() or part.isdigit():
            words.append(part)
        else:
            words.extend(_split_case(part))
    return words


_SIGNS = bytes(code if code < 128 and chr(code).isalnum() else 32 for code in range(256))


_TAILS = (b"key", b"token", b"secret", b"password")


def _split_case(part: bytes) -> list[bytes]:
    words = []
    start = 0
    for index in range(1, len(part)):
        before, here = part[index - 1 : index], part[index : index + 1]
        if here.isupper() and not before.isupper():
            cut = index
        elif here.islower() and before.isupper() and index - start > 1:
            # `APIKey` is "API" and "Key", `VENDORkey` is "VENDOR" and "key".
            cut = index if part[index:].startswith(_TAILS) else index - 1
        else:
            continue
        words.append(part[start:cut])
        start = cut
    words.append(part[start:])
    return words
