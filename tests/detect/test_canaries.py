"""Canaries are found in any spelling and with anything between their letters."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.canaries import Canaries, canary_rule
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.views import Place, View

VALUE = "canary-7Q2m_xVb91"
RAW = VALUE.encode()
WRITINGS = {
    "plain": VALUE,
    "other case": VALUE.swapcase(),
    "without separators": VALUE.replace("-", "").replace("_", ""),
    "other separators": VALUE.replace("-", "/").replace("_", " "),
    "dots": ".".join(VALUE),
    "lines": "\n".join(VALUE),
    "query": "&".join(f"{char}" for char in VALUE),
    "JSON list": json.dumps(list(VALUE)),
    "base64": base64.b64encode(RAW).decode(),
    "base64 in pieces": ".".join(base64.b64encode(RAW).decode()),
    "base64 in a longer text": base64.b64encode(b"ab" + RAW + b"cd").decode(),
    "base32": base64.b32encode(RAW).decode(),
    "hex": RAW.hex(),
    "hex, spaced": RAW.hex(" "),
    "percent": "".join(f"%{byte:02x}" for byte in RAW),
    "codes": json.dumps(list(RAW), indent=1),
    "host": "canary.7q2mxvb91.example.com",
}


def view(text: str) -> View:
    return View(Place("body", text.encode()), text.encode())


@pytest.mark.parametrize("native", [True, False], ids=["native", "linear"])
@pytest.mark.parametrize("writing", WRITINGS)
def test_found_however_it_is_written(writing: str, native: bool) -> None:
    canaries = Canaries([("other", "another-value-of-ours"), ("vault", VALUE)], native=native)
    text = f"see: {WRITINGS[writing]}; done"
    (found,) = canaries.find([view("clean"), view(text)])
    assert found.rule == canary_rule("vault") == "Canary Token (vault)"
    assert 5 <= found.start < found.end <= len(text) - len("; done")
    assert found.late


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet=" .-_/\\?&=:;,@%+#'\"\n\t()[]{}|", max_size=3), min_size=len(VALUE), max_size=len(VALUE))
)
def test_nothing_between_its_letters_hides_it(gaps: list[str]) -> None:
    text = "".join(char + gap for char, gap in zip(VALUE, gaps, strict=True))
    assert Canaries([("vault", VALUE)]).find([view(text)])


@pytest.mark.parametrize("text", ["", "canary", VALUE[:-1], "canary 7Q2n xVb91", "c7a6n5"])
def test_what_is_not_the_value(text: str) -> None:
    assert Canaries([("vault", VALUE)]).find([view(text)]) == []


def test_views_are_kept_apart() -> None:
    assert Canaries([("vault", VALUE)]).find([view(VALUE[:8]), view(VALUE[8:])]) == []


def test_a_value_without_letters_is_looked_for_as_it_stands() -> None:
    canaries = Canaries([("odd", "!?-=+*#:a")])
    assert canaries.find([view("x !?-=+*#:A y")])
    assert canaries.find([view("xay")]) == []
    assert Canaries([]).find([view("x")]) == []


def test_a_rule_that_found_it_too_is_named_first_and_nothing_is_shown() -> None:
    value = "AKIA" + "Q7WERTYZ5UIOPAS3"
    scanner = SecretScanner(RuleSet.builtin("credentials"), watchers=[Canaries([("keys", value)])])
    findings = scanner.scan(f"key {value}", "body")
    assert [finding.rule for finding in findings] == ["AWS Access ID", "Canary Token (keys)"]
    findings = scanner.scan("-".join(value.lower()), "body")
    assert "Canary Token (keys)" in {finding.rule for finding in findings}
    assert value.lower()[4:] not in repr(findings).lower().replace("-", "")


def test_hostile_text_costs_milliseconds() -> None:
    canaries = Canaries([(f"c{number}", f"{VALUE}{number:03}") for number in range(50)])
    for piece in (VALUE[:8], ".", "c", "abc "):
        text = view((piece * 204_800)[:204_800])
        start = time.process_time()
        canaries.find([text])
        assert time.process_time() - start < 0.2
