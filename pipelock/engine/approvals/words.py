"""What an answer means, in plain words.

Everything that an agent or a server chose stands in quotation marks, or is of characters that need none; so nothing of
it can be taken for words of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pipelock.engine.approvals.asked import Asked
from pipelock.model import ANONYMOUS, ActionSummary, Grant, Scope, escape

__all__ = ["MAX_QUOTED", "clause", "exactly", "grant_words", "who"]

MAX_QUOTED = 160
"""Characters of a URL or path in words; of a longer one the beginning and the end are shown."""
_MAX_NAME = 64
_MAX_RULES = 3
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_TUNNELS = {"connect": "nobody looks at what goes through", "opened": "what goes through is still judged"}


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
    what, extent = _what(it, scope, folder)
    notes = [extent, _TUNNELS.get(it.kind, "") if allow else "", _reason(it, flagged=flagged)]
    said = "; ".join(note for note in notes if note)
    return f"{who(it.agent, it.program)} {may} {what}{f' ({said})' if said else ''}"


def exactly(summary: ActionSummary, it: Asked, agent: str, program: str, *, allow: bool) -> str:
    """What answering means for exactly what is shown, or for what begins so."""
    kind, may = it.kind, "may" if allow else "may not"
    if kind in _TUNNELS:
        note = f" ({_TUNNELS[kind]})" if allow else ""
        return f"{who(agent, program)} {may} open this tunnel to {_quoted(f'{summary.host}:{summary.port}')}{note}"
    size = f" with {summary.size} bytes of body" if summary.size else ""
    what = f"{_quoted(summary.url)}{size}"
    if _comes_in(kind):
        return f"{who(agent, program)} {may} read exactly what is shown, from {what}"
    method = f"{_name(summary.method)} " if summary.method and kind == "request" else ""
    if it.unfinished:
        return (
            f"{who(agent, program)} {may} send what only begins as is shown: {method}{_quoted(summary.url)} "
            f"(of its body {summary.size} bytes are here; the rest is judged as it comes, and shown to nobody)"
        )
    return f"{who(agent, program)} {may} send exactly what is shown: {method}{what}"


def grant_words(grant: Grant) -> str:
    """The words of a grant whose fields are all there is: one read from a file."""
    text = clause(grant, grant.scope, grant.path, allow=grant.allow, flagged=False)
    return f"{text} {grant.lifetime.words}"


def _what(it: _Told, scope: Scope, folder: str) -> tuple[str, str]:
    """What may be done, and how far that reaches."""
    is_request = it.kind == "request"
    where, extent, what = "", "any method, path and body", "anything to "
    match scope:
        case Scope.PATH:
            where, extent = f"any path below {_quoted(f'{_place(it.host, it.port)}{folder}')}", "any query and body"
            what = f"{_name(it.method)} requests to "
        case Scope.HOST:
            where = _place(it.host, it.port)
        case Scope.DOMAIN:
            where = f"every host of {_name(it.domain)}{f' on port {it.port}' if it.port != 443 else ''}"
        case Scope.PROCESS:
            where, extent, what = "anywhere", "any host, method, path and body", "anything "
        case _:
            where, extent, what = _quoted(it.url), "any body", f"{_name(it.method)} requests to "
    return (f"send {what}{where}", extent) if is_request else (_with_verb(it.kind, where), "")


def _with_verb(kind: str, where: str) -> str:
    if kind in _TUNNELS:
        return f"open tunnels {where}" if where == "anywhere" else f"open tunnels to {where}"
    if kind == "response":
        return f"read any answer of {where}"
    what = kind.partition(" ")[0]
    if where == "anywhere":
        return f"{'read' if _comes_in(kind) else 'send'} any {what} {where}"
    return f"read any {what} from {where}" if _comes_in(kind) else f"send any {what} to {where}"


def _reason(it: _Told, *, flagged: bool) -> str:
    """What a grant answers: nothing that is asked for another reason."""
    if flagged:
        return f"in which {_listed(it.rules)} is found"
    if it.layer == "taint":
        return "although content from outside was read before"
    if it.rules:
        return f"as far as the rule {_listed(it.rules)} asks"
    return "as far as no egress rule names it"


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
