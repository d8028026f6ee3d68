"""What an answer means, in plain words.

Everything that an agent or a server chose stands in quotation marks, or is of characters that need none; so nothing of
it can be taken for words of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pipelock.model import ANONYMOUS, ActionSummary, Grant, Scope, escape

__all__ = ["MAX_QUOTED", "clause", "exactly", "grant_words", "who"]

MAX_QUOTED = 160
"""Characters of a URL or path in words; of a longer one the beginning and the end are shown."""
_MAX_NAME = 64
_MAX_RULES = 3
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_TUNNEL = ", and nobody looks at what goes through"


class _Told(Protocol):
    """What words are made of: `Asked` and `Grant` have it."""

    @property
    def agent(self) -> str: ...
    @property
    def program(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def rules(self) -> tuple[str, ...]: ...


def who(agent: str, program: str) -> str:
    """Whom an answer holds for."""
    if program:
        known = f" (agent {_name(agent)})" if agent not in ("", ANONYMOUS, program) else ""
        return f"any process of {_name(program)}{known}"
    if agent == ANONYMOUS:
        return "any client without a name"
    return f"any client called {_name(agent)}" if agent else "any client"


def clause(it: _Told, scope: Scope, folder: str, *, allow: bool, flagged: bool) -> str:
    """What answering means for a scope beyond the payload, without the lifetime.

    Args:
        it: What was asked.
        scope: `URL` or wider.
        folder: For `PATH`, the folder.
        allow: Whether it is allowed.
        flagged: Something was found, and the answer holds only where the same is found.
    """
    may = "may" if allow else "may not"
    found = f" in which {_listed(it.rules)} is found" if flagged else ""
    return f"{who(it.agent, it.program)} {may} {_what(it, scope, folder)}{found}"


def exactly(summary: ActionSummary, kind: str, agent: str, program: str, *, allow: bool) -> str:
    """What answering means for exactly what is shown."""
    may = "may" if allow else "may not"
    verb = "read" if _comes_in(kind) else "send"
    verb = "open" if kind in ("connect", "opened") else verb
    target = f"{summary.host}:{summary.port}" if verb == "open" else summary.url
    size = f" with {summary.size} bytes of body" if summary.size and verb != "open" else ""
    what = f"{_name(summary.method)} {_quoted(target)}" if summary.method and verb == "send" else _quoted(target)
    said = {"read": f"read exactly the answer shown, of {what}", "open": f"open a tunnel to {what}"}
    tunnel = _TUNNEL if kind == "connect" and allow else ""
    return f"{who(agent, program)} {may} {said.get(verb, f'send exactly what is shown: {what}')}{size}{tunnel}"


def grant_words(grant: Grant) -> str:
    """The words of a grant whose fields are all there is: one read from a file."""
    text = clause(grant, grant.scope, grant.path, allow=grant.allow, flagged=False)
    return f"{text} {grant.lifetime.words}"


def _what(it: _Told, scope: Scope, folder: str) -> str:
    place = _place(it.host, it.port)
    match scope:
        case Scope.PATH:
            end = f"{_name(it.method)} requests to any path below {_quoted(f'{place}{folder}')} (any body)"
        case Scope.HOST:
            end = f"anything to {place} (any method, path and body)" if it.kind == "request" else place
        case Scope.DOMAIN:
            end = f"every host of {_name(it.domain)}{f' on port {it.port}' if it.port != 443 else ''}"
            end = f"anything to {end} (any method, path and body)" if it.kind == "request" else end
        case Scope.PROCESS:
            end = f"anywhere that {_listed(it.rules) or 'no egress rule'} {'asks about' if it.rules else 'names'}"
            end = f"anything to {end}" if it.kind == "request" else end
        case _:
            end = _quoted(it.url)
            if it.kind == "request":
                end = f"{_name(it.method)} requests to {end} (any body)"
    return _with_verb(it.kind, end)


def _with_verb(kind: str, end: str) -> str:
    match kind:
        case "request":
            return f"send {end}"
        case "connect":
            return f"open tunnels to {end}{_TUNNEL}"
        case "opened":
            return f"open tunnels to {end}; what goes through is still judged"
        case "response":
            return f"read any answer of {end}"
        case _:
            what = kind.partition(" ")[0]
            return f"read any {what} from {end}" if _comes_in(kind) else f"send any {what} to {end}"


def _comes_in(kind: str) -> bool:
    return kind == "response" or kind.endswith(" in")


def _place(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == 443 else f"{shown}:{port}"


def _listed(rules: Iterable[str]) -> str:
    names = [f'"{_shown(rule, _MAX_NAME)}"' for rule in rules]
    more = [f"{len(names) - _MAX_RULES} more"] if len(names) > _MAX_RULES else []
    return " and ".join([*names[:_MAX_RULES], *more])


def _name(text: str) -> str:
    """A name as it is, where it could be nothing else."""
    return text if text and len(text) <= _MAX_NAME and _NAME.issuperset(text) else f'"{_shown(text, _MAX_NAME)}"'


def _quoted(text: str) -> str:
    return f'"{_shown(text, MAX_QUOTED)}"'


def _shown(text: str, limit: int) -> str:
    if len(text) > limit:
        half = limit // 2
        text = f"{escape(text[:half])}…[{len(text)} characters]…{escape(text[-half:])}"
    return escape(text).replace('"', "'")
