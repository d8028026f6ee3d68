"""Phrasebooks as files: what is shipped is up to date, and what can't be used is refused with its place."""

from __future__ import annotations

import shutil

import pytest

from pipelock.detect import phrasebook
from pipelock.detect.phrasebook import (
    PHRASES,
    QUICK,
    Phrasebook,
    PhraseError,
    builtin_vocabulary,
    compile_book,
    pack_phrases,
    read_phrasebooks,
)


def test_the_quick_form_that_is_shipped_is_up_to_date():
    assert (PHRASES / QUICK).read_bytes() == pack_phrases(PHRASES), "run scripts/rules.py"


@pytest.mark.parametrize("harm", [b"", b"{}", b"not json"])
def test_without_a_quick_form_the_files_count(tmp_path, monkeypatch, harm):
    for name in ("families.yaml", "mixed.yaml"):
        shutil.copy(PHRASES / name, tmp_path)
    (tmp_path / QUICK).write_bytes(harm)
    monkeypatch.setattr(phrasebook, "PHRASES", tmp_path)
    builtin_vocabulary.cache_clear()
    try:
        assert [language.name for language in builtin_vocabulary().languages] == ["Cross-Lingual"]
    finally:
        builtin_vocabulary.cache_clear()


def test_a_quick_form_of_another_fold_does_not_count(tmp_path, monkeypatch):
    for name in ("families.yaml", "mixed.yaml"):
        shutil.copy(PHRASES / name, tmp_path)
    (tmp_path / QUICK).write_bytes(pack_phrases(tmp_path).replace(b"Cross-Lingual", b"Out-Of-Date"))
    monkeypatch.setattr(phrasebook, "PHRASES", tmp_path)
    builtin_vocabulary.cache_clear()
    assert builtin_vocabulary().languages[0].name == "Out-Of-Date"
    monkeypatch.setattr(phrasebook, "fold_letters", str.upper)
    builtin_vocabulary.cache_clear()
    try:
        assert builtin_vocabulary().languages[0].name == "Cross-Lingual"
    finally:
        builtin_vocabulary.cache_clear()


@pytest.mark.parametrize(("words", "reason"), [
    ({"drop": "(ignore|forget;"}, "not closed"),
    ({"drop": "ignore|forget;"}, "without a group"),
    ({"drop": "{prior} things;"}, "no cue 'prior'"),
    ({"drop": "{drop};"}, "name each other"),
    ({"drop": "a;"}, "no word that is always there"),
    ({"drop": "(this)?;"}, "no word that is always there"),
])  # fmt: skip
def test_a_phrase_that_cannot_be_used_is_refused_with_its_place(words, reason):
    with pytest.raises(PhraseError, match=f"^Klingon: drop: .*{reason}"):
        compile_book(Phrasebook(language="Klingon", words=words))


@pytest.mark.parametrize("source", [b"words: [", b"language: X\nwords: {}\nother: 1\n", b"words: {}\n"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, source):
    (tmp_path / "x.yaml").write_bytes(source)
    with pytest.raises(PhraseError, match=r"^x\.yaml: "):
        read_phrasebooks(tmp_path)


def test_literals_are_words_that_every_match_has():
    language = compile_book(Phrasebook(language="X", words={"secret": "pass(word|code)s?; api key; the ~ secret;"}))
    words = {word.strip("\x02") for word in language.cues["secret"].literals}
    assert words == {"password", "passwords", "passcode", "passcodes", "api", "secret"}
