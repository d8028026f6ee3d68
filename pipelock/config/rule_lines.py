"""Egress rules in one line, as a command line and `sandbox.allow` give them: `method=GET,HEAD host=*.github.com`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipelock.config.problems import nearest
from pipelock.config.rules import TEXT_RULES, ValueRuleError
from pipelock.config.schema_operations import EgressRule

__all__ = ["MAX_RULE_LINE", "parse_rule_line"]

MAX_RULE_LINE: Final = 2048
"""Characters."""

_MAX_METHODS: Final = 32
_MAX_PATH: Final = 1024
_MAX_PORT: Final = 65_535


def parse_rule_line(text: str) -> EgressRule:
    """A rule that lets through what meets every condition; what is left out matches anything.

    Conditions are `host=`, `method=` (a comma list), `path=` and `port=`, separated by spaces. A line of one word
    without `=` is a host.

    Raises:
        ValueRuleError: It is no rule; the message names the word.
    """
    words = text.split()
    if not words:
        raise ValueRuleError("a rule needs a condition, such as host=*.example.com")
    if len(text) > MAX_RULE_LINE or not text.isprintable():
        raise ValueRuleError(f"a rule is one line of at most {MAX_RULE_LINE} printable characters")
    if len(words) == 1 and "=" not in words[0]:
        words = [f"host={words[0]}"]
    values: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueRuleError(f"{word!r} is not a condition: write {_suggested(word)}")
        if key not in _CONDITIONS:
            near = nearest(key, _CONDITIONS)
            known = "" if near else f": there are {', '.join(_CONDITIONS)}"
            raise ValueRuleError(f"{word!r}: a rule has no condition {key!r}{known}", f"{near}={value}" if near else "")
        if key in values:
            raise ValueRuleError(f"{word!r}: {key} is there twice; a comma list, or two rules")
        values[key] = _value(word, key, value)
    return EgressRule(name=_name(words), action="allow", **values)  # type: ignore[arg-type]  # each as its reader made it


def _suggested(word: str) -> str:
    return f"method={word}" if word.isupper() else f"path={word}" if word.startswith("/") else f"host={word}"


def _name(words: list[str]) -> str:
    return " ".join(words)[:128]


def _value(word: str, key: str, value: str) -> object:
    if not value:
        raise ValueRuleError(f"{word!r}: {key} has no value; leave it out to match anything")
    try:
        return _CONDITIONS[key](value)
    except ValueRuleError as error:
        raise ValueRuleError(f"{word!r}: {error}", f"{key}={error.suggestion}" if error.suggestion else "") from error


def _host(value: str) -> str:
    return TEXT_RULES["host_or_any"](value)


def _methods(value: str) -> tuple[str, ...]:
    names = value.split(",")
    if len(names) > _MAX_METHODS:
        raise ValueRuleError(f"at most {_MAX_METHODS} methods")
    return tuple(dict.fromkeys(TEXT_RULES["method"](name) for name in names))


def _path(value: str) -> str:
    if len(value) > _MAX_PATH:
        raise ValueRuleError(f"a path has at most {_MAX_PATH} characters")
    return TEXT_RULES["path_glob"](value)


def _port(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or len(value) > 5 or not 1 <= int(value) <= _MAX_PORT:
        raise ValueRuleError(f"a port is 1 to {_MAX_PORT}")
    return int(value)


_CONDITIONS: Final[dict[str, Callable[[str], object]]] = {
    "host": _host,
    "method": _methods,
    "path": _path,
    "port": _port,
}
