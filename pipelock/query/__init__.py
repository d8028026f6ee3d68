"""The language in which decisions are looked for: in the live list, in the history, on the command line.

    verdict:block,warn host:example.com !method:GET (agent:claude or agent:codex) size>10k after:2h "exact words"

A filter is read once into a tree. The tree says of a record whether it is meant, and it gives the conditions by which
a database leaves out rows that can't be (docs/history.md has the language in full).
"""

from __future__ import annotations

from pipelock.query._fields import FLAGS, KEYS, SHORTCUTS
from pipelock.query._parse import EVERYTHING, MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Filter, parse
from pipelock.query._terms import FilterError, Term
from pipelock.query._times import read_time
from pipelock.query._where import Where, where

__all__ = [
    "EVERYTHING",
    "FLAGS",
    "KEYS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TERMS",
    "SHORTCUTS",
    "Filter",
    "FilterError",
    "Term",
    "Where",
    "parse",
    "read_time",
    "where",
]
