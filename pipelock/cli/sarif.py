"""Hits as SARIF 2.1.0, which code hosts and editors read.

Source: OASIS Static Analysis Results Interchange Format 2.1.0. Only what is needed: one run, the rules that were hit,
results with a location, a fingerprint and, where the operator excused them, the suppression.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from pipelock import __version__
from pipelock.cli._hits import Hit, HitKind, Report
from pipelock.model import Severity

__all__ = ["sarif"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# What GitHub sorts alerts by: a number as text, as for CVSS.
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
_HELP: Final = {
    HitKind.SECRET: "Take the credential out of the file, and revoke it if it was ever shared: what was committed once "
    "stays in the history. If it is a harmless example, end the line with a comment `pipelock:ignore {rule}`.",
    HitKind.INSTRUCTION: "An agent that reads this file may follow the text as an order. Remove it; if it is a "
    "harmless example, end the line with a comment `pipelock:ignore {rule}`.",
    HitKind.HIDDEN_UNICODE: "People do not see these characters, programs and models do. Remove them, or write "
    "them as escapes.",
}
_TAGS: Final = {
    HitKind.SECRET: ["security", "secret"],
    HitKind.INSTRUCTION: ["security", "prompt-injection"],
    HitKind.HIDDEN_UNICODE: ["security", "hidden-unicode"],
}
_EXCUSES: Final = {"inline": "inSource", "config": "external"}


def sarif(report: Report) -> dict[str, Any]:
    """The log of one run, as plain values. Fingerprints hold no line number, so a hit that moves stays the same."""
    hits = [*report.hits, *report.excused]
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(_identifier(hit.rule), hit)
    places = {name: index for index, name in enumerate(first)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pipelock",
                        "semanticVersion": __version__,
                        "rules": [_rule(hit) for hit in first.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(hit, places[_identifier(hit.rule)]) for hit in hits],
                "invocations": [_invocation(report)],
            }
        ],
    }


def _identifier(rule: str) -> str:
    """`AWS Access ID` as `aws-access-id`: stable, and readable in a URL. What that leaves out, a digest tells apart."""
    plain = rule.casefold()
    words = "".join(char if char.isalnum() else " " for char in plain).split()
    identifier = "-".join(words) or "rule"
    if " ".join(words) == plain:
        return identifier
    return f"{identifier}-{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def _rule(hit: Hit) -> dict[str, Any]:
    return {
        "id": _identifier(hit.rule),
        "name": "".join(word.capitalize() for word in _identifier(hit.rule).split("-")),
        "shortDescription": {"text": hit.rule},
        "help": {"text": _HELP[hit.kind].format(rule=hit.rule)},
        "defaultConfiguration": {"level": _LEVELS[hit.severity]},
        "properties": {"security-severity": _SCORES[hit.severity], "tags": _TAGS[hit.kind]},
    }


def _result(hit: Hit, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _identifier(hit.rule),
        "ruleIndex": rule,
        "level": _LEVELS[hit.severity],
        "message": {"text": hit.message[:1].upper() + hit.message[1:]},
        "locations": [{"physicalLocation": _location(hit)}],
        "partialFingerprints": {"pipelockHit/v1": _fingerprint(hit)},
    }
    if hit.excuse:
        result["suppressions"] = [{"kind": _EXCUSES[hit.excuse]}]
    return result


def _location(hit: Hit) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(hit.path)}}
    if hit.line:
        region = {"startLine": hit.line, "startColumn": hit.col, "endLine": hit.end_line, "endColumn": hit.end_col}
        place["region"] = {name: value for name, value in region.items() if value}
    return place


def _uri(path: str) -> str:
    """A reference relative to where the command ran (RFC 3986 §4.2); a colon in the first part would be a scheme."""
    text = quote(path.removeprefix("./").encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=@")
    return f"file://{text}" if text.startswith("/") else text


def _fingerprint(hit: Hit) -> str:
    """Of the rule, the file, the masked line and which of several equal ones it is."""
    parts = (hit.rule, hit.path, " ".join(hit.excerpt.split()), hit.code_point, str(hit.number))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _invocation(report: Report) -> dict[str, Any]:
    notes = [_note(f"{one.path}: {one.reason}") for one in report.skipped if one.matters]
    if report.unlisted:
        notes.append(_note(f"{report.unlisted} more findings are not listed"))
    invocation: dict[str, Any] = {"executionSuccessful": True}
    return {**invocation, "toolExecutionNotifications": _few(notes)} if notes else invocation


def _note(text: str) -> dict[str, Any]:
    return {"level": "warning", "message": {"text": text}}


def _few(notes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(notes)[:1000]
