"""What of a record can be asked about, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipelock.model import Record

__all__ = ["FLAGS", "KEYS", "NUMBERS", "SHORTCUTS", "TEXTS", "TIMES", "WORDS", "haystack", "path_of", "rules_of"]

KEYS: Final = (
    "after",
    "agent",
    "before",
    "client",
    "host",
    "id",
    "kind",
    "layer",
    "method",
    "outcome",
    "path",
    "pid",
    "port",
    "program",
    "rule",
    "session",
    "size",
    "status",
    "text",
    "transport",
    "type",
    "url",
    "verdict",
)
"""All names of fields."""

SHORTCUTS: Final = {
    "a": "agent",
    "c": "status",
    "d": "host",
    "l": "layer",
    "m": "method",
    "p": "program",
    "r": "rule",
    "t": "type",
    "u": "url",
    "v": "verdict",
}
"""`~d VALUE` is `host:VALUE`, and so on: mitmproxy's letters where the meaning is the same."""

FLAGS: Final = {
    "b": ("verdict", "block"),
    "q": ("kind", "request"),
    "s": ("kind", "response"),
    "websocket": ("transport", "websocket"),
}
"""Those that take no value: `~b` is what was blocked, `~q` requests, `~s` answers."""


def path_of(url: str) -> str:
    """What follows the authority in an absolute URL."""
    _, found, rest = url.partition("://")
    if not found:
        return ""
    for place, char in enumerate(rest):
        if char in "/?#":
            return rest[place:]
    return ""


def rules_of(record: Record) -> str:
    """Names of all rules that had a part in it, separated by line feeds."""
    decision = record.decision
    names = [decision.rule, *(finding.rule for finding in (*decision.findings, *decision.suppressed))]
    return "\n".join(dict.fromkeys(name for name in names if name))


TEXTS: Final[dict[str, Callable[[Record], str]]] = {
    "agent": lambda record: record.action.agent,
    "client": lambda record: record.action.client,
    "host": lambda record: record.action.host,
    "layer": lambda record: record.decision.layer,
    "path": lambda record: path_of(record.action.url),
    "program": lambda record: record.action.program,
    "remote": lambda record: record.action.remote,
    "rule": rules_of,
    "session": lambda record: record.action.session,
    "type": lambda record: record.action.content_type,
    "url": lambda record: record.action.url,
}
"""Found anywhere in the field."""

WORDS: Final[dict[str, Callable[[Record], str]]] = {
    "id": lambda record: record.action.id,
    "kind": lambda record: record.action.kind.value,
    "method": lambda record: record.action.method,
    "outcome": lambda record: record.decision.outcome.value if record.decision.outcome else "",
    "transport": lambda record: record.action.transport.value,
    "verdict": lambda record: record.decision.verdict.value,
}
"""Must be the whole field; several, separated by commas, will do."""

NUMBERS: Final[dict[str, Callable[[Record], tuple[int, ...]]]] = {
    "pid": lambda record: (record.action.pid,),
    "port": lambda record: (record.action.port,),
    "size": lambda record: (record.action.size,),
    "status": lambda record: (record.action.status, record.decision.status),
}
"""Compared by `:`, `<`, `>`, `<=`, `>=`; one that meets it will do. 0 is no status."""

TIMES: Final = frozenset({"after", "before"})


def haystack(record: Record) -> str:
    """Everything a bare word is looked for in, folded."""
    decision = record.decision
    parts = [read(record) for read in (*TEXTS.values(), *WORDS.values())]
    parts += [decision.reason, decision.note, *(finding.message for finding in decision.findings)]
    return " ".join(parts).casefold()
