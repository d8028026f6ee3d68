from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.config.nodes import ScalarNode
from pipelock.config.scalars import (
    ScalarError,
    describe,
    is_null,
    read_bool,
    read_float,
    read_int,
    read_octal,
    read_text,
    resolve_path,
)


def plain(text: str, tag: str = "") -> ScalarNode:
    return ScalarNode(1, 1, text, plain=True, tag=tag)


def quoted(text: str) -> ScalarNode:
    return ScalarNode(1, 1, text, plain=False)


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null(text: str) -> None:
    assert is_null(plain(text))
    assert not is_null(quoted(text))
    assert not is_null(plain(text, "str"))


def test_words_that_only_look_like_null() -> None:
    assert not is_null(plain("nil"))
    assert not is_null(plain("nULL"))


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"])
def test_on(word: str) -> None:
    assert read_bool(plain(word)) is True


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"])
def test_off(word: str) -> None:
    assert read_bool(plain(word)) is False


@pytest.mark.parametrize("node", [quoted("true"), plain("y"), plain("tRUE"), plain("1"), plain("0"), plain("enabled")])
def test_not_a_switch(node: ScalarNode) -> None:
    with pytest.raises(ScalarError, match="expected true or false"):
        read_bool(node)


def test_a_quoted_switch_is_told_the_way() -> None:
    with pytest.raises(ScalarError) as caught:
        read_bool(quoted("off"))
    assert caught.value.suggestion == "false"


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("7", 7), ("-3", -3), ("+4", 4), ("1_000", 1000), ("0x10", 16), ("0o17", 15), ("9" * 30, int("9" * 30))],
)
def test_whole_numbers(text: str, value: int) -> None:
    assert read_int(plain(text)) == value


@pytest.mark.parametrize(
    "node",
    [
        plain("1.0"),
        plain("1e3"),
        plain("ten"),
        plain(""),
        plain("007"),
        plain("0x"),
        plain("--1"),
        plain("٣"),
        plain("9" * 40),
        quoted("7"),
        plain("12:30"),
        plain("_1"),
    ],
)
def test_not_whole_numbers(node: ScalarNode) -> None:
    with pytest.raises(ScalarError):
        read_int(node)


def test_a_leading_zero_is_asked_about() -> None:
    with pytest.raises(ScalarError, match="leading zero") as caught:
        read_int(plain("0600"))
    assert caught.value.suggestion == "600"


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("4.5", 4.5), ("-0.5", -0.5), ("1e2", 100.0), (".5", 0.5)])
def test_numbers(text: str, value: float) -> None:
    assert read_float(plain(text)) == value


@pytest.mark.parametrize("text", [".inf", ".nan", "nan", "inf", "1e999", "four", "", "0x10"])
def test_not_finite_numbers(text: str) -> None:
    with pytest.raises(ScalarError, match="expected a number"):
        read_float(plain(text))


@pytest.mark.parametrize("node", [plain("0600"), plain("600"), plain("0o600"), quoted("0600")])
def test_file_modes_are_octal(node: ScalarNode) -> None:
    assert read_octal(node) == 0o600


@pytest.mark.parametrize("text", ["0800", "rw", "", "-600", "00600"])
def test_not_file_modes(text: str) -> None:
    with pytest.raises(ScalarError, match="file mode"):
        read_octal(plain(text))


@pytest.mark.parametrize(
    "node",
    [
        plain("no"),
        plain("NO"),
        plain("off"),
        plain("y"),
        plain("2026-01-01"),
        plain("10.0.0.1"),
        plain("12:30"),
        quoted("1"),
        quoted("true"),
        quoted(""),
        plain("1", "str"),
        plain("::1"),
    ],
)
def test_text_is_text(node: ScalarNode) -> None:
    assert read_text(node) == node.text


@pytest.mark.parametrize("text", ["1", "1.0", "0x1", "true", "False"])
def test_text_that_yaml_reads_otherwise_wants_quotes(text: str) -> None:
    with pytest.raises(ScalarError, match="put it in quotes") as caught:
        read_text(plain(text))
    assert caught.value.suggestion == f"'{text}'"


def test_no_text() -> None:
    with pytest.raises(ScalarError, match="found nothing"):
        read_text(plain(""))


@pytest.mark.parametrize(
    ("node", "word"),
    [
        (plain(""), "nothing"),
        (quoted("1"), "text in quotes"),
        (plain("true"), "true or false"),
        (plain("1.5"), "a number"),
        (plain("x"), "text"),
    ],
)
def test_what_was_found(node: ScalarNode, word: str) -> None:
    assert describe(node) == word


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    base = Path("/etc/pipelock")
    assert resolve_path("", base) == ""
    assert resolve_path("audit.log", base) == "/etc/pipelock/audit.log"
    assert resolve_path("../x", base) == "/etc/x"
    assert resolve_path("/var/log/a", base) == "/var/log/a"
    assert resolve_path("~/a", base) == "/home/someone/a"


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "x" * 5000, "~nobody-of-this-name/x"])
def test_not_paths(text: str) -> None:
    with pytest.raises(ScalarError):
        resolve_path(text, Path("/"))
