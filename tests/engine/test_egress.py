from __future__ import annotations

from typing import Any

import pytest

from pipelock.detect.hosts import HostSet
from pipelock.engine._paths import rule_paths
from pipelock.engine.egress import EgressRule, EgressRules, Ruling
from pipelock.model import Verdict

ASKED: dict[str, Any] = {"method": "GET", "host": "api.e.com", "port": 443, "paths": ("/v1/x", "/v1/x"), "agent": "ann"}


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


@pytest.mark.parametrize(
    ("decoded", "stopped", "passed"),
    [
        ("/admin/x", True, True),
        ("//admin/./x", True, True),
        ("/Admin/x", True, False),
        ("/admin;v=1/x", True, False),
        ("/;/admin/x", True, False),
        ("/admin /x", True, False),
        ("/admin\0/x", True, False),
        ("/\uff0fadmin/x", True, False),
        ("/\uff41dmin/x", True, False),
        ("/administrator/x", False, False),
        ("/x;/admin", False, False),
    ],
)
def test_who_stops_matches_any_spelling_and_who_allows_only_the_plain_one(
    decoded: str, stopped: bool, passed: bool
) -> None:
    asked = {**ASKED, "paths": rule_paths(decoded)}
    assert EgressRule(name="r", action=Verdict.BLOCK, path="/admin/*").matches(**asked) is stopped
    assert EgressRule(name="r", action=Verdict.ALLOW, path="/admin/*").matches(**asked) is passed


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
    assert rules.rule(**{**ASKED, "paths": ("/v2", "/v2")}) == Ruling(Verdict.BLOCK, "two", "")
    assert EgressRules((), Verdict.ASK).rule(**ASKED) == Ruling(Verdict.ASK, "", "")
