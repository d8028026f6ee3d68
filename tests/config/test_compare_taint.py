"""What a reload weakens in section `taint`."""

from __future__ import annotations

import pytest

from pipelock.config import Config, loads
from pipelock.config.compare import weakenings

ON = "taint: {enabled: on}"
WITH = "taint: {{enabled: on, {0}}}"


def config(text: str) -> Config:
    return loads(text, "x").config


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (ON, "", "taint.enabled: switched off"),
        (ON, WITH.format("policy: permissive"), "taint.policy: balanced became permissive"),
        ("taint: {trifecta: ask}", "", "taint.trifecta: ask became off"),
        (ON, WITH.format("allowlisted_domains: [docs.anthropic.com, docs.github.com, developer.mozilla.org, a.example]"), "taint.allowlisted_domains: a.example added"),
        (WITH.format("model_domains: []"), WITH.format("model_domains: [a.example]"), "taint.model_domains: a.example added"),
        (WITH.format("protected_paths: ['*/a/*', '*/b/*']"), WITH.format("protected_paths: ['*/b/*']"), "taint.protected_paths: */a/* removed"),
        (WITH.format("elevated_paths: ['*/a/*']"), WITH.format("elevated_paths: ['*/b/*']"), "taint.elevated_paths: */a/* removed"),
        (f"{ON}\napi_allowlist: [a.example]", f"{ON}\napi_allowlist: [a.example, b.example]", "api_allowlist: b.example added"),
        (
            ON,
            WITH.format("trust_overrides: [{scope: action, action_match: publish, expires_at: 2999-01-31}]"),
            "taint.trust_overrides: action publish until 2999-01-31 added",
        ),
    ],
)  # fmt: skip
def test_a_weakening_is_told(old: str, new: str, told: str) -> None:
    assert told in weakenings(config(old), config(new))
    assert told not in weakenings(config(new), config(old))


def test_lists_of_a_section_that_does_nothing_are_nobodys_loss() -> None:
    assert weakenings(config(""), config("taint: {model_domains: [a.example]}\napi_allowlist: [a.example]")) == ()


def test_a_path_that_became_protected_lost_nothing() -> None:
    old = config(WITH.format("protected_paths: [], elevated_paths: ['*/a/*']"))
    new = config(WITH.format("protected_paths: ['*/a/*'], elevated_paths: []"))
    assert weakenings(old, new) == ()
    assert weakenings(new, old) == ("taint.protected_paths: */a/* removed",)
