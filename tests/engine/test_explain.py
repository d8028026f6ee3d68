"""Steps read off a decision, and the settings that are proposed."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.config import Config, loads
from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.explain import STOPPED, Knob, Step, knobs, steps
from pipelock.model import Action, Decision, Kind, ScanKind, Severity, Verdict
from tests.factories import FAKE_KEY, FAKE_ORDER, a_finding, a_policy, a_response, an_action


class Watch:
    def __init__(self) -> None:
        self.took_us: dict[str, int] = {}

    def looked(self, layer: str) -> None:
        self.took_us[layer] = len(self.took_us) + 1


def judged(action: Action, **policy: Any) -> tuple[Decision, tuple[Step, ...]]:
    watch = Watch()
    engine = Engine(a_policy(**policy), KillSwitch())
    facts = Facts(now=1.0, wall=1.0, observer=watch)
    outcome = engine.adjudicate(action, facts)
    decision = outcome.resume(Answers(("93.184.215.14",)), facts) if isinstance(outcome, Lookup) else outcome
    watch.looked(STOPPED)
    return decision, steps(action, engine.policy, decision, watch.took_us)


def results(told: tuple[Step, ...]) -> dict[str, str]:
    return {step.layer: step.result for step in told}


def test_an_observer_is_told_of_every_layer_and_changes_nothing() -> None:
    decision, told = judged(an_action())
    assert set(results(told).values()) == {"passed", "off"}
    outcome = Engine(a_policy(), KillSwitch()).adjudicate(an_action(), Facts(now=1.0, wall=1.0))
    assert isinstance(outcome, Lookup)
    assert outcome.resume(Answers(("93.184.215.14",)), Facts(now=1.0, wall=1.0)) == decision


@pytest.mark.parametrize(
    ("action", "policy", "layer", "result"),
    [
        (an_action(url=f"http://example.com/?k={FAKE_KEY}"), {}, "dlp", "blocked"),
        (an_action(body=FAKE_KEY.encode()), {}, "content", "blocked"),
        (an_action(headers=(("x-key", FAKE_KEY),)), {}, "content", "blocked"),
        (an_action(url="http://10.0.0.1/"), {}, "core_ssrf", "blocked"),
        (a_response(body=FAKE_ORDER.encode()), {}, "content", "blocked"),
        (a_response(body=FAKE_ORDER.encode()), {"response_action": Verdict.WARN}, "content", "warned"),
        (a_response(body=FAKE_ORDER.encode()), {"response_action": Verdict.ASK}, "content", "held"),
        (an_action(body=FAKE_KEY.encode()), {"enforce": False}, "content", "warned"),
        (
            an_action(body=FAKE_KEY.encode()),
            {"suppressions": Suppressions([Entry(rule="Fake Key", path="*")])},
            "content",
            "suppressed",
        ),
        (
            an_action(kind=Kind.SCAN, scan=ScanKind.DLP, url="", body=FAKE_KEY.encode()),
            {},
            "secrets",
            "blocked",
        ),
    ],
)
def test_the_step_that_speaks(action: Action, policy: dict[str, Any], layer: str, result: str) -> None:
    _, told = judged(action, **policy)
    found = results(told)
    assert found[layer] == result
    names = list(found)
    behind = {found[name] for name in names[names.index(layer) + 1 :]}
    assert behind <= ({"not reached", "off"} if result == "blocked" else {"passed", "off"})
    (step,) = [step for step in told if step.layer == layer]
    assert step.rules


def test_the_list_of_strict_mode_is_off_in_others() -> None:
    for mode, expected in (("strict", "passed"), ("balanced", "off")):
        assert results(judged(an_action(), mode=mode)[1])["allowlist"] == expected


def proposed(config: str, scanner: str, **changes: Any) -> list[Knob]:
    finding = a_finding(**{"scanner": scanner, "rule": "Some Rule", "severity": Severity.HIGH, **changes})
    decision = Decision(action_id="t-1", verdict=Verdict.BLOCK, layer=scanner, findings=(finding,))
    return list(knobs(loads(config, "x").config, an_action(url="http://example.com/a?b=c"), decision, ("10.0.0.9",)))


@pytest.mark.parametrize(
    ("scanner", "changes", "keys"),
    [
        ("dlp", {"place": "url:query:b"}, ["suppress"]),
        ("dlp", {"rule": "AWS Access ID"}, []),
        ("core_dlp", {"rule": "AWS Access ID"}, []),
        ("entropy", {"place": "url:path"}, ["fetch_proxy.monitoring.subdomain_entropy_exclusions", "suppress"]),
        ("entropy", {"place": "url:query"}, ["fetch_proxy.monitoring.query_entropy_exclusions", "suppress"]),
        ("ssrf", {"rule": "Private Address"}, ["trusted_domains", "ssrf.ip_allowlist"]),
        ("ssrf_metadata", {"rule": "Cloud Metadata"}, []),
        ("body_dlp", {"place": "body"}, ["suppress", "request_body_scanning.action"]),
    ],
)
def test_which_settings_are_proposed(scanner: str, changes: dict[str, Any], keys: list[str]) -> None:
    assert [knob.key for knob in proposed("", scanner, **changes)] == keys


def test_each_proposal_comes_with_the_configuration_that_has_it() -> None:
    (first, *_) = proposed("", "dlp", place="url:query:b")
    (entry,) = first.config.suppress
    assert (entry.rule, entry.path, entry.field) == ("Some Rule", "http://example.com/a", "url:query:b")
    _, second = proposed("", "ssrf", rule="Private Address")
    assert second.config.ssrf.ip_allowlist == ("10.0.0.9/32",)


def test_of_a_decision_without_findings_nothing_is_proposed() -> None:
    decision = Decision(action_id="t-1", verdict=Verdict.BLOCK, layer="kill_switch")
    assert list(knobs(Config(), an_action(), decision)) == []
