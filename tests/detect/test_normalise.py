"""Folds of single characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect._confusables import BY_SCRIPT
from pipelock.detect._lookalikes import IN_LATIN_WORDS, LOOKALIKES
from pipelock.detect.normalise import (
    fold_text,
    has_invisible,
    hidden_tags,
    original_span,
    spaced_text,
    unusual,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("plain\ttext\r\n", "plain\ttext\r\n"), ("a\u200bb", "ab"), ("a\u00a0b", "a b"), ("\u0410\u0435", "Ae"),
        ("\uff49\uff47", "ig"), ("e\u0301\u0302", "e"), ("\u00e9", "e"), ("\U0001f170", "A"), ("\u2163", "IV"),
        ("か\u3099", "か\u3099"), ("が", "が"), ("忽略", "忽略"), ("무시", "무시"), ("a\x00b", "ab"), ("\U000e0041x", "x"),
    ],
)  # fmt: skip
def test_table(text, folded):
    assert fold_text(text) == folded


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing_more(text):
    once = fold_text(text)
    assert fold_text(once) == fold_text(fold_text(once))


@given(st.text(max_size=60))
def test_few_and_many_replacements_agree(text):
    text = "".join(char for char in text if ord(char) not in IN_LATIN_WORDS)
    assert fold_text(text) == "".join(fold_text(char) for char in text)


@pytest.mark.parametrize("script", sorted(BY_SCRIPT))
def test_look_alikes_of_every_script_are_read_as_latin_inside_latin_words(script):
    for cell in BY_SCRIPT[script]:
        for char in cell[1:]:
            assert fold_text(f"Z{char}Z").lower() in {f"z{cell[0]}z".lower(), f"z{LOOKALIKES.get(char)}z"}


def test_writing_in_another_script_is_left_as_it_is_beside_latin_words():
    for text in ("\u0627\u0647\u0644 and\n\u0627\u0647", "\u0966 \u096a", "\u05d7\u05e1\u05d3 ok"):
        assert fold_text(text) == text
    assert original_span("x \u0627gn\u0647re y", 2, 8) == (2, 8)


def test_invisible_characters_can_stand_for_spaces():
    assert spaced_text("a\u200bb") == "a b"
    assert has_invisible("a\u200bb")
    assert not has_invisible("a b\n")
    assert hidden_tags("x\U000e0068\U000e0069") == "hi"


@given(st.text(alphabet="ab\u200b\u0435\ufb01", max_size=30), st.text(alphabet="ab\u200b", max_size=10))
def test_a_span_leads_back_to_what_folds_to_it(before, after):
    text = f"{before}NEEDLE{after}"
    start = fold_text(text).index("NEEDLE")
    first, last = original_span(text, start, start + 6)
    assert fold_text(text[first:last]) == "NEEDLE"


# Every character up to the end of the Arabic forms, and of the planes that hold letters in disguise and hidden tags.
EVERY = [chr(code) for first, last in ((1, 0xD7FF), (0xE000, 0x1FFFF), (0x2F800, 0x2FFFF), (0xE0000, 0xE01FF))
         for code in range(first, last) if code not in IN_LATIN_WORDS]  # fmt: skip


@pytest.mark.parametrize("fold", [fold_text, spaced_text])
def test_many_different_characters_fold_as_each_does_alone(fold):
    # Above a few hundred, characters are chosen by normalising all of them in one call.
    assert fold("".join(EVERY)) == "".join(map(fold, EVERY))


def test_what_is_unusual_is_told_once_for_all_folds():
    text = "pl\u0430in\u200b text"
    chars = unusual(text)
    assert chars == {"\u0430", "\u200b"}
    assert fold_text(text, chars) == fold_text(text) == "plain text"
    assert has_invisible(text, chars)
    assert unusual("plain\n") == frozenset()
