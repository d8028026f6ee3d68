"""Section `suppress`: findings the operator declared harmless, by rule, path, host and field, until a date.

An entry holds where all of its parts do. The rule's name is compared without case. The path is compared with the URL of
the action, or with the name of a file:

* as it is written, the query left out or not;
* as a prefix where it ends in `/`;
* as a glob where it has `*` or `?`. What stands before the first slash of a URL is held against the host alone, so that
  `https://*.example.com/*` can't be met by another host's path;
* without a scheme also as the end of the path: `docs/*.md` matches `https://host/a/docs/x.md` and the file
  `a/docs/x.md`, `*.md` any name.

What is found in a URL itself is suppressed only by an entry that names it as its `field` (`url:query:token`, `url:*`):
a URL is seen by many, and where it goes is all that tells one from another.

The core floor and what is no judgement of content (addresses, lists, limits, malformed URLs) is never suppressed.
Scanners list at most a few matches of each rule. Where an action is so full of them that not all can have been listed,
entries with a `field` do not hold, and where even the list of all rules is full, none does: what was not listed may
stand elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.body_place import field_of
from pipelock.detect.globs import glob_match
from pipelock.detect.hosts import HostSet
from pipelock.model import Action, Finding, Span

__all__ = ["CROWDED", "FULL", "Entry", "Suppressions", "is_never_suppressed", "matches_path"]

CROWDED = 8
"""Findings of one rule from which on a scanner may have left some out."""
FULL = 64
"""Findings of all rules, likewise."""

_NEVER = frozenset(
    {
        "allowlist",
        "blocklist",
        "context",
        "core_dlp",
        "core_response",
        "core_ssrf",
        "crlf_injection",
        "databudget",
        "length",
        "parser",
        "path_traversal",
        "ratelimit",
        "scheme",
        "ssrf",
        "ssrf_metadata",
    }
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `hosts` is `None` for any; `field` empty likewise; `expires` in seconds since the epoch.

    `id` names it where hits are counted.
    """

    rule: str
    path: str
    hosts: HostSet | None = None
    field: str = ""
    expires: float = float("inf")
    id: str = ""


class Suppressions:
    """The list, grouped by rule. `core` holds the case-folded names of the rules that can't be suppressed."""

    def __init__(self, entries: Sequence[Entry] = (), core: frozenset[str] = frozenset()) -> None:
        self._by_rule: dict[str, list[Entry]] = {}
        for entry in entries:
            name = entry.rule.casefold()
            if name not in core:
                plain = msgspec.structs.replace(entry, path=entry.path.replace("\\", "/"))
                self._by_rule.setdefault(name, []).append(plain)
        self._fields = {name for name, group in self._by_rule.items() if any(entry.field for entry in group)}

    def __bool__(self) -> bool:
        return bool(self._by_rule)

    def looks_at_fields(self, rule: str) -> bool:
        """Whether an entry for `rule` names a field, so that it matters where else the rule was met."""
        return bool(self._fields) and rule.casefold() in self._fields

    def split(
        self, findings: Sequence[Finding], action: Action, wall: float
    ) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Those of `findings` that count, and those that are suppressed; `wall` is seconds since the epoch."""
        if not self._by_rule or not findings:
            return tuple(findings), ()
        if len(findings) >= FULL:
            return tuple(findings), ()
        often = Counter(finding.rule for finding in findings)
        fields: dict[Span, str] = {}
        kept: list[Finding] = []
        suppressed: list[Finding] = []
        for finding in findings:
            covered = self.covers(finding, action, wall, crowded=often[finding.rule] >= CROWDED, fields=fields)
            (suppressed if covered else kept).append(finding)
        return tuple(kept), tuple(suppressed)

    def covers(
        self,
        finding: Finding,
        action: Action,
        wall: float,
        *,
        crowded: bool = False,
        fields: dict[Span, str] | None = None,
    ) -> bool:
        """Whether an entry holds for `finding`; in a `crowded` action those with a field don't.

        `fields` remembers in which field of the body a match stands, from one finding of an action to the next.
        """
        entries = self._by_rule.get(finding.rule.casefold())
        if not entries or finding.hard or finding.scanner in _NEVER:
            return False
        current = [entry for entry in entries if wall < entry.expires and not (crowded and entry.field)]
        if not current:
            return False
        target = _Target(action.url)
        known = {} if fields is None else fields
        in_url = finding.place.startswith("url")
        host = _folded(action.host or target.host)
        return any(
            (entry.hosts is None or host in entry.hosts)
            and target.matches(entry.path)
            and (_in_field(entry.field, finding, action, known) if entry.field else not in_url)
            for entry in current
        )

    def may_cover(
        self,
        finding: Finding,
        wall: float,
        *,
        host: str,
        matches: Callable[[str], bool | None],
        crowded: bool = False,
    ) -> bool | None:
        """Like `covers` for what is left of an action: `None` where that can't be told.

        `host` is folded, empty where it isn't known; `matches` says whether the path of an entry means the URL.
        """
        entries = self._by_rule.get(finding.rule.casefold())
        if not entries or finding.hard or finding.scanner in _NEVER:
            return False
        current = [entry for entry in entries if wall < entry.expires and not (crowded and entry.field)]
        answers = [_all_hold(_parts_hold(entry, finding, host, matches)) for entry in current]
        return True if True in answers else None if None in answers else False

    def likely(self, finding: Finding, wall: float, *, host: str, matches: Callable[[str], bool | None]) -> str:
        """The id of the first entry that holds, or may hold, for what was suppressed; empty where there is none."""
        for entry in self._by_rule.get(finding.rule.casefold(), ()):
            if wall < entry.expires and _all_hold(_parts_hold(entry, finding, host, matches)) is not False:
                return entry.id
        return ""


def _parts_hold(
    entry: Entry, finding: Finding, host: str, matches: Callable[[str], bool | None]
) -> Iterator[bool | None]:
    """Whether each part of an entry holds for what was found."""
    if entry.hosts is not None:
        yield host in entry.hosts if host else None
    if not entry.field:
        yield not finding.place.startswith("url")
    elif entry.field.startswith("body:") and finding.place == "body":
        yield None  # in which field of the body it stood was not kept
    else:
        yield glob_match(entry.field, finding.place)
    yield matches(entry.path)


def _all_hold(parts: Iterable[bool | None]) -> bool | None:
    seen = list(parts)
    return False if False in seen else None if None in seen else True


def is_never_suppressed(scanner: str) -> bool:
    """Whether no entry holds for what this layer finds."""
    return scanner in _NEVER


def _folded(host: str) -> str:
    try:
        return fold_host(host).name if host else ""
    except HostError:
        return ""


def _in_field(pattern: str, finding: Finding, action: Action, known: dict[Span, str]) -> bool:
    if glob_match(pattern, finding.place):
        return True
    if not pattern.startswith("body:") or finding.place != "body" or finding.span is None:
        return False
    if finding.span not in known:
        known[finding.span] = field_of(action.body, action.content_type, finding.span)
    field = known[finding.span]
    return bool(field) and glob_match(pattern, f"body:{field}")


class _Target:
    """A URL or a file's name, taken apart for comparing."""

    __slots__ = ("host", "origin", "rests", "scheme", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.scheme = self.origin = self.host = ""
        self.rests: tuple[str, ...] = ()
        if "://" not in text:
            self.rests = (text.replace("\\", "/").removeprefix("./"),)
            return
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return
        if "@" in parts.netloc or "\\" in text or not parts.hostname:
            return  # more than one reading: no pattern holds
        standard = (parts.scheme, port) in (("http", 80), ("https", 443))
        self.scheme = parts.scheme
        self.host = parts.hostname
        self.origin = self.host if port is None or standard else f"{self.host}:{port}"
        path = parts.path or "/"
        self.rests = (path, f"{path}?{parts.query}") if parts.query else (path,)

    def matches(self, pattern: str) -> bool:
        """Whether the path of an entry means this place."""
        scheme, mark, rest = pattern.partition("://")
        if mark:
            return bool(self.scheme) and glob_match(scheme.lower(), self.scheme) and self._at_origin(rest)
        if not self.scheme:
            return _is_at(pattern.removeprefix("./"), self.rests) or _ends(pattern, self.rests)
        return self._at_origin(pattern) or _ends(pattern, self.rests[:1])

    def _at_origin(self, pattern: str) -> bool:
        """Whether `host/path` means this URL; a host with a star at its end and no path means all of its paths."""
        host, slash, path = pattern.partition("/")
        if slash:
            return glob_match(host.lower(), self.origin) and _is_at("/" + path, self.rests)
        if host.endswith("*"):
            return glob_match(host[:-1].lower() or "*", self.origin)
        return glob_match(host.lower(), self.origin) and self.rests[:1] == ("/",)


def matches_path(pattern: str, target: str) -> bool:
    """Whether `pattern`, written as a `path` of `suppress`, means `target`, a URL or the name of a file."""
    return _Target(target).matches(pattern.replace("\\", "/"))


def _is_at(pattern: str, texts: Iterable[str]) -> bool:
    return any(glob_match(pattern, text) or (pattern.endswith("/") and text.startswith(pattern)) for text in texts)


def _ends(pattern: str, texts: Iterable[str]) -> bool:
    return any(glob_match(f"*/{pattern.lstrip('/')}", text) for text in texts)
