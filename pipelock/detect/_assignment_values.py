"""How much a value looks like a secret: as random as keys are, or as deliberate as passwords are.

All checks are linear in the value, of which at most `LONGEST` bytes are looked at. None of them is a proof: the name
that the value is given to must agree (`_assignment_names.py`).
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64
from functools import lru_cache
from typing import Any

from pipelock.detect._data import words_of
from pipelock.detect._pattern import compile_linear
from pipelock.detect.entropy import words_share

__all__ = ["LONGEST", "is_manual", "is_placeholder", "is_uuid", "key_strength", "names_itself",
           "password_strength", "says_something", "stands_for_something", "unwrapped"]  # fmt: skip

LONGEST = 512
"""Bytes of a value that are looked at."""

_KINDS = bytes(
    ord("d") if 48 <= code <= 57 else ord("l") if 97 <= code <= 122 else ord("u") if 65 <= code <= 90 else ord(".")
    for code in range(256)
)
_BREAKS = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
_HEX = b"0123456789abcdefABCDEF"
_BASE64 = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"
_NO_LETTERS = bytes(code for code in range(256) if code not in _LETTERS)
_NO_PASSWORD = (b"/", b"self.", b"this.", b"http")
# Public keys, certificates, digests, data and addresses: random to look at, and meant to be shown.
_PUBLIC = (b"AAAAB3Nza", b"AAAAC3Nza", b"AAAAE2Vjd", b"ssh-", b"sha1-", b"sha256-", b"sha384-", b"sha512-", b"sha1:",
           b"sha256:", b"sha512:", b"md5:", b"arn:", b"data:", b"urn:", b"did:", b"0x", b"blob:",
           b"projects/", b"refs/")  # fmt: skip
_REFERENCE = (b"$", b"{", b"<", b"[", b"(", b"%{", b"%(", b"@{", b"#{", b"&", b"~/", b"./", b"../")
_FILES = (b".pem", b".key", b".crt", b".cer", b".json", b".yaml", b".yml", b".txt", b".env", b".js", b".ts", b".py",
          b".go", b".png", b".svg", b".jpg", b".html", b".css", b".md", b".p12", b".pub", b".conf", b".toml", b".xml",
          b".sock", b".com", b".org", b".net", b".io", b".dev", b".local")  # fmt: skip
_NO_KEY = _PUBLIC + _REFERENCE
_CERTIFICATE = 200
_EXAMPLE = (b"EXAMPLE", b"EXAMPLEKEY", b"Example", b"ExampleToken", b"example")
_CALLED = (b"password", b"passwd", b"passphrase", b"pass", b"pwd")


def key_strength(value: bytes) -> int:
    """How random a value looks.

    Returns:
        0 for what is no key (a word, a path, a reference, filler), 1 for a doubt, 2 if it looks random, 3 if it surely
        is. Twelve random letters and digits are 2, sixteen are 3; so are twenty hexadecimal digits, and a UUID.
        Ask `stands_for_something` of what remains.
    """
    value = value[:LONGEST]
    size = len(value)
    kinds = value.translate(_KINDS)
    turns = _turns(kinds)
    if size < 10 or (turns < 3 and size < 14) or value.startswith(_NO_KEY) or b"://" in value or b".." in value:
        return 0
    if turns < 3 and size < 20 and b"ddddd" not in kinds and not _case_turns(kinds):
        return 0
    if _is_filler(value, kinds):
        return 0
    return _randomness(value, kinds, turns)


def stands_for_something(value: bytes, strength: int) -> bool:
    """Whether a value that `key_strength` gave `strength` is the name of a file, a type or a placeholder after all."""
    if value.lower().endswith(_FILES) or _is_algorithm(value) or (strength < 3 and is_placeholder(value)):
        return True
    return value.rstrip(_DIGITS).endswith(_EXAMPLE) or value.lower() in words_of("published")


def _turns(kinds: bytes) -> int:
    """How often letters and digits meet."""
    return kinds.count(b"ld") + kinds.count(b"dl") + kinds.count(b"ud") + kinds.count(b"du")


def _is_filler(value: bytes, kinds: bytes) -> bool:
    """Whether few different characters make up the value, or one makes up most of it."""
    different = set(value)
    if len(different) >= 16:
        return False
    least = 4 if kinds.count(b"d") == len(kinds) else 7
    return len(different) < least or max(map(value.count, different)) * 2 > len(value)


def _is_algorithm(value: bytes) -> bool:
    """Whether the digits are those of algorithms, which names of types and functions are full of."""
    if _any_of("algorithm").search(value) is None:
        return False
    return key_strength(b"".join(_any_of("algorithm").split(value))) == 0


def _case_turns(kinds: bytes) -> int:
    return kinds.count(b"lu") + kinds.count(b"ul")


def _is_number(value: bytes) -> bool:
    return not value.translate(None, _DIGITS)


def _randomness(value: bytes, kinds: bytes, turns: int) -> int:
    size = len(value)
    if _is_number(value):
        return 2 if size >= 15 else 0
    if not value.translate(None, _HEX) and size >= 16:
        return 3 if size >= 20 else 2
    if is_uuid(value):
        return 3
    if _is_certificate(value) or _is_path(value, turns):
        return 0
    return _mixed(value, turns) if turns >= 3 else _unmixed(value, kinds)


def _is_certificate(value: bytes) -> bool:
    """DER of some size in base64; private keys have PEM lines of their own around it."""
    return len(value) > _CERTIFICATE and value.startswith(b"MII")


def _is_path(value: bytes, turns: int) -> bool:
    """Slashes between parts that have few digits, unlike base64 of random bytes."""
    return value.count(b"/") >= 3 and turns * 8 < len(value)


def is_uuid(value: bytes) -> bool:
    """Whether these are 32 hexadecimal digits in the five groups of RFC 9562."""
    if len(value) != 36 or value.translate(None, _HEX) != b"----":
        return False
    return value[8:9] == value[13:14] == value[18:19] == value[23:24] == b"-"


def _mixed(value: bytes, turns: int) -> int:
    """Letters and digits in turns. Names of several parts have turns too, few in each part."""
    pieces = value.translate(_BREAKS).split()
    if len(pieces) > 1:
        most = max(_turns(piece.translate(_KINDS)) for piece in pieces)
        digits = len(value) - len(value.translate(None, _DIGITS))
        if most < 3 and not (turns >= 4 and digits >= 8 and len(value) >= 20):
            return 0 if len(value) < 20 or words_share(value.decode("latin-1")) >= 0.5 else 2
        if most < 3 and words_share(value.decode("latin-1")) >= 0.6:
            return 0
    if turns >= 4 and len(value) >= 16:
        return 3
    return 2 if len(value) >= 12 or turns >= 4 else 1


def _unmixed(value: bytes, kinds: bytes) -> int:
    """Mostly letters, or letters and one number: random only if no words are in it."""
    text = value.decode("latin-1")
    share = words_share(text)
    if share >= 0.35 or len(value) < 14:
        return 0
    if _case_turns(kinds) >= 5 and len(value) >= 20:
        return 3
    return 2 if len(value) >= 16 or _case_turns(kinds) >= 4 else 1


def is_placeholder(value: bytes) -> bool:
    """Whether a word in `value` says that it stands for something else (`your-key-here`, `changeme`, `<token>`)."""
    return value.startswith(_REFERENCE) or _any_of("placeholder").search(value) is not None


@lru_cache(maxsize=4)
def _any_of(name: str) -> Any:  # noqa: ANN401 - the binding publishes no types
    """One pattern for the entries of a list, in any case."""
    return compile_linear(b"(?i)" + b"|".join(b"\\Q" + word + b"\\E" for word in sorted(words_of(name))))


@lru_cache(maxsize=1)
def _manual() -> frozenset[bytes]:
    return words_of("manual")


def is_manual(value: bytes) -> bool:
    """Whether manuals give this as a password."""
    return value.lower() in _manual()


def says_something(value: bytes, share: float = 0.7) -> bool:
    """Whether `value` is mostly words put together with signs: a description, and no key."""
    return words_share(value[:LONGEST].decode("utf-8", "replace")) >= share


def unwrapped(value: bytes) -> bytes:
    """The words that `value` is the base64 form of; `value` itself where it is not. Judged are the words, then."""
    if len(value) % 4 or len(value) > LONGEST or value.translate(None, _BASE64):
        return value
    try:
        text = a2b_base64(value)
    except BinasciiError:
        return value
    return text if text.isascii() and text.decode("ascii").isprintable() else value


def names_itself(value: bytes) -> bool:
    """Whether a password is no more than words for one, with a digit at most: `webdav_password2`, `repopwd`."""
    words = value[:LONGEST].lower()
    words = words[:-1].rstrip(b"._-") if words[-1:].isdigit() else words
    return words.endswith(_CALLED) and not words.translate(None, _LETTERS + b"._-")


def password_strength(value: bytes, *, quoted: bool) -> int:
    """How much a value looks like something that a person chose.

    Passwords are chosen from words, so a digit or a sign besides letters is what tells them; a bare word counts as a
    doubt, and only in quotation marks.

    Returns:
        0 for what is no password (a reference, a type, a placeholder, prose), 1 for a doubt, 2 for one that was chosen.
    """
    value = value[:LONGEST]
    letters = value.lower().translate(None, _NO_LETTERS)
    if (not quoted and _is_code(value)) or _is_no_password(value, letters):
        return 0
    others = len(value.translate(None, _LETTERS + _DIGITS + (b"._-" if quoted else b"._-/:;,|\\")))
    digits = len(value) - len(value.translate(None, _DIGITS))
    if not letters:
        return 1 if quoted and len(value) >= 6 else 0
    if digits or others:
        return 2 if len(value) >= 6 else 1
    return 1 if quoted and len(value) >= 8 else 0


def _is_no_password(value: bytes, letters: bytes) -> bool:
    lowered = value.lower()
    if len(value) < 5 or len(set(lowered)) < 4 or letters in _manual() or lowered in _manual() or b" " in value:
        return True
    if value.startswith(_NO_PASSWORD) or lowered.endswith(_FILES):
        return True
    return b"(" in value or b"[" in value or b"${" in value or b"{{" in value or b"://" in value


def _is_code(value: bytes) -> bool:
    """Whether an unquoted value is a name with dots or colons in it, or an option."""
    if value.isalpha() or value.startswith((b":", b"-", b"@")) or value.endswith(b":"):
        return True
    return b"::" in value or b"->" in value or value.replace(b".", b"").isalpha()
