"""May a process in this sandbox do that? Sandbox profiles answered as the kernel would answer them.

Of the rules that match, the last one holds; where none does, the default. What the kernel does with a doubtful filter
is taken in the way that is worse for us: `(local …)` on an outbound connection is met by all of them, because the
source of a socket that was not bound is not yet known when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pipelock_macos.parse import OPERATIONS, Filter, FilterKind, Rule, Rules, Verb, covers
from pipelock_macos.patterns import matches

__all__ = ["Evaluator", "Question", "Ruling"]

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something a process wants.

    Attributes:
        operation: One of `OPERATIONS`.
        path: Of a file, or of a socket in the file system; real, as the kernel sees it: absolute, without links.
        protocol: `tcp` or `udp`, for a connection that is not of the file system.
        remote: Address and port of its other end.
        local: Of its own end; for what is bound and for what listens.
        name: Of a service, system variable, class or shared object.
        target: `self`, `same-sandbox` or `others`.
        extension: What the kernel has marked the file with.
        domain: Of a socket that is neither.
    """

    operation: str
    path: str = ""
    protocol: str = ""
    remote: tuple[str, int] = ("", 0)
    local: tuple[str, int] = ("", 0)
    name: str = ""
    target: str = ""
    extension: str = ""
    domain: str = ""


class Ruling(msgspec.Struct, frozen=True):
    """The answer, and the rule that gave it; `None` is the default."""

    allowed: bool
    rule: Rule | None


class Evaluator:
    """Answers questions about one profile."""

    def __init__(self, rules: Rules) -> None:
        self._default = rules.default
        self._rules = rules.rules
        # By operation, then by the path that a rule speaks of: thousands of rules are of other folders.
        self._by_path: dict[str, dict[str, list[int]]] = {operation: {} for operation in OPERATIONS}
        meant: dict[str, list[str]] = {}
        for number, rule in enumerate(rules.rules):
            keys = {_key(filter_) for filter_ in rule.filters} or {""}
            operations: set[str] = set()
            for name in rule.operations:
                if name not in meant:
                    meant[name] = [operation for operation in OPERATIONS if covers(name, operation)]
                operations.update(meant[name])
            for operation in operations:
                for key in keys:
                    self._by_path[operation].setdefault(key, []).append(number)

    def ask(self, question: Question) -> Ruling:
        """What the kernel would say.

        Raises:
            ValueError: The operation is none of `OPERATIONS`.
        """
        by_path = self._by_path.get(question.operation)
        if by_path is None:
            raise ValueError(f"{question.operation!r} is no operation")
        numbers = {number for key in _keys(question.path) for number in by_path.get(key, ())}
        for number in sorted(numbers, reverse=True):
            rule = self._rules[number]
            if not rule.filters or any(_met(filter_, question) for filter_ in rule.filters):
                return Ruling(rule.verb is Verb.ALLOW, rule)
        return Ruling(self._default is Verb.ALLOW, None)

    def allows(self, question: Question) -> bool:
        """Whether it is allowed."""
        return self.ask(question).allowed


def _key(filter_: Filter) -> str:
    """The path without which it is not met; empty where that can't be told."""
    if filter_.kind in {FilterKind.LITERAL, FilterKind.SUBPATH}:
        return filter_.value
    if filter_.protocol == "unix-socket":
        return _key(filter_.inner[0])
    return ""


def _keys(path: str) -> Iterator[str]:
    """What `_key` gives for every filter that `path` could meet."""
    yield ""
    while path:
        yield path
        path = "" if path == "/" else path.rpartition("/")[0] or "/"


def _met(filter_: Filter, question: Question) -> bool:
    match filter_.kind:
        case FilterKind.ALL:
            return all(_met(inner, question) for inner in filter_.inner)
        case FilterKind.LITERAL | FilterKind.SUBPATH | FilterKind.REGEX:
            return _is_path(filter_, question.path)
        case FilterKind.REMOTE | FilterKind.LOCAL:
            return _is_end(filter_, question)
        case _:
            return _is_word(filter_, question)


def _is_path(filter_: Filter, path: str) -> bool:
    if filter_.kind is FilterKind.REGEX:
        return matches(filter_.value, path)
    if path == filter_.value:
        return True
    return filter_.kind is FilterKind.SUBPATH and path.startswith(f"{filter_.value.rstrip('/')}/")


def _is_word(filter_: Filter, question: Question) -> bool:
    match filter_.kind:
        case FilterKind.TARGET:
            # Oneself is in one's own sandbox.
            return question.target in {filter_.value, "self"}
        case FilterKind.SYSCTL_PREFIX:
            return question.name.startswith(filter_.value)
        case FilterKind.EXTENSION:
            return question.extension == filter_.value
        case FilterKind.DOMAIN:
            return question.domain == filter_.value
        case _:
            return question.name == filter_.value


def _is_end(filter_: Filter, question: Question) -> bool:
    if filter_.protocol == "unix-socket":
        return bool(question.path) and _met(filter_.inner[0], question)
    if question.path:
        return False
    if filter_.kind is FilterKind.LOCAL and question.operation == "network-outbound":
        return True
    address, number = question.remote if filter_.kind is FilterKind.REMOTE else question.local
    host, _, port = filter_.value.rpartition(":")
    # An IPv4 address in an IPv6 one is not loopback to the kernel.
    is_host = host == "*" or address in _LOOPBACK
    return filter_.protocol in {"ip", question.protocol} and is_host and port in {"*", str(number)}
