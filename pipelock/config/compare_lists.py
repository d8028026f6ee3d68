"""Comparisons of lists for `pipelock.config.compare`: hosts, networks, patterns, rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator, Sequence
from typing import Final

from pipelock.config.rules import parse_expiry
from pipelock.config.schema import Config
from pipelock.config.schema_operations import EgressRule
from pipelock.config.schema_scanning import DlpPattern, ResponsePattern, Suppression

__all__ = ["added", "egress_rules", "patterns", "removed", "suppressions", "uncovered", "widened"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ACTIONS: Final = ("allow", "warn", "ask", "block")
_SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
_SHOWN: Final = 5


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _same(entry: object) -> str:
    """What makes two entries one: hosts and header names know no case."""
    return str(entry).casefold()


def added(key: str, old: Sequence[object], new: Sequence[object]) -> Iterator[str]:
    """Entries that were not there: each lets something through."""
    before = {_same(entry) for entry in old}
    names = [str(entry) for entry in new if _same(entry) not in before]
    if names:
        yield f"{key}: {_few(names)} added"


def removed(key: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Entries that are gone: each stopped something."""
    after = {_same(entry) for entry in new}
    names = [entry for entry in old if _same(entry) not in after]
    if names:
        yield f"{key}: {_few(names)} removed"


def suppressions(key: str, old: Sequence[Suppression], new: Sequence[Suppression]) -> Iterator[str]:
    """Entries that excuse something which none of the old ones alone excused."""
    names = [_excuse(entry) for entry in new if not any(_excuses_no_more(entry, other) for other in old)]
    if names:
        yield f"{key}: {_few(names)} added"


def _excuse(entry: Suppression) -> str:
    limits = (("host", entry.host), ("field", entry.field), ("until", entry.expires))
    said = ", ".join(f"{name} {value}" for name, value in limits if value)
    return f"{entry.rule} at {entry.path}" + (f" ({said})" if said else "")


def _excuses_no_more(entry: Suppression, than: Suppression) -> bool:
    """Whether all that `entry` excuses, `than` excuses too. Paths and fields are compared as they are written."""
    return (
        entry.rule.casefold() == than.rule.casefold()
        and entry.path == than.path
        and than.host in ("", entry.host)
        and than.field in ("", entry.field)
        and _end(entry) <= _end(than)
    )


def _end(entry: Suppression) -> float:
    return parse_expiry(entry.expires) if entry.expires else float("inf")


def _networks(texts: Sequence[str]) -> list[_Network]:
    return [ipaddress.ip_network(text) for text in texts]


def _inside(network: _Network, others: Sequence[_Network]) -> bool:
    """Whether every address of `network` is in `others`, two halves together included."""
    same: list[_Network] = [other for other in others if other.version == network.version]
    merged = ipaddress.collapse_addresses(same)  # type: ignore[type-var]  # one version only, as checked above
    return any(
        other.network_address <= network.network_address  # type: ignore[operator]
        and network.broadcast_address <= other.broadcast_address  # type: ignore[operator]
        for other in merged
    )


def widened(key: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Networks that were not covered before."""
    before = _networks(old)
    names = [str(network) for network in _networks(new) if not _inside(network, before)]
    if names:
        yield f"{key}: {_few(names)} added"


def uncovered(key: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Networks that are no longer covered."""
    after = _networks(new)
    names = [str(network) for network in _networks(old) if not _inside(network, after)]
    if names:
        yield f"{key}: {_few(names)} removed"


def patterns(
    key: str,
    old: Sequence[DlpPattern | ResponsePattern],
    new: Sequence[DlpPattern | ResponsePattern],
    builtin: Container[str] = (),
) -> Iterator[str]:
    """Patterns of the user's own that are gone, look for something else, ask for less, or replace a `builtin` one."""
    before = {pattern.name.casefold() for pattern in old}
    for pattern in new:
        if pattern.name.casefold() not in before and pattern.name in builtin:
            yield f"{key}: {pattern.name!r} replaces the built-in of that name"
    after = {pattern.name.casefold(): pattern for pattern in new}
    for pattern in old:
        now = after.get(pattern.name.casefold())
        if now is None:
            yield f"{key}: {pattern.name!r} removed"
        elif now.regex != pattern.regex:
            yield f"{key}: the regex of {pattern.name!r} changed"
        elif isinstance(now, DlpPattern) and isinstance(pattern, DlpPattern):
            yield from _softer(key, pattern, now)


def _softer(key: str, old: DlpPattern, new: DlpPattern) -> Iterator[str]:
    place = f"{key}: {new.name!r}"
    if _SEVERITIES.index(new.severity) < _SEVERITIES.index(old.severity):
        yield f"{place} has severity {new.severity}, was {old.severity}"
    if new.action == "warn" and old.action != "warn":
        yield f"{place} only warns now"
    if new.validator and new.validator != old.validator:
        yield f"{place} now needs a valid {new.validator} checksum"
    yield from added(f"{place} exempt_domains", old.exempt_domains, new.exempt_domains)


def _own_rules(config: Config) -> list[EgressRule]:
    """The rules of the file; those that strict mode makes of `api_allowlist` are compared as that list."""
    return [rule for rule in config.egress_rules if not rule.name.startswith("api_allowlist: ")]


def egress_rules(old: Config, new: Config) -> Iterator[str]:
    """Rules that stop less: gone, softer, about something else, or overtaken by a softer one."""
    before, after = _own_rules(old), _own_rules(new)
    now = {rule.name: rule for rule in after}
    for rule in before:
        match = now.get(rule.name)
        if match is None:
            if _rank(rule) > _ACTIONS.index(new.egress_default):
                yield f"egress_rules: {rule.name!r} ({rule.action}) removed"
        elif _rank(match) < _rank(rule):
            yield f"egress_rules: {rule.name!r} became {match.action}, was {rule.action}"
        elif _conditions(match) != _conditions(rule):
            yield f"egress_rules: {rule.name!r} is about other requests than before"
    known = {rule.name for rule in before}
    for index, rule in enumerate(after):
        behind = max([_ACTIONS.index(new.egress_default), *map(_rank, after[index + 1 :])])
        if rule.name not in known and _rank(rule) < behind:
            yield f"egress_rules: {rule.name!r} ({rule.action}) added ahead of something stricter"
    if [r.name for r in before if r.name in now] != [r.name for r in after if r.name in known]:
        yield "egress_rules: the order changed, and the first match decides"


def _rank(rule: EgressRule) -> int:
    return _ACTIONS.index(rule.action)


def _conditions(rule: EgressRule) -> tuple[object, ...]:
    return rule.host, frozenset(rule.method), rule.path, rule.port, rule.agent
