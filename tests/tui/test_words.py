from __future__ import annotations

from datetime import UTC

import pytest
from rich.cells import cell_len

from pipelock.model import Outcome, TaintLevel, Verdict
from pipelock_tui import words


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (52_300_000, "52M"),
        (10**18, ">999T"),
    ],
)
def test_size(count: int, wanted: str) -> None:
    assert words.size(count) == wanted
    assert len(words.size(count)) <= 5


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0.000312, "312 µs"), (0.0041, "4.1 ms"), (2.5, "2.5 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_span(seconds: float, wanted: str) -> None:
    assert words.span(seconds) == wanted


@pytest.mark.parametrize(
    ("expires", "now", "wanted"),
    [
        (100, 40, "1:00"),
        (100, 40.5, "1:00"),
        (100, 99.5, "0:01"),
        (100, 100, "0:00"),
        (100, 300, "0:00"),
        (0, 5, "no limit"),
    ],
)
def test_countdown_rounds_up_and_stops_at_nothing(expires: float, now: float, wanted: str) -> None:
    assert words.countdown(expires, now) == wanted


def test_clock_time_survives_nonsense() -> None:
    assert words.clock_time(0, UTC) == "00:00:00"
    assert words.clock_time(float("inf"), UTC) == "--:--:--"
    assert words.clock_time(1e300, UTC) == "--:--:--"


def test_ago_and_number() -> None:
    assert [words.ago(s) for s in (-3, 4.9, 61, 7300)] == ["0 s", "4 s", "1 min", "2 h"]
    assert words.number(1204567) == "1 204 567"


def test_every_state_has_a_word_and_every_verdict_a_glyph_of_its_own_kind() -> None:
    assert set(words.OUTCOMES) == set(Outcome)
    assert set(words.TAINTS) == set(TaintLevel)
    for verdict in Verdict:
        assert verdict.value in words.verdict_words(verdict)
        assert cell_len(words.verdict_words(verdict)) <= 10
    assert words.GLYPHS[Verdict.ALLOW] != words.GLYPHS[Verdict.BLOCK] != words.GLYPHS[Verdict.WARN]
