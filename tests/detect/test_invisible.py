"""What invisible characters are told of, and which ones writing needs."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.invisible import hidden_characters
from pipelock.model import Severity


def tags(text: str) -> str:
    return "".join(chr(0xE0000 + ord(char)) for char in text)


@pytest.mark.parametrize(
    ("text", "kind", "severity", "start", "end"),
    [
        ("a" + tags("do it") + "b", "tag", Severity.CRITICAL, 1, 6),
        ("\U0001f3f4" + tags("gb"), "tag", Severity.CRITICAL, 1, 3),
        ("\U0001f3f4" + tags("send it") + "\U000e007f", "tag", Severity.CRITICAL, 1, 9),
        ("if x: \u202e} \u2066// ok", "bidi", Severity.HIGH, 6, 7),
        ("pass\u200bword", "zero-width", Severity.MEDIUM, 4, 5),
        ("a\u200b\u200c\u200d\u2060b", "zero-width", Severity.HIGH, 1, 5),
        ("x\ufeffy", "zero-width", Severity.MEDIUM, 1, 2),
        ("ad\u200dmin", "zero-width", Severity.MEDIUM, 2, 3),
        ("a\ufe0fb", "variation selector", Severity.MEDIUM, 1, 2),
        ("\U0001f600" + "\U000e0110\U000e0111\U000e0112\U000e0113", "variation selector", Severity.HIGH, 1, 5),
        ("x\U000e0110", "variation selector", Severity.HIGH, 1, 2),
        ("const \u3164 = 1", "filler", Severity.HIGH, 6, 7),
        ("a\ufff9b", "annotation", Severity.MEDIUM, 1, 2),
        ("a\u2028b", "separator", Severity.LOW, 1, 2),
        ("a\x1b[8mb", "control", Severity.MEDIUM, 1, 2),
        ("a\x00b", "control", Severity.LOW, 1, 2),
        ("a\x9bb", "control", Severity.MEDIUM, 1, 2),
        ("a\u200eb", "mark", Severity.LOW, 1, 2),
        ("a\u00adb", "soft", Severity.LOW, 1, 2),
    ],
)
def test_what_is_told(text: str, kind: str, severity: Severity, start: int, end: int) -> None:
    first = next(hidden_characters(text))
    assert (first.kind, first.severity, first.start, first.end) == (kind, severity, start, end)
    assert first.code_point == ord(text[start])
    assert first.name


@pytest.mark.parametrize(
    "text",
    [
        "plain text\twith\r\nlines\f",
        "déjà vu, Grüße, 漢字, עברית, العربية",
        "\ufeffwith a byte order mark",
        "می\u200cخواهم",  # Persian needs the non-joiner
        "क\u094d\u200dष",  # and Hindi the joiner
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f",
        "\u2764\ufe0f\u200d\U0001f525"[:2],
        "1\ufe0f\u20e3",
        "葛\U000e0100飾区",
        "\U0001f3f4" + tags("gbeng") + "\U000e007f",
        "\u115f\u1161",
    ],
)
def test_what_writing_needs_is_left_alone(text: str) -> None:
    assert list(hidden_characters(text)) == []


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab \n\u200b\u200d\u202e\ufe0f\U000e0041\u3164\x1b\ufeff"), max_size=30))
def test_runs_are_in_order_apart_and_of_one_kind(text: str) -> None:
    end = 0
    for one in hidden_characters(text):
        assert end <= one.start < one.end <= len(text)
        end = one.end


def test_it_is_linear() -> None:
    size = 200_000
    began = time.process_time()
    assert sum(1 for _ in hidden_characters("plain text " * (size // 11))) == 0
    for text in ("\u200b" * size, "a\u200b" * (size // 2), "a\u200b\u202e" * (size // 3)):
        assert sum(1 for _ in hidden_characters(text)) > 0
    assert time.process_time() - began < 3
