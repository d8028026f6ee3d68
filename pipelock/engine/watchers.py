"""What a policy's scanner of secrets looks for besides rules, as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelock.config import Config
from pipelock.config.schema_scanning import CanaryToken
from pipelock.detect.buried import BuriedKeys
from pipelock.detect.canaries import Canaries
from pipelock.detect.hosts import HostSet
from pipelock.detect.known import MAX_KNOWN, SHORTEST_VALUE, KnownSecrets, KnownValue, from_environ
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import RuleError, RuleSet, patterns_of
from pipelock.detect.seeds import SeedPhrases
from pipelock.detect.wallets import AddressError, Wallets
from pipelock.detect.watch import Watcher
from pipelock.engine.cross_request import CrossRequestSettings

__all__ = ["cross_request_of", "wallets_of", "watchers"]


def watchers(
    config: Config, rules: RuleSet, environ: Mapping[str, str], known: Sequence[KnownValue], *, warm: bool = False
) -> tuple[Watcher, ...]:
    """Everything that is switched on.

    Args:
        config: Sections `dlp`, `seed_phrase_detection`, `canary_tokens` and `address_protection`.
        rules: The credential rules: a vendor's key that is known may go where the vendor's rule allows it.
        environ: The environment whose secrets are looked for, if `dlp.scan_env` says so.
        known: Values that were read from files.
        warm: Read word lists now, not during the first request.

    Raises:
        MatcherError: something can't be compiled.
        RuleError: a canary's environment variable is not set.
    """
    found: list[Watcher] = [BuriedKeys()] if config.dlp.extended_patterns else []
    seeds = config.seed_phrase_detection
    if seeds.enabled:
        found.append(SeedPhrases(seeds.min_words, verify_checksum=seeds.verify_checksum))
        if warm:
            SeedPhrases.warm()
    if config.canary_tokens.enabled:
        found.append(Canaries([(token.name, _planted(token, environ)) for token in config.canary_tokens.tokens]))
    wallets = wallets_of(config)
    if wallets is not None:
        found.append(wallets)
    planted = {token.env_var for token in config.canary_tokens.tokens if config.canary_tokens.enabled}
    environ = {name: value for name, value in environ.items() if name not in planted}
    values = from_environ(environ, config.dlp.min_env_secret_length) if config.dlp.scan_env else []
    values = with_audience([*values, *known][:MAX_KNOWN], rules)
    if values:
        found.append(KnownSecrets(values))
    return tuple(found)


def _planted(token: CanaryToken, environ: Mapping[str, str]) -> str:
    if not token.value.startswith("${"):
        return token.value
    value = environ.get(token.env_var, "")
    if len(value) < SHORTEST_VALUE:
        # Said as loudly as a broken pattern: a canary that is not there protects nothing.
        raise RuleError(f"canary_tokens: {token.name}: the environment variable {token.env_var} is not set")
    return value


def wallets_of(config: Config) -> Wallets | None:
    """Section `address_protection`.

    Raises:
        RuleError: an allowed address is none.
    """
    section = config.address_protection
    if not section.enabled:
        return None
    chains = [chain for chain in ("eth", "btc", "bnb", "sol") if getattr(section.chains, chain)]
    try:
        return Wallets(
            section.allowed_addresses,
            chains,
            ends=(section.similarity.prefix_length, section.similarity.suffix_length),
            lookalike=section.action,
            unknown=section.unknown_action,
        )
    except AddressError as error:
        raise RuleError(f"address_protection.allowed_addresses: {error}") from error


def cross_request_of(config: Config) -> CrossRequestSettings | None:
    """Section `cross_request_detection`; `None` where it is off."""
    section = config.cross_request_detection
    if not section.enabled:
        return None
    budget, pieces = section.entropy_budget, section.fragment_reassembly
    return CrossRequestSettings(
        warns=section.action == "warn",
        buffer_bytes=pieces.max_buffer_bytes if pieces.enabled else 0,
        window=pieces.window_minutes * 60.0,
        budget_bits=float(budget.bits_per_window) if budget.enabled else 0.0,
        budget_window=budget.window_minutes * 60.0,
        budget_warns=budget.action == "warn",
        budget_exempt=HostSet(budget.exempt_domains),
    )


def with_audience(values: Sequence[KnownValue], rules: RuleSet) -> list[KnownValue]:
    """`values`, each with the hosts that a rule for such keys allows it."""
    owned = [rule for rule in rules.rules if rule.audience]
    # A few short texts are asked about once: nothing is compiled for that but what occurs in them.
    matcher = Matcher(patterns_of(owned), literals=[rule.literals for rule in owned], native=False)
    return [
        value._replace(
            hosts=(
                *value.hosts,
                *(host for number in matcher.propose(value.value.encode()) for host in owned[number].audience),
            )
        )
        for value in values
    ]
