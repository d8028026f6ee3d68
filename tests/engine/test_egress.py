from __future__ import annotations

from typing import Any

import pytest

from pipelock.detect.hosts import HostSet
from pipelock.engine.egress import EgressRule, EgressRules, Ruling
from pipelock.model import Verdict

ASKED: dict[str, Any] = {"method": "GET", "host": "api.e.com", "port": 443, "path": "/v1/x", "agent": "ann"}


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"methods": frozenset({"GET", "HEAD"})}, True),
        ({"methods": frozenset({"POST"})}, False),
        ({"hosts": HostSet(["api.e.com"])}, True),
        ({"hosts": HostSet(["*.e.com"])}, True),
        ({"hosts": HostSet(["e.com"])}, False),
        ({"port": 443}, True),
        ({"port": 80}, False),
        ({"path": "/v1/*"}, True),
        ({"path": "/v1"}, False),
        ({"agent": "a?n"}, True),
        ({"agent": "bob"}, False),
        ({"hosts": HostSet(["*.e.com"]), "port": 443, "path": "/v2/*"}, False),
    ],
)
def test_every_condition_has_to_hold(conditions: dict[str, Any], matches: bool) -> None:
    assert EgressRule(name="r", action=Verdict.BLOCK, **conditions).matches(**ASKED) is matches


def test_the_first_match_then_the_default() -> None:
    rules = EgressRules(
        [
            EgressRule(name="one", action=Verdict.ALLOW, path="/v1/*", reason="fine"),
            EgressRule(name="two", action=Verdict.BLOCK),
        ],
        Verdict.ASK,
    )
    assert len(rules) == 2
    assert rules.rule(**ASKED) == Ruling(Verdict.ALLOW, "one", "fine")
    assert rules.rule(**{**ASKED, "path": "/v2"}) == Ruling(Verdict.BLOCK, "two", "")
    assert EgressRules((), Verdict.ASK).rule(**ASKED) == Ruling(Verdict.ASK, "", "")
