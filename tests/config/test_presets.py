from __future__ import annotations

import time

import pytest

from pipelock.config import UnknownPresetError, load, loads, preset_names, preset_text
from pipelock.config.compare import weakenings


def test_the_default_comes_first() -> None:
    assert preset_names() == ("balanced", "strict", "audit")


@pytest.mark.parametrize("name", preset_names())
def test_each_loads_without_notices(name: str) -> None:
    loaded = loads(preset_text(name), f"{name}.yaml")
    assert loaded.config.mode == name
    assert loaded.config.forward_proxy.enabled
    assert loaded.config.forward_proxy.sni_verification
    assert loaded.config.dlp.include_defaults
    assert loaded.config.response_scanning.include_defaults
    assert loaded.config.internal == load(None).config.internal
    assert loaded.notices == ()


@pytest.mark.parametrize("name", preset_names())
def test_each_explains_itself_to_its_reader(name: str) -> None:
    assert preset_text(name).startswith(f'# Pipelock preset "{name}"')


@pytest.mark.parametrize(
    ("name", "length", "entropy", "rate", "body", "response", "default", "enforce"),
    [
        ("balanced", 2048, 4.5, 60, "warn", "warn", "allow", True),
        ("strict", 500, 3.5, 30, "block", "block", "block", True),
        ("audit", 2048, 4.5, 0, "warn", "warn", "allow", False),
    ],
)
def test_what_each_is_for(
    name: str, length: int, entropy: float, rate: int, body: str, response: str, default: str, *, enforce: bool
) -> None:
    config = loads(preset_text(name), name).config
    monitoring = config.fetch_proxy.monitoring
    assert (monitoring.max_url_length, monitoring.entropy_threshold, monitoring.max_requests_per_minute) == (
        length,
        entropy,
        rate,
    )
    assert (config.request_body_scanning.action, config.response_scanning.action) == (body, response)
    assert (config.egress_default, config.enforce) == (default, enforce)


@pytest.mark.parametrize(
    ("name", "binary", "events"), [("balanced", False, "block"), ("strict", False, "block"), ("audit", True, "warn")]
)
def test_none_reads_more_than_its_user_asked_for(name: str, events: str, *, binary: bool) -> None:
    config = loads(preset_text(name), name).config
    switches = (config.tls_interception.enabled, config.websocket_proxy.enabled, config.reverse_proxy.enabled)
    assert switches == (False, False, False)
    assert config.websocket_proxy.allow_binary_frames is binary
    assert config.response_scanning.sse_streaming.action == events
    assert (config.response_scanning.large_bodies, config.request_body_scanning.large_bodies) == ("scan", "scan")


def test_balanced_is_as_strong_as_no_file() -> None:
    assert weakenings(load(None).config, loads(preset_text("balanced"), "x").config) == ()


def test_strict_is_as_strong_as_balanced_and_reaches_its_list() -> None:
    strict = loads(preset_text("strict"), "x").config
    assert weakenings(loads(preset_text("balanced"), "x").config, strict) == ()
    assert [rule.host for rule in strict.egress_rules if rule.action == "allow"] == sorted(strict.api_allowlist)


def test_only_audit_warns() -> None:
    assert {name: len(loads(preset_text(name), name).warnings) for name in preset_names()} == {
        "balanced": 0,
        "strict": 0,
        "audit": 1,
    }


def test_loading_is_quick() -> None:
    text = preset_text("balanced")
    loads(text, "x")
    started = time.process_time()
    for _ in range(10):
        loads(text, "x")
    assert (time.process_time() - started) / 10 < 0.02


@pytest.mark.parametrize(
    ("name", "hint"), [("balance", '(did you mean "balanced"?)'), ("../../etc/passwd", ""), ("", "")]
)
def test_an_unknown_preset(name: str, hint: str) -> None:
    with pytest.raises(UnknownPresetError) as caught:
        preset_text(name)
    assert str(caught.value) == f"no preset {name!r}; there are balanced, strict, audit {hint}".strip()
