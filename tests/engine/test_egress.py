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


GET = frozenset({"GET"})
CONNECT = frozenset({"CONNECT", "GET"})


@pytest.mark.parametrize(
    ("rules", "default", "expected"),
    [
        # What only a request shows opens the tunnel if a request might pass, and does not close it to others.
        ([("allow", {"path": "/v1/*"})], "block", "allow"),
        ([("warn", {"methods": GET})], "block", "allow"),
        ([("ask", {"methods": GET})], "block", "allow"),
        ([("block", {"path": "/v1/*"})], "allow", "allow"),
        ([("block", {"methods": GET})], "block", "block"),
        ([("block", {"methods": GET}), ("allow", {"path": "/v1/*"})], "block", "allow"),
        # Who is asked about a host is asked about its requests.
        ([("ask", {})], "allow", "allow"),
        ([], "ask", "allow"),
        # What is about the tunnel holds for it.
        ([("ask", {"methods": CONNECT})], "allow", "ask"),
        ([("block", {"methods": CONNECT})], "allow", "block"),
        ([("block", {})], "allow", "block"),
        ([("block", {}), ("allow", {"path": "/v1/*"})], "block", "block"),
        ([("warn", {})], "block", "warn"),
        ([], "block", "block"),
        # Other hosts, ports and agents are nobody's business here.
        ([("allow", {"path": "/v1/*", "hosts": HostSet(["other.example"])})], "block", "block"),
        ([("allow", {"methods": GET, "port": 80})], "block", "block"),
        ([("ask", {"agent": "bob"})], "block", "block"),
    ],
)
def test_a_tunnel_whose_inside_is_read_opens_wherever_a_request_in_it_might_pass(
    rules: list[tuple[str, dict[str, Any]]], default: str, expected: str
) -> None:
    made = [EgressRule(name=str(n), action=Verdict(action), **rest) for n, (action, rest) in enumerate(rules)]
    ruling = EgressRules(made, Verdict(default)).rule_opened(host="api.e.com", port=443, agent="ann")
    assert ruling.action is Verdict(expected)
