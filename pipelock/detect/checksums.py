"""Checks that a match must pass to count: checksums of public formats, and shapes that tell a value from prose.

Each takes the matched text as ASCII and says whether it can be what it looks like. They never raise.
"""

from __future__ import annotations

import json
from base64 import b32decode, b64decode, urlsafe_b64decode
from binascii import crc32, crc_hqx
from collections.abc import Callable

from pipelock.detect._base58 import base58check
from pipelock.detect.entropy import words_share

__all__ = ["CHECKS", "GRADES", "aba", "base58check", "crc_hex", "is_literal", "is_password", "luhn", "mod97", "strkey",
           "token_crc", "wif", "xprv"]  # fmt: skip

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_PLACEHOLDERS = ("example", "placeholder", "changeme", "change_me", "change-me", "redacted", "your", "xxxx", "****",
                 "none", "null", "true", "false", "undefined", "todo", "dummy")  # fmt: skip

_MANUAL = frozenset({"password", "pass", "passwd", "pwd", "secret", "pw", "mypassword", "yourpassword", "your_password",
                     "your-password", "changeme", "example", "test", "user",
                     "xxx", "token", "password123", "tiger", "root"})  # fmt: skip

_MAESTRO = frozenset({5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763})

# ISO 13616 registry: length of the whole IBAN by country.
_IBAN = {
    pair[:2]: int(pair[2:])
    for pair in [
        "AD24",
        "AE23",
        "AL28",
        "AT20",
        "AZ28",
        "BA20",
        "BE16",
        "BG22",
        "BH22",
        "BI27",
        "BR29",
        "BY28",
        "CH21",
        "CR22",
        "CY28",
        "CZ24",
        "DE22",
        "DJ27",
        "DK18",
        "DO28",
        "EE20",
        "EG29",
        "ES24",
        "FI18",
        "FK18",
        "FO18",
        "FR27",
        "GB22",
        "GE22",
        "GI23",
        "GL18",
        "GR27",
        "GT28",
        "HN28",
        "HR21",
        "HU28",
        "IE22",
        "IL23",
        "IQ23",
        "IS26",
        "IT27",
        "JO30",
        "KW30",
        "KZ20",
        "LB28",
        "LC32",
        "LI21",
        "LT20",
        "LU20",
        "LV21",
        "LY25",
        "MC27",
        "MD24",
        "ME22",
        "MK19",
        "MN20",
        "MR27",
        "MT31",
        "MU30",
        "NI28",
        "NL18",
        "NO15",
        "OM23",
        "PK24",
        "PL28",
        "PS29",
        "PT25",
        "QA29",
        "RO24",
        "RS22",
        "RU33",
        "SA24",
        "SC31",
        "SD18",
        "SE24",
        "SI19",
        "SK24",
        "SM27",
        "SO23",
        "ST25",
        "SV28",
        "TL23",
        "TN24",
        "TR26",
        "UA29",
        "VA22",
        "VG24",
        "XK20",
        "YE30",
    ]
}


def _digits(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9")


def _has_issuer(number: str) -> bool:
    """ISO/IEC 7812 issuer ranges with the lengths that they are issued in."""
    size, four, three, two = len(number), int(number[:4]), int(number[:3]), int(number[:2])
    if size == 14:
        return 300 <= three <= 305 or three == 309 or two in (36, 38, 39)
    if two in (34, 37):
        return size == 15
    if number[0] == "4":
        return size in (16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if 3528 <= four <= 3589 or four == 6011 or 644 <= three <= 649 or two in (65, 62) or four in _MAESTRO:
        return 16 <= size <= 19
    return False


def luhn(text: str) -> bool:
    """A payment card number: 14 to 19 digits, a known issuer, and the check digit of ISO/IEC 7812-1."""
    number = _digits(text)
    if not 14 <= len(number) <= 19 or not _has_issuer(number) or len(set(number)) < 2:
        return False
    total = 0
    for index, char in enumerate(reversed(number)):
        digit = ord(char) - 48
        total += _DOUBLED[digit] if index & 1 else digit
    return total % 10 == 0


def mod97(text: str) -> bool:
    """An IBAN: known country, its exact length, check digits by ISO 7064 mod 97-10."""
    code = text.replace(" ", "").replace("-", "").upper()
    if _IBAN.get(code[:2]) != len(code) or not code.isascii() or not code.isalnum():
        return False
    return int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1


def aba(text: str) -> bool:
    """A US bank routing number: nine digits, a Federal Reserve prefix, weights 3-7-1."""
    if len(text) != 9 or not (text.isascii() and text.isdigit()):
        return False
    prefix = int(text[:2])
    if not (prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80):
        return False
    return text != "000000000" and sum(int(char) * (3, 7, 1)[index % 3] for index, char in enumerate(text)) % 10 == 0


def wif(text: str) -> bool:
    """A Bitcoin private key for wallet import: version 0x80 (0xEF on test networks), 32 bytes or 33 ending in 1."""
    payload = base58check(text)
    if payload is None or payload[0] not in (0x80, 0xEF):
        return False
    return len(payload) == 33 or (len(payload) == 34 and payload[33] == 1)


def xprv(text: str) -> bool:
    """A BIP-32 extended private key: base58check over 78 bytes."""
    payload = base58check(text)
    return payload is not None and len(payload) == 78


def strkey(text: str) -> bool:
    """A Stellar secret seed (SEP-23): base32 of a version byte 0x90, 32 bytes and their CRC-16."""
    if len(text) != 56 or not text.isascii() or not set(text) <= _BASE32:
        return False
    raw = b32decode(text)
    return raw[0] == 0x90 and crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def _base62_crc(body: str, check: str) -> bool:
    value = 0
    for char in check:
        digit = _BASE62.find(char)
        if digit < 0:
            return False
        value = value * 62 + digit
    return value == crc32(body.encode("ascii", "replace"))


def token_crc(token: str) -> bool:
    """Whether the last six characters of a GitHub or npm token are the base62 CRC-32 of the thirty before them.

    It grades a match and never clears one: a token cut or altered on the way is still a leak.
    """
    body = token.rpartition("_")[2]
    return len(body) == 36 and _base62_crc(body[:-6], body[-6:])


def crc_hex(token: str) -> bool:
    """Whether a Grafana token ends in `_` and the CRC-32 of what stands before, in hexadecimal, low byte first."""
    body, _, check = token.rpartition("_")
    return crc32(body.encode("ascii", "replace")).to_bytes(4, "little").hex() == check.lower()


def _ssn(text: str) -> bool:
    """A US social security number that can exist (SSA: no area 000, 666, 9xx; no group 00; no serial 0000).

    Those that everybody prints are none: 123-45-6789, and one digit in each part as in 111-22-3333.
    """
    area, group, serial = text[:3], text[4:6], text[7:]
    if text == "123-45-6789" or len(set(area)) == len(set(group)) == len(set(serial)) == 1:
        return False
    return area not in ("000", "666") and area[:1] != "9" and group != "00" and serial != "0000"


def _aws_id(text: str) -> bool:
    """An AWS key id is upper-case or wholly lower-case, and has digits or looks like no words; ids are base32-like.

    Those of Amazon's documentation count: they are what people try a firewall with, and nothing needs to send them.
    """
    prefix, body = text[:4], text[4:]
    if text.isupper() and prefix == "AKIA":
        return True
    body = body.upper()
    return (
        (text.isupper() or text.islower())
        and not {"0", "1", "8", "9"} & set(body)
        and any(char.isdigit() for char in body)
        and len(set(body)) >= 8
    )


def is_literal(text: str) -> bool:
    """A literal value, not a reference to one, a placeholder or a word of code."""
    value = text.strip("\"' ")
    lowered = value.lower()
    if not value or value[0] in "$<{[(%*@#&" or "${" in value or "{{" in value or "(" in value or len(set(lowered)) < 5:
        return False
    return not any(word in lowered for word in _PLACEHOLDERS)


def _iban(text: str) -> bool:
    """`mod97` of as many characters as the country's accounts have: words may follow the number, after a space."""
    left = _IBAN.get(text[:2].upper(), 0)
    end = 0
    while left and end < len(text):
        left -= text[end] not in " -"
        end += 1
    return text[end : end + 1] in ("", " ", "-") and mod97(text[:end])


def _literal(text: str) -> bool:
    """A password that stands there, not a variable, a template field or a row of asterisks."""
    value = text.strip()
    return value[:1] not in ("$", "<", "{", "[", "(", "%", "*", "#") and "${" not in value and len(value) > 2


def is_password(text: str) -> bool:
    """The password of a connection string: there, and not the one that manuals print."""
    return _literal(text) and text.lower() not in _MANUAL and not _is_filler(text)


def _digit(text: str) -> bool:
    """Has a digit, as random keys do and identifiers made of words mostly do not, and varied characters."""
    return any("0" <= char <= "9" for char in text[4:]) and _sample(text)


def _mixed(text: str) -> bool:
    """Random letters of both cases with digits among them: 20 characters or more of base62 lack one in a thousand."""
    return _sample(text) and text not in (text.lower(), text.upper()) and any("0" <= char <= "9" for char in text)


def _random(text: str) -> bool:
    """Letters among which digits are spread (a name has one number), varied, and no placeholder."""
    spread = "".join(char if "0" <= char <= "9" else " " for char in text)
    lowered = text.lower()
    return (
        (len(spread.split()) >= 2 or len(spread.replace(" ", "")) >= 6)
        and len(set(lowered)) >= 8
        and any(char.isalpha() for char in text)
        and not any(word in lowered for word in _PLACEHOLDERS[:9])
    )


def _basic(text: str) -> bool:
    """Base64 of a name, a colon and a password that is no placeholder (RFC 7617)."""
    try:
        decoded = b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except ValueError:
        return False
    user, colon, secret = decoded.partition(":")
    lowered = secret.lower()
    if not colon or not (user + secret).isprintable() or any(word in lowered for word in ("password", *_PLACEHOLDERS)):
        return False
    return is_password(secret)


def _entropic(text: str) -> bool:
    """Hexadecimal digits that are spread as chance spreads them: no constant, no address padded with zeros."""
    return len(set(text[2:].lower())) >= 12


def _is_filler(text: str) -> bool:
    return len(set(text)) < 3


def _sample(text: str) -> bool:
    """Enough different characters that it is no row of filler, and not mostly words (`ghp_YourAccessToken…`)."""
    # The prefix has few characters and the end may hold an underscore of its own, so the last twenty are looked at.
    return len(set(text[-20:])) >= 6 and not _is_phrase(text)


def _is_phrase(text: str) -> bool:
    """Words in capitals and lower case in turn, as nobody's generator writes them."""
    capitals = sum("A" <= char <= "Z" for char in text)
    return len(text) >= 30 and 2 <= capitals <= len(text) // 6 and words_share(text) >= 0.5


_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


def _jwt(text: str) -> bool:
    """A JSON Web Token that says something: no toy of a manual, tiny and without a claim of RFC 7519 section 4.1."""
    payload = text.partition(".")[2].partition(".")[0]
    if len(payload) > 24:
        return True
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return True
    return not isinstance(claims, dict) or not claims or not _CLAIMS.isdisjoint(claims)


CHECKS: dict[str, Callable[[str], bool]] = {
    "luhn": luhn,
    "mod97": _iban,
    "password": is_password,
    "digit": _digit,
    "entropic": _entropic,
    "aba": aba,
    "wif": wif,
    "xprv": xprv,
    "strkey": strkey,
    "basic": _basic,
    "mixed": _mixed,
    "random": _random,
    "ssn": _ssn,
    "aws_id": _aws_id,
    "value": is_literal,
    "jwt": _jwt,
    "sample": _sample,
}
GRADES: dict[str, Callable[[str], bool]] = {"crc62": token_crc, "crc_hex": crc_hex}
