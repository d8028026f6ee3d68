"""From sections of the configuration to what is looked for besides rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from pipelock.config import loads
from pipelock.detect.known import KnownValue
from pipelock.detect.ruleset import RuleError, RuleSet
from pipelock.engine.compile import compile_policy
from pipelock.engine.policy import Policy
from pipelock.engine.watchers import cross_request_of, wallets_of, with_audience

VALUE = "qJ7-vR2kP9xW4mZt8LbN"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
ETH = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
LIKE = "0x5aaeffffffffffffffffffffffffffffffffeaed"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def compiled(
    cache: Path, text: str = "", environ: Mapping[str, str] | None = None, known: tuple[KnownValue, ...] = ()
) -> Policy:
    loaded = loads(f"version: 1\n{text}", "test")
    return compile_policy(loaded, environ or {}, cache, known=known, judges_responses=False)


def rules(policy: Policy, text: str, host: str = "") -> list[str]:
    return [finding.rule for finding in policy.secrets.scan(text, "body", host=host)]


def test_by_default_seed_phrases_and_known_values_are_looked_for(cache: Path) -> None:
    policy = compiled(cache, "", {"DEPLOY": VALUE}, (KnownValue("wJ4kP9-tN7zQ2xL", "~/.netrc (a.example)"),))
    assert rules(policy, f"<{PHRASE}>") == ["BIP-39 Seed Phrase"]
    assert rules(policy, f"<{VALUE}>") == ["Environment Variable Leak"]
    assert rules(policy, "<wJ4kP9-tN7zQ2xL>") == ["Known Secret Leak"]
    assert policy.wallets is None
    assert policy.cross_request is None


def test_switched_off(cache: Path) -> None:
    policy = compiled(cache, "seed_phrase_detection: {enabled: off}\ndlp: {scan_env: off}", {"DEPLOY": VALUE})
    assert rules(policy, f"<{PHRASE}> <{VALUE}>") == []


def test_seed_phrase_settings(cache: Path) -> None:
    assert rules(compiled(cache, "seed_phrase_detection: {min_words: 15}"), PHRASE) == []
    assert rules(compiled(cache, "seed_phrase_detection: {verify_checksum: off}"), PHRASE.replace("year", "zoo"))


def test_a_vendors_key_may_go_to_the_vendor_alone(cache: Path) -> None:
    key = "sk-ant-api03-" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"
    policy = compiled(cache, "", {"ANTHROPIC_API_KEY": key})
    assert rules(policy, key, "api.anthropic.com") == []
    assert "Environment Variable Leak" in rules(policy, key, "api.anthropic.com.example.net")
    (value,) = with_audience([KnownValue(key, "x", hosts=("a.example",))], RuleSet.builtin("credentials"))
    assert value.hosts[0] == "a.example"
    assert "*.anthropic.com" in value.hosts


CANARIES = "canary_tokens: {enabled: on, tokens: [{name: vault, value: '${VAULT_CANARY}', env_var: VAULT_CANARY}, {name: db, value: db-canary-1234}]}"


def test_canaries(cache: Path) -> None:
    policy = compiled(cache, CANARIES, {"VAULT_CANARY": VALUE})
    assert rules(policy, VALUE) == ["Canary Token (vault)"]
    assert rules(policy, "DB.CANARY.1234") == ["Canary Token (db)"]
    with pytest.raises(RuleError, match="VAULT_CANARY is not set"):
        compiled(cache, CANARIES)


def test_addresses(cache: Path) -> None:
    text = (
        f"address_protection: {{enabled: on, allowed_addresses: ['{ETH}'], unknown_action: warn, chains: {{btc: off}}}}"
    )
    policy = compiled(cache, text)
    assert rules(policy, f"{ETH} {LIKE}") == ["Address Lookalike"]
    assert policy.wallets is not None
    assert policy.wallets.chains == {"eth", "bnb"}
    with pytest.raises(RuleError, match="allowed_addresses: 0x1234"):
        wallets_of(loads("address_protection: {enabled: on, allowed_addresses: ['0x1234']}", "x").config)


def test_cross_request_settings() -> None:
    text = """
cross_request_detection:
  enabled: on
  action: warn
  entropy_budget: {enabled: on, bits_per_window: 9000, window_minutes: 2, action: block, exempt_domains: [a.example]}
"""
    settings = cross_request_of(loads(text, "x").config)
    assert settings is not None
    assert (settings.warns, settings.budget_warns) == (True, False)
    assert (settings.buffer_bytes, settings.budget_bits, settings.budget_window) == (0, 9000.0, 120.0)
    assert "a.example" in settings.budget_exempt
    assert cross_request_of(loads("version: 1", "x").config) is None


WORDS = PHRASE.split()
CODES = quote(",".join(str(code) for code in VALUE.encode()))


@pytest.mark.parametrize(
    ("rest", "rule"),
    [
        (f"/?q={quote(PHRASE)}", "BIP-39 Seed Phrase"),
        (f"/?q={quote(quote(PHRASE))}", "BIP-39 Seed Phrase"),
        (f"/?q={PHRASE.replace(' ', '+')}", "BIP-39 Seed Phrase"),
        (f"/{PHRASE.encode().hex()}", "BIP-39 Seed Phrase"),
        ("/?" + "&".join(f"w{at}={word}" for at, word in enumerate(WORDS)), "BIP-39 Seed Phrase"),
        ("/" + "/".join(WORDS), "BIP-39 Seed Phrase"),
        ("/#" + "-".join(WORDS), "BIP-39 Seed Phrase"),
        (f"/?a={VALUE[:9]}&b={VALUE[9:]}", "Environment Variable Leak"),
        ("/" + "/".join(VALUE), "Environment Variable Leak"),
        (f"/?q={CODES}", "Environment Variable Leak"),
        (f"/{VALUE[::-1]}", "Environment Variable Leak"),
        ("/d/b/c/a/n/a/r/y/1/2/3/4", "Canary Token (db)"),
    ],
)
def test_urls_are_looked_into(cache: Path, rest: str, rule: str) -> None:
    text = "canary_tokens: {enabled: on, tokens: [{name: db, value: db-canary-1234}]}"
    policy = compiled(cache, text, {"DEPLOY": VALUE})
    findings = policy.layers.before_dns(f"http://drop.example{rest}").findings
    assert rule in {finding.rule for finding in findings}
    assert not any(word in finding.excerpt for finding in findings for word in ("winner", "sausage", VALUE[:9]))


@pytest.mark.parametrize(("switch", "found"), [("true", ["Key in Encoded Data"]), ("false", [])])
def test_keys_among_encoded_bytes_belong_to_the_extended_patterns(cache: Path, switch: str, found: list[str]) -> None:
    policy = compiled(cache, f"dlp: {{extended_patterns: {switch}}}\n")
    data = b"\x00\xff\x10" + b"Zq9QHv1bK/Mr8Twc2PLxS3dGe+Yn4jF7tAUzkN60" + b"\x80\x00"
    assert rules(policy, data.hex()) == found
