"""The list's filter language.

Terms are separated by spaces and all of them must hold. `key:value` looks in one field, a bare word in all of them,
`!` in front turns a term round, double quotes keep spaces together. Case does not matter.

    verdict:block,warn host:example.com !method:GET agent:claude rule:"AWS Access" login

Values are found anywhere in their field, except those of `verdict` and `method`, which must be whole words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipelock.model import Record, Verdict
from pipelock_tui.rows import Row, path_of, why_of

__all__ = ["EVERYTHING", "KEYS", "MAX_LENGTH", "MAX_TERMS", "Filter", "FilterError", "Term", "parse"]

MAX_LENGTH = 500
"""Longest filter, in characters."""
MAX_TERMS = 20
"""Most terms in one filter."""
KEYS: Final = ("agent", "host", "layer", "method", "path", "rule", "session", "text", "verdict")
_WHOLE: Final = frozenset({"verdict", "method"})


class FilterError(ValueError):
    """The filter cannot be read; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `values` are folded; any of them will do."""

    key: str
    values: tuple[str, ...]
    negated: bool = False

    def matches(self, row: Row) -> bool:
        """Whether the row meets the condition."""
        haystack = _field(row, self.key)
        whole = self.key in _WHOLE
        found = haystack in self.values if whole else any(value in haystack for value in self.values)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was read. `source` is what was typed."""

    source: str = ""
    terms: tuple[Term, ...] = ()

    def matches(self, row: Row) -> bool:
        """Whether the row is shown. Rows that say that something is missing always are."""
        return row.gap or all(term.matches(row) for term in self.terms)


EVERYTHING = Filter()


def parse(source: str) -> Filter:
    """Read a filter; an empty one shows everything.

    Raises:
        FilterError: Unknown key or verdict, missing value, open quote, too long or too many terms.
    """
    if len(source) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters")
    words = _split(source)
    if len(words) > MAX_TERMS:
        raise FilterError(f"a filter has at most {MAX_TERMS} terms")
    return Filter(source.strip(), tuple(_term(word) for word in words))


def _split(source: str) -> list[str]:
    words: list[str] = []
    current, quoted, begun = "", False, False
    for char in source:
        if char == '"':
            quoted = not quoted
            begun = True
        elif char.isspace() and not quoted:
            if begun:
                words.append(current)
            current, begun = "", False
        else:
            current += char
            begun = True
    if quoted:
        raise FilterError('a quote is open: close it with "')
    return [*words, current] if begun else words


def _term(word: str) -> Term:
    negated = word.startswith("!")
    body = word[1:] if negated else word
    key, colon, value = body.partition(":")
    key = key.casefold()
    if not colon:
        key, value = "text", body
    elif key not in KEYS:
        raise FilterError(f'no field is called "{key}"; there are {", ".join(KEYS)}')
    if not value:
        raise FilterError(f"{key}: needs a value" if colon else "! needs a term after it")
    folded = value.casefold()
    values = tuple(part for part in folded.split(",") if part) if key in _WHOLE else (folded,)
    if key == "verdict":
        known = {verdict.value for verdict in Verdict}
        for unknown in [part for part in values if part not in known]:
            raise FilterError(f'no verdict is called "{unknown}"; there are {", ".join(sorted(known))}')
    if not values:
        raise FilterError(f"{key}: needs a value")
    return Term(key, values, negated)


def _field(row: Row, key: str) -> str:
    if row.record is None:
        return row.text.casefold() if key == "text" else ""
    record = row.record
    if key == "text":
        return (
            " ".join(_value(record, each) for each in KEYS if each != "text") + " " + record.decision.reason.casefold()
        )
    return _value(record, key)


def _value(record: Record, key: str) -> str:
    action, decision = record.action, record.decision
    match key:
        case "agent":
            value = action.agent
        case "host":
            value = action.host
        case "layer":
            value = decision.layer
        case "method":
            value = action.method
        case "path":
            value = path_of(action.url)
        case "rule":
            names = [decision.rule, why_of(record), *(finding.rule for finding in decision.findings)]
            value = " ".join(names)
        case "session":
            value = action.session
        case _:
            value = decision.verdict.value
    return value.casefold()
