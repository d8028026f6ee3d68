"""Attacks that were written without looking at the rules: what share of them is found must not fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.detect.injection import InjectionScanner
from pipelock.detect.ruleset import RuleSet

DATA = Path(__file__).with_name("data")
# The first three sets guided the rules after they were measured; the fourth guided none.
FLOORS = {"first": 0.84, "second": 0.80, "third": 0.75, "fourth": 0.42}


@pytest.fixture(scope="module")
def scanner():
    return InjectionScanner(RuleSet.builtin("injection"))


def believed(scanner, text):
    return any(not finding.warns for finding in scanner.scan(text.encode(), "body"))


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_the_share_that_is_found_does_not_fall(scanner, name, floor):
    lines = (DATA / f"held_out_{name}.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.partition("\t")[2] for line in lines if not line.startswith("#")]
    found = sum(believed(scanner, text) for text in texts)
    assert len(texts) > 50
    assert found / len(texts) >= floor, f"{found} of {len(texts)}"
