"""Seed phrases in all the ways people write them down, and prose that is none."""

from __future__ import annotations

import hashlib
import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect import seeds
from pipelock.detect.normalise import fold_text
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.seeds import LENGTHS, RULE, SeedPhrases, is_electrum, is_valid
from pipelock.detect.views import Place, View

LANGUAGES = ("english", "french", "italian", "portuguese", "spanish", "czech", "japanese", "korean",
             "chinese_simplified", "chinese_traditional")  # fmt: skip


def a_phrase(entropy: int, length: int = 12, language: str = "english") -> list[str]:
    """What BIP-39 makes of so much entropy (32/33 of 11 bits for each word)."""
    bits = length * 11 // 33
    entropy &= (1 << bits * 32) - 1
    digest = hashlib.sha256(entropy.to_bytes(bits * 4, "big")).digest()
    total = entropy << bits | digest[0] >> (8 - bits)
    words = seeds._lists()[language]
    return [words[total >> 11 * (length - 1 - at) & 2047] for at in range(length)]


def found_in(text: str, scanner: SeedPhrases | None = None) -> list[tuple[str, str]]:
    data = text.encode()
    place = Place("body", data)
    views = [View(place, data), View(place, fold_text(text).encode(), ("normalised",), folded=True)]
    found = (scanner or SeedPhrases()).find(views)
    return [(one.what, one.view.data[one.start : one.end].decode()) for one in found]


WORDS = a_phrase(random.Random(7).getrandbits(256))
SHOWN = " ".join(WORDS)
WRITINGS = {
    "spaces": SHOWN,
    "capitals": SHOWN.upper(),
    "lines": "\n".join(WORDS),
    "windows lines": "\r\n".join(WORDS),
    "commas": ",".join(WORDS),
    "bars": " | ".join(WORDS),
    "dots": ".".join(WORDS),
    "hyphens": "-".join(WORDS),
    "semicolons and colons": ";".join(WORDS[:6]) + ":" + ":".join(WORDS[6:]),
    "numbered": "\n".join(f"{number}. {word}" for number, word in enumerate(WORDS, 1)),
    "numbered in a row": " ".join(f"{number}) {word}" for number, word in enumerate(WORDS, 1)),
    "bullets": "\n".join(f"  * {word}" for word in WORDS),
    "JSON": json.dumps(WORDS),
    "indented JSON": json.dumps(WORDS, indent=8),
    "named JSON": json.dumps({f"word{number}": word for number, word in enumerate(WORDS, 1)}),
    "form": "&".join(f"w{number}={word}" for number, word in enumerate(WORDS, 1)),
    "letters": "?" + "&".join(f"{letter}={word}" for letter, word in zip("abcdefghijkl", WORDS, strict=True)),
    "YAML": "\n".join(f"k{number}: {word}" for number, word in enumerate(WORDS, 1)),
    "HTML list": "<ol>\n" + "\n".join(f"<li>{word}</li>" for word in WORDS) + "\n</ol>",
    "HTML table": "".join(f"<tr><td>{number}</td><td>{word}</td></tr>" for number, word in enumerate(WORDS, 1)),
    "four letters": " ".join(word[:4] for word in WORDS),
    "path": "/" + "/".join(WORDS),
    "round bullets": "\n".join(f"\u2022 {word}" for word in WORDS),
    "arrows": " \u2192 ".join(WORDS),
    "emoji digits": " ".join(f"{number % 10}\ufe0f\u20e3 {word}" for number, word in enumerate(WORDS)),
    "unseen gaps": "\u200b".join(WORDS),
    "hard spaces": "\u00a0".join(WORDS),
    "between prose": f"Here you are of course: {SHOWN}. It is all of it.",
    "between list words": f"able {SHOWN} zone",
    "full width": "".join(chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in SHOWN),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_phrases_are_found_however_they_are_written(writing: str) -> None:
    ((what, _),) = found_in(WRITINGS[writing])
    assert what.startswith("a seed phrase of ")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_and_length(language: str, length: int) -> None:
    words = a_phrase(random.Random(length).getrandbits(300), length, language)
    gap = "\u3000" if language == "japanese" else " "
    ((what, shown),) = found_in(f"== {gap.join(words)} ==")
    assert what == f"a seed phrase of {length} words ({language.partition('_')[0].title()})"
    assert len(shown.split()) == length


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**256 - 1), st.sampled_from(LENGTHS))
def test_any_entropy(entropy: int, length: int) -> None:
    words = a_phrase(random.Random(entropy).getrandbits(256), length)
    index = dict(zip(seeds._lists()["english"], range(2048), strict=True))
    assert is_valid([index[word] for word in words])
    assert found_in(" ".join(words))


def test_the_published_vectors() -> None:
    words = seeds._lists()["english"]
    assert is_valid([words.index(word) for word in ["abandon"] * 11 + ["about"]])
    assert not is_valid([words.index(word) for word in ["abandon"] * 12])
    assert is_valid([words.index(word) for word in ["zoo"] * 23 + ["vote"]])


@pytest.mark.parametrize(
    "text",
    [
        " ".join(WORDS[:11]),
        " ".join([*WORDS[1:], WORDS[0]]),
        " ".join([*WORDS[:6], "xylophone", *WORDS[6:]]),
        "".join(WORDS),
        " ".join(seeds._lists()["english"]),
        "\n".join(seeds._lists()["spanish"]),
        "the quick brown fox jumps over that lazy dog while every other animal will just stay home and sleep " * 20,
        "你好 世界 " * 20,
        "system " * 400,
        "style true " * 60,
    ],
)  # fmt: skip
def test_what_is_no_phrase(text: str) -> None:
    assert found_in(text) == []


def code_of(words: list[str]) -> str:
    """A valid phrase of returning words as program text writes them."""
    return f"{words[0]}_{words[1]} = {' + '.join(words[2:6])};\n{words[6]}({', '.join(words[7:])})"


def a_returning_phrase(seed: int) -> list[str]:
    """Twelve of five words, which pass the check and don't rise."""
    draw = random.Random(seed)
    words = ["index", "limit", "start", "end", "final"]
    index = {word: number for number, word in enumerate(seeds._lists()["english"])}
    while True:
        row = [draw.choice(words) for _ in range(12)]
        row[-1] = draw.choice(list(index))
        if is_valid([index[word] for word in row]) and len(set(row)) == 6:
            return row


def test_program_text_is_no_phrase_but_the_same_words_in_a_row_are() -> None:
    words = a_returning_phrase(3)
    assert found_in(code_of(words)) == []
    assert found_in(" ".join(words))
    assert found_in(code_of(WORDS))


def test_a_phrase_behind_program_text_is_found() -> None:
    code = code_of(a_returning_phrase(4))
    assert found_in(f"{code} {SHOWN}")
    assert found_in(" ".join([code] * (seeds.MAX_CODE + 1)))


@pytest.mark.parametrize(
    "text",
    [
        "abandon " * 11 + "about",
        "zoo " * 23 + "vote",
        "legal winner thank year wave sausage worth useful legal winner thank yellow",
    ],
)
def test_published_examples_are_phrases(text: str) -> None:
    assert found_in(text)


def test_phrases_of_electrum() -> None:
    # Published in the tests of Electrum.
    words = "wild father tree among universe such mobile favorite target dynamic credit identify"
    assert is_electrum(words.split())
    ((what, shown),) = found_in(f"seed: {words}; keep it")
    assert (what, shown) == ("a seed phrase of 12 words (Electrum)", words)
    assert found_in(words, SeedPhrases(15)) == []


def test_settings() -> None:
    wrong = " ".join([*WORDS[1:], WORDS[0]])
    assert found_in(wrong, SeedPhrases(verify_checksum=False))
    assert found_in(SHOWN, SeedPhrases(15)) == []
    assert found_in(" ".join(a_phrase(5**100, 24)), SeedPhrases(24))


def test_a_long_row_of_list_words_needs_no_checksum() -> None:
    english = seeds._lists()["english"]
    row = random.Random(3).choices(english, k=seeds.MAX_RUN + 1)
    assert found_in(" ".join(row))


def test_joined_values_are_read_and_fused_lines_are_not_and_a_place_is_told_once() -> None:
    data = SHOWN.encode()
    place = Place("body", data)
    assert SeedPhrases().find([View(place, data, ("joined lines",), joined=True)]) == []
    assert SeedPhrases().find([View(place, data, ("joined",), joined=True)])
    assert len(SeedPhrases().find([View(place, data), View(place, data, ("base64",))])) == 1


def test_a_phrase_cut_over_values_is_whole_again() -> None:
    scanner = SecretScanner(RuleSet.builtin("credentials"), watchers=[SeedPhrases()])
    for at in (9, 24, 40):
        body = json.dumps({"a": SHOWN[:at], "b": SHOWN[at:]}).encode()
        assert [finding.rule for finding in scanner.scan(body, "body", content_type="application/json")] == [RULE]


def test_the_finding_shows_no_word() -> None:
    scanner = SecretScanner(RuleSet.builtin("credentials"), watchers=[SeedPhrases()])
    (finding,) = scanner.scan(f"my wallet: {SHOWN} ok", "body")
    assert finding.rule == RULE
    assert finding.span is not None
    assert (finding.span.start, finding.span.end) == (11, 11 + len(SHOWN))
    assert not any(word in finding.excerpt or word in finding.message.replace("words", "") for word in WORDS)


@pytest.mark.parametrize(
    "text",
    ["able " * 41_000, ("able " * 200 + "of ") * 200, "abc " * 51_200, "abc <b> " * 25_600, "abc a1=abc " * 18_600,
     "a1=able " * 25_000, "あ " * 51_200, "的 " * 51_200],
    ids=["row", "rows", "words", "tags", "names", "pairs", "kana", "signs"],
)  # fmt: skip
def test_hostile_text_costs_milliseconds(text: str) -> None:
    view = View(Place("body", text.encode()), text.encode())
    scanner = SeedPhrases()
    scanner.find([view])
    start = time.process_time()
    scanner.find([view])
    assert time.process_time() - start < 2.0
