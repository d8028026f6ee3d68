"""A sandbox profile read back into rules: the part of Apple's language that our own profiles use.

Everything else is refused, by name and line: an operation or filter that is not known here can't be evaluated, and a
profile that can't be evaluated is not used.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock_macos.patterns import matches
from pipelock_macos.reader import Atom, Kind, Node, SandboxTextError, read

__all__ = ["MAX_RULES", "OPERATIONS", "Filter", "FilterKind", "Rule", "Rules", "Verb", "covers", "parse"]

MAX_RULES = 10_000

OPERATIONS = frozenset(
    {
        "appleevent-send",
        "file-clone",
        "file-ioctl",
        "file-link",
        "file-map-executable",
        "file-mknod",
        "file-mount",
        "file-read-data",
        "file-read-metadata",
        "file-read-xattr",
        "file-test-existence",
        "file-write-acl",
        "file-write-create",
        "file-write-data",
        "file-write-flags",
        "file-write-mode",
        "file-write-owner",
        "file-write-setugid",
        "file-write-times",
        "file-write-unlink",
        "file-write-xattr",
        "iokit-get-properties",
        "iokit-open",
        "ipc-posix-sem",
        "ipc-posix-shm-read-data",
        "ipc-posix-shm-read-metadata",
        "ipc-posix-shm-write-create",
        "ipc-posix-shm-write-data",
        "ipc-posix-shm-write-unlink",
        "job-creation",
        "lsopen",
        "mach-lookup",
        "mach-register",
        "mach-priv-task-port",
        "network-bind",
        "network-inbound",
        "network-outbound",
        "process-exec",
        "process-exec-interpreter",
        "process-fork",
        "process-info-listpids",
        "process-info-pidinfo",
        "process-info-setcontrol",
        "pseudo-tty",
        "signal",
        "sysctl-read",
        "sysctl-write",
        "system-socket",
        "user-preference-read",
        "user-preference-write",
    }
)
"""What can be asked. In a rule a name may end with `*` and then stands for all that begin so."""


class Verb(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    DENY = "deny"


class FilterKind(StrEnum):
    """What a filter looks at, by its name in the language."""

    LITERAL = "literal"
    SUBPATH = "subpath"
    REGEX = "regex"
    REMOTE = "remote"
    LOCAL = "local"
    SERVICE = "global-name"
    TARGET = "target"
    SYSCTL = "sysctl-name"
    SYSCTL_PREFIX = "sysctl-name-prefix"
    MACHINE_CLASS = "iokit-registry-entry-class"
    SHARED_NAME = "ipc-posix-name"
    DOMAIN = "socket-domain"
    EXTENSION = "extension"
    ALL = "require-all"


_PATHS = frozenset({FilterKind.LITERAL, FilterKind.SUBPATH, FilterKind.REGEX})
_ENDPOINTS = frozenset({FilterKind.REMOTE, FilterKind.LOCAL})
_TEXTS = {
    FilterKind.SERVICE: "mach-",
    FilterKind.SYSCTL: "sysctl-",
    FilterKind.SYSCTL_PREFIX: "sysctl-",
    FilterKind.MACHINE_CLASS: "iokit-",
    FilterKind.SHARED_NAME: "ipc-posix-",
    FilterKind.EXTENSION: "file",
}
_WORDS = {
    FilterKind.TARGET: (("signal", "process-info"), frozenset({"self", "same-sandbox"})),
    FilterKind.DOMAIN: (("system-socket",), frozenset({"AF_UNIX"})),
}


class Filter(msgspec.Struct, frozen=True):
    """One condition. `value` is the path, pattern, name or `HOST:PORT`; `inner` those of `require-all`, or of a socket.

    `protocol` is `ip`, `tcp`, `udp` or `unix-socket`, for the two ends of a connection.
    """

    kind: FilterKind
    value: str = ""
    protocol: str = ""
    inner: tuple[Filter, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """`verb` holds for `operations` where one of `filters` is met, or there are none."""

    verb: Verb
    operations: tuple[str, ...]
    filters: tuple[Filter, ...]
    message: str
    line: int


class Rules(msgspec.Struct, frozen=True):
    """A profile: what holds where no rule does, and the rules in their order."""

    default: Verb
    rules: tuple[Rule, ...]


def covers(pattern: str, operation: str) -> bool:
    """Whether an operation as written in a rule means `operation`."""
    return operation.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == operation


def parse(text: str) -> Rules:
    """The rules of a profile.

    Raises:
        SandboxTextError: It can't be read, says something that is not known here, lacks `(version 1)` or a default at
            its start, or has more than `MAX_RULES` rules.
    """
    nodes = read(text)
    if len(nodes) > MAX_RULES:
        raise SandboxTextError(f"a profile of {len(nodes)} rules; {MAX_RULES} are allowed")
    if len(nodes) < 2 or _words(nodes[0]) != ["version", "1"]:
        raise SandboxTextError("a profile begins with (version 1) and a default")
    first = _rule(nodes[1])
    if first.operations != ("default",) or first.filters:
        raise SandboxTextError(f"line {first.line}: the default comes first")
    rules = tuple(_rule(node) for node in nodes[2:])
    for rule in rules:
        if "default" in rule.operations:
            raise SandboxTextError(f"line {rule.line}: a second default")
    return Rules(first.verb, rules)


def _words(node: Node) -> list[str]:
    if isinstance(node, Atom):
        return []
    return [atom.value for atom in node if isinstance(atom, Atom) and atom.kind is Kind.SYMBOL]


def _line(node: Node) -> int:
    while not isinstance(node, Atom):
        if not node:
            return 0
        node = node[0]
    return node.line


def _rule(node: Node) -> Rule:
    line = _line(node)
    if isinstance(node, Atom) or not node or not isinstance(node[0], Atom) or node[0].value not in tuple(Verb):
        raise SandboxTextError(f"line {line}: a rule says allow or deny")
    operations: list[str] = []
    filters: list[Filter] = []
    message = ""
    for part in node[1:]:
        if isinstance(part, Atom):
            if filters or message:
                raise SandboxTextError(f"line {line}: operations come before filters")
            operations.append(_operation(part))
        elif (said := _message(part)) is not None:
            message = said
        else:
            filters.append(_filter(part))
    if not operations:
        raise SandboxTextError(f"line {line}: a rule without an operation")
    for filter_ in filters:
        _check_place(filter_, operations, line)
    return Rule(Verb(node[0].value), tuple(operations), tuple(filters), message, line)


def _operation(atom: Atom) -> str:
    name = atom.value
    known = name == "default" or any(covers(name, operation) for operation in OPERATIONS)
    if atom.kind is not Kind.SYMBOL or not known or name == "*":
        raise SandboxTextError(f"line {atom.line}: operation {name!r} is not known")
    return name


def _message(node: tuple[Node, ...]) -> str | None:
    """The text of `(with message "…")`; `None` where this is a filter."""
    match node:
        case (Atom(Kind.SYMBOL, "with"), Atom(Kind.SYMBOL, "message"), Atom(Kind.TEXT, said)):
            return said
        case _:
            return None


def _filter(node: Node) -> Filter:
    line = _line(node)
    match node:
        case (Atom(Kind.SYMBOL, "require-all"), *inner) if inner:
            # One level is all that is written: a filter inside of it that has filters again is none of those below.
            return Filter(FilterKind.ALL, inner=tuple(_simple(part) for part in inner))
        case (Atom(Kind.SYMBOL, "remote" | "local" as end), Atom(Kind.SYMBOL, "unix-socket"), path):
            inner_path = _simple(path)
            if inner_path.kind in _PATHS:
                return Filter(FilterKind(end), protocol="unix-socket", inner=(inner_path,))
        case _:
            return _simple(node)
    raise SandboxTextError(f"line {line}: a socket's filter without a path")


def _simple(node: Node) -> Filter:
    line = _line(node)
    match node:
        case (Atom(Kind.SYMBOL, "remote" | "local" as end), Atom(Kind.SYMBOL, protocol), Atom(Kind.TEXT, value)):
            if protocol in {"ip", "tcp", "udp"} and _is_endpoint(value):
                return Filter(FilterKind(end), value, protocol)
        case (Atom(Kind.SYMBOL, "literal" | "subpath" as kind), Atom(Kind.TEXT, value)):
            if value == "/" or (value.startswith("/") and {"", ".", ".."}.isdisjoint(value[1:].split("/"))):
                return Filter(FilterKind(kind), value)
        case (Atom(Kind.SYMBOL, "regex"), Atom(Kind.PATTERN, value)):
            matches(value, "")
            return Filter(FilterKind.REGEX, value)
        case (Atom(Kind.SYMBOL, kind), Atom(Kind.TEXT, value)) if kind in tuple(_TEXTS):
            return Filter(FilterKind(kind), value)
        case (Atom(Kind.SYMBOL, kind), Atom(Kind.SYMBOL, value)) if kind in tuple(_WORDS):
            if value in _WORDS[FilterKind(kind)][1]:
                return Filter(FilterKind(kind), value)
    raise SandboxTextError(f"line {line}: a filter that is not known")


def _is_endpoint(value: str) -> bool:
    host, _, port = value.rpartition(":")
    # The kernel takes no other hosts, and ports without zeros before them.
    return host in {"localhost", "*"} and (port == "*" or _is_port(port))


def _is_port(text: str) -> bool:
    return len(text) < 6 and text.isascii() and text.isdigit() and text == str(int(text)) and int(text) < 65_536


def _check_place(filter_: Filter, operations: list[str], line: int) -> None:
    """A filter on an operation that knows nothing of it would never be met, or always."""
    for part in (filter_, *(filter_.inner if filter_.kind is FilterKind.ALL else ())):
        if part.kind is FilterKind.ALL:
            continue
        begins: tuple[str, ...]
        if part.kind in _PATHS:
            begins = ("file", "process-exec")
        elif part.kind in _ENDPOINTS:
            begins = ("network",)
        elif part.kind in _TEXTS:
            begins = (_TEXTS[part.kind],)
        else:
            begins = _WORDS[part.kind][0]
        for name in operations:
            if not name.startswith(begins):
                raise SandboxTextError(f"line {line}: {name} has no {part.kind}")
