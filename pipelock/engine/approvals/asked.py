"""What of a held action the scopes of an answer look at, each in one spelling.

Whatever has no single reading (a host that can't be folded, a path with dot segments, escaped slashes or parameters)
leaves its field empty: no scope that needs the field is offered for it, and none covers it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import msgspec

from pipelock.detect.addresses import Host, HostError, fold_host
from pipelock.detect.overriding import OVERRIDING_HEADERS
from pipelock.detect.suffixes import has_public_suffix, registrable_name
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.model import Action, Decision, Direction, Grant, Kind, Scope

__all__ = [
    "MAX_FOLDERS",
    "TAINT",
    "Asked",
    "Key",
    "asked_of",
    "folder_of",
    "is_domain",
    "is_plain_path",
    "is_unfinished",
    "key_of",
    "lookup_keys",
    "spelling_of",
]

TAINT = "taint"
"""The layer that asks because of what the session has read."""
MAX_FOLDERS = 32
"""Levels of a path that a grant for a folder may stand at."""
_MAX_PLAIN = 1024

Key = tuple[object, ...]

# Places whose findings may hide in what words would repeat: the URL itself, and names of agents.
_HIDING = ("url", "headers", "header:x-pipelock-agent")
# Escapes that some server takes for a delimiter or a dot. What is escaped twice begins with %25.
_HEX = frozenset("0123456789abcdefABCDEF")
_DELIMITERS = frozenset("\\;?#\r\n\t\x00")
_TRICKS = ("%00", "%25", "%2e", "%2f", "%3b", "%3f", "%5c")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@%/")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for what, and why a person is asked.

    Attributes:
        kind: What it is: `request`, `response`, `connect` (a tunnel that stays closed), `opened` (one that is read),
            or `message out`, `event in` and the like.
        url: Scheme, host and port in one spelling, path and query as they are sent; empty where it can't be shown.
        path: The path where it is plain; empty otherwise.
        domain: The registrable domain, where the host has one.
        layer: The layer that asks. rules: What it found, and the egress rule that asks, in order.
        born: When the session's root process started, in the system's units: numbers of processes are used again.
        flagged: Something was found: such an answer reaches no further than the URL.
        unfinished: More of the request is to come than there is to show.
        digest: Fingerprint of everything that goes out, but for the session; hex.
    """

    session: str = ""
    born: int = 0
    agent: str = ""
    program: str = ""
    kind: str = ""
    method: str = ""
    url: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    domain: str = ""
    layer: str = ""
    rules: tuple[str, ...] = ()
    flagged: bool = False
    unfinished: bool = False
    digest: str = ""


def asked_of(action: Action, decision: Decision, digest: str) -> Asked:
    """What `action` asks for, and why `decision` asks a person about it."""
    found = {finding.rule for finding in decision.findings}
    processes = action.identity.processes if action.identity is not None else ()
    asked = Asked(
        session=action.session,
        born=processes[-1].started if processes else 0,
        agent=action.agent,
        program=processes[-1].program if processes else "",
        kind=_kind(action),
        method=action.method,
        layer=decision.layer,
        rules=tuple(sorted(found | {decision.rule} if decision.rule else found)),
        flagged=bool(decision.findings),
        unfinished=is_unfinished(action),
        digest=digest,
    )
    if any(finding.place.startswith(_HIDING) for finding in (*decision.findings, *decision.suppressed)):
        return asked
    view = _view(action)
    if view is None:
        return asked
    asked = msgspec.structs.replace(asked, host=view.host.name, port=action.port, domain=_domain(view.host))
    if any(name in OVERRIDING_HEADERS for name, _ in action.headers):
        return asked
    path = view.path if is_plain_path(view.path) else ""
    return msgspec.structs.replace(asked, url=spelling_of(view), path=path)


def is_unfinished(action: Action) -> bool:
    """Whether `action` is a request of which only the beginning is here: the agent decides later how it goes on."""
    return action.partial and action.kind is Kind.REQUEST


def _kind(action: Action) -> str:
    if action.kind is Kind.CONNECT:
        return "opened" if action.opened else "connect"
    if action.kind.is_part:
        return f"{action.kind.value} {'in' if action.direction is Direction.INBOUND else 'out'}"
    return action.kind.value


def _view(action: Action) -> UrlView | None:
    """The URL, if it says the same as the action's own host and port, and holds no password."""
    try:
        view = parse_url(split_url(action.url))
        host = fold_host(action.host)
    except (UrlError, HostError):
        return None
    default = {"ws": 80, "wss": 443}.get(view.scheme, 0)
    same = host.name == view.host.name and action.port == (view.port or default)
    return view if same and not view.userinfo else None


def spelling_of(view: UrlView) -> str:
    """The URL as URLs are compared: host and scheme in one spelling, path and query as they are sent."""
    host = f"[{view.host.name}]" if ":" in view.host.name else view.host.name
    port = f":{view.port}" if view.port and view.port != {"http": 80, "https": 443}.get(view.scheme) else ""
    query = f"?{view.query}" if "?" in view.parts.sent else ""
    return f"{view.scheme}://{host}{port}{view.path}{query}"


def is_plain_path(path: str) -> bool:
    """Whether every server reads `path` in one way."""
    if len(path) > _MAX_PLAIN or not path.startswith("/") or not _PLAIN.issuperset(path):
        return False
    if "%" in path:
        decoded = _decoded(path)
        if decoded is None or decoded.count("/") != path.count("/") or not _DELIMITERS.isdisjoint(decoded):
            return False
    else:
        decoded = path
    segments = decoded.split("/")
    # Some systems drop dots and blanks at the end of a name.
    return all(segment.strip(" .") for segment in segments[1:-1]) and (
        not segments[-1] or bool(segments[-1].strip(" ."))
    )


def _decoded(path: str) -> str | None:
    """The path as some server may read it: look-alikes are what they look like. `None` where escapes are wrong."""
    low = path.lower()
    if any(trick in low for trick in _TRICKS):
        return None
    if any(len(piece) < 2 or not _HEX.issuperset(piece[:2]) for piece in path.split("%")[1:]):
        return None  # such as %u002e, which is a dot to a few
    try:
        return unicodedata.normalize("NFKC", unquote_to_bytes(path).decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _domain(host: Host) -> str:
    """The registrable domain of a host below a top-level domain that exists; none of addresses and suffixes."""
    if host.is_address or not has_public_suffix(host.name):
        return ""
    domain = registrable_name(host.name)
    return domain if is_domain(domain) else ""


def is_domain(name: str) -> bool:
    """Whether somebody registered `name` (folded) itself: it is no public suffix, no part of a name and no address."""
    if not has_public_suffix(name) or registrable_name(name) != name:
        return False
    return registrable_name(f"x.{name}") == name  # of a public suffix, everything below is somebody's own


def folder_of(path: str) -> str:
    """The folder of a plain path, with a slash at its end."""
    return path[: path.rfind("/") + 1]


# -- where an answer is filed ------------------------------------------------------------------------------------------


def key_of(it: Asked | Grant, scope: Scope) -> Key:
    """What a grant of this scope is filed under: equal keys ask, or answer, the same question about the same things."""
    match scope:
        case Scope.PAYLOAD:
            rest: Key = (it.digest,)
        case Scope.URL:
            rest = (it.method, it.url)
        case Scope.PATH:
            rest = (it.method, it.host, it.port, folder_of(it.path))
        case Scope.HOST:
            rest = (it.host, it.port)
        case Scope.DOMAIN:
            rest = (it.domain, it.port)
        case Scope.PROCESS:
            rest = ()
    return scope, it.kind, it.layer, it.rules, it.agent, it.program, *rest


def lookup_keys(asked: Asked) -> Iterator[Key]:
    """Every key under which there may be a grant that covers `asked`, narrowest scope first."""
    for rest in _places(asked):
        scope, *fields = rest
        for agent in dict.fromkeys((asked.agent, "")):
            for program in dict.fromkeys((asked.program, "")):
                if scope is not Scope.PROCESS or program:
                    yield scope, asked.kind, asked.layer, asked.rules, agent, program, *fields


def _places(asked: Asked) -> Iterator[Key]:
    yield Scope.PAYLOAD, asked.digest
    if asked.url:
        yield Scope.URL, asked.method, asked.url
    if asked.flagged:
        return
    if asked.path:
        folder = folder_of(asked.path)
        for _ in range(MAX_FOLDERS):
            yield Scope.PATH, asked.method, asked.host, asked.port, folder
            if folder == "/":
                break
            folder = folder_of(folder[:-1])
    if asked.host:
        yield Scope.HOST, asked.host, asked.port
        if asked.domain:
            yield Scope.DOMAIN, asked.domain, asked.port
        yield (Scope.PROCESS,)
