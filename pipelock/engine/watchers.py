"""What a policy's scanner of secrets looks for besides rules, as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelock.config import Config
from pipelock.detect.known import MAX_KNOWN, KnownSecrets, KnownValue, from_environ
from pipelock.detect.matcher import Matcher
from pipelock.detect.ruleset import RuleSet, patterns_of
from pipelock.detect.seeds import SeedPhrases
from pipelock.detect.watch import Watcher

__all__ = ["watchers"]


def watchers(
    config: Config, rules: RuleSet, environ: Mapping[str, str], known: Sequence[KnownValue]
) -> tuple[Watcher, ...]:
    """Everything that is switched on.

    Args:
        config: Sections `dlp`, `seed_phrase_detection`, `canary_tokens` and `address_protection`.
        rules: The credential rules: a vendor's key that is known may go where the vendor's rule allows it.
        environ: The environment whose secrets are looked for, if `dlp.scan_env` says so.
        known: Values that were read from files.

    Raises:
        MatcherError: something can't be compiled.
    """
    found: list[Watcher] = []
    seeds = config.seed_phrase_detection
    if seeds.enabled:
        found.append(SeedPhrases(seeds.min_words, verify_checksum=seeds.verify_checksum))
    values = from_environ(environ, config.dlp.min_env_secret_length) if config.dlp.scan_env else []
    values = with_audience([*values, *known][:MAX_KNOWN], rules)
    if values:
        found.append(KnownSecrets(values))
    return tuple(found)


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
