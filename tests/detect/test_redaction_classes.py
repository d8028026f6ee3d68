from __future__ import annotations

import pytest

from pipelock.config.redaction_names import REDACTION_CLASSES
from pipelock.detect.redaction import Redactor
from pipelock.detect.redaction_classes import CLASSES, believed, rules_of
from pipelock.detect.ruleset import RuleSet, check_pattern

RULES = RuleSet.builtin("redaction").rules


@pytest.fixture(scope="module", params=[True, False], ids=["native", "linear"])
def redactor(request):
    kinds = sorted({rule.kind for rule in RULES})
    return {kind: Redactor([kind], native=request.param) for kind in kinds}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.name) for rule in RULES])
def test_a_rule_takes_its_examples_and_no_near_miss(redactor, rule):
    assert len(rule.examples.match) >= 3
    assert len(rule.examples.clean) >= 3
    check_pattern(rule.pattern, rule.name, case=rule.case)
    for text in rule.examples.match:
        assert redactor[rule.kind].replace([text.encode()]).counts == {rule.kind: 1}, text
    others = [one for one in RULES if one.kind == rule.kind and one is not rule]
    if not others:
        for text in rule.examples.clean:
            assert redactor[rule.kind].replace([text.encode()]).counts == {}, text


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"env-secret", "seed-phrase"}))
def test_every_class_has_rules(name):
    assert {kind for kind, _ in rules_of((name,))} == {name}
    assert not set(CLASSES[name].credentials) - {rule.name for rule in RuleSet.builtin("credentials").rules}


def test_a_profile_may_list_all_of_them_and_nothing_else():
    assert set(REDACTION_CLASSES) == set(CLASSES)
    assert len(REDACTION_CLASSES) == len(CLASSES)


def test_the_class_of_all_other_credentials_takes_none_that_has_its_own():
    rules = {rule.name for _, rule in rules_of(("credential",))}
    assert "Stripe Key" in rules
    assert not rules & {"GitHub Token", "Private Key Header"}
    assert "Private Key Block" in rules
    assert "Private Key Block" in {rule.name for _, rule in rules_of(("credential", "ssh-private-key"))}


@pytest.mark.parametrize(("kind", "text", "whole"), [
    ("ipv4", b"1.2.3.4", True),
    ("ipv4", b"1.2.3.4.", True),
    ("ipv4", b"1.2.3.4.5", False),
    ("ipv4", b"1.2.3.4x", False),
    ("ipv6", b"1::2:3", True),
    ("ipv6", b"a::b", False),
    ("ipv6", b"fe80::1", True),
    ("ipv6", b"::1", True),
    ("ipv6", b"std::", False),
    ("ipv6", b"12:30:45", False),
    ("ipv6", b"1:2:3:4:5:6:7:8", True),
    ("cidr", b"a::b/64", False),
    ("fqdn", b"host.example.org", True),
    ("fqdn", b"main.py", False),
    ("fqdn", b"www.main.py", True),
    ("fqdn", b"self.attribute", False),
    ("ad-user", b"HKLM\\software", False),
])  # fmt: skip
def test_what_stands_around_a_match_decides(kind, text, whole):
    end = len(text.rstrip(b".x")) if kind == "ipv4" else len(text)
    end = 7 if text == b"1.2.3.4.5" else end
    assert believed(kind, text, 0, end) is whole
