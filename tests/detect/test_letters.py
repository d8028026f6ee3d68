"""The fold of letters: one form for however a word is spelled."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.letters import fold_letters, letters_span


@pytest.mark.parametrize("words", [
    ("Précédent", "precedent", "PRÉCÉDENT"), ("Straße", "strasse"), ("ŞİFRE", "şifre", "sifre"),
    ("ПАРОЛЬ", "пароль", "пapoль"), ("كَلِمَة", "كلمه", "كلـــمة"), ("नज़र", "नजर"), ("รหัส ผ่าน", "รหัสผ่าน"),
    ("密 码", "密码"), ("비밀번호", "비밀 번호"), ("mật khẩu", "MẬT KHẨU", "mat khau"), ("l’été", "l'ete"),
])  # fmt: skip
def test_spellings_become_one(words):
    assert (
        len({fold_letters(unicodedata.normalize(form, word)).lower() for word in words for form in ("NFC", "NFD")}) == 1
    )


def test_words_that_differ_stay_different():
    assert fold_letters("密码") != fold_letters("号码")
    assert fold_letters("пароль") != fold_letters("король")


def test_ascii_stays_as_it_is():
    assert fold_letters("Tell me, 100 %") == "Tell me, 100 %"


def test_gaps_beside_other_letters_stay():
    assert fold_letters("用 Linux 的 人") == "用 linux 的人" or fold_letters("用 Linux 的 人") == "用 Linux 的人"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_folds_and_spans_lead_back_into_it(text):
    folded = fold_letters(text)
    left, right = letters_span(text, len(folded) // 3, len(folded))
    assert 0 <= left <= right <= len(text)
    assert len(folded) <= 20 * len(text) + 1


def test_many_marks_on_one_letter_take_no_longer():
    assert len(fold_letters("a" + "\u0301\u0323" * 50_000)) == 1


def test_many_characters_at_once_become_what_each_does_alone():
    chars = [chr(code) for code in (*range(0xA0, 0x2000), *range(0x3000, 0x3400), *range(0xFB00, 0xFE00))]
    together = fold_letters("\n".join(chars)).split("\n")
    assert together == [fold_letters(char) for char in chars]
