"""What was seen of a program while it ran, and what that says of it. Pure: audit lines in, an outcome out.

    CONNECT at our proxy?
      no  ─▶ at the test server directly? ─▶ DIRECT      (it has another way out)
      │                            else   ─▶ IGNORED     (it did not ask us; nor could it get anywhere)
      yes ─▶ a request, decrypted? ─▶ GOOD
           ─▶ it broke off when it saw our certificate ─▶ REFUSED
           ─▶ we refused the tunnel ─▶ BLOCKED
           ─▶ it opened a tunnel and said nothing ─▶ SILENT

What a program says of itself, its exit code included, is not asked: many succeed by a cache, and fail for lack of a
repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["MAX_HOSTS", "Outcome", "Sighting", "outcome_of", "read_audit"]

MAX_HOSTS = 1000
"""Hosts told apart; what is said of more is left out."""
_MAX_WHY = 300
_ABOUT_OUR_CERTIFICATE = "Pipelock's certificate"


class Outcome(StrEnum):
    """What became of one program."""

    GOOD = "good"
    REFUSED = "refused_ca"
    DIRECT = "direct"
    IGNORED = "ignored_proxy"
    SILENT = "silent"
    BLOCKED = "blocked"
    TIMED_OUT = "timed_out"
    NOT_STARTED = "not_started"
    MISSING = "missing"


class Sighting(NamedTuple):
    """What the proxy saw of one host. `refusal` and `blocked` hold the first reason, empty for none."""

    connects: int = 0
    requests: int = 0
    refusals: int = 0
    refusal: str = ""
    blocks: int = 0
    blocked: str = ""
    trouble: str = ""


def read_audit(lines: Iterable[bytes]) -> dict[str, Sighting]:
    """The hosts of an audit log, in the order in which they came; lines that are none of ours are passed over."""
    hosts: dict[str, Sighting] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict):
            continue
        host = _host(entry)
        if host and (host in hosts or len(hosts) < MAX_HOSTS):
            hosts[host] = _with(hosts.get(host, Sighting()), entry)
    return hosts


def _host(entry: dict[str, object]) -> str:
    url, target = entry.get("url"), entry.get("target")
    try:
        if isinstance(url, str):
            return urlsplit(url).hostname or ""
        return urlsplit(f"//{target}").hostname or "" if isinstance(target, str) else ""
    except ValueError:
        return ""


def _with(seen: Sighting, entry: dict[str, object]) -> Sighting:
    """`seen` and what one more line adds."""
    why = str(entry.get("reason") or entry.get("message") or "")[:_MAX_WHY]
    if entry.get("event") == "error":
        if entry.get("method") != "CONNECT":
            return seen._replace(trouble=seen.trouble or why)
        if _ABOUT_OUR_CERTIFICATE in why:
            return seen._replace(refusals=seen.refusals + 1, refusal=seen.refusal or why)
        return seen._replace(trouble=seen.trouble or why)
    if entry.get("verdict") == "block":
        seen = seen._replace(blocks=seen.blocks + 1, blocked=seen.blocked or why)
    if entry.get("kind") == "connect":
        return seen._replace(connects=seen.connects + 1)
    if entry.get("kind") == "request":
        return seen._replace(requests=seen.requests + 1)
    return seen


def outcome_of(seen: Sighting, *, direct: bool, timed_out: bool) -> Outcome:
    """What a program did, of which the proxy saw `seen`.

    Args:
        seen: All of the host that it alone was to visit.
        direct: The test server saw a connection for that host that did not come through the proxy.
        timed_out: It had to be stopped.
    """
    if direct and not seen.connects and not seen.requests:
        return Outcome.DIRECT
    if seen.requests:
        return Outcome.GOOD  # refused or not: we could read it
    if seen.refusals:
        return Outcome.REFUSED
    if seen.blocks:
        return Outcome.BLOCKED
    if seen.connects:
        return Outcome.SILENT
    return Outcome.TIMED_OUT if timed_out else Outcome.IGNORED
