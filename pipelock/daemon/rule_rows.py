"""All rules with what they met: detection rules, egress rules, suppressions, grants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelock.config import Config
from pipelock.config.rules import parse_expiry
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import entry_id
from pipelock.door.rule_stats import Hits, RuleStats
from pipelock.engine.compile import rule_book
from pipelock.model import Grant, RuleKind, RuleRow

__all__ = ["rule_rows"]


def rule_rows(
    config: Config, stats: RuleStats, grants: Sequence[Grant], own: frozenset[str] = frozenset()
) -> list[RuleRow]:
    """One row a rule; those that met something first, the latest first.

    `own` holds the ids of the entries that stand in suppressions.yaml and may be taken out of it.
    """
    rows = [
        *_egress(config, stats.egress),
        *_suppressions(config, stats.suppression, own),
        *map(_grant, grants),
        *_detection(config, stats.detection),
    ]
    return sorted(rows, key=lambda row: -row.last_hit_at)


def _egress(config: Config, hits: Hits) -> Iterator[RuleRow]:
    for rule in config.egress_rules:
        count, last = hits.get(rule.name, (0, 0.0))
        parts = (" ".join(rule.method), rule.host or "any host", rule.path, f"port {rule.port}" if rule.port else "")
        yield RuleRow(
            kind=RuleKind.EGRESS,
            name=rule.name,
            where=" ".join(
                part for part in (*parts, f"agent {rule.agent}" if rule.agent not in ("", "*") else "") if part
            ),
            action=rule.action,
            hits=count,
            last_hit_at=last,
            source="config",
            note=rule.reason,
        )


def _suppressions(config: Config, hits: Hits, own: frozenset[str]) -> Iterator[RuleRow]:
    for entry in config.suppress:
        name = entry_id(entry)
        count, last = hits.get(name, (0, 0.0))
        is_own = name in own
        yield RuleRow(
            kind=RuleKind.SUPPRESSION,
            name=entry.rule,
            where=_where(entry),
            action="suppress",
            hits=count,
            last_hit_at=last,
            expires_at=parse_expiry(entry.expires) if entry.expires else 0.0,
            source="suppressions.yaml" if is_own else "config",
            id=name if is_own else "",
            note=entry.reason,
        )


def _where(entry: Suppression) -> str:
    field = f" in {entry.field}" if entry.field else ""
    host = f" (host {entry.host})" if entry.host and entry.host not in entry.path else ""
    return f"{entry.path}{field}{host}"


def _grant(grant: Grant) -> RuleRow:
    return RuleRow(
        kind=RuleKind.GRANT,
        name=", ".join(grant.rules) or grant.layer,
        where=grant.words,
        action="allow" if grant.allow else "deny",
        hits=grant.hits,
        last_hit_at=grant.last_hit_at,
        expires_at=grant.expires_at,
        source="approvals.yaml" if grant.lifetime.value == "forever" else "memory",
        id=grant.id,
        note=grant.note,
    )


def _detection(config: Config, hits: Hits) -> Iterator[RuleRow]:
    own = {pattern.name.casefold() for pattern in (*config.dlp.patterns,)}
    own |= {pattern.name.casefold() for pattern in config.response_scanning.patterns}
    seen: set[str] = set()
    for key, rule in rule_book(config).rules.items():
        count, last = hits.get(rule.name, (0, 0.0))
        seen.add(rule.name)
        yield RuleRow(
            kind=RuleKind.DETECTION,
            name=rule.name,
            where=rule.kind,
            action="warn" if rule.warns else str(rule.severity),
            hits=count,
            last_hit_at=last,
            source="config" if key in own else "built-in",
        )
    for name, (count, last) in hits.items():
        if name not in seen:  # what code looks for, not a pattern
            yield RuleRow(kind=RuleKind.DETECTION, name=name, hits=count, last_hit_at=last, source="built-in")
