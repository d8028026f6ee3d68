"""Rules between the keys of section `taint`."""

from __future__ import annotations

import pytest

from pipelock.config import Config, ConfigError, loads
from pipelock.config.schema_taint import Taint, TrustOverride
from pipelock.config.validate import contradictions, warnings


def with_override(**fields: str) -> Config:
    override = TrustOverride(**{"scope": "action", "expires_at": "2027-01-31", **fields})  # type: ignore[arg-type]
    return Config(taint=Taint(enabled=True, trust_overrides=(override,)))


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"scope": "action"}, "taint.trust_overrides[0].action_match"),
        ({"scope": "action", "source_match": "a.example"}, "taint.trust_overrides[0].action_match"),
        ({"scope": "source", "action_match": "publish"}, "taint.trust_overrides[0].source_match"),
    ],
)
def test_an_override_needs_what_its_scope_names(fields: dict[str, str], key: str) -> None:
    ((found, message),) = contradictions(with_override(**fields))
    assert (found, message) == (key, f"required with scope: {fields['scope']}")


def test_with_it_all_is_well() -> None:
    config = with_override(action_match="publish")
    assert list(contradictions(config)) == []
    assert list(warnings(config, {})) == []


def test_an_override_that_has_ended_is_told() -> None:
    (told,) = warnings(with_override(action_match="publish"), {}, now=4_000_000_000.0)
    assert told.startswith("taint.trust_overrides[0]: expired on 2027-01-31")


def test_a_section_that_the_original_switches_on_is_told_to_be_off() -> None:
    (told,) = warnings(Config(), {"taint": 1})
    assert told.startswith("taint: off unless `enabled: true`")
    assert list(warnings(Config(), {"taint": 1, "taint.enabled": 1})) == []
    assert list(warnings(Config(), {"taint": 1, "taint.trifecta": 1})) == []


@pytest.mark.parametrize(
    "text",
    [
        "taint: {trust_overrides: [{scope: task, expires_at: 2027-01-31, action_match: publish}]}",
        "taint: {trust_overrides: [{scope: action, action_match: publish}]}",
        "taint: {trust_overrides: [{scope: action, action_match: publish, expires_at: soon}]}",
        "taint: {recent_sources: 33}",
        "taint: {protected_paths: ['']}",
        "taint: {policy: mild}",
        "taint: {trifecta: on}",
    ],
)
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        loads(text, "x")
