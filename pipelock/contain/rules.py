"""A launch's own egress rules, in one line each. While a launch has some, nothing else may be reached from it."""

from __future__ import annotations

from pipelock.config.rule_lines import parse_rule_line
from pipelock.config.rules import ValueRuleError
from pipelock.config.schema_operations import EgressRule

__all__ = ["MAX_RULES", "RuleError", "parse_rule", "parse_rules"]

MAX_RULES = 500
"""For one launch."""


class RuleError(ValueError):
    """A line that is no rule. The message names the word, and what was probably meant."""


def parse_rule(text: str) -> EgressRule:
    """A rule that allows what meets all conditions of `method=GET,HEAD host=*.github.com path=/api/* port=443`.

    What is left out matches anything; one word without `=` is a host.

    Raises:
        RuleError: It is no rule.
    """
    try:
        return parse_rule_line(text)
    except ValueRuleError as error:
        hint = f" (did you mean {error.suggestion!r}?)" if error.suggestion else ""
        raise RuleError(f"{error}{hint}") from error


def parse_rules(lines: tuple[str, ...]) -> tuple[EgressRule, ...]:
    """Each line as a rule.

    Raises:
        RuleError: One of them is no rule, or there are more than `MAX_RULES`.
    """
    if len(lines) > MAX_RULES:
        raise RuleError(f"there are {len(lines)} rules, and a launch takes {MAX_RULES}")
    return tuple(map(parse_rule, lines))
