"""What an operator looks back at: kept decisions, rules and how often they met something, checks, proposals."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock.model._decision import Record
from pipelock.model._verdict import Verdict

__all__ = [
    "AuditFile",
    "AuditState",
    "Check",
    "CheckState",
    "ConfigChange",
    "ConfigReview",
    "Fix",
    "HistoryPage",
    "Kept",
    "RuleKind",
    "RuleRow",
]


class Kept(msgspec.Struct, frozen=True):
    """A decision in the history. `row` grows with time and never changes."""

    row: int
    record: Record


class HistoryPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Part of a search, newest first.

    Attributes:
        items: What was found.
        before: Where to go on (`before` of the next search); 0 where nothing older is left.
        looked_at: Rows that were looked at.
        oldest_at: When the oldest decision in the history was made, seconds since the epoch; 0 where there is none.
        total: Decisions in the history.
    """

    items: tuple[Kept, ...] = ()
    before: int = 0
    looked_at: int = 0
    oldest_at: float = 0.0
    total: int = 0


class RuleKind(StrEnum):
    """What kind of rule a row is about."""

    DETECTION = "detection"
    EGRESS = "egress"
    SUPPRESSION = "suppression"
    GRANT = "grant"


class RuleRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule and how often it met something since the daemon started.

    Attributes:
        kind: Which list it stands in.
        name: The rule's name; for a suppression the rule that it excuses.
        where: Host, path and field that it holds for, in words; empty for anywhere.
        action: What it does, in a word.
        hits: How often it met something. last_hit_at: When it last did, seconds since the epoch.
        expires_at: Seconds since the epoch, 0 for never.
        source: built-in, config, suppressions.yaml, approvals.yaml, memory.
        id: By which it can be revoked; empty where it can't.
        note: Why it is there.
    """

    kind: RuleKind
    name: str
    where: str = ""
    action: str = ""
    hits: int = 0
    last_hit_at: float = 0.0
    expires_at: float = 0.0
    source: str = ""
    id: str = ""
    note: str = ""


class Fix(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The narrowest suppression that would have let one refused action pass, and what else it would do.

    Attributes:
        id: Names the proposal; `apply_fix` takes it. It is forgotten after 10 minutes.
        action_id: The action that was refused.
        possible: False where no suppression may lift this refusal; `words` says why and what would.
        words: In plain words, the consequence included.
        entry: The YAML that would be written.
        verdict: What would become of that action; `None` where the record can't tell, and `words` say why.
        others: How many other recorded decisions were refused for the same rule.
        unblocked: How many of those would now pass.
        examples: Up to five of these, in a line each.
        unknown: How many could not be judged again, because the record does not hold enough.
        since: From when on the history was looked at, seconds since the epoch.
    """

    id: str
    action_id: str
    possible: bool
    words: str
    entry: str = ""
    verdict: Verdict | None = Verdict.BLOCK
    others: int = 0
    unblocked: int = 0
    examples: tuple[str, ...] = ()
    unknown: int = 0
    since: float = 0.0


class CheckState(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the doctor looked at. `fix` says what to do."""

    name: str
    state: CheckState
    detail: str = ""
    fix: str = ""


class ConfigChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key that differs between the file and what is in force. `weaker` says what the new value gives up."""

    key: str
    old: str
    new: str
    weaker: str = ""
    restart: bool = False


class ConfigReview(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file on disk beside the configuration in force. `error` is set where the file can't be used."""

    path: str
    running: str
    on_disk: str = ""
    changes: tuple[ConfigChange, ...] = ()
    weaker: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""


class AuditFile(msgspec.Struct, frozen=True):
    """One file of the audit log."""

    path: str
    size: int
    modified_at: float
    mode: int


class AuditState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The audit log, looked through.

    Attributes:
        files: Newest first.
        lines: Lines that were read. broken: Lines that are no JSON object. backwards: Lines older than the one before.
        blocked: Lines whose verdict is block.
        first_at, last_at: Times of the first and the last line, seconds since the epoch.
        problems: Sentences.
        complete: False where only the newest part was read (`read_bytes` of it).
    """

    files: tuple[AuditFile, ...] = ()
    lines: int = 0
    broken: int = 0
    backwards: int = 0
    blocked: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    problems: tuple[str, ...] = ()
    complete: bool = True
    read_bytes: int = 0
