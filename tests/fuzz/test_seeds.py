"""The fuzzer's seeds, and properties of the whole pipeline, as ordinary tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

_SPEC = importlib.util.spec_from_file_location("fuzz_detect", Path(__file__).with_name("fuzz_detect.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)
SEEDS = list(fuzz.seeds())


@pytest.mark.parametrize("index", range(len(SEEDS)))
def test_each_seed_keeps_the_properties(index):
    fuzz.check(SEEDS[index])


@pytest.mark.parametrize("index", range(len(SEEDS)))
def test_both_engines_find_the_same(index):
    fuzz.same_verdict(SEEDS[index])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(SEEDS), st.binary(max_size=40)), min_size=1, max_size=4), st.data())
def test_seeds_cut_and_joined_keep_the_properties(parts, data):
    text = b"".join(parts)
    start = data.draw(st.integers(0, len(text)))
    fuzz.check(text[start:] + text[: start // 2])


def test_a_check_can_fail(monkeypatch):
    monkeypatch.setattr(fuzz, "fold_text", lambda text: text + "x")
    with pytest.raises(AssertionError):
        fuzz.check(b"text")
