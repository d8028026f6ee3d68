"""Registrable names beside the list's own parser, which is slow and thorough."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from pipelock.detect.suffixes import _lines, registrable_name


@cache
def reference() -> PublicSuffixList:
    return PublicSuffixList()


def expected(name: str) -> str:
    return reference().privatesuffix(name) or name


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"),
        ("example.com", "example.com"),
        ("com", "com"),
        ("localhost", "localhost"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("user.github.io", "user.github.io"),
        ("deep.user.github.io", "user.github.io"),
        ("a.b.c.ck", "b.c.ck"),  # *.ck
        ("c.ck", "c.ck"),
        ("a.www.ck", "www.ck"),  # !www.ck
        ("a.b.unheard-of", "b.unheard-of"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("www.xn--85x722f.com.cn", "xn--85x722f.com.cn"),
        ("a.xn--99999999.com", "xn--99999999.com"),
        ("", ""),
    ],
)
def test_registrable_names(name: str, domain: str) -> None:
    assert registrable_name(name) == domain
    if name:
        assert expected(name) == domain


def rules() -> list[str]:
    return sorted(line for line in _lines() if line and not line.startswith("//"))


def test_the_list_is_there_and_its_lines_are_bare_rules() -> None:
    assert len(rules()) > 5_000
    assert not [line for line in rules() if line != line.strip() or any(char.isspace() for char in line)]


def test_every_rule_means_what_its_own_parser_says() -> None:
    for rule in rules():
        suffix = rule.removeprefix("!").replace("*", "wild").encode("idna").decode("ascii")
        for name in (suffix, f"one.{suffix}", f"two.one.{suffix}"):
            assert registrable_name(name) == expected(name), rule


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "www", "ck", "uk", "co", "com", "github", "io", "xn--p1ai", "kawasaki", "jp"]),
        min_size=1,
        max_size=6,
    )
)
def test_names_of_odd_make(labels: list[str]) -> None:
    name = ".".join(labels)
    assert registrable_name(name) == expected(name)


def test_a_name_of_thousands_of_labels_costs_no_more_than_a_long_one() -> None:
    assert registrable_name("a." * 100_000 + "example.com") == "example.com"
