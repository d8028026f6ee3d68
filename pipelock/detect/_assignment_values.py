"""How much a value looks like a secret: as random as keys are, or as deliberate as passwords are.

All checks are linear in the value, of which at most `LONGEST` bytes are looked at. None of them is a proof: the name
that the value is given to must agree (`_assignment_names.py`).
"""

from __future__ import annotations

from functools import lru_cache

from pipelock.detect._data import words_of
from pipelock.detect.entropy import words_share

__all__ = ["LONGEST", "is_placeholder", "key_strength", "password_strength", "says_something"]

LONGEST = 512
"""Bytes of a value that are looked at."""

_KINDS = bytes(
    ord("d") if 48 <= code <= 57 else ord("l") if 97 <= code <= 122 else ord("u") if 65 <= code <= 90 else ord(".")
    for code in range(256)
)
_BREAKS = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
_HEX = b"0123456789abcdefABCDEF"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"
# Public keys, certificates, digests, data and addresses: random to look at, and meant to be shown.
_PUBLIC = (b"AAAAB3Nza", b"AAAAC3Nza", b"AAAAE2Vjd", b"ssh-", b"sha1-", b"sha256-", b"sha384-", b"sha512-", b"sha1:",
           b"sha256:", b"sha512:", b"md5:", b"arn:", b"data:", b"urn:", b"did:", b"0x", b"blob:",
           b"projects/", b"refs/")  # fmt: skip
_REFERENCE = (b"$", b"{", b"<", b"[", b"(", b"%{", b"%(", b"@{", b"#{", b"&", b"~/", b"./", b"../")
_FILES = (b".pem", b".key", b".crt", b".cer", b".json", b".yaml", b".yml", b".txt", b".env", b".js", b".ts", b".py",
          b".go", b".png", b".svg", b".jpg", b".html", b".css", b".md", b".p12", b".pub", b".conf", b".toml", b".xml",
          b".sock", b".com", b".org", b".net", b".io", b".dev", b".local")  # fmt: skip
_CERTIFICATE = 200


def key_strength(value: bytes) -> int:
    """0 for what is no key (a word, a path, a reference, filler); 1 for a doubt; 2 if it looks random; 3 if it surely is.

    Twelve random letters and digits are 2, sixteen are 3; so are twenty hexadecimal digits, and a UUID.
    """
    value = value[:LONGEST]
    size = len(value)
    kinds = value.translate(_KINDS)
    turns = kinds.count(b"ld") + kinds.count(b"dl") + kinds.count(b"ud") + kinds.count(b"du")
    if size < 10 or (turns < 3 and (size < 14 or kinds.count(b"ddddd") == 0 == _case_turns(kinds) and size < 20)):
        return 0
    if value.startswith(_PUBLIC) or value.startswith(_REFERENCE) or b"://" in value or b"..." in value:
        return 0
    if len(set(value)) < 7 and not _is_number(value):
        return 0
    strength = _randomness(value, kinds, turns)
    if strength and (value.lower().endswith(_FILES) or (strength < 3 and is_placeholder(value))):
        return 0
    return strength


def _case_turns(kinds: bytes) -> int:
    return kinds.count(b"lu") + kinds.count(b"ul")


def _is_number(value: bytes) -> bool:
    return not value.translate(None, _DIGITS)


def _randomness(value: bytes, kinds: bytes, turns: int) -> int:
    size = len(value)
    if _is_number(value):
        return 2 if size >= 15 and len(set(value)) >= 4 else 0
    if not value.translate(None, _HEX):
        return 3 if size >= 20 else 2 if size >= 16 else _mixed(value, turns)
    if size > _CERTIFICATE and value.startswith(b"MII"):
        return 0
    if value.count(b"/") >= 3 and words_share(value.decode("latin-1")) >= 0.4:
        return 0
    if turns >= 3:
        return _mixed(value, turns)
    return _unmixed(value, kinds)


def _mixed(value: bytes, turns: int) -> int:
    """Letters and digits in turns. Names of several parts have turns too, few in each part."""
    pieces = value.translate(_BREAKS).split()
    if len(pieces) > 1:
        longest = max(pieces, key=len)
        inside = longest.translate(_KINDS)
        most = inside.count(b"ld") + inside.count(b"dl") + inside.count(b"ud") + inside.count(b"du")
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
    lowered = value.lower()
    if lowered.startswith(_REFERENCE) or b"..." in lowered or b"***" in lowered or b"xxx" in lowered:
        return True
    return any(word in lowered for word in _placeholders())


@lru_cache(maxsize=1)
def _placeholders() -> tuple[bytes, ...]:
    return tuple(sorted(words_of("placeholder")))


@lru_cache(maxsize=1)
def _manual() -> frozenset[bytes]:
    return words_of("manual")


def says_something(value: bytes) -> bool:
    """Whether `value` is mostly words put together with signs: a description, and no key."""
    return words_share(value[:LONGEST].decode("utf-8", "replace")) >= 0.7


def password_strength(value: bytes, *, quoted: bool) -> int:
    """0 for what is no password (a reference, a type, a placeholder, prose); 1 for a doubt; 2 for one that was chosen.

    Passwords are chosen from words, so a digit or a sign besides letters is what tells them; a bare word counts as a
    doubt, and only in quotation marks.
    """
    value = value[:LONGEST]
    lowered = value.lower()
    letters = lowered.translate(None, bytes(set(range(256)) - set(_LETTERS)))
    if len(value) < 5 or len(set(lowered)) < 4 or letters in _manual() or lowered in _manual() or b" " in value:
        return 0
    if is_placeholder(value) or b"://" in value or value.startswith((b"/", b"self.", b"this.", b"http")):
        return 0
    if b"(" in value or b"[" in value or b"${" in value or b"{{" in value or lowered.endswith(_FILES):
        return 0
    others = len(value.translate(None, _LETTERS + _DIGITS + b"._-"))
    digits = len(value) - len(value.translate(None, _DIGITS))
    if not letters:
        return 1 if quoted and len(value) >= 6 and len(set(value)) >= 5 else 0
    if not quoted and not digits and (not others or b"." in value):
        return 0
    if not digits and not others:
        return 1 if quoted and len(value) >= 8 else 0
    return 2 if len(value) >= 6 else 1
