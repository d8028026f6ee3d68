"""Keys that stand bare among encoded bytes: found in every way of writing those, and nothing else is."""

from __future__ import annotations

import random
import string
from base64 import b64encode, urlsafe_b64encode

import pytest

from pipelock.detect.buried import MAX_TOLD, RULE, BuriedKeys
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner

KEYS = (
    b"Zq9QHv1bK/Mr8Twc2PLxS3dGe+Yn4jF7tAUzkN60",
    b"tB8/wKq3XzR5nLmYc1PvEo7HdJs2GfAi9UuWk4M6",
    b"h7Rk2VnXe9Lq4TzBw6YpJc8MsDf3GaUx5HoKi1Nt",
)
PADDING = b"\x00\xff\x10\xa7\x02\x8e\xfb\x01"
AMID = [PADDING + key + PADDING[::-1] for key in KEYS]
WRITTEN = {
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "pairs": lambda data: data.hex(" ").encode(),
    "colons": lambda data: data.hex(":").encode(),
    "array": lambda data: b", ".join(b"0x%02x" % byte for byte in data),
    "escapes": lambda data: b"".join(b"\\x%02x" % byte for byte in data),
    "repr": lambda data: repr(data).encode(),
    "octal": lambda data: b"".join(b"\\%03o" % byte for byte in data),
    "numbers": lambda data: str(list(data)).encode(),
    "base64": b64encode,
    "base64url": urlsafe_b64encode,
    "wrapped": lambda data: b"\n".join(data.hex().encode()[at : at + 60] for at in range(0, 2 * len(data), 60)),
    "shifted": lambda data: b64encode(b"\xfe" + data),
    "in JSON": lambda data: b'{"blob": "%s"}' % data.hex().encode(),
    "twice": lambda data: b64encode(data.hex().encode()),
}


@pytest.fixture(scope="module")
def scanner():
    return SecretScanner(RuleSet.builtin("credentials"), watchers=[BuriedKeys()])


def rules(scanner, data, kind=""):
    return [found.rule for found in scanner.scan(data, "body", content_type=kind)]


@pytest.mark.parametrize("data", AMID, ids=range(len(AMID)))
@pytest.mark.parametrize("way", WRITTEN)
def test_a_key_among_bytes_is_found_however_the_bytes_are_written(scanner, way, data):
    body = b"upload: " + WRITTEN[way](data) + b" end"
    findings = scanner.scan(body, "body")
    assert RULE in [found.rule for found in findings]
    assert not any(key.decode() in f"{found.message}{found.excerpt}" for found in findings for key in KEYS)


@pytest.mark.parametrize(
    "data",
    [KEYS[0] + b"\x00" * 8, b"\x01\x28" + KEYS[0], b"\xffA" + KEYS[0] + b"\x80", b"\xff~ " + KEYS[0] + b"x\x00\x90"],
    ids=["first", "last", "a letter before it", "printable bytes around it"],
)
def test_chance_may_put_printable_bytes_beside_it(scanner, data):
    assert rules(scanner, data.hex().encode()) == [RULE]


def test_it_is_found_in_a_dump_of_much_else(scanner):
    rng = random.Random(11)
    data = rng.randbytes(20_000) + AMID[0] + rng.randbytes(20_000)
    assert rules(scanner, b64encode(data)) == [RULE]
    assert rules(scanner, data.hex().encode()) == [RULE]


CLEAN = {
    "a class's name": b"\x01\x00\x2dcom/fasterxml/jackson/databind/Base64Variants\x01\x00",
    "a path": b"\x00/usr/lib/x86/Python3/Frameworks/Resources/En\x00",
    "a name of C++": b"\x00_ZNK4llvm3pdb14NamedStreamMap9getStringEj\x00",
    "capitals": b"\x80GoogleCloudApihubV1ListExternalApisResponse2\x81",
    "a digest": b"\x00" + b64encode(random.Random(2).randbytes(32)) + b"\x00",
    "a commit": b"\x00" + random.Random(2).randbytes(20).hex().encode() + b"\x00",
    "the alphabet": b"\x00" + (string.ascii_letters + string.digits + "+/").encode() + b"\x00",
    "two sizes": b"\x00" + KEYS[0][:39] + b"\x00" + KEYS[0] + KEYS[1] + b"\x00",
    "a sentence": b"\x00the key " + KEYS[0] + b" is what it says\x00",
    "filler": b"\x00" + b"aB3/" * 10 + b"\x00",
}


@pytest.mark.parametrize("name", CLEAN)
def test_what_programs_and_archives_hold_is_no_key(scanner, name):
    data = b"\x7fELF\x02\x01\x01\x00" + CLEAN[name] + b"\x90" * 8
    assert RULE not in rules(scanner, data.hex().encode())
    assert RULE not in rules(scanner, b64encode(data))


@pytest.mark.parametrize("key", KEYS)
def test_an_identifier_that_was_encoded_twice_stands_among_no_bytes(scanner, key):
    for body in (
        b"cursor: " + b64encode(key),
        key.hex().encode(),
        b"/pages/" + b64encode(key),
        b"%s %s" % (b64encode(key), b64encode(key[::-1])),
        key.hex(":").encode(),
        b"a key as it stands: " + key,
    ):
        assert RULE not in rules(scanner, body)


def test_escapes_in_a_text_are_no_bytes(scanner):
    for text in ("\\u5bc6\\u94a5" + KEYS[0].decode() + "\\u3002", "\\u001b[32m" + KEYS[0].decode() + "\\u001b[0m\\n"):
        assert RULE not in rules(scanner, b'{"text": "%s"}' % text.encode())


def test_random_bytes_have_none(scanner):
    data = random.Random(5).randbytes(150_000)
    assert rules(scanner, data.hex().encode()) == []
    assert rules(scanner, b64encode(data)) == []


def test_a_list_of_identifiers_that_were_encoded_twice_has_no_key(scanner):
    rng = random.Random(3)
    signs = (string.ascii_letters + string.digits + "+/").encode()
    keys = [bytes(rng.choices(signs, k=40)) for _ in range(400)]
    assert RULE not in rules(scanner, b" ".join(map(b64encode, keys)))
    assert RULE not in rules(scanner, b"\n".join(key.hex().encode() for key in keys))


def test_few_are_told_of_many(scanner):
    rng = random.Random(3)
    signs = (string.ascii_letters + string.digits + "+/").encode()
    data = b"\x00\xff".join(bytes(rng.choices(signs, k=40)) for _ in range(50))
    assert rules(scanner, data.hex().encode()).count(RULE) == MAX_TOLD


def test_nearly_all_random_keys_are_keys(scanner):
    rng = random.Random(6)
    signs = (string.ascii_letters + string.digits + "+/").encode()
    found = 0
    for _ in range(200):
        data = rng.randbytes(16) + bytes(rng.choices(signs, k=40)) + rng.randbytes(16)
        found += RULE in rules(scanner, data.hex().encode())
    assert found >= 180


def test_most_keys_that_hold_words_are_keys(scanner):
    chance = random.Random(7)
    signs = string.ascii_letters + string.digits + "/+"
    words = ("account", "backup", "cluster", "delivery", "garden", "invoice", "ledger", "orange", "rocket", "window")
    found = 0
    for _ in range(200):
        word = chance.choice(words)
        word = chance.choice((word.upper(), word.title()))
        rest = "".join(chance.choice(signs) for _ in range(40 - len(word)))
        at = chance.randrange(len(rest))
        key = (rest[:at] + word + rest[at:]).encode()
        found += RULE in rules(scanner, (PADDING + key + PADDING[::-1]).hex().encode())
    assert found >= 170
