"""approvals.yaml: the answers that hold for good, one entry each, as text and as grants.

What an entry means is in its fields. Its `words` are for people who read the file and are not believed: they are made
anew from the fields. Limits: 500 entries, 4 MiB.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.decode import Decoder
from pipelock.config.kinds import Expiry
from pipelock.config.problems import ConfigError, Problem
from pipelock.config.reading import read_tree
from pipelock.config.rules import parse_expiry
from pipelock.model import Grant, Lifetime, Scope

__all__ = ["MAX_KEPT", "format_approvals", "parse_approvals"]

MAX_KEPT = 500
"""Answers that may hold for good."""

_HEADER = """\
# Answers that hold for good, written by pipelock. `pipelock approvals list` shows them with their hits and
# `pipelock approvals revoke ID` takes one back. What is changed here by hand is in force only after
# `pipelock approvals review`, or when the daemon starts anew.
"""
_BARE = frozenset({"action", "scope", "kind", "port"})
_Line = Annotated[str, Meta(max_length=1024, extra={"rule": "line"})]
_Name = Annotated[str, Meta(max_length=256, extra={"rule": "line"})]


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. What the scope does not look at is left out."""

    id: Annotated[str, Meta(min_length=1, max_length=64, extra={"rule": "line"})]
    action: Literal["allow", "deny"]
    scope: Literal["url", "path", "host", "domain"]
    created: Expiry = ""
    by: _Name = ""
    words: Annotated[str, Meta(max_length=4096)] = ""
    note: Annotated[str, Meta(max_length=500, extra={"rule": "line"})] = ""
    agent: _Name = ""
    program: _Name = ""
    kind: Literal["request", "connect", "opened", "message in", "message out"] = "request"
    method: Annotated[str, Meta(max_length=64, extra={"rule": "line"})] = ""
    url: _Line = ""
    host: _Name = ""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    path: _Line = ""
    domain: _Name = ""
    rule: Annotated[str, Meta(max_length=128, extra={"rule": "line"})] = ""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    approvals: Annotated[tuple[_Entry, ...], Meta(max_length=MAX_KEPT)] = ()


def parse_approvals(data: bytes, name: str, check: Callable[[Grant], str] = lambda _grant: "") -> tuple[Grant, ...]:
    """The grants in a file's bytes, without words.

    Args:
        data: The file.
        name: What problems call it.
        check: What else is wrong with a grant, in a sentence; empty where nothing is.

    Raises:
        ConfigError: not UTF-8, not YAML, too large, or an entry that says something that is not valid; nothing of the
            file is used then.
    """
    root = read_tree(data, name)
    if root is None:
        return ()
    decoder = Decoder(name, Path("/"))
    entries = decoder.decode(root, _File).approvals
    problems = list(decoder.problems)
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        wrong = _wrong(entry, seen) or check(_grant(entry))
        seen.add(entry.id)
        if wrong:
            key = f"approvals[{index}]"
            problems.append(Problem(name, *decoder.places.get(key, (0, 0)), key, wrong))
    if problems:
        raise ConfigError(problems)
    return tuple(map(_grant, entries))


def format_approvals(grants: tuple[Grant, ...]) -> bytes:
    """The file that holds `grants`; reading it gives them back, but for words and hits."""
    if not grants:
        return f"{_HEADER}approvals: []\n".encode()
    lines = ["approvals:"]
    for grant in grants:
        fields = [f"{key}: {_scalar(key, value)}" for key, value in _fields(grant).items()]
        lines += [f"- {fields[0]}", *(f"  {field}" for field in fields[1:])]
    return (_HEADER + "\n".join(lines) + "\n").encode()


def _scalar(key: str, value: str | int) -> str:
    """Text in quotation marks: a name such as `0E0` or `no` would be something else without them."""
    import yaml  # noqa: PLC0415 - most daemons never have such a file

    if key in _BARE:
        return str(value)
    return str(yaml.safe_dump(value, default_style='"', allow_unicode=False, width=100_000)).strip()


def _fields(grant: Grant) -> dict[str, str | int]:
    entry: dict[str, str | int] = {
        "id": grant.id,
        "created": datetime.fromtimestamp(int(grant.created_at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": grant.by,
        "words": grant.words,
        "action": "allow" if grant.allow else "deny",
        "scope": grant.scope.value,
        "agent": grant.agent,
        "program": grant.program,
        "kind": grant.kind,
        "method": grant.method,
        "url": grant.url,
        "host": grant.host,
        "port": grant.port,
        "path": grant.path,
        "domain": grant.domain,
        "rule": grant.rules[0] if grant.rules else "",
        "note": grant.note,
    }
    return {key: value for key, value in entry.items() if value}


def _grant(entry: _Entry) -> Grant:
    return Grant(
        id=entry.id,
        allow=entry.action == "allow",
        scope=Scope(entry.scope),
        lifetime=Lifetime.FOREVER,
        words="",
        created_at=parse_expiry(entry.created) if entry.created else 0.0,
        by=entry.by,
        note=entry.note,
        agent=entry.agent,
        program=entry.program,
        kind=entry.kind,
        method=entry.method,
        url=entry.url,
        host=entry.host,
        port=entry.port,
        path=entry.path,
        domain=entry.domain,
        layer="egress_rules",
        rules=(entry.rule,) if entry.rule else (),
    )


_NEEDS = {
    "url": ("method", "url"),
    "path": ("method", "host", "port", "path"),
    "host": ("host", "port"),
    "domain": ("domain", "port"),
}
_PLACES = ("method", "url", "host", "port", "path", "domain")


def _wrong(entry: _Entry, seen: set[str]) -> str:
    """What is wrong with an entry as a whole; empty where nothing is."""
    needed = _NEEDS[entry.scope]
    missing = [key for key in needed if not getattr(entry, key)]
    idle = [key for key in _PLACES if key not in needed and getattr(entry, key)]
    if entry.id in seen:
        return f"two entries have the id {entry.id}"
    if missing and not (missing == ["method"] and entry.kind.startswith("message")):
        return f"the scope {entry.scope} needs {' and '.join(missing)}"
    if idle:
        return f"the scope {entry.scope} does not look at {' and '.join(idle)}"
    if entry.path and not (entry.path.startswith("/") and entry.path.endswith("/")):
        return "path is a folder: it begins and ends with /"
    if entry.kind in ("connect", "opened") and entry.scope in ("url", "path"):
        return f"a tunnel has a host and no {entry.scope}"
    return ""
