"""Work grows with the text and no faster: counted in bytes that matchers and regular expressions are given, not in time."""

from __future__ import annotations

import random

import pytest

from pipelock.detect import _native, matcher
from pipelock.detect.injection import InjectionScanner
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner

SMALL = 20_000
NOISE = random.Random(3).randbytes(4 * SMALL)
LETTERS = bytes(random.Random(4).choices(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789+/", k=4 * SMALL))
TEXTS = {
    "words": b"an ordinary word or two, and more. ", "newlines": b"\n", "percent": b"%25%34%31", "entities": b"&amp;&#65;",
    "escapes": b"\\u0041\\\\", "printable": b"=41=42=\n", "codes": b"101, 102, 99, ", "bits": b"01000001 ",
    "base85": b"B0u!rDZ>XF@<", "quotes": b'"', "tags": b"a<b>c", "angles": b"<", "apart": b"a b c ", "signs": b"i!n (s) a|b ",
    "colons": b"a:b:", "gzip": b"\x1f\x8b\x08\x00", "uu": b"begin 644 x\n", "json": b'{"a":"b","c":"x1y2"},',
    "cyrillic": "аб в".encode(), "marks": "e\u0301\u200b".encode(), "phrases": b"ignore all previous rules ",
    "keys": b"ghp_ AKIA sk-ant- ", "noise": NOISE, "letters": LETTERS,
}  # fmt: skip


@pytest.fixture(scope="module")
def scanners():
    secrets = SecretScanner(RuleSet.builtin("credentials"))
    injection = InjectionScanner(RuleSet.builtin("injection"))
    return [lambda data: secrets.scan(data, "body"), lambda data: injection.scan(data, "body")]


@pytest.fixture
def work(monkeypatch):
    """Counts bytes that are scanned, and matches that are looked at."""
    counted = {"bytes": 0, "hits": 0}
    scan, hits = _native.NativeDatabase.scan, matcher.Matcher.hits

    def counting_scan(self, data):
        counted["bytes"] += len(data)
        return scan(self, data)

    def counting_hits(self, number, data):
        counted["bytes"] += len(data)
        for hit in hits(self, number, data):
            counted["hits"] += 1
            yield hit

    monkeypatch.setattr(_native.NativeDatabase, "scan", counting_scan)
    monkeypatch.setattr(matcher.Matcher, "hits", counting_hits)
    return counted


def sized(name, size):
    unit = TEXTS[name]
    return (unit * (size // len(unit) + 1))[:size]


@pytest.mark.parametrize("name", TEXTS)
def test_four_times_the_text_is_at_most_five_times_the_work(scanners, work, name):
    for scan in scanners:
        spent = []
        for size in (SMALL, 4 * SMALL):
            work.update(bytes=0, hits=0)
            scan(sized(name, size))
            spent.append(dict(work))
        # What may be derived has a fixed part, which weighs more in small texts.
        assert spent[1]["bytes"] <= 5 * spent[0]["bytes"] + 2_000_000, spent
        assert spent[1]["hits"] <= 5 * spent[0]["hits"] + 1_000, spent


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_is_scanned_more_often_than_is_written_down(scanners, work, name):
    data = sized(name, 4 * SMALL)
    for scan in scanners:
        work.update(bytes=0, hits=0)
        scan(data)
        # Eight times the size and a fixed part may be derived; each is shown to the gate, the rules and the folds.
        assert work["bytes"] <= 12 * (12 * len(data) + 500_000)
