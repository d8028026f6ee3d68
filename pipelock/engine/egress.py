"""Egress rules: the operator's own list, first match wins.

They speak after the hard floor and before the mode's default; they can demand more than the scanners do, never less.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipelock.detect.globs import glob_match
from pipelock.detect.hosts import HostSet
from pipelock.engine._paths import RulePaths
from pipelock.model import Verdict

__all__ = ["EgressRule", "EgressRules", "OwnRules", "Ruling"]


class EgressRule(msgspec.Struct, frozen=True):
    """One rule, compiled. An empty condition matches anything; `methods` are upper case."""

    name: str
    action: Verdict
    hosts: HostSet | None = None
    methods: frozenset[str] = frozenset()
    path: str = ""
    port: int = 0
    agent: str = ""
    reason: str = ""

    def matches(self, *, method: str, host: str, port: int, paths: RulePaths, agent: str) -> bool:
        """Whether every condition holds. `host` is folded; `paths` are the forms of the path, without query."""
        return (
            (not self.methods or method in self.methods)
            and self.leads_to(host=host, port=port, agent=agent)
            and (not self.path or self._matches_path(*paths))
        )

    @property
    def is_for_tunnels(self) -> bool:
        """Whether it names tunnels themselves."""
        return "CONNECT" in self.methods and not self.path

    @property
    def looks_inside(self) -> bool:
        """Whether it is about what only a request shows."""
        return bool(self.path) or bool(self.methods and "CONNECT" not in self.methods)

    def leads_to(self, *, host: str, port: int, agent: str) -> bool:
        """Whether a request inside a tunnel to there may match."""
        return (
            (not self.port or port == self.port)
            and (self.hosts is None or host in self.hosts)
            and (not self.agent or glob_match(self.agent, agent))
        )

    def _matches_path(self, exact: str, loose: str) -> bool:
        if self.action is Verdict.ALLOW:
            return glob_match(self.path, exact) and (exact == loose or glob_match(self.path.casefold(), loose))
        return glob_match(self.path, exact) or glob_match(self.path.casefold(), loose)


class Ruling(msgspec.Struct, frozen=True):
    """What the list says. `rule` is empty where the default spoke.

    `own`: a list of the sandbox says so, beside `egress_rules`; `reason` is the whole of it, `hint` what would help.
    Such a list holds in every mode, as walls do.
    """

    action: Verdict
    rule: str = ""
    reason: str = ""
    own: bool = False
    hint: str = ""


_OPENS = Ruling(Verdict.ALLOW)


class EgressRules:
    """The list and what holds where no rule names a request."""

    def __init__(self, rules: Sequence[EgressRule], default: Verdict) -> None:
        self._rules = tuple(rules)
        self._default = Ruling(default)
        self._rulings = tuple(Ruling(rule.action, rule.name, rule.reason) for rule in self._rules)
        self._vouching = frozenset(
            rule.name for rule in self._rules if rule.action is Verdict.ALLOW and rule.hosts is not None
        )
        self.look_at_paths = any(rule.path for rule in self._rules)
        self.looks_inside = any(rule.looks_inside for rule in self._rules)
        self.heeds_overrides = any(rule.methods or rule.path for rule in self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def rule(self, *, method: str, host: str, port: int, paths: RulePaths, agent: str) -> Ruling:
        """The first matching rule's answer, or the default."""
        for rule, ruling in zip(self._rules, self._rulings, strict=True):
            if rule.matches(method=method, host=host, port=port, paths=paths, agent=agent):
                return ruling
        return self._default

    def rule_overridden(self, *, host: str, port: int, agent: str) -> Ruling:
        """The answer for a request of which a header may make another one, of another method or path, at the origin.

        No rule with such a condition allows it, and the strictest that could be about it speaks.
        """
        strictest: Ruling | None = None
        for rule, ruling in zip(self._rules, self._rulings, strict=True):
            if not rule.leads_to(host=host, port=port, agent=agent):
                continue
            if not rule.methods and not rule.path:
                sure = ruling
                break
            if rule.action is not Verdict.ALLOW and (strictest is None or ruling.action.rank > strictest.action.rank):
                strictest = ruling
        else:
            sure = self._default
        return strictest if strictest is not None and strictest.action.rank > sure.action.rank else sure

    def vouches(self, name: str) -> bool:
        """Whether the rule of that name names hosts and lets requests to them through."""
        return name in self._vouching

    def rule_without_path(self, *, method: str, host: str, port: int, agent: str) -> Ruling | None:
        """The answer for a request whose path isn't known; `None` where it depends on the path."""
        for rule, ruling in zip(self._rules, self._rulings, strict=True):
            if (not rule.methods or method in rule.methods) and rule.leads_to(host=host, port=port, agent=agent):
                return None if rule.path else ruling
        return self._default

    def rule_opened(self, *, host: str, port: int, agent: str) -> Ruling:
        """The answer for a tunnel whose inside is read: it opens wherever a request in it might pass.

        Each request is asked about by itself, with its method and path. So a rule that looks inside does not close the
        tunnel to others, and nobody is asked twice; a rule that names CONNECT is about the tunnel as ever.
        """
        for rule, ruling in zip(self._rules, self._rulings, strict=True):
            if not rule.leads_to(host=host, port=port, agent=agent):
                continue
            if rule.is_for_tunnels:
                return ruling
            if rule.looks_inside:
                if rule.action is not Verdict.BLOCK:
                    return _OPENS
            else:
                return _OPENS if rule.action is Verdict.ASK else ruling
        return _OPENS if self._default.action is Verdict.ASK else self._default


class OwnRules:
    """A list that narrows what one sandbox reaches: what it does not allow is blocked.

    Args:
        rules: The list; its default blocks.
        written: Where it is written, for the reason.
        hint: What helps whom it stops.

    Attributes:
        rules: The list.
    """

    def __init__(self, rules: EgressRules, written: str, hint: str) -> None:
        self.rules = rules
        only = f"this sandbox reaches only what {written} names"
        self._refusal = Ruling(Verdict.BLOCK, reason=f"{only}, and that is not it", own=True, hint=hint)
        closed = f"{only}; a rule with a method or path takes a tunnel that is read, and this one is not"
        self._closed = (
            Ruling(Verdict.BLOCK, reason=closed, own=True, hint=hint) if rules.looks_inside else self._refusal
        )

    def refusal(self, *, unread: bool) -> Ruling:
        """What is said to whom it stops; `unread`: that is a tunnel whose inside nobody reads."""
        return self._closed if unread else self._refusal
