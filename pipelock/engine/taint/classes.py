"""What an action does, how delicate its target is, and on whose word it is done."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import unquote

from pipelock.detect.globs import glob_match
from pipelock.engine._paths import rule_paths
from pipelock.engine.taint.hosts import Standing
from pipelock.model import Action, Category, Finding, Kind, Transport

__all__ = [
    "LONG_TARGET",
    "ActionClass",
    "Authority",
    "Sensitivity",
    "carries",
    "classify",
    "is_channel",
    "secret_in",
    "sensitivity_of",
]

LONG_TARGET = 256
"""Characters of path and query from which on a URL carries data as a body does."""

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PUBLISHES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECRETS = frozenset({"dlp", "core_dlp", "body_dlp", "header_dlp", "env_leak", "cross_request", "a2a_dlp"})


class ActionClass(StrEnum):
    """What an action does."""

    READ = "read"
    BROWSE = "browse"
    SUMMARIZE = "summarize"
    """Hand something to a model, to be thought about."""
    WRITE = "write"
    """Change something on this machine."""
    EXEC = "exec"
    """Run something. No HTTP request does; calls of tools do."""
    SECRET = "secret"  # noqa: S105 - the name of a class
    """Send what a scanner took for a secret and let pass with a warning."""
    PUBLISH = "publish"
    """Send data away."""
    NETWORK = "network"
    """Open a way out through which anything may go."""

    @property
    def is_read_like(self) -> bool:
        """Whether it changes nothing and gives nothing away."""
        return self in _READ_LIKE


_READ_LIKE = frozenset({ActionClass.READ, ActionClass.BROWSE, ActionClass.SUMMARIZE})


class Sensitivity(StrEnum):
    """How delicate the target's path is."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    PROTECTED = "protected"

    @property
    def rank(self) -> int:
        """0 (normal) to 2 (protected)."""
        return _SENSITIVITIES.index(self)


_SENSITIVITIES = tuple(Sensitivity)


class Authority(StrEnum):
    """On whose word an action is done, the weakest first."""

    UNKNOWN = "unknown"
    EXTERNAL = "external"
    USER_BROAD = "user_broad"
    """A person has set the agent to work; nobody has said anything about this action."""
    POLICY = "policy"
    """The operator's config names the destination."""
    USER_EXACT = "user_exact"
    """A person has allowed this very action."""
    OPERATOR_OVERRIDE = "operator_override"
    """An override of taint covers it."""

    @property
    def rank(self) -> int:
        """0 (unknown) to 5 (operator_override)."""
        return _AUTHORITIES.index(self)


_AUTHORITIES = tuple(Authority)


def classify(action: Action, findings: Sequence[Finding], standing: Standing) -> ActionClass:
    """The class of a request, CONNECT or outbound message with these `findings` to a host of this `standing`.

    What goes to a model is thought about and no more, whatever is in it: the rest of the policy judges that.
    """
    if standing is Standing.MODEL:
        return ActionClass.SUMMARIZE
    if secret_in(findings) is not None:
        return ActionClass.SECRET
    if is_channel(action):
        return ActionClass.NETWORK
    if action.kind is Kind.CONNECT:
        return ActionClass.READ  # every request inside is judged by itself
    return _by_method(action, ActionClass.WRITE if standing is Standing.LOCAL else ActionClass.PUBLISH)


def _by_method(action: Action, sends: ActionClass) -> ActionClass:
    """The class of a request or message; `sends` if it sends something."""
    method = action.method.upper()
    if action.kind is Kind.MESSAGE or method in _PUBLISHES:
        return sends
    if method not in _READS:
        return ActionClass.NETWORK
    if _has_body(action):
        return sends
    if _is_long(action.url):
        return ActionClass.NETWORK
    return ActionClass.BROWSE if action.transport is Transport.FETCH else ActionClass.READ


def is_channel(action: Action) -> bool:
    """Whether it opens a way that is not read (a closed tunnel), or on which both sides speak as they like."""
    if action.kind is Kind.CONNECT:
        return not action.opened
    return action.kind is Kind.REQUEST and action.transport is Transport.WEBSOCKET


def carries(action: Action) -> bool:
    """Whether what goes out may hold data: a body, a long URL, a message, or a channel."""
    if action.kind is Kind.CONNECT:
        return not action.opened
    if action.kind is not Kind.REQUEST:
        return True
    return _has_body(action) or action.transport is Transport.WEBSOCKET or _is_long(action.url)


def secret_in(findings: Sequence[Finding]) -> Finding | None:
    """The first of `findings` that a scanner for secrets made."""
    for finding in findings:
        if finding.scanner in _SECRETS and finding.category is Category.THREAT:
            return finding
    return None


def _has_body(action: Action) -> bool:
    return bool(action.body or action.size or action.partial)


def _is_long(url: str) -> bool:
    if len(url) < LONG_TARGET:
        return False
    return len(url) - max(0, url.find("/", url.find("://") + 3)) >= LONG_TARGET


def sensitivity_of(url: str, protected: Sequence[str], elevated: Sequence[str]) -> Sensitivity:
    """How delicate the path of `url` is by these globs; a path in whatever spelling counts as the most delicate."""
    start = url.find("/", url.find("://") + 3)
    path = "" if start < 0 else url[start:].partition("?")[0].partition("#")[0]
    forms = rule_paths(unquote(path or "/"))
    for sensitivity, globs in ((Sensitivity.PROTECTED, protected), (Sensitivity.ELEVATED, elevated)):
        if any(glob_match(glob, forms[0]) or glob_match(glob.casefold(), forms[1]) for glob in globs):
            return sensitivity
    return Sensitivity.NORMAL
