"""Rules between the keys of canaries, wallet addresses and cross-request detection, for `validate`."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.config.schema import Config

__all__ = ["watch_contradictions"]


def watch_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message."""
    if config.canary_tokens.enabled and not config.canary_tokens.tokens:
        yield "canary_tokens.tokens", "needs at least one token while canary_tokens is on"
    yield from _canaries(config)
    chains = config.address_protection.chains
    if config.address_protection.enabled and not (chains.eth or chains.btc or chains.bnb or chains.sol):
        yield "address_protection.chains", "needs at least one chain while address_protection is on"
    cross = config.cross_request_detection
    if cross.enabled and not (cross.entropy_budget.enabled or cross.fragment_reassembly.enabled):
        yield "cross_request_detection.enabled", "does nothing while entropy_budget and fragment_reassembly are off"


def _canaries(config: Config) -> Iterator[tuple[str, str]]:
    names: set[str] = set()
    values: set[str] = set()
    for index, token in enumerate(config.canary_tokens.tokens):
        key = f"canary_tokens.tokens[{index}]"
        if token.name.casefold() in names:
            yield f"{key}.name", f"{token.name!r} is the name of an earlier token already"
        if token.value.casefold() in values:
            # The value is planted, and this text may be read where it was planted.
            yield f"{key}.value", "is the value of an earlier token already"
        if token.env_var and not (token.env_var.isascii() and token.env_var.isidentifier()):
            yield f"{key}.env_var", f"{token.env_var!r} is no name of an environment variable"
        if token.value.startswith("${") and token.value != f"${{{token.env_var}}}":
            yield f"{key}.value", "a value that starts with ${ stands for env_var, and must be ${ENV_VAR} exactly"
        names.add(token.name.casefold())
        values.add(token.value.casefold())
