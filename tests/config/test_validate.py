from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from pipelock.config import Config
from pipelock.config.schema_operations import Approvals, EgressRule, Logging
from pipelock.config.schema_proxy import FetchProxy
from pipelock.config.schema_scanning import (
    AddressChains,
    AddressProtection,
    CanaryToken,
    CanaryTokens,
    Dlp,
    DlpPattern,
    ResponsePattern,
    ResponseScanning,
    Suppression,
)
from pipelock.config.schema_sessions import CrossRequestDetection
from pipelock.config.validate import contradictions, notices, warnings

A_CANARY = CanaryToken(name="a", value="canary-one")


def canaries(*tokens: CanaryToken) -> Config:
    return Config(canary_tokens=CanaryTokens(enabled=True, tokens=tokens))


TWICE = (DlpPattern(name="a", regex="x"), DlpPattern(name="A", regex="y"))


@pytest.mark.parametrize(
    ("config", "key", "part"),
    [
        (Config(mode="strict", api_allowlist=()), "api_allowlist", "at least one host"),
        (Config(bind_default_agent_identity=True), "bind_default_agent_identity", "needs default_agent_identity"),
        (Config(metrics_listen="0.0.0.0:8888"), "metrics_listen", "port of fetch_proxy.listen"),
        (Config(fetch_proxy=FetchProxy(listen="")), "fetch_proxy.listen", "must not be empty"),
        (Config(logging=Logging(output="file")), "logging.file", "required"),
        (
            Config(approvals=Approvals(max_pending=2, max_pending_per_session=3)),
            "approvals.max_pending_per_session",
            "exceed",
        ),
        (Config(dlp=Dlp(patterns=TWICE)), "dlp.patterns[1].name", "already the name"),
        (
            Config(response_scanning=ResponseScanning(patterns=(ResponsePattern(name="a", regex="x"),) * 2)),
            "response_scanning.patterns[1].name",
            "already",
        ),
        (Config(egress_rules=(EgressRule(name="a", action="ask"),) * 2), "egress_rules[1].name", "already"),
        (Config(canary_tokens=CanaryTokens(enabled=True)), "canary_tokens.tokens", "at least one"),
        (canaries(A_CANARY, replace(A_CANARY, value="another-one")), "canary_tokens.tokens[1].name", "earlier token"),
        (canaries(A_CANARY, replace(A_CANARY, name="b")), "canary_tokens.tokens[1].value", "earlier token"),
        (canaries(replace(A_CANARY, env_var="A-B")), "canary_tokens.tokens[0].env_var", "no name"),
        (canaries(replace(A_CANARY, value="${OTHER}", env_var="MINE")), "canary_tokens.tokens[0].value", "exactly"),
        (
            Config(
                address_protection=AddressProtection(
                    enabled=True, chains=AddressChains(eth=False, btc=False, bnb=False)
                )
            ),
            "address_protection.chains",
            "at least one chain",
        ),
        (
            Config(cross_request_detection=CrossRequestDetection(enabled=True)),
            "cross_request_detection.enabled",
            "does nothing",
        ),
    ],
)
def test_contradictions(config: Config, key: str, part: str) -> None:
    ((found, message),) = contradictions(config)
    assert found == key
    assert part in message


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(mode="strict"),
        Config(api_allowlist=()),
        Config(bind_default_agent_identity=True, default_agent_identity="x"),
        Config(metrics_listen="127.0.0.1:9090"),
        Config(logging=Logging(output="file", file="/x")),
        Config(approvals=Approvals(max_pending=3, max_pending_per_session=3)),
    ],
)
def test_no_contradiction(config: Config) -> None:
    assert list(contradictions(config)) == []


@pytest.mark.parametrize(
    ("config", "start"),
    [
        (Config(fetch_proxy=FetchProxy(listen="0.0.0.0:8888")), "fetch_proxy.listen: 0.0.0.0:8888 can be reached"),
        (Config(metrics_listen=":9090"), "metrics_listen: :9090 can be reached"),
        (Config(internal=()), "internal: empty"),
        (Config(enforce=False), "enforce: off"),
        (Config(dlp=Dlp(include_defaults=False)), "dlp.include_defaults: off"),
        (
            Config(response_scanning=ResponseScanning(enabled=False, exempt_domains=("a.example",))),
            "response_scanning.exempt_domains: has no effect",
        ),
        (Config(mode="strict", egress_default="allow"), "egress_default: allow in strict mode"),
    ],
)
def test_warnings(config: Config, start: str) -> None:
    (warning,) = warnings(config, {})
    assert warning.startswith(start)


def test_the_defaults_warn_of_nothing() -> None:
    assert list(warnings(Config(), {})) == []
    assert list(notices({})) == []


def test_sections_that_are_on_elsewhere_are_named() -> None:
    off = ["health_watchdog: not supported yet by this version and stays off"]
    assert list(warnings(Config(), {"health_watchdog": 1})) == off
    assert list(warnings(Config(), {"health_watchdog": 1, "health_watchdog.enabled": 1})) == []


def test_nothing_is_said_of_a_loopback_metrics_listener() -> None:
    config = msgspec.structs.replace(Config(), metrics_listen="[::1]:9090")
    assert list(warnings(config, {})) == []


def test_an_entry_that_has_expired_is_told() -> None:
    entries = tuple(Suppression(rule="JWT", path="*", expires=when) for when in ("", "1970-01-02", "1970-01-03"))
    config = msgspec.structs.replace(Config(), suppress=entries)
    (warning,) = warnings(config, {}, now=86_400.0)
    assert warning.startswith("suppress[1]: JWT at * expired on 1970-01-02")
    assert list(warnings(config, {}, now=86_399.0)) == []
