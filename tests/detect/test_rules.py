"""Tests generated from the rules' own examples, and how rule files are refused."""

from __future__ import annotations

import json

import pytest

from pipelock.detect.injection import InjectionScanner
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import (
    RuleError,
    RuleSet,
    UserPattern,
    check_pattern,
    load_rules,
    patterns_of,
    samples_of,
)
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.suffixes import registrable_name

FAMILIES = {family: RuleSet.builtin(family).rules for family in ("credentials", "injection")}


def _scanners(*, native: bool):
    return {
        "credentials": SecretScanner(RuleSet.builtin("credentials"), native=native).scan,
        "injection": InjectionScanner(RuleSet.builtin("injection"), native=native).scan,
    }


@pytest.fixture(scope="module")
def scanners():
    return _scanners(native=True)


@pytest.fixture(scope="module", params=[True, False], ids=["native", "linear"])
def both(request, scanners):
    return scanners if request.param else _scanners(native=False)


ALL = [pytest.param(family, rule, id=rule.name) for family, rules in FAMILIES.items() for rule in rules]


DECISIVE = [param for param in ALL if not param.values[1].weight and not param.values[1].value]


@pytest.mark.parametrize(("family", "rule"), DECISIVE)
def test_matches_its_examples_and_no_near_miss(both, family, rule):
    for text in rule.examples.match:
        assert rule.name in {found.rule for found in both[family](text, "body")}, text
    for text in rule.examples.clean:
        assert rule.name not in {found.rule for found in both[family](text, "body")}, text


PATTERNS = [param for param in ALL if param.values[1].weight or param.values[1].value]


@pytest.mark.parametrize(("family", "rule"), PATTERNS)
def test_a_cue_stands_in_its_examples_and_in_no_near_miss(family, rule):
    matcher = Matcher(patterns_of([rule]), literals=[rule.literals], native=False)
    for text in rule.examples.match:
        assert matcher.propose(text.encode()) == [0], (family, text)
    for text in rule.examples.clean:
        assert matcher.propose(text.encode()) == [], (family, text)


CREDENTIALS = [pytest.param(rule, id=rule.name) for rule in FAMILIES["credentials"]]
# What may stand right before a secret without being part of it: line ends that are escaped once and twice (JSON in
# JSON), in Python's spelling, and colours.
BEFORE = (
    "\\n",
    "\\\\n",
    "\\\\\\\\n",
    "\\t",
    "\\x0a",
    "\\u000a",
    "\\012",
    "\x1b[31m",
    "\\u001b[1;31m",
    "\\033[0m",
    "\x1b(B",
)


@pytest.mark.parametrize("rule", CREDENTIALS)
def test_no_spelling_of_a_line_end_or_colour_before_a_secret_hides_it(scanners, rule):
    for text in rule.examples.match[:2]:
        for before in BEFORE:
            found = scanners["credentials"](before + text, "body")
            assert rule.name in {one.rule for one in found}, before + text


STRONG = [
    pytest.param(rule, id=rule.name)
    for rule in FAMILIES["credentials"]
    if not rule.pattern.startswith((r"\b", "(?:^"))  # too weak to be believed inside a word
]


@pytest.mark.parametrize("rule", STRONG)
def test_a_prefix_that_no_word_has_counts_inside_words(scanners, rule):
    text = max(rule.examples.match, key=len)
    for before in ("_",) if rule.pattern.startswith(r"(?:\b|_)") and "|(?-i:" not in rule.pattern else ("_", "x"):
        assert rule.name in {one.rule for one in scanners["credentials"](before + text, "body")}, before + text


VENDORS = [pytest.param(rule, id=rule.name) for rule in FAMILIES["credentials"] if rule.audience]
# Rules that go by the name of a field or parameter object to any value under it, wherever it goes.
BY_NAME = {"Credential in URL", "Environment Variable Secret", "Secret Assignment", "Password Assignment"}


def _asked(scan, text: str, host: str) -> set[str]:
    """The rules that object to `text` on its way to `host`, in a header, a path, a query or a body."""
    scanner = scan.__self__
    pairs = [(place, text) for place in ("header:authorization", "url:path", "url:query:key")]
    body = json.dumps({"note": text}).encode()
    found = scanner.scan_values(pairs, host=host) + scanner.scan(
        body, "body", host=host, content_type="application/json"
    )
    return {one.rule for one in found}


@pytest.mark.parametrize("rule", VENDORS)
def test_a_vendors_key_may_go_to_the_vendor_and_nowhere_else(scanners, rule):
    scan, text = scanners["credentials"], rule.examples.match[0]
    for pattern in rule.audience:
        name = pattern.removeprefix("*.")
        for host in (name, pattern.replace("*", "api")):
            assert _asked(scan, text, host) - BY_NAME == set(), host
        for host in (
            f"{name}.evil.example",
            f"evil-{name}",
            f"x{name}",
            f"{name.replace('.', '-')}.example",
            "",
            "10.0.0.1",
        ):
            assert rule.name in _asked(scan, text, host), host
    if not any(pattern.startswith("*.") for pattern in rule.audience):
        assert rule.name in _asked(scan, text, f"other.{rule.audience[0]}")


# Vendors that serve each customer's interface under the customer's own name.
TENANTS = {"*.supabase.co", "*.myshopify.com", "*.googleapis.com", "*.githubusercontent.com"}


@pytest.mark.parametrize("rule", VENDORS)
def test_an_audience_is_no_suffix_that_anyone_may_have_a_name_under(rule):
    for pattern in set(rule.audience) - TENANTS:
        name = pattern.replace("*", "a")
        assert registrable_name(name) != name or "*" not in pattern, pattern
        assert pattern not in {"*.amazonaws.com", "*.windows.net", "*.azure.com", "*.aliyuncs.com"}, pattern


@pytest.mark.parametrize("text", [
    "desk-ant-colony-optimisation-notes", "monkey-fb5b61c7a09783a3343d3c939d9b453d", "task-proj-alpha-beta-gamma-delta",
    "task_test_eQPg6EHKuEkZ1ft4TA9qt2bg", "risk-or-v1-of-the-plan", "self_hf_model_loader_for_everything_else",
])  # fmt: skip
def test_words_that_end_like_a_prefix_are_words(scanners, text):
    assert scanners["credentials"](text, "body") == ()


@pytest.mark.parametrize(("family", "rule"), ALL)
def test_has_enough_examples_and_a_pattern_in_the_common_subset(family, rule):
    assert len(rule.examples.match) >= 3
    assert len(rule.examples.clean) >= 3
    check_pattern(rule.pattern, rule.name, case=rule.case)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_first_example_can_vouch_for_a_cached_database(family):
    rules = FAMILIES[family]
    matcher = Matcher(patterns_of(rules), native=False)
    for number, sample in enumerate(samples_of(rules)):
        assert any(matcher.hits(number, sample.encode())), rules[number].name


def test_the_full_sets_and_their_cores_ship():
    credentials, injection = FAMILIES["credentials"], FAMILIES["injection"]
    assert len(credentials) >= 200
    assert len(RuleSet.builtin("credentials", extended=False).rules) >= 62
    assert len(injection) >= 29
    assert sum(rule.core for rule in credentials) == 8
    assert sum(rule.core for rule in injection) >= 8


def test_the_extended_set_can_be_left_out_and_holds_nothing_of_the_core():
    basic = {rule.name for rule in RuleSet.builtin("credentials", extended=False).rules}
    extended = [rule for rule in FAMILIES["credentials"] if rule.name not in basic]
    assert len(extended) >= 140
    assert not any(rule.core for rule in extended)
    assert {"AWS Access ID", "Stripe Key", "IBAN"} <= basic
    assert not {"Figma Token", "URL with Password"} & basic


def test_without_defaults_only_the_core_and_the_users_patterns_stay():
    mine = UserPattern(name="Badge", pattern=r"BDG-\d{6}")
    rules = RuleSet.builtin("credentials", extra=[mine], include_defaults=False).rules
    assert {rule.name for rule in rules if not rule.core} == {"Badge"}


def test_a_users_pattern_replaces_a_rule_of_its_name_but_none_of_the_core():
    mine = UserPattern(name="stripe key", pattern=r"only-this-\d+")
    rules = RuleSet.builtin("credentials", extra=[mine]).rules
    assert [rule.pattern for rule in rules if rule.name.casefold() == "stripe key"] == [r"only-this-\d+"]
    with pytest.raises(RuleError, match="core"):
        RuleSet.builtin("credentials", extra=[UserPattern(name="AWS Access ID", pattern="x")])


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", r"a(?<!b)c", "(", r"[é]", "a*", r"\p{L}"])
def test_patterns_outside_the_subset_are_refused_with_their_place(pattern):
    with pytest.raises(RuleError, match=r"policy\.yaml:3: pattern 'Mine'"):
        check_pattern(pattern, "policy.yaml:3: pattern 'Mine'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- name: A\n  pattern: '(?=x)y'\n", "r.yaml:1: rule 'A'"),
        ("- name: A\n  pattern: x\n- name: B\n  patern: y\n", "r.yaml:3: rule 'B'"),
        ("- name: A\n  pattern: x\n- name: a\n  pattern: y\n", "taken"),
        ("name: A\n", "must be a list"),
        ("- [unclosed\n", "r.yaml"),
    ],
)
def test_a_bad_file_is_refused_with_file_line_and_rule(text, said):
    with pytest.raises(RuleError, match=r"r\.yaml") as caught:
        load_rules(text, "r.yaml")
    assert said in str(caught.value)
